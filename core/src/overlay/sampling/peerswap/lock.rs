//! What a peer is locked for. A peer swaps with one partner or stands still for one neighbour that does, never both, and every lock
//! has a time at which it ends by itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::overlay::sampling::peerswap::message::Answer;
use crate::time::Instant;

/// How many swaps are remembered for those who missed how they ended.
const DONE_MAX: usize = 2;

/// Whether a peer's list of neighbours may change, and for whom it stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock<P> {
    /// It may.
    Free,
    /// A neighbour swaps.
    Lent { owner: P, number: u32, since: Instant },
    /// This peer swaps; see [`Attempts::current`].
    Swapping,
}

/// An attempt at a swap, from one of its ends.
#[derive(Clone, Debug)]
pub(super) struct Attempt<P> {
    pub(super) number: u32,
    pub(super) partner: P,
    pub(super) initiator: bool,
    pub(super) since: Instant,
    /// All neighbours but the partner, and what they answered.
    pub(super) asked: Vec<Asked<P>>,
    /// How many of them have not.
    pub(super) waiting: usize,
    /// The list that the initiator voted with, where that came before the last answer.
    pub(super) theirs: Option<Box<[P]>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<P> {
    pub(super) peer: P,
    pub(super) answer: Option<Answer>,
}

impl<P: Copy + Eq> Attempt<P> {
    fn new(partner: P) -> Self {
        let asked = Vec::new();
        Self { number: 0, partner, initiator: false, since: Instant::ZERO, asked, waiting: 0, theirs: None }
    }

    pub(super) fn is(&self, number: u32, partner: P) -> bool {
        self.number == number && self.partner == partner
    }

    /// Whether it is the partner's to decide.
    pub(super) fn voted(&self) -> bool {
        self.initiator && self.waiting == 0
    }

    /// Writes an answer down, if there was none. False where it was not waited for.
    pub(super) fn answer(&mut self, from: P, answer: Answer) -> bool {
        let slot = self.asked.iter_mut().find(|asked| asked.peer == from && asked.answer.is_none());
        let waited = slot.map(|asked| asked.answer = Some(answer)).is_some();
        self.waiting -= usize::from(waited);
        waited
    }

    /// Those who granted a lock, with the version of their link.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (P, u32)> {
        self.asked.iter().filter_map(|asked| match asked.answer {
            Some(Answer::Accepted { link }) => Some((asked.peer, link)),
            _ => None,
        })
    }

    /// This end's neighbours before the swap.
    pub(super) fn list(&self) -> Box<[P]> {
        let mut list = Vec::with_capacity(self.asked.len() + 1);
        list.extend(self.asked.iter().map(|asked| asked.peer));
        list.push(self.partner);
        list.into_boxed_slice()
    }
}

/// The attempt under way, and the last ones that ended in a swap.
#[derive(Clone, Debug)]
pub(super) struct Attempts<P> {
    pub(super) current: Attempt<P>,
    done: Vec<Attempt<P>>,
    next: usize,
}

impl<P: Copy + Eq> Attempts<P> {
    pub(super) fn new(me: P) -> Self {
        Self { current: Attempt::new(me), done: Vec::new(), next: 0 }
    }

    pub(super) fn begin(
        &mut self,
        number: u32,
        partner: P,
        initiator: bool,
        now: Instant,
        peers: impl Iterator<Item = P>,
    ) {
        let Attempt { asked, .. } = &mut self.current;
        asked.clear();
        asked.extend(peers.filter(|&peer| peer != partner).map(|peer| Asked { peer, answer: None }));
        let (waiting, asked) = (asked.len(), core::mem::take(asked));
        self.current = Attempt { number, partner, initiator, since: now, asked, waiting, theirs: None };
    }

    /// Keeps the current attempt as one that ended in a swap.
    pub(super) fn keep(&mut self, me: P) {
        self.current.theirs = None;
        if self.done.len() < DONE_MAX {
            let current = core::mem::replace(&mut self.current, Attempt::new(me));
            self.done.push(current);
        } else {
            core::mem::swap(&mut self.current, &mut self.done[self.next]);
            self.next = (self.next + 1) % DONE_MAX;
        }
    }

    /// The swap of this number that the peer had a part in.
    pub(super) fn done(&self, number: u32, peer: P) -> Option<&Attempt<P>> {
        let part = |done: &Attempt<P>| done.partner == peer || done.asked.iter().any(|asked| asked.peer == peer);
        self.done.iter().find(|done| done.number == number && part(done))
    }
}
