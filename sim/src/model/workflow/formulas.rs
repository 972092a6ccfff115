//! The channel model of FMI, in formulas: M. Copik, R. Böhringer, A. Calotoiu, T. Hoefler, "FMI: Fast and Cheap Message Passing for Serverless
//! Functions", ICS 2023, and the constants that its code ships with. A transfer from p producers to c consumers takes
//! `log2(p + c) o + p c s / B`. (The shipped code adds the first term in milliseconds to the second in seconds; here both are seconds.)

use super::config::Operation;

/// A channel of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FmiChannel {
    /// TCP through a punched hole.
    Direct,
    /// A Redis server.
    Redis,
    /// S3.
    S3,
}

impl FmiChannel {
    /// Overhead of an operation in seconds.
    const fn overhead(self) -> f64 {
        match self {
            Self::Direct => 0.34e-3,
            Self::Redis => 5.2e-3,
            Self::S3 => 40.4e-3,
        }
    }

    /// Bytes per second when so many streams go on side by side.
    fn bandwidth(self, streams: f64) -> f64 {
        match self {
            Self::Direct => 400e6,
            Self::Redis => (100e6 * streams).min(400e6),
            Self::S3 => 50e6 * streams,
        }
    }

    /// Seconds of a transfer of `bytes` from each of `producers` to each of `consumers`.
    pub fn transfer(self, producers: u32, consumers: u32, bytes: f64) -> f64 {
        let pairs = f64::from(producers) * f64::from(consumers);
        let steps = libm::log2(f64::from(producers) + f64::from(consumers));
        steps * self.overhead() + pairs * bytes / self.bandwidth(pairs.max(1.0))
    }

    /// Seconds of a collective operation among `peers`, the root among them.
    pub fn collective(self, operation: Operation, peers: u32, bytes: f64) -> f64 {
        if peers < 2 {
            return 0.0;
        }
        match self {
            Self::Direct => self.between_peers(operation, peers, bytes),
            Self::Redis | Self::S3 => self.through_storage(operation, peers, bytes),
        }
    }

    /// By rounds among peers.
    fn between_peers(self, operation: Operation, peers: u32, bytes: f64) -> f64 {
        let (floor, ceil) = (peers.ilog2(), (peers - 1).ilog2() + 1);
        let reduction = 2 * floor + if peers.is_power_of_two() { 0 } else { 2 };
        match operation {
            Operation::Broadcast | Operation::Reduce => f64::from(ceil) * self.transfer(1, 1, bytes),
            Operation::AllReduce => f64::from(reduction) * self.transfer(1, 1, bytes),
            Operation::Barrier => f64::from(reduction) * self.transfer(1, 1, 1.0),
            // Buffers double from round to round, as the text has it.
            Operation::Scatter | Operation::Gather => {
                (0..ceil).map(|round| self.transfer(1, 1, bytes * f64::from(1u32 << round))).sum()
            }
        }
    }

    fn through_storage(self, operation: Operation, peers: u32, bytes: f64) -> f64 {
        match operation {
            Operation::Broadcast | Operation::Scatter => self.transfer(1, peers - 1, bytes),
            Operation::Reduce | Operation::Gather => self.transfer(peers - 1, 1, bytes),
            Operation::AllReduce => self.transfer(peers - 1, 1, bytes) + self.transfer(1, peers - 1, bytes),
            Operation::Barrier => self.transfer(peers, 1, 1.0) + self.transfer(1, peers, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(value: f64, published: f64, digits: f64) -> bool {
        (value * 1e3 - published).abs() <= digits
    }

    /// The fewest peers with which a broadcast through Redis takes longer than one through S3.
    #[test]
    fn redis_and_the_object_store_cross() {
        for (bytes, crossing) in [(1e5, 1494), (1e6, 104), (1e7, 15)] {
            let time = |channel: FmiChannel, peers| channel.collective(Operation::Broadcast, peers, bytes);
            let first = (2..10_000).find(|peers| time(FmiChannel::Redis, *peers) > time(FmiChannel::S3, *peers));
            assert_eq!(first, Some(crossing), "{bytes} B");
        }
    }

    /// Reference points that follow from the published constants, in milliseconds, to the digits that are given.
    #[test]
    fn reference_points() {
        let channels = [FmiChannel::Direct, FmiChannel::Redis, FmiChannel::S3];
        for (bytes, direct, redis, s3) in
            [(1.0, 0.34, 5.2, 40.4), (1e5, 0.59, 6.2, 42.4), (1e6, 2.84, 15.2, 60.4), (1e7, 25.34, 105.2, 240.4)]
        {
            for (channel, published) in channels.into_iter().zip([direct, redis, s3]) {
                assert!(is(channel.transfer(1, 1, bytes), published, 0.005), "{channel:?} {bytes}");
            }
        }
        for (peers, direct, redis, s3) in
            [(4, 5.7, 20.4, 101.0), (16, 11.4, 58.0, 182.0), (64, 17.0, 189.0, 262.0), (256, 22.7, 679.0, 343.0)]
        {
            for (channel, (published, digits)) in channels.into_iter().zip([(direct, 0.05), (redis, 0.5), (s3, 0.5)]) {
                let time = channel.collective(Operation::Broadcast, peers, 1e6);
                assert!(is(time, published, digits), "{channel:?} {peers}: {time}");
            }
        }
    }
}
