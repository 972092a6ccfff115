//! Nodes that do harm beside the RTT service. A hostile node runs the service as the others do: it probes, answers, exchanges
//! peers and reconciles opinions, so that it is a peer as good as any. Until the warm-up is over it is honest, and earns what an
//! honest node earns. Then its deeds say which opinions it publishes, change what it says, and add to it. It signs for nobody but
//! itself; hostile nodes know each other and have each other's address records.
//!
//! | file | what it knows |
//! |---|---|
//! | `plot` | what they agreed on |
//! | `ratings` | false opinions: `sybil_path`, `sybil_parallel`, `sybil_cycle`, `proximity` |
//! | `liars` | false figures: `rtt_liars` |
//! | `eclipse` | everything aimed at one victim: `eclipse` |
//! | `nonsense` | what no honest node says: `bad_input` |

mod eclipse;
mod liars;
mod nonsense;
mod plot;
mod ratings;

use std::sync::Arc;

use rapprochement_core::overlay::sampling::Introduce;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::protocol::{Context, Input, Protocol, TimerHandle};
use rapprochement_core::reconcile::SyncCommand;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::{Service, ServiceEvent, ServiceTimer};
use rapprochement_core::time::{Duration, Instant};

use self::plot::{Plot, Verdict, record};
use super::config::Behaviour;
use crate::model::experiment::Experiment;
use crate::model::identity::SimKeys;
use crate::model::overlay::config::ServiceSettings;
use crate::model::stage::Stage;
use crate::random::{Purpose, Streams};

/// The service as simulated nodes run it.
pub type SimService = Service<SimPeer, SimKeys>;

type Said = ServiceMessage<SimPeer>;

/// What a hostile node does besides the service, from the start of the plot on.
trait Deeds: Send {
    /// It is time for opinions: what to publish in place of what was measured, or `None` to leave it to the honest side.
    fn opinions(&mut self, _now: Instant, _honest: &SimService) -> Option<Vec<Verdict>> {
        None
    }

    /// What to say to a peer, after which delay, in place of what the honest side says.
    fn say(&mut self, _honest: &SimService, _to: SimPeer, message: Said) -> (Duration, Said) {
        (Duration::ZERO, message)
    }

    /// It is time for a probe: what to send besides.
    fn act(&mut self, _now: Instant, _honest: &SimService) -> Vec<(SimPeer, Said)> {
        Vec::new()
    }
}

/// One node of a run with hostile ones.
pub struct ServiceMember {
    honest: SimService,
    hostile: Option<Hostile>,
}

struct Hostile {
    deeds: Box<dyn Deeds>,
    start: Instant,
    /// Time between rounds of opinions.
    opine: Duration,
    /// It is not there before the start.
    asleep: bool,
}

impl std::fmt::Debug for ServiceMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceMember").field("hostile", &self.hostile.is_some()).finish_non_exhaustive()
    }
}

impl ServiceMember {
    /// The side of the node that runs the service.
    pub fn honest(&self) -> &SimService {
        &self.honest
    }

    /// The same, to bring it back after an absence.
    pub fn honest_mut(&mut self) -> &mut SimService {
        &mut self.honest
    }
}

/// Who is hostile in a run of the service, and how.
#[derive(Debug)]
pub struct ServiceCrew {
    behaviour: Behaviour,
    plot: Arc<Plot>,
    opine: Duration,
    streams: Streams,
}

impl ServiceCrew {
    /// The hostile nodes, drawn already.
    pub(in crate::model) fn new(
        behaviour: Behaviour,
        experiment: &Experiment,
        settings: &ServiceSettings,
        stage: &Stage,
    ) -> Self {
        let members: Vec<SimPeer> = stage.aside.chosen().iter().map(|node| SimPeer(*node)).collect();
        let record = |peer: &SimPeer| Arc::new(record(SimKeys::new(*peer, experiment.signatures)));
        let plot = Plot {
            records: members.iter().map(record).collect(),
            members,
            victim: stage.aside.victim().map(SimPeer),
            start: Instant::ZERO + experiment.workload.warm_up.0,
            sampling: settings.sampler.sampling(),
        };
        let opine = settings.opine.0;
        Self { behaviour, plot: Arc::new(plot), opine, streams: stage.streams.clone() }
    }

    /// The node `peer`, hostile or not.
    pub fn member(&self, peer: SimPeer, honest: SimService) -> ServiceMember {
        let place = self.plot.members.iter().position(|member| *member == peer);
        let hostile = place.and_then(|place| {
            let deeds = self.deeds(peer, place)?;
            let asleep = self.behaviour.is_sybil() && ratings::worker(&self.plot, place) != place;
            Some(Hostile { deeds, start: self.plot.start, opine: self.opine, asleep })
        });
        ServiceMember { honest, hostile }
    }

    /// The deeds of the member at this place; none for one that stays honest.
    fn deeds(&self, peer: SimPeer, place: usize) -> Option<Box<dyn Deeds>> {
        let rng = self.streams.stream(Purpose::Hostile, 1 + u64::from(peer.0));
        let plot = Arc::clone(&self.plot);
        Some(match self.behaviour {
            Behaviour::SybilPath | Behaviour::SybilParallel | Behaviour::SybilCycle => {
                Box::new(ratings::Sybil::new(self.behaviour, plot, place))
            }
            Behaviour::Proximity => Box::new(ratings::Friend::new(plot, peer)),
            Behaviour::RttLiars => Box::new(liars::Liar::new(plot, peer, place, rng)),
            Behaviour::Eclipse => Box::new(eclipse::Eclipse::new(plot, peer, place, rng)),
            Behaviour::BadInput => Box::new(nonsense::Nonsense::new(plot, peer, rng)),
            _ => return None,
        })
    }
}

/// A timer of a node.
#[derive(Debug)]
pub enum MemberTimer {
    /// One of its honest side.
    Honest(ServiceTimer),
    /// The node wakes up.
    Wake,
    /// What it held back is to be said now.
    Late(Box<(SimPeer, Said)>),
}

/// The context of a hostile node's honest side: what it says is kept until its deeds have seen it.
struct Voice<'a, C> {
    context: &'a mut C,
    /// None where it says what it likes.
    kept: Option<Vec<(SimPeer, Said)>>,
}

impl<C: Context<ServiceMember>> Context<SimService> for Voice<'_, C> {
    type Rng = C::Rng;

    fn send(&mut self, to: SimPeer, message: Said) {
        match &mut self.kept {
            None => self.context.send(to, message),
            Some(kept) => kept.push((to, message)),
        }
    }

    fn send_many(&mut self, to: &[SimPeer], message: Said) {
        match &mut self.kept {
            None => self.context.send_many(to, message),
            Some(kept) => kept.extend(to.iter().map(|to| (*to, message.clone()))),
        }
    }

    fn backlog(&self, to: SimPeer) -> Duration {
        self.context.backlog(to)
    }

    fn disconnect(&mut self, to: SimPeer) {
        self.context.disconnect(to);
    }

    fn set_timer(&mut self, after: Duration, timer: ServiceTimer) -> TimerHandle {
        self.context.set_timer(after, MemberTimer::Honest(timer))
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        self.context.cancel_timer(handle);
    }

    fn emit(&mut self, event: ServiceEvent<SimPeer>) {
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

impl Hostile {
    /// Takes one input in, if the node is awake.
    fn handle<C>(&mut self, honest: &mut SimService, now: Instant, input: Input<'_, ServiceMember>, context: &mut C)
    where
        C: Context<ServiceMember>,
    {
        let input = match input {
            Input::Start if self.asleep && now < self.start => {
                context.set_timer(self.start.since(now), MemberTimer::Wake);
                return;
            }
            Input::Timer(MemberTimer::Wake) | Input::Start => {
                self.asleep = false;
                Input::Start
            }
            _ if self.asleep => return,
            Input::Timer(MemberTimer::Late(said)) => return context.send(said.0, said.1),
            other => other,
        };
        let begun = now >= self.start;
        let is_turn = |turn| matches!(&input, Input::Timer(MemberTimer::Honest(timer)) if *timer == turn);
        let (opines, acts) = (begun && is_turn(ServiceTimer::Opine), begun && is_turn(ServiceTimer::Probe));
        let mut voice = Voice { context, kept: Some(Vec::new()) };
        let verdicts = if opines { self.deeds.opinions(now, honest) } else { None };
        match verdicts {
            Some(verdicts) => {
                publish(honest, now, verdicts, &mut voice);
                voice.context.set_timer(self.opine, MemberTimer::Honest(ServiceTimer::Opine));
            }
            None => honest.handle(now, unwrapped(input), &mut voice),
        }
        for (to, message) in voice.kept.into_iter().flatten() {
            let (delay, said) = if begun { self.deeds.say(honest, to, message) } else { (Duration::ZERO, message) };
            if delay.is_zero() {
                context.send(to, said);
            } else {
                context.set_timer(delay, MemberTimer::Late(Box::new((to, said))));
            }
        }
        if acts {
            self.deeds.act(now, honest).into_iter().for_each(|(to, message)| context.send(to, message));
        }
    }
}

/// Publishes these opinions and no others; those of the same weight as before are left as they are.
fn publish<C: Context<SimService>>(honest: &mut SimService, now: Instant, verdicts: Vec<Verdict>, context: &mut C) {
    const WEIGHT: std::ops::Range<usize> = 1..3;
    let mut held: Vec<(PeerId, Vec<u8>)> = Vec::new();
    let own = honest.store().author(&context.me().id());
    for tuple in own.iter().flat_map(|author| author.tuples()) {
        if let (Ok(about), Some(value)) = (tuple.key().try_into(), tuple.value()) {
            held.push((PeerId(about), value.to_vec()));
        }
    }
    let mut commands = Vec::new();
    for (about, _) in held.iter().filter(|(about, _)| verdicts.iter().all(|(wanted, _)| wanted != about)) {
        commands.push(SyncCommand::Delete { key: about.0.to_vec() });
    }
    for (about, value) in verdicts {
        let same = |(known, old): &(PeerId, Vec<u8>)| *known == about && old.get(WEIGHT) == value.get(WEIGHT);
        if !held.iter().any(same) {
            commands.push(SyncCommand::Write { key: about.0.to_vec(), value: value.to_vec() });
        }
    }
    commands.into_iter().for_each(|command| honest.publish(now, command, context));
}

impl Protocol for ServiceMember {
    type Peer = SimPeer;
    type Message = Said;
    type Timer = MemberTimer;
    type Command = Introduce<SimPeer>;
    type Event = ServiceEvent<SimPeer>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let Self { honest, hostile } = self;
        match hostile {
            Some(hostile) => hostile.handle(honest, now, input, context),
            None => honest.handle(now, unwrapped(input), &mut Voice { context, kept: None }),
        }
    }
}

/// An input of the node as one of its honest side. What is not for that side was taken before.
fn unwrapped(input: Input<'_, ServiceMember>) -> Input<'_, SimService> {
    match input {
        Input::Start => Input::Start,
        Input::Message { from, message } => Input::Message { from, message },
        Input::Timer(MemberTimer::Honest(timer)) => Input::Timer(timer),
        // An honest side that is started again only begins its rounds anew; no honest node has these timers.
        Input::Timer(MemberTimer::Wake | MemberTimer::Late(_)) => Input::Start,
        Input::Command(command) => Input::Command(command),
        Input::PeerUp(peer) => Input::PeerUp(peer),
        Input::PeerDown(peer) => Input::PeerDown(peer),
        Input::Stop => Input::Stop,
    }
}
