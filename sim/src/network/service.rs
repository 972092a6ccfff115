//! How fast a node works. Real peers are not infinitely fast: a message costs time to handle, and what arrives meanwhile
//! waits its turn, first come, first served.

use rapprochement_core::time::{Duration, Instant};

use super::config::NodeConfig;

/// What a received message costs, the same for every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeService {
    per_message: u64,
    per_kilobyte: u64,
    per_signature: u64,
}

/// Until when a node is busy: 8 bytes per node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    until: Instant,
}

impl NodeService {
    /// Takes the costs from the scenario.
    pub fn new(config: &NodeConfig) -> Self {
        Self {
            per_message: config.per_message.as_nanos(),
            per_kilobyte: config.per_kilobyte.as_nanos(),
            per_signature: config.per_signature.as_nanos(),
        }
    }

    /// True where messages cost nothing, so that nobody ever waits.
    pub fn is_free(&self) -> bool {
        (self.per_message, self.per_kilobyte, self.per_signature) == (0, 0, 0)
    }

    /// Time to handle a message of so many bytes and signatures, rounded up to the nanosecond, saturating.
    pub fn cost(&self, bytes: usize, signatures: usize) -> Duration {
        let size = (u128::from(self.per_kilobyte) * bytes as u128).div_ceil(1000);
        let checks = u128::from(self.per_signature) * signatures as u128;
        let nanos = u128::from(self.per_message).saturating_add(size).saturating_add(checks);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Busy {
    /// Takes a message that arrives now and costs this much, and says when it is handled.
    pub fn serve(&mut self, now: Instant, cost: Duration) -> Instant {
        self.until = self.until.max(now) + cost;
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn costs_add_up_and_messages_wait_their_turn() {
        let micros = |n| Span(Duration::from_micros(n));
        let config = NodeConfig {
            per_message: micros(10),
            per_kilobyte: micros(2),
            per_signature: micros(50),
            ..NodeConfig::default()
        };
        let service = NodeService::new(&config);
        assert_eq!(service.cost(500, 2), Duration::from_micros(111));
        assert_eq!(service.cost(1, 0), Duration::from_nanos(10_002));
        assert_eq!(service.cost(usize::MAX, usize::MAX), Duration::MAX);
        let mut busy = Busy::default();
        let at = |micros| Instant::ZERO + Duration::from_micros(micros);
        assert_eq!(busy.serve(at(100), Duration::from_micros(10)), at(110));
        assert_eq!(busy.serve(at(105), Duration::from_micros(10)), at(120));
        assert_eq!(busy.serve(at(500), Duration::from_micros(10)), at(510));
        assert!(NodeService::new(&NodeConfig::default()).is_free() && !service.is_free());
    }
}
