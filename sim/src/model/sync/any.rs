//! Any of the synchronisers, as one type: over a transport one of them is compiled instead of each. Without a transport each is a type
//! of its own, since the path of a message is shorter then.

use rapprochement_core::compose::{Embeds, give};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol};
use rapprochement_core::reconcile::{
    EagerPush, FullPush, Reconciler, Saved, Scuttlebutt, SyncCommand, SyncEvent, SyncMessage, Synchroniser, Tick,
};
use rapprochement_core::store::Store;
use rapprochement_core::time::Instant;

use crate::model::identity::SimKeys;
use crate::network::membership::NodeSampler;

/// One of them.
pub(super) enum AnySynchroniser {
    FullPush(FullPush<SimPeer, NodeSampler, SimKeys>),
    EagerPush(EagerPush<SimPeer, NodeSampler, SimKeys>),
    Scuttlebutt(Scuttlebutt<SimPeer, NodeSampler, SimKeys>),
    Reconciler(Box<Reconciler<SimPeer, NodeSampler, SimKeys>>),
}

/// Does the same with whichever there is.
macro_rules! each {
    ($any:expr, $one:ident => $body:expr) => {
        match $any {
            AnySynchroniser::FullPush($one) => $body,
            AnySynchroniser::EagerPush($one) => $body,
            AnySynchroniser::Scuttlebutt($one) => $body,
            AnySynchroniser::Reconciler($one) => {
                let $one = &mut **$one;
                $body
            }
        }
    };
}

fn pass<Y, C>(part: &mut Y, now: Instant, input: Input<'_, AnySynchroniser>, context: &mut C)
where
    Y: Synchroniser<
            Peer = SimPeer,
            Message = SyncMessage,
            Timer = Tick,
            Command = SyncCommand,
            Event = SyncEvent<SimPeer>,
        >,
    AnySynchroniser: Embeds<Y>,
    C: Context<AnySynchroniser>,
{
    let input = match input {
        Input::Start => Input::Start,
        Input::Message { from, message } => Input::Message { from, message },
        Input::Timer(timer) => Input::Timer(timer),
        Input::Command(command) => Input::Command(command),
        Input::PeerUp(peer) => Input::PeerUp(peer),
        Input::PeerDown(peer) => Input::PeerDown(peer),
        Input::Stop => Input::Stop,
    };
    give::<AnySynchroniser, _, _>(part, now, input, context).into_iter().for_each(|event| context.emit(event));
}

impl Protocol for AnySynchroniser {
    type Peer = SimPeer;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<SimPeer>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        each!(self, one => pass(one, now, input, context));
    }
}

impl<Y> Embeds<Y> for AnySynchroniser
where
    Y: Protocol<Peer = SimPeer, Message = SyncMessage, Timer = Tick>,
{
    fn message(message: SyncMessage) -> SyncMessage {
        message
    }

    fn timer(timer: Tick) -> Tick {
        timer
    }
}

impl Durable for AnySynchroniser {
    type Saved = Saved;

    fn save(&self) -> Saved {
        match self {
            Self::FullPush(one) => one.save(),
            Self::EagerPush(one) => one.save(),
            Self::Scuttlebutt(one) => one.save(),
            Self::Reconciler(one) => one.save(),
        }
    }

    fn recover(&mut self, saved: Saved) {
        each!(self, one => one.recover(saved));
    }
}

impl Synchroniser for AnySynchroniser {
    fn store(&self) -> &Store {
        match self {
            Self::FullPush(one) => one.store(),
            Self::EagerPush(one) => one.store(),
            Self::Scuttlebutt(one) => one.store(),
            Self::Reconciler(one) => one.store(),
        }
    }

    fn forget(&mut self) {
        each!(self, one => one.forget());
    }
}
