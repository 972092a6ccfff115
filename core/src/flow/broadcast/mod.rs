//! A broadcast layer: members on a tree, and every packet copied to all neighbours but the one that it came from. A group is such a
//! layer. The prototype's has no header, no duplicates filter and no detection of loops (broadcast IPC process, at the commit that
//! [`super`] names), so the topology has to be a tree, and this module keeps it one.
//!
//! A member joins at another one: a flow is allocated (1 RTT), the enrolment components connect (1 RTT), and enrolment takes three
//! messages (1.5 RTT), each step at most 20 s. The joining member is part of the layer when it has the second of these, 3 RTT
//! after it began, and the other side knows half a round trip later. Nothing is sent again.
//!
//! Degrees, leaving and repair are ours; in the prototype an operator connects members by hand. A full member sends a joining one on to
//! its children in turn. A member knows its path from the root; when its parent leaves or is taken for gone (which the owner says, by
//! [`Broadcast::gone`]), it joins anew at its grandparent, or whoever is the next on the path, with its whole subtree, and tells the
//! subtree of its new path. A member that is looking for a place admits nobody, and nobody is admitted by a member on whose path it
//! is. A loop that two repairs at the same time could still close is found when the path comes round, and opened there.

mod message;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;

pub use message::{CONNECT_LEN, LayerMessage, PATH_MAX};

use super::config::BroadcastConfig;
use super::packet::Body;
use crate::peer::Peer;
use crate::time::Instant;

/// One member of one broadcast layer.
pub struct Broadcast<P: Peer, B: Body> {
    me: P,
    config: BroadcastConfig,
    standing: Standing<P>,
    /// From the root down to the parent.
    path: Vec<P>,
    children: BTreeSet<P>,
    /// How often the path has changed.
    moves: u64,
    enrolling: BTreeMap<P, Enrolling>,
    /// The child that the last joining member was sent to.
    turn: Option<P>,
    out: VecDeque<LayerOutput<P, B>>,
}

/// A member that is being enrolled here.
#[derive(Clone, Copy, Debug)]
struct Enrolling {
    until: Instant,
    /// How often the path had changed when it was told.
    told: Option<u64>,
}

#[derive(Clone, Debug)]
enum Standing<P> {
    /// Not in the layer.
    Outside,
    /// The root, which has no parent.
    Root,
    /// A member with a parent.
    Member(P),
    /// On its way in, with or without a subtree.
    Joining(Joining<P>),
}

#[derive(Clone, Debug)]
struct Joining<P> {
    at: P,
    /// Whom to try next, the last one first.
    candidates: Vec<P>,
    stage: Stage,
    until: Instant,
    redirects: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Allocating,
    Connecting,
    Enrolling,
}

/// What a member asks of its owner.
#[derive(Debug)]
pub enum LayerOutput<P, B: Body> {
    /// A packet leaves.
    Transmit {
        /// For whom.
        to: P,
        /// The packet.
        message: LayerMessage<P, B>,
    },
    /// Data of the layer, from whoever sent it into it.
    Deliver(B::Sdu),
    /// This member has a parent now.
    Joined(P),
    /// This neighbour is part of the layer now.
    Admitted(P),
    /// Nobody is left to join at.
    Orphaned,
}

impl<P: Peer, B: Body> fmt::Debug for Broadcast<P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = (&self.me, &self.standing, &self.children);
        f.debug_tuple("Broadcast").field(&state).finish()
    }
}

impl<P: Peer, B: Body> Broadcast<P, B> {
    /// A node outside the layer.
    pub fn new(me: P, config: BroadcastConfig) -> Self {
        Self {
            me,
            config,
            standing: Standing::Outside,
            path: Vec::new(),
            children: BTreeSet::new(),
            moves: 0,
            enrolling: BTreeMap::new(),
            turn: None,
            out: VecDeque::new(),
        }
    }

    /// Makes this node the root of a layer.
    pub fn bootstrap(&mut self) {
        self.standing = Standing::Root;
        self.path.clear();
    }

    /// Joins at a member.
    pub fn join(&mut self, now: Instant, at: P) {
        self.try_at(now, at, Vec::new(), 0);
    }

    /// Leaves; the children are told, and look for another place.
    pub fn leave(&mut self) {
        self.neighbours(None).into_iter().for_each(|peer| self.transmit(peer, LayerMessage::Leave));
        self.standing = Standing::Outside;
        self.path.clear();
        self.children.clear();
        self.enrolling.clear();
    }

    /// A neighbour is taken for gone.
    pub fn gone(&mut self, now: Instant, peer: P) {
        self.children.remove(&peer);
        self.enrolling.remove(&peer);
        let lost = match &self.standing {
            Standing::Member(parent) => *parent == peer,
            Standing::Joining(joining) => joining.at == peer,
            _ => false,
        };
        if lost {
            self.look_further(now);
        }
    }

    /// Sends data to everybody in the layer, as far as this member can reach it.
    pub fn publish(&mut self, sdu: B::Sdu) {
        for body in B::cut(sdu, usize::MAX) {
            self.flood(None, &body);
        }
    }

    /// Takes a packet that has arrived.
    pub fn receive(&mut self, now: Instant, from: P, message: &LayerMessage<P, B>) {
        match message {
            LayerMessage::Request => self.requested(now, from),
            LayerMessage::Connect => self.answer(from, LayerMessage::Connected),
            LayerMessage::Enrol => {
                self.answer(from, LayerMessage::Admit(self.own_path()));
                let moves = self.moves;
                self.enrolling.entry(from).and_modify(|one| one.told = Some(moves));
            }
            LayerMessage::Enrolled => self.admitted(now, from),
            LayerMessage::Reply { accepted, instead } => self.replied(now, from, *accepted, *instead),
            LayerMessage::Connected => {
                self.advance(now, from, Stage::Connecting, Stage::Enrolling, LayerMessage::Enrol)
            }
            LayerMessage::Admit(path) => self.joined(from, path),
            LayerMessage::Path(path) => self.moved(now, from, path),
            LayerMessage::Leave => self.gone(now, from),
            LayerMessage::Data(body) => self.carried(from, body),
        }
    }

    /// A deadline has come; early and repeated calls do no harm.
    pub fn expire(&mut self, now: Instant) {
        self.enrolling.retain(|_, one| one.until > now);
        if matches!(&self.standing, Standing::Joining(joining) if joining.until <= now) {
            self.look_further(now);
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<LayerOutput<P, B>> {
        self.out.pop_front()
    }

    /// When [`Broadcast::expire`] is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let joining = match &self.standing {
            Standing::Joining(joining) => Some(joining.until),
            _ => None,
        };
        self.enrolling.values().map(|one| one.until).chain(joining).min()
    }

    /// True for the root and for members with a parent.
    pub fn is_member(&self) -> bool {
        matches!(self.standing, Standing::Root | Standing::Member(_))
    }

    /// The parent.
    pub fn parent(&self) -> Option<P> {
        if let Standing::Member(parent) = self.standing { Some(parent) } else { None }
    }

    /// The children, in order.
    pub fn children(&self) -> impl Iterator<Item = P> + '_ {
        self.children.iter().copied()
    }

    fn neighbours(&self, but: Option<P>) -> Vec<P> {
        self.parent().into_iter().chain(self.children()).filter(|peer| Some(*peer) != but).collect()
    }

    fn flood(&mut self, ingress: Option<P>, body: &B) {
        for peer in self.neighbours(ingress) {
            self.transmit(peer, LayerMessage::Data(body.clone()));
        }
    }

    fn carried(&mut self, from: P, body: &B) {
        if self.parent() == Some(from) || self.children.contains(&from) {
            self.flood(Some(from), body);
            self.out.extend(B::join([body.clone()].into()).map(LayerOutput::Deliver));
        }
    }

    fn requested(&mut self, now: Instant, from: P) {
        let taken = usize::from(self.parent().is_some()) + self.children.len() + self.enrolling.len();
        let refuse = !self.is_member() || from == self.me || self.path.contains(&from) || self.path.len() >= PATH_MAX;
        let again = self.children.contains(&from) || self.enrolling.contains_key(&from);
        let (accepted, instead) = match (refuse, again || taken < self.config.degree) {
            (true, _) => (false, None),
            (_, true) => {
                self.children.remove(&from);
                let until = now + self.config.timeout.saturating_mul(3);
                self.enrolling.insert(from, Enrolling { until, told: None });
                (true, None)
            }
            _ => (false, self.next_child(from)),
        };
        self.transmit(from, LayerMessage::Reply { accepted, instead });
    }

    /// Children in turn, so that subtrees grow alike.
    fn next_child(&mut self, but: P) -> Option<P> {
        let after = |turn: P| self.children.iter().find(|child| **child > turn);
        self.turn = self.turn.and_then(after).or_else(|| self.children.first()).copied();
        self.turn.filter(|child| *child != but)
    }

    /// Answers whoever is being enrolled here, and nobody else.
    fn answer(&mut self, to: P, message: LayerMessage<P, B>) {
        if self.is_member() && self.enrolling.contains_key(&to) {
            self.transmit(to, message);
        }
    }

    fn admitted(&mut self, now: Instant, from: P) {
        let inside = !matches!(self.standing, Standing::Outside);
        let Some(enrolling) = self.enrolling.remove(&from).filter(|one| one.until > now && inside) else { return };
        self.children.insert(from);
        self.out.push_back(LayerOutput::Admitted(from));
        if enrolling.told != Some(self.moves) {
            self.transmit(from, LayerMessage::Path(self.own_path()));
        }
    }

    fn replied(&mut self, now: Instant, from: P, accepted: bool, instead: Option<P>) {
        if accepted {
            return self.advance(now, from, Stage::Allocating, Stage::Connecting, LayerMessage::Connect);
        }
        let Standing::Joining(joining) = &self.standing else { return };
        if joining.at != from || joining.stage != Stage::Allocating {
            return;
        }
        let (candidates, redirects) = (joining.candidates.clone(), joining.redirects + 1);
        match instead.filter(|peer| *peer != self.me && redirects <= self.config.redirects) {
            Some(peer) => self.try_at(now, peer, candidates, redirects),
            None => self.look_further(now),
        }
    }

    fn advance(&mut self, now: Instant, from: P, was: Stage, is: Stage, message: LayerMessage<P, B>) {
        if let Standing::Joining(joining) = &mut self.standing
            && joining.at == from
            && joining.stage == was
        {
            joining.stage = is;
            joining.until = now + self.config.timeout;
            self.transmit(from, message);
        }
    }

    fn joined(&mut self, from: P, path: &[P]) {
        let expected = matches!(&self.standing, Standing::Joining(joining)
            if joining.at == from && joining.stage == Stage::Enrolling);
        if !expected || path.len() >= PATH_MAX || path.contains(&self.me) {
            return;
        }
        self.standing = Standing::Member(from);
        self.transmit(from, LayerMessage::Enrolled);
        self.out.push_back(LayerOutput::Joined(from));
        self.set_path(from, path);
    }

    fn moved(&mut self, now: Instant, from: P, path: &[P]) {
        if self.parent() != Some(from) || path.len() >= PATH_MAX {
            return;
        }
        if path.contains(&self.me) {
            self.transmit(from, LayerMessage::Leave);
            return self.look_further(now);
        }
        self.set_path(from, path);
    }

    /// The path of the parent has changed, and with it that of the subtree.
    fn set_path(&mut self, parent: P, path: &[P]) {
        self.path = path.iter().copied().chain([parent]).collect();
        self.moves += 1;
        let path = self.own_path();
        let children: Vec<P> = self.children().collect();
        children.into_iter().for_each(|child| self.transmit(child, LayerMessage::Path(path.clone())));
    }

    /// The path that children are told: from the root down to this member's parent.
    fn own_path(&self) -> Box<[P]> {
        self.path.clone().into()
    }

    /// The parent, or whoever was to become it, is no good: the next one on the path from below.
    fn look_further(&mut self, now: Instant) {
        let mut candidates = match &self.standing {
            Standing::Joining(joining) => joining.candidates.clone(),
            Standing::Member(parent) => self.path.iter().copied().filter(|peer| peer != parent).collect(),
            _ => return,
        };
        match candidates.pop() {
            Some(at) => self.try_at(now, at, candidates, 0),
            None => {
                self.standing = Standing::Outside;
                self.out.push_back(LayerOutput::Orphaned);
            }
        }
    }

    fn try_at(&mut self, now: Instant, at: P, candidates: Vec<P>, redirects: u32) {
        let until = now + self.config.timeout;
        let stage = Stage::Allocating;
        self.standing = Standing::Joining(Joining { at, candidates, stage, until, redirects });
        self.transmit(at, LayerMessage::Request);
    }

    fn transmit(&mut self, to: P, message: LayerMessage<P, B>) {
        self.out.push_back(LayerOutput::Transmit { to, message });
    }
}
