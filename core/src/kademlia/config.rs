//! The parameters of a directory, and what is wrong with them.

use core::fmt;

use crate::time::Duration;

/// The greatest `k`: what one answer may carry.
pub const K_MAX: usize = 32;
/// The greatest `alpha`.
pub const ALPHA_MAX: usize = 32;
/// The most values of one key that are kept and returned.
pub const VALUES_MAX: usize = 8;

/// The parameters of a node. All nodes of a directory are meant to have the same `k`.
///
/// The defaults are those of the Ouroboros prototype's directory where it has the parameter, and the field says so where it has not: as
/// they are reported of commit `68e0407e`, and as a stored copy of its `dht.c` of about that time has them; the commit itself could
/// not be read. There the times of pings and of questionable contacts are defined and, as far as it was read, not used, so a contact that
/// died stays; and an answer whose send failed is sent up to six times more, for which there is no key here, since a send cannot
/// fail in this contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KademliaConfig {
    /// Contacts per bucket, contacts per answer, and replicas of a value: 1 to [`K_MAX`].
    pub k: usize,
    /// Requests of one lookup that are under way at once: 1 to [`ALPHA_MAX`].
    pub alpha: usize,
    /// Bits by which a bucket is split: 1 (the Kademlia paper's buckets), 2, 4 or 8. A hop gains at least so many bits of the key, for
    /// a table that is larger by the factor (2^bits - 1)/bits.
    pub split: u32,
    /// How long a single request is waited for.
    pub timeout: Duration,
    /// How long a whole lookup may take: one that takes longer ends with what it has. The prototype waits 2 s for the whole of it; the
    /// default is longer than any lookup of honest nodes, so that only `timeout` matters.
    pub deadline: Duration,
    /// Requests that one lookup may send in all. Not the prototype's, which has no such bound.
    pub requests_max: u32,
    /// Pings, after the request that a contact did not answer, that it may leave unanswered too before it is dropped.
    pub ping_retries: u32,
    /// How long a contact is trusted to be there without having been heard of.
    pub questionable: Duration,
    /// How long a value is kept by those that it was sent to, unless it is sent again. At least a second, and longer than `replicate`.
    pub expire: Duration,
    /// A part of the key space in which no lookup was made for so long is looked up.
    pub refresh: Duration,
    /// A value that was not sent to this node for so long is sent by it to the `k` closest nodes.
    pub replicate: Duration,
    /// The author of a value sends it anew, with its full lifetime, so many times `replicate` before it expires.
    pub republish: u32,
    /// How long what a lookup found answers this node's own further lookups; zero for no cache.
    pub cache: Duration,
    /// Values of one key that are kept, and returned at most: 1 to [`VALUES_MAX`].
    pub values: usize,
    /// Contacts kept in all: what a node that is told of invented peers does not exceed. Not the prototype's.
    pub contacts_max: usize,
    /// Keys kept for others, and keys cached. Not the prototype's.
    pub keys_max: usize,
    /// Lookups under way: what is asked beyond is refused.
    pub lookups_max: usize,
    /// Requests that one peer may make at once. Not the prototype's.
    pub request_burst: u32,
    /// Time after which it may make one more. Not the prototype's.
    pub request_interval: Duration,
}

impl Default for KademliaConfig {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            k: 8,
            alpha: 3,
            split: 8,
            timeout: seconds(2),
            deadline: seconds(60),
            requests_max: 256,
            ping_retries: 2,
            questionable: seconds(15),
            expire: seconds(86_400),
            refresh: seconds(900),
            replicate: seconds(900),
            republish: 5,
            cache: seconds(60),
            values: VALUES_MAX,
            contacts_max: 4096,
            keys_max: 16_384,
            lookups_max: 128,
            request_burst: 256,
            request_interval: Duration::from_millis(5),
        }
    }
}

/// Why a node cannot have such parameters: which one, and what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field's name.
    pub key: &'static str,
    /// What is demanded of it.
    pub demand: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.key, self.demand)
    }
}

impl core::error::Error for ConfigError {}

impl KademliaConfig {
    /// How many of the closest candidates a lookup may ask, and how many contacts it begins with: enough for all slots to be used.
    pub fn window(&self) -> usize {
        self.k.max(self.alpha)
    }

    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// The first parameter that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.problems().next().map_or(Ok(()), Err)
    }

    /// Every parameter that makes no sense.
    pub fn problems(&self) -> impl Iterator<Item = ConfigError> + use<> {
        let year = Duration::from_secs(365 * 86_400);
        let span = |span: Duration, least: Duration| (least..=year).contains(&span);
        let (instant, second) = (Duration::from_nanos(1), Duration::from_secs(1));
        let demands = [
            ((1..=K_MAX).contains(&self.k), "k", "1 to 32"),
            ((1..=ALPHA_MAX).contains(&self.alpha), "alpha", "1 to 32"),
            (matches!(self.split, 1 | 2 | 4 | 8), "split", "1, 2, 4 or 8"),
            (span(self.timeout, instant), "timeout", "above 0 and at most a year"),
            (span(self.deadline, instant), "deadline", "above 0 and at most a year"),
            ((1..=4096).contains(&self.requests_max), "requests_max", "1 to 4096"),
            (self.ping_retries <= 16, "ping_retries", "at most 16"),
            (span(self.questionable, Duration::ZERO), "questionable", "at most a year"),
            (span(self.expire, second), "expire", "1 s to a year"),
            (self.replicate < self.expire, "expire", "longer than replicate"),
            (span(self.refresh, second), "refresh", "1 s to a year"),
            (span(self.replicate, second), "replicate", "1 s to a year"),
            (self.republish <= 1000, "republish", "at most 1000"),
            (span(self.cache, Duration::ZERO), "cache", "at most a year"),
            ((1..=VALUES_MAX).contains(&self.values), "values", "1 to 8"),
            ((self.k..=1 << 20).contains(&self.contacts_max), "contacts_max", "at least k and at most 2^20"),
            ((1..=1 << 24).contains(&self.keys_max), "keys_max", "1 to 2^24"),
            ((1..=1 << 16).contains(&self.lookups_max), "lookups_max", "1 to 65536"),
            ((1..=1 << 20).contains(&self.request_burst), "request_burst", "1 to 2^20"),
            (span(self.request_interval, Duration::ZERO), "request_interval", "at most a year"),
        ];
        demands.into_iter().filter(|(holds, ..)| !holds).map(|(_, key, demand)| ConfigError { key, demand })
    }
}
