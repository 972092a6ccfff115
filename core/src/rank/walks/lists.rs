//! For each node a list of the places where walks meet it first: doubly linked through the places themselves, so that
//! whatever its length a place enters and leaves in a few writes, without a search and almost without a branch that
//! could not be predicted. Lists are in no order that means anything; who needs one sorts.
//!
//! D. E. Knuth, "The Art of Computer Programming", vol. 1, section 2.2.5 (doubly linked lists).

use alloc::vec::Vec;

/// The first place of a list, as its link: a place plus 1; 0 for an empty list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Head(u32);

impl Head {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The links before and behind a place; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    next: u32,
    previous: u32,
}

/// The links of all lists.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    /// The first is nobody's: what would be written behind the end of a list is written there.
    links: Vec<Link>,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self { links: alloc::vec![Link::default()] }
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Link>() * self.links.capacity()
    }

    /// Makes links for so many places, all of which may come to be in lists, with room for `capacity`.
    pub(super) fn resize(&mut self, places: usize, capacity: usize) {
        if places >= self.links.len() {
            self.links.reserve_exact((capacity + 1).saturating_sub(self.links.len()));
            self.links.resize(places + 1, Link::default());
        }
    }

    /// Gives back what no place needs.
    pub(super) fn close(&mut self) {
        self.links.shrink_to_fit();
    }

    /// Puts a place in that is in no list.
    #[inline]
    pub(super) fn insert(&mut self, list: &mut Head, place: u32) {
        let link = place + 1;
        self.links[link as usize] = Link { next: list.0, previous: 0 };
        self.links[list.0 as usize].previous = link;
        list.0 = link;
    }

    /// Takes a place out of the list that it is in.
    #[inline]
    pub(super) fn remove(&mut self, list: &mut Head, place: u32) {
        let Link { next, previous } = self.links[place as usize + 1];
        self.links[next as usize].previous = previous;
        self.links[previous as usize].next = next;
        list.0 = if previous == 0 { next } else { list.0 };
    }

    /// The places of a list.
    pub(super) fn iter(&self, list: Head) -> impl Iterator<Item = u32> + '_ {
        let mut link = list.0;
        core::iter::from_fn(move || {
            let place = link.checked_sub(1)?;
            link = self.links[link as usize].next;
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::below;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    /// Against sets, with places that go from list to list.
    #[test]
    fn lists_are_sets() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut lists = Lists::new();
        let mut heads = vec![(Head::default(), BTreeSet::new()); 20];
        let mut places: Vec<Option<usize>> = vec![None; 400];
        lists.resize(100, 200);
        lists.resize(400, 400);
        for _ in 0..40_000 {
            let place = below(&mut rng, 400);
            if let Some(list) = places[place as usize].take() {
                let (head, set) = &mut heads[list];
                lists.remove(head, place);
                assert!(set.remove(&place));
            }
            if below(&mut rng, 3) > 0 {
                let list = below(&mut rng, 20) as usize;
                let (head, set) = &mut heads[list];
                lists.insert(head, place);
                assert!(set.insert(place));
                places[place as usize] = Some(list);
            }
            let (head, set) = &heads[below(&mut rng, 20) as usize];
            assert_eq!(head.is_empty(), set.is_empty());
            assert_eq!(lists.iter(*head).count(), set.len());
            assert_eq!(lists.iter(*head).collect::<BTreeSet<u32>>(), *set);
        }
    }
}
