//! The round that Newscast, Cyclon and the peer-sampling framework share: once per interval a node chooses a neighbour, offers
//! it descriptors, gets some in return, and both merge what they heard. How one chooses, offers and merges is a [`Rule`].
//!
//! A neighbour that does not answer within the timeout is dropped, and so is one that the transport says is gone. An
//! answer counts once, from the neighbour that was asked, under the number that it was asked by. A node that is left
//! without neighbours waits to be introduced.
//!
//! Descriptors go when they are older than four intervals for each place in the view, which those of a live node hardly
//! become. The literature has no such limit. But where a view has room for everybody, nothing else would remove the dead:
//! whoever drops one is handed it back by those who have not noticed yet. So a dead neighbour leaves within this span,
//! unless somebody lies about it.

use alloc::vec::Vec;
use core::fmt;

use rand_core::Rng;

use crate::overlay::sampling::codec::{
    NUMBER_LEN, descriptors_len, put_descriptors, put_number, read_descriptors, read_number,
};
use crate::overlay::sampling::config::phase;
use crate::overlay::sampling::view::{admitted, tell_changes};
use crate::overlay::sampling::{ConfigError, Descriptor, Introduce, PeerSampling, SamplingEvent, View};
use crate::peer::Peer;
use crate::protocol::{Context, Input, Protocol};
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Message, Reader};

/// What one protocol of this family does differently from another. Its parameters are the rule itself.
pub trait Rule: Clone + fmt::Debug {
    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// The first parameter that does not.
    fn check(&self) -> Result<(), ConfigError>;

    /// The most neighbours.
    fn capacity(&self) -> usize;

    /// The most descriptors of a message that are taken; what stands behind them is ignored.
    fn offer_max(&self) -> usize;

    /// Time between the rounds that a node begins.
    fn interval(&self) -> Duration;

    /// How long a neighbour may take to answer.
    fn timeout(&self) -> Duration;

    /// Whether a request is answered.
    fn is_answered(&self) -> bool {
        true
    }

    /// Chooses the neighbour of a round.
    fn begin<P: Peer, G: Rng + ?Sized>(&self, view: &mut View<P>, rng: &mut G) -> Option<P>;

    /// What is offered, `opening` a round or answering.
    fn offer<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        me: P,
        opening: bool,
        rng: &mut G,
    ) -> Vec<Descriptor<P>>;

    /// Merges what was heard. `sent` are the peers that were offered in return.
    fn merge<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        sent: &[Descriptor<P>],
        received: &[Descriptor<P>],
        rng: &mut G,
    );
}

/// The age in milliseconds beyond which a descriptor goes.
fn expiry<R: Rule>(rule: &R) -> u32 {
    let span = rule.interval().saturating_mul(4).saturating_mul(rule.capacity() as u64);
    u32::try_from(span.as_nanos() / 1_000_000).unwrap_or(u32::MAX)
}

/// What nodes of this family send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeMessage<P> {
    /// Whether this answers a request.
    pub is_reply: bool,
    /// By which the answer finds its request; the asker drew it.
    pub number: u32,
    /// At most [`super::PEERS_MAX`].
    pub offer: Vec<Descriptor<P>>,
}

impl<P: Peer> Message for ExchangeMessage<P> {
    const CLASSES: &'static [&'static str] = &["shuffle request", "shuffle reply"];

    fn class(&self) -> usize {
        self.is_reply.into()
    }

    fn encoded_len(&self) -> usize {
        1 + NUMBER_LEN + descriptors_len(&self.offer)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.is_reply.into());
        put_number(out, self.number);
        put_descriptors(out, &self.offer);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let is_reply = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::UnknownTag),
        };
        let number = read_number(&mut reader)?;
        let offer = read_descriptors(&mut reader)?;
        reader.finish()?;
        Ok(Self { is_reply, number, offer })
    }
}

/// What a node of this family waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeTimer {
    /// The next round begins.
    Round,
    /// The request of this number should have been answered by now.
    Timeout(u32),
}

/// A node of this family.
#[derive(Debug)]
pub struct Exchange<P, R> {
    rule: R,
    view: View<P>,
    asked: Option<Asked<P>>,
}

/// A request that has not been answered.
#[derive(Debug)]
struct Asked<P> {
    peer: P,
    number: u32,
    sent: Vec<Descriptor<P>>,
}

impl<P: Peer, R: Rule> Exchange<P, R> {
    /// A node that knows nobody yet.
    ///
    /// # Errors
    /// A parameter that makes no sense.
    pub fn new(rule: R) -> Result<Self, ConfigError> {
        rule.check()?;
        Ok(Self { rule, view: View::new(), asked: None })
    }

    /// The parameters.
    pub fn config(&self) -> &R {
        &self.rule
    }

    /// The neighbours with their ages.
    pub fn descriptors(&self) -> &[Descriptor<P>] {
        self.view.entries()
    }

    fn round<C: Context<Self>>(&mut self, context: &mut C) {
        context.set_timer(self.rule.interval(), ExchangeTimer::Round);
        self.give_up();
        let Some(peer) = self.rule.begin(&mut self.view, context.rng()) else { return };
        let sent = self.offer(peer, true, context);
        let number = context.rng().next_u32();
        context.send(peer, ExchangeMessage { is_reply: false, number, offer: sent.clone() });
        if self.rule.is_answered() {
            self.asked = Some(Asked { peer, number, sent });
            context.set_timer(self.rule.timeout(), ExchangeTimer::Timeout(number));
        }
    }

    /// What is offered to a peer, who is not told about itself.
    fn offer<C: Context<Self>>(&mut self, peer: P, opening: bool, context: &mut C) -> Vec<Descriptor<P>> {
        let me = context.me();
        let mut offer = self.rule.offer(&mut self.view, me, opening, context.rng());
        offer.retain(|entry| entry.peer != peer);
        offer
    }

    /// The neighbour that was asked has not answered.
    fn give_up(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.view.remove(asked.peer);
        }
    }

    fn hear<C: Context<Self>>(&mut self, from: P, message: &ExchangeMessage<P>, context: &mut C) {
        let received = admitted(&message.offer, context.me(), self.rule.offer_max(), expiry(&self.rule));
        let sent = if message.is_reply {
            let is_it = |asked: &mut Asked<P>| asked.peer == from && asked.number == message.number;
            let Some(asked) = self.asked.take_if(is_it) else { return };
            asked.sent
        } else if self.rule.is_answered() {
            let offer = self.offer(from, false, context);
            let number = message.number;
            context.send(from, ExchangeMessage { is_reply: true, number, offer: offer.clone() });
            offer
        } else {
            Vec::new()
        };
        self.rule.merge(&mut self.view, &sent, &received, context.rng());
    }

    /// Takes in whom it has room for, at age 0.
    fn introduce(&mut self, peers: &[P], me: P) {
        for &peer in peers.iter().filter(|&&peer| peer != me) {
            if self.view.len() < self.rule.capacity() {
                self.view.push_new(Descriptor { peer, age: 0 });
            }
        }
    }
}

impl<P: Peer, R: Rule> Protocol for Exchange<P, R> {
    type Peer = P;
    type Message = ExchangeMessage<P>;
    type Timer = ExchangeTimer;
    type Command = Introduce<P>;
    type Event = SamplingEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let before = self.view.peers();
        self.view.grow_older(now, expiry(&self.rule));
        match input {
            Input::Start => {
                let first = phase(self.rule.interval(), context.rng());
                context.set_timer(first, ExchangeTimer::Round);
            }
            Input::Timer(ExchangeTimer::Round) => self.round(context),
            Input::Timer(ExchangeTimer::Timeout(number)) => {
                if self.asked.as_ref().is_some_and(|asked| asked.number == number) {
                    self.give_up();
                }
            }
            Input::Message { from, message } if from != context.me() => self.hear(from, message, context),
            Input::Command(Introduce(peers)) => self.introduce(&peers, context.me()),
            Input::PeerDown(peer) => {
                self.view.remove(peer);
                self.asked.take_if(|asked| asked.peer == peer);
            }
            Input::Message { .. } | Input::PeerUp(_) | Input::Stop => {}
        }
        tell_changes(before, self.view.peers(), |event| context.emit(event));
    }
}

impl<P: Peer, R: Rule> PeerSampling for Exchange<P, R> {
    fn view(&self) -> Vec<P> {
        self.view.peers()
    }

    fn sample<G: Rng + ?Sized>(&mut self, rng: &mut G) -> Option<P> {
        self.view.random(rng)
    }
}
