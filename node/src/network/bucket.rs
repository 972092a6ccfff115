//! A token bucket: how much of a peer is listened to.

use std::time::Duration;

use tokio::time::Instant;

/// Messages that a peer may still send.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    room: f64,
    tokens: f64,
    filled: Instant,
    /// Messages in a row that found it empty.
    refused: u64,
}

impl Bucket {
    /// So many a second, and four times as many at once.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        let room = 4.0 * f64::from(rate);
        Self { rate: f64::from(rate), room, tokens: room, filled: now, refused: 0 }
    }

    /// Whether a message is listened to.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since: Duration = now.saturating_duration_since(self.filled);
        self.filled = now;
        self.tokens = (self.tokens + self.rate * since.as_secs_f64()).min(self.room);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
            self.refused = 0;
        } else {
            self.refused += 1;
        }
        enough
    }

    /// Whether the peer goes on as if it had not been refused: as many in a row as the bucket holds.
    pub(super) fn is_flooded(&self) -> bool {
        self.refused as f64 > self.room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, now);
        assert_eq!((0..100).filter(|_| bucket.take(now)).count(), 40);
        assert!(bucket.is_flooded());
        let later = now + Duration::from_secs(2);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 20);
        assert_eq!(
            (0..100).filter(|_| bucket.take(later + Duration::from_secs(60))).count(),
            40,
            "no more than it holds"
        );
    }
}
