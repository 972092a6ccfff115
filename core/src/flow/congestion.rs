//! Congestion avoidance by multi-bit forward ECN, in the layer and for every flow. Each queue marks a packet with how long it is
//! ([`Marking`](super::config::Marking)); the receiver smooths the marks into a level of congestion and tells the sender, out of
//! band and unreliably; the sender has a limit of bytes per slot of time. A slot with congestion takes a share of the limit away,
//! in proportion to the level; one without adds a constant. A sender that is at its limit waits for the end of the slot.
//!
//! Slots are stretched and squeezed until 8 to 64 packets fall into one, and the increase with them: it is per time and not per
//! round trip, so flows with different round trips are treated alike.
//!
//! D. Staessens, "Congestion avoidance in Ouroboros" (ouroboros.rocks, 12 December 2020), with the constants of the commit that
//! [`super`] names. Left out: when it stretches a slot, the prototype sometimes carries what the old one counted into the new one.

use super::config::{CongestionConfig, Increase, Pacing};
use crate::time::{Duration, Instant};

/// No sender waits longer than this for its slot to end.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Slots are between 1 us and 17 s long.
const SLOT_SHIFTS: core::ops::RangeInclusive<u32> = 10..=34;
/// The most bytes in a slot, which no arithmetic overflows at.
const BYTES_MAX: u64 = 1 << 44;
/// Reductions are divided by 2 to this many, beyond the average's shift.
const MARK_BITS: u32 = 8;

/// The sending side of a flow.
#[derive(Clone, Debug)]
pub struct Sender {
    config: CongestionConfig,
    /// The current slot's number, at the current length.
    slot: u64,
    slot_shift: u32,
    limit: u64,
    increment: u64,
    bytes: u64,
    packets: u32,
    /// Whether anything had to wait in this slot.
    limited: bool,
    /// Packets since the last update.
    unheard: u32,
    ece: u16,
    /// Slow start is over.
    avoidance: bool,
    /// Where packets are spread: when the next may leave.
    paced: Instant,
}

impl Sender {
    /// The sending side of a flow that begins now.
    pub fn new(now: Instant, config: CongestionConfig) -> Self {
        let slot_shift = config.slot_shift.clamp(*SLOT_SHIFTS.start(), *SLOT_SHIFTS.end());
        Self {
            config,
            slot: now.as_nanos() >> slot_shift,
            slot_shift,
            limit: config.limit.min(BYTES_MAX),
            increment: config.increment.min(BYTES_MAX),
            bytes: 0,
            packets: 0,
            limited: false,
            unheard: 0,
            ece: 0,
            avoidance: false,
            paced: now,
        }
    }

    /// A packet of so many bytes is about to leave: when it may. It counts in the slot of `now`, and the caller gives no other
    /// packet before that time.
    pub fn admit(&mut self, now: Instant, bytes: u64) -> Instant {
        if !self.config.enabled {
            return now;
        }
        let slot = now.as_nanos() >> self.slot_shift;
        self.unheard = self.unheard.saturating_add(1);
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes).min(BYTES_MAX);
        if self.unheard > 1 << self.config.average_shift.min(31) {
            self.ece = 0;
        }
        if slot > self.slot {
            self.turn(now);
        }
        let release = if self.bytes > self.limit { self.slot_end(now) } else { self.pace(now, bytes) };
        self.limited |= release > now;
        release
    }

    /// The receiver says how congested the way is.
    pub fn update(&mut self, ece: u16) {
        self.ece = ece;
        self.unheard = 0;
        self.avoidance = true;
    }

    /// Bytes per second that the limit allows.
    pub fn rate(&self) -> f64 {
        self.limit as f64 * 1e9 / (1u64 << self.slot_shift) as f64
    }

    /// A slot is over: judge it, and fit the length of the next.
    fn turn(&mut self, now: Instant) {
        self.judge();
        let (min, max) = (self.config.packets_min.max(1), self.config.packets_max.max(1));
        let mut packets = self.packets.max(1);
        while packets < min && self.slot_shift < *SLOT_SHIFTS.end() {
            packets = packets.saturating_mul(2);
            self.slot_shift += 1;
            self.limit = (self.limit << 1).min(BYTES_MAX);
            self.increment = (self.increment << 1).min(BYTES_MAX);
        }
        while packets > max && self.slot_shift > *SLOT_SHIFTS.start() {
            packets /= 2;
            self.slot_shift -= 1;
            self.limit >>= 1;
            self.increment >>= 1;
        }
        self.slot = now.as_nanos() >> self.slot_shift;
        self.bytes = 0;
        self.packets = 0;
        self.limited = false;
    }

    fn judge(&mut self) {
        let exceeded = self.bytes > self.limit || self.limited;
        if !self.avoidance {
            if exceeded {
                self.limit = (self.limit << 1).min(BYTES_MAX);
            }
        } else if self.ece > 0 {
            let share = (self.limit * u64::from(self.ece)) >> (self.config.average_shift + MARK_BITS).min(63);
            self.limit = self.limit.saturating_sub(share);
        } else if self.config.increase == Increase::Sent {
            self.limit = (self.bytes + self.increment).min(BYTES_MAX);
        } else if exceeded {
            self.limit = (self.limit + self.increment).min(BYTES_MAX);
        }
    }

    fn slot_end(&self, now: Instant) -> Instant {
        let end = Instant::from_nanos((self.slot + 1) << self.slot_shift);
        end.max(now).min(now + WAIT_MAX)
    }

    fn pace(&mut self, now: Instant, bytes: u64) -> Instant {
        if self.config.pacing == Pacing::None {
            return now;
        }
        let release = self.paced.max(now).min(now + WAIT_MAX);
        let gap = (u128::from(bytes) << self.slot_shift) / u128::from(self.limit.max(1));
        self.paced = release + Duration::from_nanos(u64::try_from(gap).unwrap_or(u64::MAX)).min(WAIT_MAX);
        release
    }
}

/// The receiving side of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver {
    ece: u16,
    marked: u32,
}

impl Receiver {
    /// A packet with this mark has come: what the sender is to be told, if anything.
    pub fn receive(&mut self, config: &CongestionConfig, ecn: u8) -> Option<u16> {
        if !config.enabled || (self.ece == 0 && ecn == 0) {
            return None;
        }
        let tell = if ecn == 0 {
            self.ece = self.ece.checked_shr(config.decay_shift).unwrap_or(0);
            self.ece == 0
        } else if self.ece == 0 {
            self.ece = u16::from(ecn);
            self.marked = 0;
            true
        } else {
            self.ece -= self.ece.checked_shr(config.average_shift).unwrap_or(0);
            self.ece = self.ece.saturating_add(u16::from(ecn));
            let every = config.update_every.max(1);
            let tell = self.marked % every == 1 % every;
            self.marked = self.marked.wrapping_add(1);
            tell
        };
        tell.then_some(self.ece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::ZERO + Duration::from_micros(micros)
    }

    #[test]
    fn a_slot_carries_its_limit_and_one_packet_that_waits() {
        let mut sender = Sender::new(Instant::ZERO, CongestionConfig::default());
        let sent = (0..100).take_while(|_| sender.admit(Instant::ZERO, 1_000) == Instant::ZERO).count();
        assert_eq!(sent, 65, "64 KiB");
        let end = Instant::from_nanos(1 << 24);
        let mut sender = Sender::new(Instant::ZERO, CongestionConfig { limit: 500, ..CongestionConfig::default() });
        assert_eq!(sender.admit(at(10), 1_000), end, "until the end of the slot");
    }

    #[test]
    fn slow_start_doubles_and_congestion_takes_its_share() {
        let config = CongestionConfig { packets_min: 1, packets_max: u32::MAX, ..CongestionConfig::default() };
        let mut sender = Sender::new(Instant::ZERO, config);
        let slot = |number: u64| Instant::from_nanos(number << 24);
        sender.admit(slot(0), 70_000);
        sender.admit(slot(1), 10);
        assert_eq!(sender.limit, 2 << 16);
        sender.update(32 * 16);
        sender.admit(slot(2), 10);
        assert_eq!(sender.limit, (2 << 16) * 15 / 16, "ece / 8192");
        sender.update(0);
        sender.admit(slot(2), 200_000);
        sender.admit(slot(3), 10);
        assert_eq!(sender.limit, (2 << 16) * 15 / 16 + (1 << 16));
        sender.update(u16::MAX);
        sender.admit(slot(4), 10);
        assert_eq!(sender.limit, 0, "a peer's word never wraps around");
    }

    #[test]
    fn thirty_two_packets_without_a_word_end_congestion() {
        let mut sender = Sender::new(Instant::ZERO, CongestionConfig::default());
        sender.update(100);
        (0..32).for_each(|_| _ = sender.admit(Instant::ZERO, 1));
        assert_eq!(sender.ece, 100);
        sender.admit(Instant::ZERO, 1);
        assert_eq!(sender.ece, 0);
    }

    #[test]
    fn slots_are_fitted_to_the_packets() {
        let config = CongestionConfig::default();
        let mut sender = Sender::new(Instant::ZERO, config);
        sender.admit(Instant::ZERO, 1);
        sender.admit(at(17_000), 1);
        assert_eq!((sender.slot_shift, sender.limit, sender.increment), (26, 4 << 16, 4 << 16), "2 packets, 4 times");
        let mut sender = Sender::new(Instant::ZERO, config);
        (0..200).for_each(|_| _ = sender.admit(Instant::ZERO, 1));
        sender.admit(at(17_000), 1);
        assert_eq!((sender.slot_shift, sender.increment), (22, 1 << 14), "201 packets, a quarter");
    }

    #[test]
    fn the_receiver_tells_of_the_start_the_end_and_every_eighth() {
        let config = CongestionConfig::default();
        let mut receiver = Receiver::default();
        assert_eq!(receiver.receive(&config, 0), None);
        assert_eq!(receiver.receive(&config, 3), Some(3));
        let told: std::vec::Vec<bool> = (0..24).map(|_| receiver.receive(&config, 3).is_some()).collect();
        let at: std::vec::Vec<usize> = (0..24).filter(|&i| told[i]).collect();
        assert_eq!(at, [1, 9, 17]);
        (0..1_000).for_each(|_| _ = receiver.receive(&config, 3));
        // Where 1/32 of the level, rounded down, equals the mark.
        assert!((96..128).contains(&receiver.ece), "{}", receiver.ece);
        let ends: std::vec::Vec<Option<u16>> = (0..4).map(|_| receiver.receive(&config, 0)).collect();
        assert_eq!(ends, [None, None, None, Some(0)]);
    }

    #[test]
    fn even_pacing_spreads_a_slot() {
        let config = CongestionConfig { pacing: Pacing::Even, ..CongestionConfig::default() };
        let mut sender = Sender::new(Instant::ZERO, config);
        assert_eq!(sender.admit(Instant::ZERO, 1 << 12), Instant::ZERO);
        assert_eq!(sender.admit(Instant::ZERO, 1 << 12), Instant::from_nanos(1 << 20), "4 of 64 KiB: 1/16 of the slot");
    }
}
