//! A node: the core's directory, the name that it registers there, and the names that it looks up.
//!
//! A session begins with a join through the peers that the node knows. When the node has joined it registers its name, which stands for its
//! address: the node and the number of its session. From then on it looks up names, and where that is wanted allocates a flow to the
//! instance that was found: a request, its acceptance, and one byte, so that the first byte comes a round trip and a half after
//! the address. Several addresses of one name are those of several sessions, of which the last is taken. Nothing is asked twice:
//! a request to who is gone, or that is lost, is waited for until `patience` is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::compose::{Embeds, give};
use rapprochement_core::kademlia::config::ConfigError;
use rapprochement_core::kademlia::contract::Reason;
use rapprochement_core::kademlia::{
    Kademlia, KademliaCommand, KademliaConfig, KademliaEvent, KademliaMessage, KademliaTimer, Value,
};
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::protocol::{Context, Input, Protocol};
use rapprochement_core::random::below;
use rapprochement_core::time::{Duration, Instant};

use super::config::DirectorySettings;
use super::message::{Address, DirectoryMessage, key_of};
use crate::network::distribution::open_unit;

/// What all nodes know.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) settings: DirectorySettings,
    pub(super) config: KademliaConfig,
    pub(super) nodes: u32,
    /// No lookup before.
    pub(super) from: Instant,
    /// No lookup after.
    pub(super) to: Instant,
}

/// One node.
#[derive(Debug)]
pub(super) struct DirectoryNode {
    me: SimPeer,
    plan: Arc<Plan>,
    /// Whom it knows when a session begins.
    bootstrap: Vec<SimPeer>,
    directory: Kademlia<SimPeer>,
    /// Sessions so far, the present one included.
    sessions: u32,
    /// Whether it looks names up in this session.
    asks: bool,
    /// The next lookup's number.
    next: u32,
    open: BTreeMap<u32, Open>,
}

/// A lookup whose end, or first byte, is waited for.
#[derive(Debug)]
struct Open {
    key: PeerId,
    made: Instant,
    /// Whom a flow was asked for.
    asked: Option<Address>,
}

/// What a timer carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum DirectoryTimer {
    /// Of the directory.
    Kademlia(KademliaTimer),
    /// The name is to be registered again, after it could not be.
    Register,
    /// The next lookup is due.
    Look,
    /// The patience with this lookup is over.
    Overdue(u32),
}

/// What a node tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum DirectoryEvent {
    /// Its name was sent to the closest nodes.
    Registered,
    /// Its name could not be registered; it will try again.
    NotRegistered,
    /// A lookup begins.
    Asked {
        /// Its number.
        lookup: u32,
        /// Whose name; nobody's where it is unknown.
        name: Option<u32>,
    },
    /// It gave an address.
    Found {
        /// Its number.
        lookup: u32,
        /// The newest address.
        address: Address,
        /// See [`KademliaEvent::Resolved`].
        hops: u16,
        /// Requests sent.
        messages: u32,
    },
    /// It ended without.
    NotFound {
        /// Its number.
        lookup: u32,
        /// Why.
        reason: Reason,
        /// Requests sent.
        messages: u32,
    },
    /// The patience is over, and there is no address, or nobody has accepted a flow.
    Overdue {
        /// Its number.
        lookup: u32,
    },
    /// The first byte of somebody else's lookup arrived here.
    FirstByte {
        /// Whose.
        asker: u32,
        /// Its number.
        lookup: u32,
    },
}

impl DirectoryNode {
    /// A node that knows these.
    ///
    /// # Errors
    /// A parameter of the directory that makes no sense.
    pub(super) fn new(me: u32, plan: Arc<Plan>, bootstrap: Vec<SimPeer>) -> Result<Self, ConfigError> {
        let (me, open) = (SimPeer(me), BTreeMap::new());
        let directory = Kademlia::new(me, plan.config)?;
        Ok(Self { me, plan, bootstrap, directory, sessions: 0, asks: false, next: 0, open })
    }

    /// It comes back as a new instance: nothing is left but its name, its id and whom it knew.
    pub(super) fn restart(&mut self) {
        if let Ok(fresh) = Kademlia::new(self.me, self.plan.config) {
            self.directory = fresh;
        }
        self.asks = false;
        self.open.clear();
    }

    /// The directory that it runs.
    pub(super) const fn directory(&self) -> &Kademlia<SimPeer> {
        &self.directory
    }

    fn instance(&self) -> u32 {
        self.sessions.saturating_sub(1)
    }

    fn pass<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Kademlia<SimPeer>>, context: &mut C) {
        for event in give::<Self, _, _>(&mut self.directory, now, input, context) {
            self.told(now, event, context);
        }
    }

    fn start<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.sessions += 1;
        self.pass(now, Input::Start, context);
        self.pass(now, Input::Command(KademliaCommand::Join(self.bootstrap.clone())), context);
        if self.bootstrap.is_empty() {
            self.begin(now, context); // There is nobody to join through: others will find this node.
        }
    }

    /// The node has joined, perhaps again after it had lost everybody.
    fn begin<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.register(now, context);
        if !self.asks {
            self.asks = true;
            let phase = open_unit(context.rng().next_u64());
            let gap = Duration::from_secs_f64(self.plan.settings.gap.sample(context.rng()).as_secs_f64() * phase);
            context.set_timer(self.plan.from.since(now) + gap, DirectoryTimer::Look);
        }
    }

    fn register<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let value = Address { node: self.me.0, instance: self.instance() }.value();
        let publish = KademliaCommand::Publish { key: key_of(self.me.0), value };
        self.pass(now, Input::Command(publish), context);
    }

    fn look<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        if now > self.plan.to {
            return;
        }
        let (lookup, nodes) = (self.next, self.plan.nodes);
        self.next += 1;
        let settings = &self.plan.settings;
        let gap = settings.gap.sample(context.rng());
        context.set_timer(gap, DirectoryTimer::Look);
        context.set_timer(settings.patience.0, DirectoryTimer::Overdue(lookup));
        let is_unknown = open_unit(context.rng().next_u64()) < settings.unknown_share.0;
        let drawn = below(context.rng(), nodes - 1);
        let other = if drawn < self.me.0 { drawn } else { drawn + 1 };
        // From the other end of the numbers, a different one every time.
        let beyond = u32::MAX - below(context.rng(), u32::MAX / 2);
        let (name, key) = if is_unknown { (None, key_of(beyond)) } else { (Some(other), key_of(other)) };
        self.open.insert(lookup, Open { key, made: now, asked: None });
        context.emit(DirectoryEvent::Asked { lookup, name });
        self.pass(now, Input::Command(KademliaCommand::Resolve(key)), context);
    }

    fn told<C: Context<Self>>(&mut self, now: Instant, event: KademliaEvent, context: &mut C) {
        match event {
            KademliaEvent::Joined { .. } => self.begin(now, context),
            KademliaEvent::Published { .. } => context.emit(DirectoryEvent::Registered),
            KademliaEvent::NotPublished { .. } => {
                context.emit(DirectoryEvent::NotRegistered);
                context.set_timer(self.plan.config.timeout, DirectoryTimer::Register);
            }
            KademliaEvent::Resolved { key, values, hops, messages, took } => {
                let Some(lookup) = self.ended(now, key, took) else { return };
                match newest(&values).filter(|address| address.node < self.plan.nodes) {
                    Some(address) => self.found(lookup, address, hops, messages, context),
                    None => self.not_found(lookup, Reason::Missing, messages, context),
                }
            }
            KademliaEvent::NotFound { key, reason, messages, took } => {
                let Some(lookup) = self.ended(now, key, took) else { return };
                self.not_found(lookup, reason, messages, context);
            }
            KademliaEvent::Withdrawn { .. } => {}
        }
    }

    /// The number of the lookup of this key that was made so long ago, unless it was given up.
    fn ended(&self, now: Instant, key: PeerId, took: Duration) -> Option<u32> {
        let is_it = |open: &Open| open.key == key && open.asked.is_none() && now.since(open.made) == took;
        self.open.iter().find(|(_, open)| is_it(open)).map(|(lookup, _)| *lookup)
    }

    fn found<C: Context<Self>>(&mut self, lookup: u32, address: Address, hops: u16, messages: u32, context: &mut C) {
        context.emit(DirectoryEvent::Found { lookup, address, hops, messages });
        if !self.plan.settings.first_byte {
            self.open.remove(&lookup);
        } else if let Some(open) = self.open.get_mut(&lookup) {
            open.asked = Some(address);
            let request = DirectoryMessage::Request { lookup, instance: address.instance };
            context.send(SimPeer(address.node), request);
        }
    }

    fn not_found<C: Context<Self>>(&mut self, lookup: u32, reason: Reason, messages: u32, context: &mut C) {
        self.open.remove(&lookup);
        context.emit(DirectoryEvent::NotFound { lookup, reason, messages });
    }

    fn hear<C: Context<Self>>(&mut self, now: Instant, from: SimPeer, message: &DirectoryMessage, context: &mut C) {
        match *message {
            DirectoryMessage::Kademlia(ref message) => self.pass(now, Input::Message { from, message }, context),
            DirectoryMessage::Request { lookup, instance } if instance == self.instance() => {
                context.send(from, DirectoryMessage::Accept { lookup });
            }
            DirectoryMessage::Accept { lookup } => {
                let asked = self.open.get(&lookup).and_then(|open| open.asked);
                if let Some(address) = asked.filter(|address| address.node == from.0) {
                    self.open.remove(&lookup);
                    context.send(from, DirectoryMessage::FirstByte { lookup, instance: address.instance });
                }
            }
            DirectoryMessage::FirstByte { lookup, instance } if instance == self.instance() => {
                context.emit(DirectoryEvent::FirstByte { asker: from.0, lookup });
            }
            // Meant for an instance before this one.
            DirectoryMessage::Request { .. } | DirectoryMessage::FirstByte { .. } => {}
        }
    }
}

/// The address of the last session among these.
fn newest(values: &[Value]) -> Option<Address> {
    values.iter().filter_map(Address::read).max_by_key(|address| address.instance)
}

impl Protocol for DirectoryNode {
    type Peer = SimPeer;
    type Message = DirectoryMessage;
    type Timer = DirectoryTimer;
    type Command = ();
    type Event = DirectoryEvent;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => self.start(now, context),
            Input::Message { from, message } => self.hear(now, from, message, context),
            Input::Timer(DirectoryTimer::Kademlia(timer)) => self.pass(now, Input::Timer(timer), context),
            Input::Timer(DirectoryTimer::Register) => self.register(now, context),
            Input::Timer(DirectoryTimer::Look) => self.look(now, context),
            Input::Timer(DirectoryTimer::Overdue(lookup)) => {
                if self.open.remove(&lookup).is_some() {
                    context.emit(DirectoryEvent::Overdue { lookup });
                }
            }
            Input::PeerUp(peer) => self.pass(now, Input::PeerUp(peer), context),
            Input::PeerDown(peer) => self.pass(now, Input::PeerDown(peer), context),
            Input::Stop => self.pass(now, Input::Stop, context),
            Input::Command(()) => {}
        }
    }
}

impl Embeds<Kademlia<SimPeer>> for DirectoryNode {
    fn message(message: KademliaMessage<SimPeer>) -> DirectoryMessage {
        DirectoryMessage::Kademlia(message)
    }

    fn timer(timer: KademliaTimer) -> DirectoryTimer {
        DirectoryTimer::Kademlia(timer)
    }
}
