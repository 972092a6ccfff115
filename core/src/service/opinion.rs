//! An opinion: what its author thinks of one peer, as the value of a tuple whose key is the peer's id. The tuple's signature
//! and version are the opinion's. Nothing in it is believed: a weight is an edge of a ranking that bounds what liars
//! gain, and the figures beside it tell a reader what the author says it measured.

use crate::overlay::probe::Link;
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Reader};

/// The weight of the best opinion; that of the worst is its negative.
pub const WEIGHT_MAX: i16 = 1000;
/// The longest round trip that an opinion states, in microseconds.
pub const RTT_MAX_MICROS: u32 = 60_000_000;
/// Bytes of an opinion.
pub const LEN: usize = 1 + 2 + 4 + 2 + 8;
const FORMAT: u8 = 0;

/// What somebody thinks of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// From -[`WEIGHT_MAX`] to [`WEIGHT_MAX`], and not 0: who has no opinion deletes it.
    pub weight: i16,
    /// The round trip, in microseconds, at most [`RTT_MAX_MICROS`].
    pub rtt: u32,
    /// The share of answered probes, in thousandths.
    pub uptime: u16,
    /// When it was formed, by the author's clock, in microseconds.
    pub formed: u64,
}

impl Opinion {
    /// Of a peer by its probes: `WEIGHT_MAX * uptime^2 * reference / (reference + rtt)`, at least 1. `None` before the first
    /// answer.
    pub fn of(link: &Link, reference: Duration, now: Instant) -> Option<Self> {
        let (rtt, reference) = (link.smoothed()?.as_secs_f64(), reference.as_secs_f64().max(1e-6));
        let uptime = link.uptime();
        let weight = f64::from(WEIGHT_MAX) * uptime * uptime * reference / (reference + rtt);
        let micros = (rtt * 1e6).min(f64::from(RTT_MAX_MICROS));
        let formed = now.as_nanos() / 1000;
        Some(Self { weight: (weight as i16).max(1), rtt: micros as u32, uptime: (uptime * 1000.0) as u16, formed })
    }

    /// Of a peer that was caught doing what no honest one does.
    pub const fn of_misdeed(now: Instant) -> Self {
        Self { weight: -WEIGHT_MAX, rtt: RTT_MAX_MICROS, uptime: 0, formed: now.as_nanos() / 1000 }
    }

    /// Whether this says something else than `other` by more than `share` of its weight.
    pub fn differs(&self, other: &Self, share: f64) -> bool {
        let (mine, theirs) = (f64::from(self.weight), f64::from(other.weight));
        (mine - theirs).abs() > share * theirs.abs()
    }

    /// The value of its tuple.
    pub fn encode(&self) -> [u8; LEN] {
        let mut out = [FORMAT; LEN];
        out[1..3].copy_from_slice(&self.weight.to_be_bytes());
        out[3..7].copy_from_slice(&self.rtt.to_be_bytes());
        out[7..9].copy_from_slice(&self.uptime.to_be_bytes());
        out[9..].copy_from_slice(&self.formed.to_be_bytes());
        out
    }

    /// Reads the value of a tuple.
    ///
    /// # Errors
    /// It is no opinion, or says what no opinion can say.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        if reader.byte()? != FORMAT {
            return Err(DecodeError::UnknownTag);
        }
        let opinion = Self {
            weight: i16::from_be_bytes(reader.array()?),
            rtt: u32::from_be_bytes(reader.array()?),
            uptime: u16::from_be_bytes(reader.array()?),
            formed: u64::from_be_bytes(reader.array()?),
        };
        reader.finish()?;
        let Self { weight, rtt, uptime, .. } = opinion;
        if weight == 0 {
            return Err(DecodeError::NotCanonical);
        }
        if weight.unsigned_abs() > WEIGHT_MAX.unsigned_abs() || rtt > RTT_MAX_MICROS || uptime > 1000 {
            return Err(DecodeError::LimitExceeded);
        }
        Ok(opinion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..24), weight in -1100i16..1100) {
            let mut bytes = bytes;
            if bytes.len() == LEN {
                bytes[0] = 0;
                bytes[1..3].copy_from_slice(&weight.to_be_bytes());
                bytes[3] = 0;
                bytes[7] = 0;
            }
            if let Ok(opinion) = Opinion::decode(&bytes) {
                prop_assert_eq!(opinion.encode().to_vec(), bytes);
            }
        }

        #[test]
        fn every_opinion_comes_back(weight in 1i16..=WEIGHT_MAX, sign: bool, rtt in 0..=RTT_MAX_MICROS, uptime in 0u16..=1000, formed: u64) {
            let opinion = Opinion { weight: if sign { weight } else { -weight }, rtt, uptime, formed };
            prop_assert_eq!(Opinion::decode(&opinion.encode()), Ok(opinion));
        }
    }

    #[test]
    fn what_no_opinion_says_is_refused() {
        let good = Opinion { weight: 5, rtt: 1, uptime: 1000, formed: 0 };
        for (bad, error) in [
            (Opinion { weight: 0, ..good }, DecodeError::NotCanonical),
            (Opinion { weight: 1001, ..good }, DecodeError::LimitExceeded),
            (Opinion { weight: i16::MIN, ..good }, DecodeError::LimitExceeded),
            (Opinion { rtt: RTT_MAX_MICROS + 1, ..good }, DecodeError::LimitExceeded),
            (Opinion { uptime: 1001, ..good }, DecodeError::LimitExceeded),
        ] {
            assert_eq!(Opinion::decode(&bad.encode()), Err(error));
        }
        assert_eq!(Opinion::decode(&good.encode()[..LEN - 1]), Err(DecodeError::Truncated));
    }
}
