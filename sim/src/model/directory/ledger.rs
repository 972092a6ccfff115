//! What became of each lookup, by the word of an onlooker who knows who was up when: what no node could tell.
//!
//! A name is *up* during a lookup where one session of its node lasts from the lookup's beginning to its end. A lookup of a name that comes
//! or goes meanwhile may rightly end in either way, so it counts as a miss of nobody.

use rapprochement_core::time::{Duration, Instant};

use super::message::Address;

/// When each node was up: by node, its sessions in the order of time.
#[derive(Debug)]
pub(super) struct Sessions {
    by_node: Vec<Vec<(Instant, Instant)>>,
    /// The end of the run, beyond which nobody is known to be up.
    end: Instant,
}

impl Sessions {
    /// The sessions of `nodes` nodes in a run until `end`, by each node's comings (`true`) and goings in the order of time.
    pub(super) fn new<'a>(
        changes: impl Iterator<Item = (u32, &'a [(Instant, bool)])>,
        nodes: u32,
        end: Instant,
    ) -> Self {
        let mut by_node = vec![Vec::new(); nodes as usize];
        for (node, changes) in changes {
            let sessions: &mut Vec<(Instant, Instant)> = &mut by_node[node as usize];
            for (at, joined) in changes {
                match sessions.last_mut() {
                    Some((_, until)) if !joined => *until = *at,
                    _ => sessions.push((*at, Instant::MAX)),
                }
            }
        }
        Self { by_node, end }
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.by_node.iter().map(Vec::len).sum()
    }

    /// Start and instance of the session of a node that lasts from one moment to another, if one does, as far as the run tells.
    pub(super) fn lasting(&self, node: u32, from: Instant, to: Instant) -> Option<(Instant, u32)> {
        let sessions = self.by_node.get(node as usize)?;
        let session = sessions.partition_point(|(start, _)| *start <= from).checked_sub(1)?;
        let (start, until) = sessions[session];
        (to <= self.end && to < until).then_some((start, session as u32))
    }

    /// Whether an address is that of a present instance.
    pub(super) fn is_up(&self, address: Address, at: Instant) -> bool {
        self.lasting(address.node, at, at).is_some_and(|(_, instance)| instance == address.instance)
    }
}

/// How a lookup ended at its asker.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// With an address.
    Found { address: Address, hops: u16, messages: u32 },
    /// Without; given up where the directory's own deadline came or its requests were used up.
    NotFound { given_up: bool, messages: u32 },
}

/// One lookup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    /// When it began.
    pub(super) made: Instant,
    /// Whose name; nobody's where it is unknown.
    pub(super) name: Option<u32>,
    /// When it ended, and how.
    pub(super) end: Option<(Instant, End)>,
    /// Whether the patience came to its end, with the lookup or with its first byte.
    pub(super) overdue: bool,
}

/// What became of a lookup: each is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It gave the address of the name's present instance.
    Found,
    /// It gave the address of an instance that was gone.
    Stale,
    /// It ended without an address although the name was up.
    Missed,
    /// It ended without one, rightly.
    Absent,
    /// It did not end in time.
    TimedOut,
    /// Its asker left before, or the run ended.
    Cut,
}

impl Fate {
    /// All there are, each with the metric of its share.
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Found, "lookups_found_share"),
        (Self::Stale, "lookups_stale_share"),
        (Self::Missed, "lookups_missed_share"),
        (Self::Absent, "lookups_absent_share"),
        (Self::TimedOut, "lookups_timed_out_share"),
        (Self::Cut, "lookups_cut_share"),
    ];
}

impl Lookup {
    /// One that begins.
    pub(super) const fn new(made: Instant, name: Option<u32>) -> Self {
        Self { made, name, end: None, overdue: false }
    }

    /// Start of the session in which the name was up from the lookup's beginning to this moment, if it was.
    pub(super) fn name_up(&self, until: Instant, sessions: &Sessions) -> Option<Instant> {
        sessions.lasting(self.name?, self.made, until).map(|(start, _)| start)
    }

    /// What became of it.
    pub(super) fn fate(&self, sessions: &Sessions) -> Fate {
        match self.end {
            Some((at, End::Found { address, .. })) => {
                let is_right = Some(address.node) == self.name && sessions.is_up(address, at);
                if is_right { Fate::Found } else { Fate::Stale }
            }
            Some((_, End::NotFound { given_up: true, .. })) => Fate::TimedOut,
            Some((at, End::NotFound { .. })) if self.name_up(at, sessions).is_some() => Fate::Missed,
            Some((_, End::NotFound { .. })) => Fate::Absent,
            None if self.overdue => Fate::TimedOut,
            None => Fate::Cut,
        }
    }

    /// Whether it should have given an address: it did, or the name was up until it ended or the patience was over.
    pub(super) fn was_due(&self, fate: Fate, patience: Duration, sessions: &Sessions) -> bool {
        match fate {
            Fate::Found => true,
            Fate::Cut | Fate::Absent => false,
            Fate::Stale | Fate::Missed | Fate::TimedOut => {
                let until = self.end.map_or(self.made + patience, |(at, _)| at);
                self.name_up(until, sessions).is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    /// Node 0 is up from 0 to 10 s and from 20 s on, node 1 always; the run lasts a minute.
    fn sessions() -> Sessions {
        let first = [(at(0), true), (at(10), false), (at(20), true)];
        let second = [(at(0), true)];
        Sessions::new([(0, &first[..]), (1, &second[..])].into_iter(), 2, at(60))
    }

    fn ended(made: u64, name: Option<u32>, ended: u64, end: End) -> Lookup {
        Lookup { end: Some((at(ended), end)), ..Lookup::new(at(made), name) }
    }

    #[test]
    fn an_address_is_right_while_its_instance_is_up() {
        let (sessions, patience) = (sessions(), Duration::from_secs(5));
        let found = |made, name, until, node, instance| {
            let end = End::Found { address: Address { node, instance }, hops: 1, messages: 1 };
            let lookup = ended(made, name, until, end);
            let fate = lookup.fate(&sessions);
            (fate, lookup.was_due(fate, patience, &sessions))
        };
        assert_eq!(found(1, Some(0), 2, 0, 0), (Fate::Found, true));
        assert_eq!(found(9, Some(0), 10, 0, 0), (Fate::Stale, false), "gone while it was looked up");
        assert_eq!(found(12, Some(0), 13, 0, 0), (Fate::Stale, false));
        assert_eq!(found(22, Some(0), 23, 0, 0), (Fate::Stale, true), "there is a newer instance");
        assert_eq!(found(22, Some(0), 23, 0, 1), (Fate::Found, true));
        assert_eq!(found(19, Some(0), 21, 0, 1), (Fate::Found, true), "came while it was looked up");
        assert_eq!(found(22, Some(1), 23, 0, 1), (Fate::Stale, true), "somebody else's");
        assert_eq!(found(22, None, 23, 0, 1), (Fate::Stale, false), "nobody's");
    }

    #[test]
    fn a_miss_is_false_where_the_name_was_up_all_the_while() {
        let (sessions, patience) = (sessions(), Duration::from_secs(5));
        let fate = |made, name, until, given_up| {
            let lookup = ended(made, name, until, End::NotFound { given_up, messages: 1 });
            let fate = lookup.fate(&sessions);
            (fate, lookup.was_due(fate, patience, &sessions))
        };
        assert_eq!(fate(1, Some(0), 2, false), (Fate::Missed, true));
        assert_eq!(fate(9, Some(0), 11, false), (Fate::Absent, false));
        assert_eq!(fate(12, Some(0), 13, false), (Fate::Absent, false));
        assert_eq!(fate(19, Some(0), 21, false), (Fate::Absent, false));
        assert_eq!(fate(1, None, 2, false), (Fate::Absent, false));
        assert_eq!(fate(1, Some(1), 2, true), (Fate::TimedOut, true));
        assert_eq!(fate(1, None, 2, true), (Fate::TimedOut, false));
    }

    #[test]
    fn what_did_not_end_was_given_up_or_cut_off() {
        let (sessions, patience) = (sessions(), Duration::from_secs(5));
        let cut = Lookup::new(at(1), Some(1));
        assert_eq!(cut.fate(&sessions), Fate::Cut);
        assert!(!cut.was_due(Fate::Cut, patience, &sessions));
        let overdue = |made, name| Lookup { overdue: true, ..Lookup::new(at(made), name) };
        assert_eq!(overdue(1, Some(1)).fate(&sessions), Fate::TimedOut);
        assert!(overdue(1, Some(1)).was_due(Fate::TimedOut, patience, &sessions));
        assert!(
            !overdue(6, Some(0)).was_due(Fate::TimedOut, patience, &sessions),
            "it went before the patience was over"
        );
        assert_eq!(sessions.lasting(1, at(59), at(61)), None, "beyond the end nothing is known");
        assert_eq!((sessions.count(), sessions.lasting(0, at(20), at(60))), (3, Some((at(20), 1))));
    }
}
