//! One realisation: a network with fresh ids, tables and dead nodes, and so many lookups of random keys in it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use rapprochement_core::kademlia::config::KademliaConfig;
use rapprochement_core::kademlia::study::{Lognormal, Network, Outcome};
use rapprochement_core::peer::PeerId;
use rapprochement_core::time::Duration;

use crate::published::Setting;

/// The names of what [`run`] measures. Times are in ms, to the end of the lookup, vain ones included; hops are of those that found
/// the value, and those of an asker that holds it are 0.
pub(crate) const METRICS: [&str; 6] = ["hops", "messages", "p50", "p90", "p99", "found"];

/// Round trips, drawn anew for every request.
const ROUND_TRIP: Lognormal = Lognormal { median: Duration::from_millis(50), sigma: 0.5 };

/// Runs one realisation; what is returned is in the order of [`METRICS`].
pub(crate) fn run(setting: Setting, split: u32, replicated: bool, lookups: usize, seed: u64) -> [f64; METRICS.len()] {
    let (outcomes, _) = resolve_all(setting, split, replicated, lookups, seed);
    let hops: u64 = outcomes.iter().map(|outcome| u64::from(outcome.hops.unwrap_or(0))).sum();
    let found = outcomes.iter().filter(|outcome| outcome.hops.is_some()).count();
    let messages: u64 = outcomes.iter().map(|outcome| u64::from(outcome.messages)).sum();
    let mut times: Vec<f64> = outcomes.iter().map(|outcome| outcome.took.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times[((lookups as f64 * share).ceil() as usize).clamp(1, lookups) - 1];
    let all = lookups as f64;
    let hops = hops as f64 / found.max(1) as f64;
    [hops, messages as f64 / all, quantile(0.5), quantile(0.9), quantile(0.99), found as f64 / all]
}

/// From a name to the first byte of a flow to whom it stands for, in seconds and in ascending order: a lookup, and one and a half round
/// trips for the allocation and the byte; infinite where the name was not found.
#[allow(dead_code, reason = "the tests share this file, and have no use for it")]
pub(crate) fn first_bytes(setting: Setting, split: u32, replicated: bool, lookups: usize, seed: u64) -> Vec<f64> {
    let (outcomes, mut rng) = resolve_all(setting, split, replicated, lookups, seed);
    let mut time = |outcome: &Outcome| {
        let allocated = ROUND_TRIP.draw(&mut rng).as_secs_f64() + ROUND_TRIP.draw(&mut rng).as_secs_f64() / 2.0;
        if outcome.hops.is_some() { outcome.took.as_secs_f64() + allocated } else { f64::INFINITY }
    };
    let mut times: Vec<f64> = outcomes.iter().map(&mut time).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn resolve_all(
    setting: Setting,
    split: u32,
    replicated: bool,
    lookups: usize,
    seed: u64,
) -> (Vec<Outcome>, ChaCha8Rng) {
    let Setting { k, alpha, dead, timeout_ms, nodes } = setting;
    let timeout = Duration::from_millis(timeout_ms);
    let config = KademliaConfig { k, alpha, split, timeout, ..KademliaConfig::default() };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let peers = (0..nodes).map(|_| random_id(&mut rng)).collect();
    let network = Network::new(peers, dead, replicated, config, &mut rng);
    let outcomes = (0..lookups)
        .map(|_| {
            let (asker, key) = (network.asker(&mut rng), random_id(&mut rng));
            network.resolve(asker, key, &ROUND_TRIP, &mut rng)
        })
        .collect();
    (outcomes, rng)
}

fn random_id(rng: &mut ChaCha8Rng) -> PeerId {
    let mut id = PeerId::default();
    rng.fill_bytes(&mut id.0);
    id
}
