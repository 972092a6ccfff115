//! Storage with stable places: what an event refers to by a 32-bit slot. Freed places are used again, last freed first.

use crate::engine::prefetch;

/// Values by slot.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
enum Entry<T> {
    Taken(T),
    /// Lent out: the slot stays reserved.
    Lent,
    /// The next free slot, or `NONE`.
    Free(u32),
}

const NONE: u32 = u32::MAX;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: NONE, len: 0 }
    }
}

impl<T> Slab<T> {
    /// Stores a value and returns its slot.
    #[inline]
    pub fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if self.free == NONE {
            self.entries.push(Entry::Taken(value));
            return (self.entries.len() - 1) as u32;
        }
        let slot = self.free;
        let entry = std::mem::replace(&mut self.entries[slot as usize], Entry::Taken(value));
        self.free = if let Entry::Free(next) = entry { next } else { NONE };
        slot
    }

    /// The value at a slot.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&T> {
        match self.entries.get(slot as usize) {
            Some(Entry::Taken(value)) => Some(value),
            _ => None,
        }
    }

    /// Asks for the memory of a slot ahead of its use.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        if let Some(entry) = self.entries.get(slot as usize) {
            prefetch::read(entry);
        }
    }

    /// The value at a slot, to change.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.entries.get_mut(slot as usize) {
            Some(Entry::Taken(value)) => Some(value),
            _ => None,
        }
    }

    /// Takes the value out and frees its slot.
    #[inline]
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        match self.entries.get_mut(slot as usize) {
            Some(entry @ Entry::Taken(_)) => {
                let taken = std::mem::replace(entry, Entry::Free(self.free));
                self.free = slot;
                self.len -= 1;
                if let Entry::Taken(value) = taken { Some(value) } else { None }
            }
            _ => None,
        }
    }

    /// Takes the value out for a while; its slot stays reserved until [`Slab::restore`] or [`Slab::release`].
    #[inline]
    pub fn lend(&mut self, slot: u32) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize).filter(|entry| matches!(entry, Entry::Taken(_)))?;
        if let Entry::Taken(value) = std::mem::replace(entry, Entry::Lent) { Some(value) } else { None }
    }

    /// Puts a lent value back.
    #[inline]
    pub fn restore(&mut self, slot: u32, value: T) {
        if let Some(entry @ Entry::Lent) = self.entries.get_mut(slot as usize) {
            *entry = Entry::Taken(value);
        }
    }

    /// Frees the slot of a lent value that does not come back.
    #[inline]
    pub fn release(&mut self, slot: u32) {
        if let Some(entry @ Entry::Lent) = self.entries.get_mut(slot as usize) {
            *entry = Entry::Free(self.free);
            self.free = slot;
            self.len -= 1;
        }
    }

    /// How many values are stored.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is stored.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_stable_and_used_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.get(b), Some(&"b"));
        assert_eq!(slab.insert("c"), a);
        assert_eq!(slab.len(), 2);
    }

    #[test]
    fn a_lent_slot_is_not_given_away() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        assert_eq!(slab.lend(a), Some("a"));
        assert_eq!(slab.lend(a), None);
        let b = slab.insert("b");
        assert_ne!(a, b);
        slab.restore(a, "a");
        assert_eq!(slab.lend(a), Some("a"));
        slab.release(a);
        assert_eq!(slab.insert("c"), a);
        assert_eq!(slab.len(), 2);
    }
}
