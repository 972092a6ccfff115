//! Virtual time as `quinn-proto` wants it: a `std::time::Instant`, which can be had only from the machine's clock. One
//! reading per process serves as the zero of virtual time. `quinn-proto` reads no clock itself and looks only at
//! differences between the instants that it is given, so that no result depends on the reading.

use std::sync::OnceLock;
use std::time::{Duration as StdDuration, Instant as StdInstant};

use rapprochement_core::time::Instant;

/// Added to the reading, since `quinn-proto` subtracts spans of virtual time from instants and the machine may have been
/// started a moment ago.
const HEADROOM: StdDuration = StdDuration::from_secs(365 * 86_400);

/// The zero of virtual time.
fn base() -> StdInstant {
    static BASE: OnceLock<StdInstant> = OnceLock::new();
    #[allow(clippy::disallowed_methods, reason = "an arbitrary zero: only differences to it are ever looked at")]
    *BASE.get_or_init(|| StdInstant::now() + HEADROOM)
}

/// A moment of virtual time, to the nanosecond.
pub fn to_std(at: Instant) -> StdInstant {
    base().checked_add(StdDuration::from_nanos(at.as_nanos())).unwrap_or_else(base)
}

/// The way back; what lies before the zero is the zero, what lies beyond the end of virtual time is its end.
pub(super) fn from_std(at: StdInstant) -> Instant {
    let since = at.saturating_duration_since(base());
    Instant::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_goes_there_and_back() {
        for nanos in [0, 1, 999_999_999, 1 << 40, u64::MAX / 2, u64::MAX] {
            assert_eq!(from_std(to_std(Instant::from_nanos(nanos))), Instant::from_nanos(nanos));
        }
        assert_eq!(to_std(Instant::from_nanos(7)) - to_std(Instant::ZERO), StdDuration::from_nanos(7));
        assert_eq!(from_std(base() - StdDuration::from_secs(1)), Instant::ZERO);
    }
}
