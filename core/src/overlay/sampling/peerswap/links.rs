//! A peer's neighbours. The list has a version, which grows with every change, and a link has the version in which it was made, so
//! that what is said of a link that was there before is not taken for news about the one that is there now.

use alloc::vec::Vec;

use crate::overlay::sampling::SamplingEvent;
use crate::time::Instant;

/// How many former neighbours and introduced peers are remembered.
const FORMER_MAX: usize = 16;

/// The neighbours of a peer: at most as many as its degree, each once, never itself.
#[derive(Clone, Debug)]
pub(super) struct Links<P> {
    me: P,
    degree: usize,
    version: u32,
    list: Vec<Link<P>>,
    /// Former neighbours and introduced peers, to be asked when a place is free; the oldest gives way.
    former: Vec<P>,
    oldest: usize,
}

/// An end of an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<P> {
    pub(super) peer: P,
    /// The version of the list in which it came in.
    pub(super) made: u32,
    /// When the other end last said that it holds this one, or the link was made.
    pub(super) heard: Instant,
}

impl<P: Copy + Eq> Links<P> {
    pub(super) fn new(me: P, degree: usize) -> Self {
        Self { me, degree, version: 0, list: Vec::with_capacity(degree), former: Vec::new(), oldest: 0 }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn as_slice(&self) -> &[Link<P>] {
        &self.list
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = P> {
        self.list.iter().map(|link| link.peer)
    }

    pub(super) fn former(&self) -> &[P] {
        &self.former
    }

    /// How many places are free.
    pub(super) fn room(&self) -> usize {
        self.degree - self.list.len()
    }

    pub(super) fn get(&self, peer: P) -> Option<&Link<P>> {
        self.list.iter().find(|link| link.peer == peer)
    }

    pub(super) fn contains(&self, peer: P) -> bool {
        self.get(peer).is_some()
    }

    /// Whether the peer could take a place.
    pub(super) fn admits(&self, peer: P) -> bool {
        peer != self.me && !self.contains(peer)
    }

    /// The other end said that it holds this one. False where this one does not hold it.
    pub(super) fn hear(&mut self, peer: P, now: Instant) -> bool {
        let link = self.list.iter_mut().find(|link| link.peer == peer);
        link.map(|link| link.heard = now).is_some()
    }

    /// As if all neighbours had been heard now.
    pub(super) fn hear_all(&mut self, now: Instant) {
        self.list.iter_mut().for_each(|link| link.heard = now);
    }

    /// Takes a peer in, where it can be.
    pub(super) fn insert(&mut self, peer: P, now: Instant) -> bool {
        let fits = self.room() > 0 && self.admits(peer);
        if fits {
            self.version = self.version.wrapping_add(1);
            self.list.push(Link { peer, made: self.version, heard: now });
        }
        fits
    }

    /// Takes a peer out.
    pub(super) fn remove(&mut self, peer: P) -> bool {
        let place = self.list.iter().position(|link| link.peer == peer);
        if let Some(place) = place {
            self.version = self.version.wrapping_add(1);
            self.list.remove(place);
            self.remember(peer);
        }
        place.is_some()
    }

    /// Puts one peer where another is, where that can be.
    pub(super) fn substitute(&mut self, old: P, new: P, now: Instant) -> bool {
        if !self.admits(new) {
            return false;
        }
        let Some(link) = self.list.iter_mut().find(|link| link.peer == old) else { return false };
        self.version = self.version.wrapping_add(1);
        *link = Link { peer: new, made: self.version, heard: now };
        true
    }

    /// Takes over a partner's neighbours: its list with the partner in the place of this peer. Who is in both lists stays as it is.
    /// Tells who left and who joined.
    pub(super) fn adopt(&mut self, theirs: &[P], partner: P, now: Instant, mut changed: impl FnMut(SamplingEvent<P>)) {
        self.version = self.version.wrapping_add(1);
        self.list.retain(|link| {
            let stays = link.peer == partner || theirs.contains(&link.peer);
            if !stays {
                changed(SamplingEvent::Left(link.peer));
            }
            stays
        });
        for &peer in theirs {
            if self.room() > 0 && self.admits(peer) {
                self.list.push(Link { peer, made: self.version, heard: now });
                changed(SamplingEvent::Joined(peer));
            }
        }
    }

    /// Remembers somebody to ask when a place is free.
    pub(super) fn remember(&mut self, peer: P) {
        if peer == self.me || self.former.contains(&peer) {
        } else if self.former.len() < FORMER_MAX {
            self.former.push(peer);
        } else {
            self.former[self.oldest] = peer;
            self.oldest = (self.oldest + 1) % FORMER_MAX;
        }
    }
}

/// Whether version `a` is later than `b`. Versions wrap around.
pub(super) fn later(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}
