//! What a node that reconciles remembers of its peers: how many sessions they opened lately, and whether the next one with a peer
//! is to be salted. It is little, it is forgotten as soon as it says nothing, and it has a cap.
//!
//! **Openings.** An opening costs its sender a message and its receiver work in proportion to the store: a salted one an index of its
//! own. So each peer has an allowance of openings, and one of salted ones, that fills up again with time. Its measure is what an
//! honest peer with these parameters opens, twice over. What goes beyond is dropped without an answer. An abort would tell
//! an honest peer sooner, but would cost both more than silence: who is refused calls the session failed, opens an exchange of
//! summaries at once and a salted session next, whereas who hears nothing waits for its patience to end and tries again. Nor does
//! silence serve anybody who writes another's name on an opening.
//!
//! **Computing.** Whoever opens a session says by which method, and some of them cost the other side a thousand times what they cost
//! the opener. So what the sessions that a peer opened had this node compute counts, too: once that is a quarter of one core,
//! the peer's openings are dropped until it is less again.
//!
//! **Exchanges.** What an exchange of summaries asks for is answered with up to a budget of tuples, so its messages have an allowance
//! too. An honest peer has two of them answered for each session that it opened and that failed: a root and a request.

use alloc::vec::Vec;

use crate::reconcile::session::Verdict;
use crate::time::{Duration, Instant};

/// The most peers that are remembered. Beyond it goes who is not suspected, and of those who opened least lately.
const PEERS_MAX: usize = 64;
/// After this many sessions in a row in which a store was written to and nothing was proved, a peer is suspected: who writes
/// without end must not keep hidden what others wrote.
const UNSETTLED_MAX: u8 = 4;
/// Openings that are allowed beyond those that the interval explains, as clocks and links differ.
const OPENINGS_LEAST: u64 = 4;
/// Messages of an exchange that are answered for an opening that is allowed.
const EXCHANGED: u64 = 2;
/// One core over this is what the sessions of a peer may take.
const COMPUTED: u64 = 4;
/// Salted openings that are allowed while one that is honest makes one.
const SALTED_MAX: u64 = 2;

/// How often a peer may open sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    span: Duration,
    /// What an opening takes of the span, and a salted one.
    opening: Duration,
    salted: Duration,
    /// What a message of an exchange takes of it.
    exchanged: Duration,
}

impl Allowance {
    /// For peers that open a session every interval, any of them to this node, and a salted one in a span at most.
    pub(super) fn new(interval: Duration, span: Duration) -> Self {
        let explained = span.as_nanos().checked_div(interval.as_nanos()).unwrap_or(0);
        let share = |count: u64| Duration::from_nanos(span.as_nanos() / count);
        let openings = explained.saturating_mul(2).saturating_add(OPENINGS_LEAST);
        let exchanged = share(openings.saturating_mul(EXCHANGED));
        Self { span, opening: share(openings), salted: share(SALTED_MAX), exchanged }
    }

    /// Takes a share of a span out of what is left of it, if there is enough. `used` is when all of it will be back.
    fn take(self, used: &mut Instant, share: Duration, now: Instant) -> bool {
        let next = (*used).max(now) + share;
        let allowed = next.since(now) <= self.span;
        if allowed {
            *used = next;
        }
        allowed
    }
}

/// What is remembered of all peers.
#[derive(Debug)]
pub(super) struct Standing<P> {
    allowance: Allowance,
    peers: Vec<Remembered<P>>,
}

#[derive(Debug)]
struct Remembered<P> {
    peer: P,
    /// When its openings, and its salted ones, will be forgotten.
    openings: Instant,
    salted: Instant,
    /// The same of its messages in exchanges.
    exchanged: Instant,
    /// The same of what its sessions had this node compute.
    computed: Instant,
    /// Sessions in a row that were unsettled.
    unsettled: u8,
    suspect: bool,
}

impl<P> Remembered<P> {
    /// When all of its allowances will be whole again.
    fn used_until(&self) -> Instant {
        self.openings.max(self.salted).max(self.exchanged).max(self.computed)
    }
}

impl<P: Copy + Eq> Standing<P> {
    pub(super) fn new(allowance: Allowance) -> Self {
        Self { allowance, peers: Vec::new() }
    }

    /// Whether a peer may open a session now, which is counted.
    pub(super) fn admits(&mut self, peer: P, salted: bool, now: Instant) -> bool {
        let allowance = self.allowance;
        let remembered = self.of(peer, now);
        remembered.computed.since(now) <= allowance.span
            && (!salted || allowance.take(&mut remembered.salted, allowance.salted, now))
            && allowance.take(&mut remembered.openings, allowance.opening, now)
    }

    /// Whether a peer's message in an exchange may be answered now, which is counted.
    pub(super) fn admits_exchange(&mut self, peer: P, now: Instant) -> bool {
        let allowance = self.allowance;
        allowance.take(&mut self.of(peer, now).exchanged, allowance.exchanged, now)
    }

    /// Counts what a session that a peer opened had this node compute.
    pub(super) fn computed(&mut self, peer: P, work: Duration, now: Instant) {
        if !work.is_zero() {
            let computed = &mut self.of(peer, now).computed;
            *computed = (*computed).max(now) + Duration::from_nanos(work.as_nanos().saturating_mul(COMPUTED));
        }
    }

    /// Remembers how a session ended.
    pub(super) fn judge(&mut self, peer: P, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Open => {}
            Verdict::Equal => {
                self.peers.iter_mut().filter(|known| known.peer == peer).for_each(|known| known.unsettled = 0)
            }
            Verdict::Unsettled => {
                let known = self.of(peer, now);
                known.unsettled += 1;
                if known.unsettled >= UNSETTLED_MAX {
                    (known.unsettled, known.suspect) = (0, true);
                }
            }
            _ => self.of(peer, now).suspect |= verdict.calls_for_salt(),
        }
    }

    /// Whether the next session with a peer is to be salted.
    pub(super) fn is_suspect(&self, peer: P) -> bool {
        self.peers.iter().any(|known| known.peer == peer && known.suspect)
    }

    /// Such a session was opened.
    pub(super) fn acquit(&mut self, peer: P) {
        self.peers.iter_mut().filter(|known| known.peer == peer).for_each(|known| known.suspect = false);
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
    }

    /// What is remembered of a peer, which is made room for.
    fn of(&mut self, peer: P, now: Instant) -> &mut Remembered<P> {
        let place = self.peers.iter().position(|known| known.peer == peer).unwrap_or_else(|| {
            self.peers.retain(|known| known.suspect || known.unsettled > 0 || known.used_until() > now);
            if self.peers.len() >= PEERS_MAX {
                let least =
                    (0..self.peers.len()).min_by_key(|&at| (self.peers[at].suspect, self.peers[at].used_until()));
                least.map(|at| self.peers.remove(at));
            }
            let (openings, salted, exchanged, computed, unsettled, suspect) = (now, now, now, now, 0, false);
            self.peers.push(Remembered { peer, openings, salted, exchanged, computed, unsettled, suspect });
            self.peers.len() - 1
        });
        &mut self.peers[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::session::SessionError;

    const SPAN: Duration = Duration::from_secs(10);

    /// A peer that opens a session every second: 24 are allowed in ten.
    fn standing() -> Standing<u32> {
        Standing::new(Allowance::new(Duration::from_secs(1), SPAN))
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn admitted(standing: &mut Standing<u32>, peer: u32, salted: bool, now: Instant) -> usize {
        (0..1000).filter(|_| standing.admits(peer, salted, now)).count()
    }

    #[test]
    fn openings_are_allowed_by_peer_and_span() {
        let mut standing = standing();
        assert_eq!(admitted(&mut standing, 1, false, at(0)), 24);
        assert_eq!(admitted(&mut standing, 2, false, at(0)), 24);
        // Half of the span brings half of them back.
        assert_eq!(admitted(&mut standing, 1, false, at(5000)), 12);
        assert_eq!(admitted(&mut standing, 1, false, at(100_000)), 24);
        // Salted ones are fewer, and count among all.
        assert_eq!(admitted(&mut standing, 3, true, at(0)), 2);
        assert_eq!(admitted(&mut standing, 3, false, at(0)), 22);
    }

    /// Two messages for each opening, in an account of their own.
    #[test]
    fn exchanges_are_allowed_by_peer_and_span() {
        let mut standing = standing();
        assert_eq!((0..1000).filter(|_| standing.admits_exchange(1, at(0))).count(), 48);
        assert_eq!(admitted(&mut standing, 1, false, at(0)), 24);
        assert_eq!((0..1000).filter(|_| standing.admits_exchange(1, at(5000))).count(), 24);
    }

    /// A quarter of a core is what a peer may take: a span's worth at once, and what its share of time brings back.
    #[test]
    fn computing_is_allowed_by_peer_and_span() {
        let mut standing = standing();
        let second = Duration::from_secs(1);
        for _ in 0..2 {
            assert!(standing.admits(1, false, at(0)));
            standing.computed(1, second, at(0));
        }
        assert!(standing.admits(1, false, at(0)));
        standing.computed(1, second, at(0));
        assert!(!standing.admits(1, false, at(0)));
        assert!(standing.admits(2, false, at(0)));
        assert!(!standing.admits(1, false, at(1999)));
        assert!(standing.admits(1, false, at(2000)));
    }

    /// As often as its interval says, for ever, and a salted one as often as a node makes one.
    #[test]
    fn an_honest_peer_is_never_refused() {
        let mut standing = standing();
        assert!((0..1000).all(|second| standing.admits(1, second % 10 == 0, at(1000 * second))));
        let mut never = Standing::new(Allowance::new(Duration::ZERO, SPAN));
        assert_eq!(admitted(&mut never, 1, false, at(0)), 4);
    }

    #[test]
    fn what_says_nothing_is_forgotten_and_the_rest_has_a_cap() {
        let mut standing = standing();
        for peer in 0..1000 {
            standing.admits(peer, false, at(1000 * u64::from(peer)));
            assert!(standing.peers.len() <= 2);
        }
        let end = at(1_000_000);
        standing.judge(7, Verdict::Mismatch, end);
        (1000..2000).for_each(|peer| _ = standing.admits(peer, false, end));
        assert_eq!(standing.peers.len(), PEERS_MAX);
        // Those who came later did not drive out who is suspected.
        assert!(standing.is_suspect(7));
    }

    #[test]
    fn mismatches_and_several_unsettled_sessions_in_a_row_are_suspicious() {
        let mut standing = standing();
        let failed = Verdict::Failed(SessionError::Malformed);
        for (verdicts, suspect) in [
            (&[Verdict::Mismatch][..], true),
            (&[failed], true),
            (&[Verdict::Equal, Verdict::Open], false),
            (&[Verdict::Unsettled; 3], false),
            (&[Verdict::Unsettled; 4], true),
            (&[Verdict::Unsettled, Verdict::Unsettled, Verdict::Unsettled, Verdict::Equal, Verdict::Unsettled], false),
        ] {
            verdicts.iter().for_each(|&verdict| standing.judge(1, verdict, at(0)));
            assert_eq!(standing.is_suspect(1), suspect, "{verdicts:?}");
            standing.clear();
        }
        standing.judge(1, Verdict::Mismatch, at(0));
        standing.acquit(1);
        assert!(!standing.is_suspect(1));
    }
}
