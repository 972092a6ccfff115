//! How fast a node works. Real peers are not infinitely fast: a message costs time to handle, and what arrives meanwhile
//! waits its turn, first come, first served.

use rapprochement_core::time::{Duration, Instant};

use super::config::NodeConfig;

/// What received messages and computations cost, the same for every node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeService {
    per_message: u64,
    per_kilobyte: u64,
    per_signature: u64,
    compute: f64,
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
            compute: config.compute,
        }
    }

    /// True where messages cost nothing, so that nobody ever waits.
    pub fn is_free(&self) -> bool {
        (self.per_message, self.per_kilobyte, self.per_signature) == (0, 0, 0) && self.computes_for_free()
    }

    /// True where what a protocol computes costs nothing.
    pub fn computes_for_free(&self) -> bool {
        self.compute == 0.0
    }

    /// What this node needs for what takes the reference machine so long, saturating.
    pub fn computing(&self, time: Duration) -> Duration {
        // As a cast from floats saturates.
        Duration::from_nanos((time.as_nanos() as f64 * self.compute) as u64)
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
            compute: 2.5,
            ..NodeConfig::default()
        };
        let service = NodeService::new(&config);
        assert_eq!(service.cost(500, 2), Duration::from_micros(111));
        assert_eq!(service.cost(1, 0), Duration::from_nanos(10_002));
        assert_eq!(service.cost(usize::MAX, usize::MAX), Duration::MAX);
        assert_eq!(service.computing(Duration::from_micros(4)), Duration::from_micros(10));
        assert_eq!(service.computing(Duration::MAX), Duration::MAX);
        let mut busy = Busy::default();
        let at = |micros| Instant::ZERO + Duration::from_micros(micros);
        assert_eq!(busy.serve(at(100), Duration::from_micros(10)), at(110));
        assert_eq!(busy.serve(at(105), Duration::from_micros(10)), at(120));
        assert_eq!(busy.serve(at(500), Duration::from_micros(10)), at(510));
        assert!(NodeService::new(&NodeConfig::default()).is_free() && !service.is_free());
    }
}
