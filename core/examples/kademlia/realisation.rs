//! One realisation: a network with fresh ids, tables and dead nodes, and so many lookups of random keys in it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use rapprochement_core::kademlia::config::KademliaConfig;
use rapprochement_core::kademlia::study::{Lognormal, Network};
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
    let Setting { k, alpha, dead, timeout_ms, nodes } = setting;
    let timeout = Duration::from_millis(timeout_ms);
    let config = KademliaConfig { k, alpha, split, timeout, ..KademliaConfig::default() };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let peers = (0..nodes).map(|_| random_id(&mut rng)).collect();
    let network = Network::new(peers, dead, replicated, config, &mut rng);
    let (mut times, mut hops, mut messages, mut found) = (Vec::with_capacity(lookups), 0, 0, 0);
    for _ in 0..lookups {
        let (asker, key) = (network.asker(&mut rng), random_id(&mut rng));
        let outcome = network.resolve(asker, key, &ROUND_TRIP, &mut rng);
        hops += u64::from(outcome.hops.unwrap_or(0));
        found += u64::from(outcome.hops.is_some());
        messages += u64::from(outcome.messages);
        times.push(outcome.took.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times[((lookups as f64 * share).ceil() as usize).clamp(1, lookups) - 1];
    let all = lookups as f64;
    let hops = hops as f64 / found.max(1) as f64;
    [hops, messages as f64 / all, quantile(0.5), quantile(0.9), quantile(0.99), found as f64 / all]
}

fn random_id(rng: &mut ChaCha8Rng) -> PeerId {
    let mut id = PeerId::default();
    rng.fill_bytes(&mut id.0);
    id
}
