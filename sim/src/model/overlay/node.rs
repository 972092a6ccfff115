//! The nodes whose overlay is measured: a sampler alone, and the RTT service.

use std::sync::Arc;

use rapprochement_core::compose::{Embeds, give};
use rapprochement_core::overlay::sampling::{
    AnyMessage, AnySampler, AnyTimer, Introduce, PeerSampling, SamplingConfig, SamplingEvent,
};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, Protocol};
use rapprochement_core::service::{Service, ServiceEvent};
use rapprochement_core::store::Tuple;
use rapprochement_core::time::Instant;

use crate::model::host::SimProtocol;
use crate::model::hostile::service::ServiceMember;
use crate::model::identity::SimKeys;

/// A node that has neighbours.
pub(super) trait OverlayNode: SimProtocol {
    /// Whom it holds as neighbours.
    fn neighbours(&self) -> Vec<u32>;

    /// The service that it runs, where it does.
    fn service(&self) -> Option<&Service<SimPeer, SimKeys>> {
        None
    }

    /// What an event means to those who measure; `None` for what they do not count.
    fn told(event: &Self::Event) -> Option<Told<'_>>;

    /// Comes back after an absence, with its store or without.
    fn revive(&mut self, forget: bool);
}

/// What those who measure count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told<'a> {
    /// A neighbour more.
    Joined(SimPeer),
    /// A neighbour less.
    Left(SimPeer),
    /// The node published an opinion.
    Opined(&'a Arc<Tuple>),
    /// Another's opinion arrived.
    Heard(&'a Arc<Tuple>),
    /// A forged one arrived.
    Rejected,
}

/// A sampler that is told at every start whom the node knows.
#[derive(Debug)]
pub(super) struct SamplerNode {
    me: SimPeer,
    config: SamplingConfig,
    sampler: Option<AnySampler<SimPeer>>,
    bootstrap: Vec<SimPeer>,
}

impl SamplerNode {
    /// A node that knows these. Parameters that make no sense give a node that does nothing; they were checked before.
    pub(super) fn new(me: SimPeer, config: SamplingConfig, bootstrap: Vec<SimPeer>) -> Self {
        Self { me, config, sampler: config.build(me).ok(), bootstrap }
    }
}

impl Protocol for SamplerNode {
    type Peer = SimPeer;
    type Message = AnyMessage<SimPeer>;
    type Timer = AnyTimer;
    type Command = Introduce<SimPeer>;
    type Event = SamplingEvent<SimPeer>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let Some(sampler) = &mut self.sampler else { return };
        let mut pass = |input| {
            give::<Self, _, _>(sampler, now, input, context).into_iter().for_each(|event| context.emit(event));
        };
        match input {
            Input::Start => {
                pass(Input::Start);
                pass(Input::Command(Introduce(self.bootstrap.clone())));
            }
            Input::Message { from, message } => pass(Input::Message { from, message }),
            Input::Timer(timer) => pass(Input::Timer(timer)),
            Input::Command(command) => pass(Input::Command(command)),
            Input::PeerUp(peer) => pass(Input::PeerUp(peer)),
            Input::PeerDown(peer) => pass(Input::PeerDown(peer)),
            Input::Stop => pass(Input::Stop),
        }
    }
}

impl Embeds<AnySampler<SimPeer>> for SamplerNode {
    fn message(message: AnyMessage<SimPeer>) -> AnyMessage<SimPeer> {
        message
    }

    fn timer(timer: AnyTimer) -> AnyTimer {
        timer
    }
}

impl OverlayNode for SamplerNode {
    fn neighbours(&self) -> Vec<u32> {
        self.sampler.iter().flat_map(PeerSampling::samples).map(|peer| peer.0).collect()
    }

    fn told(event: &Self::Event) -> Option<Told<'_>> {
        Some(match event {
            SamplingEvent::Joined(peer) => Told::Joined(*peer),
            SamplingEvent::Left(peer) => Told::Left(*peer),
        })
    }

    fn revive(&mut self, _: bool) {
        self.sampler = self.config.build(self.me).ok();
    }
}

impl OverlayNode for Service<SimPeer, SimKeys> {
    fn neighbours(&self) -> Vec<u32> {
        Self::neighbours(self).iter().map(|neighbour| neighbour.peer.0).collect()
    }

    fn service(&self) -> Option<&Service<SimPeer, SimKeys>> {
        Some(self)
    }

    fn told(event: &Self::Event) -> Option<Told<'_>> {
        Some(match event {
            ServiceEvent::Joined(peer) => Told::Joined(*peer),
            ServiceEvent::Left(peer) => Told::Left(*peer),
            ServiceEvent::Opined(tuple) => Told::Opined(tuple),
            ServiceEvent::Heard(tuple, _) => Told::Heard(tuple),
            ServiceEvent::Rejected => Told::Rejected,
        })
    }

    fn revive(&mut self, forget: bool) {
        crate::model::host::revive(self, forget);
        if forget {
            self.forget();
        }
    }
}

impl OverlayNode for ServiceMember {
    fn neighbours(&self) -> Vec<u32> {
        OverlayNode::neighbours(self.honest())
    }

    fn service(&self) -> Option<&Service<SimPeer, SimKeys>> {
        Some(self.honest())
    }

    fn told(event: &Self::Event) -> Option<Told<'_>> {
        <Service<SimPeer, SimKeys> as OverlayNode>::told(event)
    }

    fn revive(&mut self, forget: bool) {
        OverlayNode::revive(self.honest_mut(), forget);
    }
}
