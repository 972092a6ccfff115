//! HyStart (S. Ha and I. Rhee, "Taming the elephants: new TCP slow start", Computer Networks 55, 2011), as Linux has it
//! (`hystart_update` of `tcp_cubic.c`): slow start ends where acknowledgements that follow each other closely span half of the
//! smallest round trip, or where the round trips at the start of a round are an eighth above the smallest.

use rapprochement_core::time::{Duration, Instant};

/// Below this window it does not look.
const LOW_WINDOW: u32 = 16;
/// Samples of a round by which its delay is judged.
const SAMPLES_MIN: u32 = 8;
/// Acknowledgements closer than this belong to one train.
const TRAIN_GAP: Duration = Duration::from_millis(2);
/// Allowance for the time that a burst takes.
const BURST: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, Default)]
pub(super) struct HyStart {
    /// The round ends when all below is acknowledged.
    round_end: u64,
    round_start: Instant,
    last_ack: Instant,
    least: Option<Duration>,
    samples: u32,
    found: bool,
}

impl HyStart {
    /// Takes a round trip in slow start; true once the window is to grow slowly.
    pub(super) fn ends(
        &mut self,
        now: Instant,
        delay: Duration,
        delay_min: Duration,
        una: u64,
        next: u64,
        size: u32,
    ) -> bool {
        if self.found {
            return false;
        }
        if una > self.round_end {
            *self = Self { round_end: next, round_start: now, last_ack: now, least: None, samples: 0, found: false };
        }
        if size < LOW_WINDOW {
            return false;
        }
        if now.since(self.last_ack) <= TRAIN_GAP {
            self.last_ack = now;
            let threshold = Duration::from_nanos((delay_min + BURST).as_nanos() / 2);
            self.found = now.since(self.round_start) > threshold;
        }
        let least = self.least.map_or(delay, |least| least.min(delay));
        self.least = Some(least);
        if self.samples < SAMPLES_MIN {
            self.samples += 1;
        } else {
            let eighth = Duration::from_nanos((delay_min.as_nanos() / 8).clamp(4_000_000, 16_000_000));
            self.found |= least > delay_min + eighth;
        }
        self.found
    }
}
