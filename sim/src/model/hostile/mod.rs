//! Nodes that do harm. A hostile node runs the protocol as the others do, so that it holds what they hold and is asked
//! for it; and what it says goes through its deeds first, which change it, hold it back, or add to it. Whatever it says has a
//! valid encoding: what has none a host throws away.
//!
//! | file | what it knows |
//! |---|---|
//! | `config` | what a scenario says |
//! | `tuples` | lies about tuples of others: `forge`, `replay` |
//! | `author` | lies of authors about their own: `equivocate`, `withhold` |
//! | `sessions` | lies within sessions: `endless`, `false_counts`, `silent` |
//! | [`service`] | what is done to the RTT service |

mod author;
pub mod config;
pub mod service;
mod sessions;
mod tuples;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::random::shuffle;
use rapprochement_core::reconcile::session::{MethodKind, Opening, Part, SessionMessage};
use rapprochement_core::reconcile::{SyncCommand, SyncEvent, SyncMessage, Synchroniser, Tick};
use rapprochement_core::store::Store;
use rapprochement_core::time::{Duration, Instant};

use self::config::{Behaviour, HostileConfig};
use super::aside::Aside;
use super::experiment::Experiment;
use super::identity::SimKeys;
use crate::network::Network;
use crate::random::{Purpose, Streams};

/// A protocol that hostile nodes can speak.
pub trait Spoken:
    Synchroniser<Peer = SimPeer, Message = SyncMessage, Timer = Tick, Command = SyncCommand, Event = SyncEvent<SimPeer>>
{
}

impl<P> Spoken for P where
    P: Synchroniser<
            Peer = SimPeer,
            Message = SyncMessage,
            Timer = Tick,
            Command = SyncCommand,
            Event = SyncEvent<SimPeer>,
        >
{
}

/// What a hostile node does besides the protocol.
trait Deeds: Send {
    /// It is time for another exchange: what to write first, if anything.
    fn write(&mut self, _now: Instant) -> Option<SyncCommand> {
        None
    }

    /// The honest side of the node wrote or received something.
    fn notice(&mut self, _event: &SyncEvent<SimPeer>) {}

    /// What to say to a peer instead of what the honest side would say.
    fn say(&mut self, _to: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        vec![message]
    }

    /// A peer said something: what to answer, without the honest side hearing of it; or `None` to let it hear.
    fn hear(&mut self, _message: &SyncMessage) -> Option<Vec<SyncMessage>> {
        None
    }
}

/// A node whose honest side says what it likes.
struct Nothing;

impl Deeds for Nothing {}

/// One node of a run with hostile ones.
pub struct Member<P> {
    honest: P,
    deeds: Option<Box<dyn Deeds>>,
}

impl<P> std::fmt::Debug for Member<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("hostile", &self.deeds.is_some()).finish_non_exhaustive()
    }
}

/// Who is hostile in a run, and how.
#[derive(Debug)]
pub struct Crew<'a> {
    behaviour: Behaviour,
    method: MethodKind,
    experiment: &'a Experiment,
    aside: &'a Aside,
    streams: &'a Streams,
}

/// Draws the hostile nodes of an experiment, and their victim, which is the same whatever their share. Behaviours that need to
/// be near to it take the nodes with the shortest round trips to it, the others any.
pub fn draw(config: Option<&HostileConfig>, nodes: u32, network: &Network, streams: &Streams) -> Aside {
    let Some(config) = config else { return Aside::default() };
    let mut all: Vec<u32> = (0..nodes).collect();
    shuffle(&mut streams.stream(Purpose::Hostile, 0), &mut all);
    let count = config.count(nodes) as usize;
    let victim = all.last().copied().filter(|_| count < all.len());
    if let Some(victim) = victim.filter(|_| config.behaviour == Behaviour::Proximity) {
        all.truncate(nodes as usize - 1);
        all.sort_by_key(|node| network.latency(victim, *node) + network.latency(*node, victim));
    }
    Aside::of(all.into_iter().take(count), nodes).against(victim)
}

impl<'a> Crew<'a> {
    /// The hostile nodes, drawn already, of a run whose honest ones open sessions by this method.
    pub const fn new(
        behaviour: Behaviour,
        method: MethodKind,
        experiment: &'a Experiment,
        aside: &'a Aside,
        streams: &'a Streams,
    ) -> Self {
        Self { behaviour, method, experiment, aside, streams }
    }

    /// The node with these keys, hostile or not.
    pub fn member<P>(&self, keys: SimKeys, honest: P) -> Member<P> {
        let hostile = self.aside.contains(keys.node().0);
        Member { honest, deeds: hostile.then(|| self.deeds(keys)) }
    }

    fn deeds(&self, keys: SimKeys) -> Box<dyn Deeds> {
        let rng = self.streams.stream(Purpose::Hostile, 1 + u64::from(keys.node().0));
        let workload = &self.experiment.workload;
        let start = Instant::ZERO + workload.warm_up.0;
        let end = Instant::ZERO + (self.experiment.duration.0 - workload.drain.0);
        match self.behaviour {
            Behaviour::Silent => Box::new(sessions::Silent),
            Behaviour::Forge => Box::new(tuples::Forge::new(keys)),
            Behaviour::Replay => Box::new(tuples::Replay::default()),
            Behaviour::Equivocate => Box::new(author::Equivocate::new(keys, start..end)),
            Behaviour::Withhold => Box::new(author::Withhold::new(keys, start..end)),
            Behaviour::Endless => Box::new(sessions::Endless::new(self.experiment.nodes, rng)),
            Behaviour::FalseCounts => Box::new(sessions::FalseCounts::new(self.method, rng)),
            // The rest is nothing that could be done in sessions.
            _ => Box::new(Nothing),
        }
    }
}

/// The context of a node's honest side: what it says and notices goes by its deeds.
struct Voice<'a, C> {
    context: &'a mut C,
    deeds: Option<&'a mut Box<dyn Deeds>>,
}

impl<P: Spoken, C: Context<Member<P>>> Context<P> for Voice<'_, C> {
    type Rng = C::Rng;

    fn send(&mut self, to: SimPeer, message: SyncMessage) {
        match &mut self.deeds {
            None => self.context.send(to, message),
            Some(deeds) => deeds.say(to, message).into_iter().for_each(|message| self.context.send(to, message)),
        }
    }

    fn send_many(&mut self, to: &[SimPeer], message: SyncMessage) {
        if self.deeds.is_none() {
            self.context.send_many(to, message);
        } else {
            to.iter().for_each(|&to| Context::<P>::send(self, to, message.clone()));
        }
    }

    fn backlog(&self, to: SimPeer) -> Duration {
        self.context.backlog(to)
    }

    fn disconnect(&mut self, to: SimPeer) {
        self.context.disconnect(to);
    }

    fn set_timer(&mut self, after: Duration, timer: Tick) -> TimerHandle {
        self.context.set_timer(after, timer)
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        self.context.cancel_timer(handle);
    }

    fn emit(&mut self, event: SyncEvent<SimPeer>) {
        self.deeds.iter_mut().for_each(|deeds| deeds.notice(&event));
        self.context.emit(event);
    }

    fn spend(&mut self, time: Duration) {
        self.context.spend(time);
    }

    fn rng(&mut self) -> &mut C::Rng {
        self.context.rng()
    }

    fn me(&self) -> SimPeer {
        self.context.me()
    }
}

impl<P: Spoken> Protocol for Member<P> {
    type Peer = SimPeer;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<SimPeer>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let Self { honest, deeds } = self;
        if let Some(deeds) = deeds {
            match &input {
                // What the workload wants of the node does not happen.
                Input::Command(_) => return,
                Input::Timer(Tick) => {
                    if let Some(command) = deeds.write(now) {
                        let voice = &mut Voice { context, deeds: Some(deeds) };
                        honest.handle(now, Input::Command(command), voice);
                    }
                }
                Input::Message { from, message } => {
                    if let Some(answers) = deeds.hear(message) {
                        answers.into_iter().for_each(|answer| context.send(*from, answer));
                        return;
                    }
                }
                _ => {}
            }
        }
        honest.handle(now, unwrapped(input), &mut Voice { context, deeds: deeds.as_mut() });
    }
}

/// An input of the node as one of its honest side.
fn unwrapped<P: Spoken>(input: Input<'_, Member<P>>) -> Input<'_, P> {
    match input {
        Input::Start => Input::Start,
        Input::Message { from, message } => Input::Message { from, message },
        Input::Timer(timer) => Input::Timer(timer),
        Input::Command(command) => Input::Command(command),
        Input::PeerUp(peer) => Input::PeerUp(peer),
        Input::PeerDown(peer) => Input::PeerDown(peer),
        Input::Stop => Input::Stop,
    }
}

impl<P: Spoken> Durable for Member<P> {
    type Saved = P::Saved;

    fn save(&self) -> P::Saved {
        self.honest.save()
    }

    fn recover(&mut self, saved: P::Saved) {
        self.honest.recover(saved);
    }
}

impl<P: Spoken> Synchroniser for Member<P> {
    fn store(&self) -> &Store {
        self.honest.store()
    }

    fn forget(&mut self) {
        self.honest.forget();
    }
}

/// A part of a session as a message.
fn part(session: u32, part: Part) -> SyncMessage {
    SyncMessage::Session(Box::new(SessionMessage { session, part }))
}

/// Where a message opens a session: its number and what it says.
fn opening(message: &mut SyncMessage) -> Option<(u32, &mut Opening)> {
    let SyncMessage::Session(message) = message else { return None };
    let SessionMessage { session, part: Part::Open(opening) } = &mut **message else { return None };
    Some((*session, opening))
}
