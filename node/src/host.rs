//! One node of one protocol, without I/O: it keeps the timers, hands each input to the protocol, and returns what the protocol asked for,
//! so that the driver can commit first and send after. Time comes in as a number, so the host runs in tests as it runs on a clock.

use std::collections::BTreeMap;
use std::fmt;

use rand_chacha::ChaCha12Rng;
use rapprochement_core::peer::PeerId;
use rapprochement_core::protocol::{Context, Input, Protocol, TimerHandle};
use rapprochement_core::time::{Duration, Instant};

/// What a protocol asked for while it handled one input.
pub struct Effects<P: Protocol> {
    /// Messages to peers, in their order. To be released after the events have been committed.
    pub sends: Vec<(Vec<PeerId>, P::Message)>,
    /// What it told.
    pub events: Vec<P::Event>,
    /// Connections that it gives up, behind the sends.
    pub disconnects: Vec<PeerId>,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self { sends: Vec::new(), events: Vec::new(), disconnects: Vec::new() }
    }
}

impl<P: Protocol> fmt::Debug for Effects<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sends, events) = (self.sends.len(), self.events.len());
        f.debug_struct("Effects").field("sends", &sends).field("events", &events).finish_non_exhaustive()
    }
}

/// A protocol with its timers and its generator.
pub struct Host<P: Protocol> {
    protocol: P,
    desk: Desk<P>,
}

impl<P: Protocol> fmt::Debug for Host<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (me, timers) = (self.desk.me, self.desk.timers.len());
        f.debug_struct("Host").field("me", &me).field("timers", &timers).finish_non_exhaustive()
    }
}

/// What the context writes to.
struct Desk<P: Protocol> {
    me: PeerId,
    now: Instant,
    rng: ChaCha12Rng,
    /// By due time, then by the order in which they were set.
    timers: BTreeMap<(Instant, u64), P::Timer>,
    /// When a handle's timer is due.
    due: BTreeMap<u64, Instant>,
    next_handle: u64,
    effects: Effects<P>,
}

impl<P: Protocol<Peer = PeerId>> Host<P> {
    /// The node `me`; `rng` is its own stream of random numbers.
    pub fn new(me: PeerId, protocol: P, rng: ChaCha12Rng) -> Self {
        let (timers, due, effects) = (BTreeMap::new(), BTreeMap::new(), Effects::default());
        Self { protocol, desk: Desk { me, now: Instant::ZERO, rng, timers, due, next_handle: 0, effects } }
    }

    /// The protocol, to be looked at between inputs.
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// When the next timer is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.desk.timers.first_key_value().map(|((due, _), _)| *due)
    }

    /// Gives the protocol one input. The clock of a node does not run backwards: an earlier `now` counts as the last one.
    pub fn handle(&mut self, now: Instant, input: Input<'_, P>) -> Effects<P> {
        self.desk.now = now.max(self.desk.now);
        self.protocol.handle(self.desk.now, input, &mut self.desk);
        std::mem::take(&mut self.desk.effects)
    }

    /// Fires the first timer that is due, where there is one.
    pub fn fire(&mut self, now: Instant) -> Option<Effects<P>> {
        let entry = self.desk.timers.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, handle), timer) = entry.remove_entry();
        self.desk.due.remove(&handle);
        Some(self.handle(now, Input::Timer(timer)))
    }
}

impl<P: Protocol<Peer = PeerId>> Context<P> for Desk<P> {
    type Rng = ChaCha12Rng;

    fn send(&mut self, to: PeerId, message: P::Message) {
        self.effects.sends.push((vec![to], message));
    }

    fn send_many(&mut self, to: &[PeerId], message: P::Message) {
        self.effects.sends.push((to.to_vec(), message));
    }

    /// A real uplink does not say what stands before it.
    fn backlog(&self, _to: PeerId) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, to: PeerId) {
        self.effects.disconnects.push(to);
    }

    fn set_timer(&mut self, after: Duration, timer: P::Timer) -> TimerHandle {
        let due = self.now.checked_add(after).unwrap_or(Instant::MAX);
        let handle = self.next_handle;
        self.next_handle += 1;
        self.timers.insert((due, handle), timer);
        self.due.insert(handle, due);
        TimerHandle::from_bits(handle)
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        let handle = handle.to_bits();
        if let Some(due) = self.due.remove(&handle) {
            self.timers.remove(&(due, handle));
        }
    }

    fn emit(&mut self, event: P::Event) {
        self.effects.events.push(event);
    }

    fn rng(&mut self) -> &mut ChaCha12Rng {
        &mut self.rng
    }

    fn me(&self) -> PeerId {
        self.me
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;
    use rapprochement_core::wire::{DecodeError, Message};

    use super::*;

    /// Arms three timers, cancels the second, and tells what fires when.
    #[derive(Debug, Default)]
    struct Clockwork {
        second: Option<TimerHandle>,
    }

    #[derive(Clone, Debug)]
    struct Nothing;

    impl Message for Nothing {
        const CLASSES: &'static [&'static str] = &["nothing"];

        fn class(&self) -> usize {
            0
        }

        fn encoded_len(&self) -> usize {
            0
        }

        fn encode(&self, _: &mut Vec<u8>) {}

        fn decode(_: &[u8]) -> Result<Self, DecodeError> {
            Ok(Self)
        }
    }

    impl Protocol for Clockwork {
        type Peer = PeerId;
        type Message = Nothing;
        type Timer = u8;
        type Command = ();
        type Event = (u8, Instant);

        fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
            match input {
                Input::Start => {
                    context.set_timer(Duration::from_secs(3), 3);
                    self.second = Some(context.set_timer(Duration::from_secs(2), 2));
                    context.set_timer(Duration::from_secs(1), 1);
                    context.set_timer(Duration::from_secs(1), 4);
                }
                Input::Timer(timer) => {
                    self.second.take().into_iter().for_each(|handle| context.cancel_timer(handle));
                    context.emit((timer, now));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn timers_fire_in_order_unless_they_are_cancelled() {
        let mut host = Host::new(PeerId::default(), Clockwork::default(), ChaCha12Rng::seed_from_u64(1));
        host.handle(Instant::ZERO, Input::Start);
        assert!(host.fire(Instant::from_nanos(999_999_999)).is_none(), "nothing is due yet");
        let at = |secs| Instant::ZERO + Duration::from_secs(secs);
        let mut fired = Vec::new();
        while let Some(effects) = host.fire(at(5)) {
            fired.extend(effects.events.into_iter().map(|(timer, _)| timer));
        }
        assert_eq!(
            fired,
            [1, 4, 3],
            "of two that are due together the one that was set first, and none that was cancelled"
        );
        assert_eq!(host.deadline(), None);
    }

    #[test]
    fn the_clock_does_not_run_backwards() {
        let mut host = Host::new(PeerId::default(), Clockwork::default(), ChaCha12Rng::seed_from_u64(1));
        host.handle(Instant::from_nanos(10), Input::Start);
        let told = host.handle(Instant::from_nanos(5), Input::Timer(9)).events;
        assert_eq!(told, [(9, Instant::from_nanos(10))]);
    }
}
