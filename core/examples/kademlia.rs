//! Lookups in a Kademlia directory with perfect routing tables: hops, messages and latency, beside the closed form of hops
//! and what one realisation of another program gave.
//!
//! `cargo run --release -p rapprochement-core --example kademlia -- [--realisations R] [--lookups L] [--largest N] [--seed S] [--replicated] [--csv]`

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::kademlia::config::KademliaConfig;
use rapprochement_core::kademlia::study::{Lognormal, Network};
use rapprochement_core::peer::{PeerId};
use rapprochement_core::time::Duration;

fn main() {
    let mut a = std::env::args().skip(1);
    let reals: u64 = a.next().unwrap().parse().unwrap();
    let largest: usize = a.next().unwrap().parse().unwrap();
    let replicated = a.next().unwrap() == "1";
    let rtt = Lognormal { median: Duration::from_millis(50), sigma: 0.5 };
    for (k, alpha, dead, timeout) in [(8, 3, 0.0, 2000), (20, 3, 0.0, 2000), (8, 1, 0.0, 2000), (8, 3, 0.2, 2000), (8, 3, 0.2, 250), (8, 10, 0.2, 250)] {
        for n in [64usize, 256, 1024, 4096, 16384].into_iter().filter(|n| *n <= largest) {
            let config = KademliaConfig { k, alpha, split: 1, timeout: Duration::from_millis(timeout), ..KademliaConfig::default() };
            let mut sums = [0.0; 6];
            for r in 0..reals {
                let mut rng = ChaCha8Rng::seed_from_u64(r * 1000 + n as u64);
                let mut id = || { let mut b = [0; 32]; rng.fill_bytes(&mut b); PeerId(b) };
                let peers: Vec<_> = (0..n).map(|_| id()).collect();
                let net = Network::new(peers, dead, replicated, config, &mut rng);
                let mut took = vec![];
                let (mut hops, mut msgs, mut found) = (0.0, 0.0, 0.0);
                for _ in 0..1000 {
                    let asker = net.asker(&mut rng);
                    let mut b = [0; 32]; rng.fill_bytes(&mut b);
                    let o = net.resolve(asker, PeerId(b), &rtt, &mut rng);
                    if let Some(h) = o.hops { hops += f64::from(h); found += 1.0; }
                    msgs += f64::from(o.messages);
                    took.push(o.took.as_secs_f64() * 1e3);
                }
                took.sort_by(f64::total_cmp);
                for (s, v) in sums.iter_mut().zip([hops / found, msgs / 1000.0, took[499], took[899], took[989], found]) { *s += v / reals as f64; }
            }
            println!("k {k} a {alpha} dead {dead} to {timeout} n {n}: hops {:.2} msgs {:.2} p50 {:.0} p90 {:.0} p99 {:.0} found {}", sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]);
        }
    }
}
