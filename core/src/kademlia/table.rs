//! The routing table: k-buckets, each for the peers whose ids first differ from this node's in one given digit.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer information system based on the XOR metric", IPTPS 2002: buckets are
//! section 2.2, replacement and unresponsive contacts 4.1, and buckets of more than one bit per digit 4.2. A bucket keeps its contacts
//! in the order in which they were last heard, the longest silent one first. A newcomer finds room, or waits among the
//! spares; the longest silent contact is then pinged, and gives way only if it does not answer, since peers that have been there
//! long are those that stay longest.
//!
//! Only who was heard itself is ever entered, and never on another's word. A contact that fails to answer is left out of
//! answers to others while better ones are known, and dropped after some failures in a row. Buckets exist once somebody is in them, which
//! is the same set of contacts as that of a tree whose leaf around this node is split when it is full.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::kademlia::config::KademliaConfig;
use crate::kademlia::distance::{Distance, ID_BITS};
use crate::peer::{Peer, PeerId};
use crate::random::below;
use crate::time::{Duration, Instant};

/// A node's routing table. Its memory is bounded by `contacts_max` contacts and as many spares at most.
#[derive(Clone, Debug)]
pub struct RoutingTable<P> {
    me: PeerId,
    k: usize,
    split: u32,
    ping_retries: u32,
    questionable: Duration,
    contacts_max: usize,
    /// By depth and digit.
    buckets: BTreeMap<(u16, u16), Bucket<P>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Bucket<P> {
    /// The longest silent one first. At most `k`.
    contacts: Vec<Contact<P>>,
    /// Who waits for room, the one heard last at the end. At most `k`.
    spares: Vec<P>,
}

#[derive(Clone, Copy, Debug)]
struct Contact<P> {
    peer: P,
    heard: Instant,
    /// Requests in a row that it did not answer.
    failures: u32,
    /// Whether a ping will tell if it makes room.
    challenged: bool,
}

/// What became of a contact that did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is to be pinged again.
    Ping,
    /// It was dropped.
    Dropped,
    /// It is no contact.
    Stranger,
}

impl<P: Peer> RoutingTable<P> {
    /// The table of a node that knows nobody. The configuration has to have passed its check.
    pub fn new(me: P, config: &KademliaConfig) -> Self {
        let KademliaConfig { k, split, ping_retries, questionable, contacts_max, .. } = *config;
        Self { me: me.id(), k, split, ping_retries, questionable, contacts_max, buckets: BTreeMap::new(), len: 0 }
    }

    /// The table that a node would have in a network where everything is known: `k` random peers of each bucket, or all where there are
    /// fewer. `peers` are all nodes sorted by id, this one may be among them.
    pub fn full<R: Rng + ?Sized>(me: P, peers: &[P], config: &KademliaConfig, rng: &mut R) -> Self {
        debug_assert!(peers.is_sorted_by_key(Peer::id), "peers are sorted by id");
        let mut table = Self::new(me, config);
        let mut inside = peers;
        for depth in 0..ID_BITS / config.split {
            let mut around = &inside[..0];
            for digit in 0..1u32 << config.split {
                // Those with one value of this digit lie side by side.
                let value = |peer: &P| digit_of(peer.id(), depth, config.split);
                let start = inside.partition_point(|peer| value(peer) < digit);
                let end = inside.partition_point(|peer| value(peer) <= digit);
                let range = &inside[start..end];
                if digit == digit_of(table.me, depth, config.split) {
                    around = range;
                } else {
                    choose(range, config.k, rng).into_iter().for_each(|peer| {
                        table.heard(peer, Instant::ZERO);
                    });
                }
            }
            inside = around;
            if inside.len() <= 1 {
                break;
            }
        }
        table
    }

    /// How many contacts there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All contacts, the farthest buckets first.
    pub fn contacts(&self) -> impl Iterator<Item = P> + '_ {
        self.buckets.values().flat_map(|bucket| bucket.contacts.iter().map(|contact| contact.peer))
    }

    /// Whether this peer is a contact.
    pub fn contains(&self, peer: P) -> bool {
        self.bucket(peer).is_some_and(|bucket| bucket.contacts.iter().any(|contact| contact.peer == peer))
    }

    /// Leading bits that the closest contact's id shares with this node's; `None` where nobody is known.
    pub fn deepest(&self) -> Option<u32> {
        self.contacts().map(|peer| Distance::between(self.me, peer.id()).shared_bits()).max()
    }

    /// A message of this peer arrived. What is returned is a contact to be pinged: the newcomer takes its place if it does not answer.
    pub fn heard(&mut self, peer: P, now: Instant) -> Option<P> {
        let place = self.place(peer)?;
        let full = self.len >= self.contacts_max;
        if full && !self.buckets.contains_key(&place) {
            return None;
        }
        let bucket = self.buckets.entry(place).or_insert_with(|| Bucket { contacts: Vec::new(), spares: Vec::new() });
        let fresh = Contact { peer, heard: now, failures: 0, challenged: false };
        if let Some(at) = bucket.contacts.iter().position(|contact| contact.peer == peer) {
            bucket.contacts.remove(at);
            bucket.contacts.push(fresh);
            return None;
        }
        bucket.spares.retain(|spare| *spare != peer);
        if bucket.contacts.len() < self.k && !full {
            bucket.contacts.push(fresh);
            self.len += 1;
            return None;
        }
        if bucket.spares.len() >= self.k {
            bucket.spares.remove(0);
        }
        bucket.spares.push(peer);
        let oldest = bucket.contacts.first_mut()?;
        if oldest.challenged || now.since(oldest.heard) < self.questionable {
            return None;
        }
        oldest.challenged = true;
        Some(oldest.peer)
    }

    /// This peer left a request or a ping unanswered.
    pub fn failed(&mut self, peer: P) -> Failure {
        let retries = self.ping_retries;
        let known = self.contact(peer).map(|contact| {
            contact.failures = contact.failures.saturating_add(1);
            contact.challenged = true;
            contact.failures > retries
        });
        match known {
            None => Failure::Stranger,
            Some(false) => Failure::Ping,
            Some(true) => {
                self.remove(peer);
                Failure::Dropped
            }
        }
    }

    /// Forgets this peer, whose place goes to the spare that was heard last.
    pub fn remove(&mut self, peer: P) {
        let Some(place) = self.place(peer) else { return };
        let Some(bucket) = self.buckets.get_mut(&place) else { return };
        bucket.spares.retain(|spare| *spare != peer);
        let Some(at) = bucket.contacts.iter().position(|contact| contact.peer == peer) else { return };
        bucket.contacts.remove(at);
        if let Some(spare) = bucket.spares.pop() {
            // Not heard since it was put aside: the first to be questioned.
            let contact = Contact { peer: spare, heard: Instant::ZERO, failures: 0, challenged: false };
            bucket.contacts.insert(0, contact);
            return;
        }
        self.len -= 1;
        if bucket.contacts.is_empty() {
            self.buckets.remove(&place);
        }
    }

    /// The contacts closest to an id, at most `count` and the closest first. Those that failed to answer are among them only where
    /// there are not enough others.
    pub fn closest(&self, target: PeerId, count: usize) -> Vec<P> {
        let ranked = |contact: &Contact<P>| (Distance::between(contact.peer.id(), target), contact.peer);
        let (mut found, mut failing) = (Vec::new(), Vec::new());
        for buckets in self.outwards(target) {
            if found.len() >= count {
                break;
            }
            for contact in buckets.flat_map(|bucket| &bucket.contacts) {
                if contact.failures == 0 { &mut found } else { &mut failing }.push(ranked(contact));
            }
        }
        let missing = count.saturating_sub(found.len());
        if missing > 0 {
            failing.sort_unstable();
            found.extend(failing.into_iter().take(missing));
        }
        found.sort_unstable();
        found.truncate(count);
        found.into_iter().map(|(_, peer)| peer).collect()
    }

    /// All buckets in groups, of which each holds nobody who is farther from an id than anybody of the next group.
    ///
    /// Where this node's id first differs from the target in some digit, a contact of that depth differs from the target by the exclusive
    /// or of both digits, one that shares more digits with this node by the target's digit, and one that shares fewer at its own depth.
    fn outwards(&self, target: PeerId) -> impl Iterator<Item = impl Iterator<Item = &Bucket<P>>> {
        let digits = (ID_BITS / self.split) as u16;
        let (depth, digit, values) = match Distance::between(self.me, target).first_digit(self.split) {
            Some((depth, digit)) => (depth as u16, digit as u16, 1 << self.split),
            None => (digits, 0, 0),
        };
        let around = (0..values).map(move |value| match value == digit {
            true => ((depth + 1, 0), (digits, 0)),
            false => ((depth, value ^ digit), (depth, value ^ digit)),
        });
        let beyond = (0..depth).rev().map(|depth| ((depth, 0), (depth, u16::MAX)));
        around.chain(beyond).map(|(from, to)| self.buckets.range(from..=to).map(|(_, bucket)| bucket))
    }

    /// Where this peer belongs; `None` for this node itself.
    fn place(&self, peer: P) -> Option<(u16, u16)> {
        let (depth, digit) = Distance::between(self.me, peer.id()).first_digit(self.split)?;
        Some((depth as u16, digit as u16))
    }

    fn bucket(&self, peer: P) -> Option<&Bucket<P>> {
        self.buckets.get(&self.place(peer)?)
    }

    fn contact(&mut self, peer: P) -> Option<&mut Contact<P>> {
        let place = self.place(peer)?;
        self.buckets.get_mut(&place)?.contacts.iter_mut().find(|contact| contact.peer == peer)
    }
}

/// The tables of all nodes of a network, each as [`RoutingTable::full`]; `peers` are sorted by id, and the tables in their order.
pub fn full_tables<P: Peer, R: Rng + ?Sized>(
    peers: &[P],
    config: &KademliaConfig,
    rng: &mut R,
) -> Vec<RoutingTable<P>> {
    peers.iter().map(|me| RoutingTable::full(*me, peers, config, rng)).collect()
}

/// One digit of an id, counted from its most significant end.
fn digit_of(id: PeerId, depth: u32, bits: u32) -> u32 {
    let start = depth * bits;
    let byte = u32::from(id.0[(start / 8) as usize]);
    byte >> (8 - bits - start % 8) & ((1 << bits) - 1)
}

/// `count` different ones of these, or all where there are no more.
fn choose<P: Peer, R: Rng + ?Sized>(from: &[P], count: usize, rng: &mut R) -> Vec<P> {
    if from.len() <= count {
        return from.to_vec();
    }
    // R. Floyd's sampling without replacement (Bentley and Floyd, CACM 30(9), 1987).
    let mut chosen: Vec<P> = Vec::with_capacity(count);
    for last in from.len() - count..from.len() {
        let draw = from[below(rng, last as u32 + 1) as usize];
        chosen.push(if chosen.contains(&draw) { from[last] } else { draw });
    }
    chosen
}
