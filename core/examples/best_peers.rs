//! How near to the best peers a node gets with few probes, on a measured matrix:
//!
//! `cargo run --release -p rapprochement-core --example best_peers -- MATRIX [--seed S] [--seeds N]`
//!
//! MATRIX is as for the example `coordinates`. Every node begins with 12 random peers in its book, sends 64 pings in 64 rounds and one
//! ask for introductions behind every pong, all through the parts of the overlay; every message is lost with 1 %. Coordinates
//! come from pongs and introductions only, and every ping counts, answered or not. Then a node's 8 peers of least measured
//! round-trip time are compared with the 8 nearest of all.
//!
//! Standard output: CSV. `ratio` is the mean round-trip time to the peers found, of all nodes, over that to the nearest ones,
//! with the half-width of the 95 % Student-t interval over the seeds; `ratio_mean` and `ratio_median` are over the nodes' own ratios.

#[path = "overlay_support/mod.rs"]
mod support;

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use rapprochement_core::overlay::address::{Address, AddressKind, AddressRecord, Reachability, Statement};
use rapprochement_core::overlay::book::{Book, BookConfig};
use rapprochement_core::overlay::exchange::{Exchange, ExchangeConfig, ExchangeMessage};
use rapprochement_core::overlay::probe::{ProbeConfig, ProbeMessage, Prober};
use rapprochement_core::overlay::refusals::Counters;
use rapprochement_core::overlay::search::{Search, SearchConfig, Strategy, prospects, relax};
use rapprochement_core::overlay::vivaldi::{Vivaldi, VivaldiConfig};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::random::{below, shuffle, unit};
use rapprochement_core::store::Keys;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;
use support::{Matrix, Options, interval, quantile};

const PROBES: u64 = 64;
const BEST: usize = 8;
const FIRST: usize = 12;
const LOSS: f64 = 0.01;
const ROUND: Duration = Duration::from_secs(10);

/// One way to search.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    search: SearchConfig,
    introductions: usize,
    relax: usize,
}

fn variants() -> Vec<Variant> {
    let full = SearchConfig::default();
    let by = |strategy| SearchConfig { strategy, ..full };
    let never = SearchConfig { witnesses_min: u32::MAX, ..full };
    let variant = |name, search, introductions, relax| Variant { name, search, introductions, relax };
    vec![
        variant("random", by(Strategy::Random), 32, 8),
        variant("coordinates", by(Strategy::Coordinates), 32, 8),
        variant("full", full, 32, 8),
        variant("full without lower bounds", never, 32, 8),
        variant("full without relaxation", full, 32, 0),
        variant("full without exploration", SearchConfig { explore: 0.0, ..full }, 32, 8),
        variant("full with 8 random probes first", SearchConfig { random_first: 8, ..full }, 32, 8),
        variant("full with 24 introductions", full, 24, 8),
        variant("full with 16 introductions", full, 16, 8),
        variant("full with 8 introductions", full, 8, 8),
    ]
}

/// Keys that sign without cryptography: nobody lies here.
struct NoKeys(PeerId);

impl Keys for NoKeys {
    fn author(&self) -> PeerId {
        self.0
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

/// A node: the parts that a service would own.
struct Node {
    keys: NoKeys,
    record: Arc<AddressRecord>,
    book: Book<SimPeer>,
    prober: Prober<SimPeer>,
    exchange: Exchange<SimPeer>,
    vivaldi: Vivaldi<2>,
    search: Search,
    counters: Counters,
    rng: ChaCha8Rng,
}

impl Node {
    fn new(index: usize, variant: &Variant, seed: u64) -> Self {
        let me = SimPeer(index as u32);
        let keys = NoKeys(me.id());
        let address = Address { kind: AddressKind::Node, bytes: me.0.to_be_bytes().to_vec() };
        let statement = Statement {
            sequence: 1,
            made_at: 0,
            lifetime: 24 * 3600,
            reachability: Reachability::Public,
            addresses: vec![address],
        };
        let record = AddressRecord::sign(&keys, statement).expect("a sound statement");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64 + 1);
        Self {
            keys,
            record: Arc::new(record),
            book: Book::new(BookConfig::default(), me),
            prober: Prober::new(ProbeConfig::default()),
            exchange: Exchange::new(ExchangeConfig { count: variant.introductions, ..ExchangeConfig::default() }),
            vivaldi: Vivaldi::new(VivaldiConfig::default()),
            search: Search::new(variant.search),
            counters: Counters::default(),
            rng,
        }
    }

    fn hear(&mut self, now: Instant, source: SimPeer, record: &Arc<AddressRecord>) {
        self.book.hear(now, source, record, &self.keys, &mut self.counters);
    }

    fn take(&mut self, now: Instant, from: SimPeer, message: &ExchangeMessage) -> Option<ExchangeMessage> {
        let Self { exchange, book, prober, keys, rng, counters, .. } = self;
        exchange.handle(now, from, message, book, prober, keys, rng, counters)
    }
}

/// All nodes, and the network between them.
struct World<'a> {
    matrix: &'a Matrix,
    nodes: Vec<Node>,
    variant: Variant,
    rng: ChaCha8Rng,
    pings: u64,
    messages: u64,
    bytes: u64,
}

impl<'a> World<'a> {
    fn new(matrix: &'a Matrix, variant: Variant, seed: u64) -> Self {
        let nodes = (0..matrix.len()).map(|index| Node::new(index, &variant, seed)).collect();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = Self { matrix, nodes, variant, rng, pings: 0, messages: 0, bytes: 0 };
        for index in 0..matrix.len() {
            for _ in 0..FIRST {
                let other = (index + 1 + below(&mut world.rng, matrix.len() as u32 - 1) as usize) % matrix.len();
                let record = Arc::clone(&world.nodes[other].record);
                world.nodes[index].hear(Instant::ZERO, SimPeer(index as u32), &record);
            }
        }
        world
    }

    /// Whether a message arrives.
    fn arrives(&mut self, message: &impl Message) -> bool {
        self.messages += 1;
        self.bytes += message.encoded_len() as u64;
        unit(&mut self.rng) >= LOSS
    }

    /// One node's round: a ping, and where a pong comes an ask.
    fn turn(&mut self, now: Instant, index: usize) {
        let node = &mut self.nodes[index];
        for peer in node.prober.expire(now) {
            node.book.failed(peer);
        }
        let coordinate = node.vivaldi.coordinate();
        let prospects = prospects(&node.book, &node.prober, &coordinate);
        let Some(peer) = node.search.next(&prospects, &mut node.rng) else { return };
        let Some(nonce) = node.prober.ping(now, peer, &mut node.rng) else { return };
        self.pings += 1;
        if !self.arrives(&ProbeMessage::Ping { nonce, coordinate }) {
            return;
        }
        let (me, rtt) = (SimPeer(index as u32), self.matrix.rtt(index, peer.0 as usize));
        let other = &mut self.nodes[peer.0 as usize];
        other.book.place(me, coordinate, now);
        if other.prober.admit_ping(now, me).is_err() {
            return;
        }
        let remote = other.vivaldi.coordinate();
        if self.arrives(&ProbeMessage::Pong { nonce, coordinate: remote }) {
            self.answered(now + rtt, index, peer, nonce, remote);
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        index: usize,
        peer: SimPeer,
        nonce: u64,
        remote: rapprochement_core::overlay::vivaldi::NetworkCoordinate,
    ) {
        let relaxations = self.variant.relax;
        let Node { book, prober, exchange, vivaldi, rng, record, .. } = &mut self.nodes[index];
        if prober.pong(now, peer, nonce).is_err() {
            return;
        }
        book.answered(now, peer);
        book.place(peer, remote, now);
        let least = prober.link(peer).and_then(|link| link.least()).expect("it has just answered");
        vivaldi.update(&remote, least, rng);
        relax(vivaldi, book, prober, relaxations, rng);
        let Some(ask) = exchange.ask(now, peer, vivaldi.coordinate(), record, rng) else { return };
        if !self.arrives(&ask) {
            return;
        }
        let Some(answer) = self.nodes[peer.0 as usize].take(now, SimPeer(index as u32), &ask) else { return };
        if self.arrives(&answer) {
            self.nodes[index].take(now, peer, &answer);
        }
    }

    /// Each node's mean round-trip time in ms to its best peers, and to the nearest of all.
    fn outcome(&self) -> Vec<(f64, f64)> {
        let best = |mut rtts: Vec<(Duration, Duration)>| {
            rtts.sort_unstable();
            rtts.truncate(BEST);
            rtts.iter().map(|(_, rtt)| rtt.as_secs_f64() * 1e3).sum::<f64>() / BEST as f64
        };
        let node = |(index, node): (usize, &Node)| {
            let measured = node.prober.links().filter_map(|(peer, link)| Some((peer, link.least()?)));
            let found = measured.map(|(peer, rtt)| (rtt, self.matrix.rtt(index, peer.0 as usize))).collect();
            let others = (0..self.matrix.len()).filter(|other| *other != index);
            let all = others.map(|other| self.matrix.rtt(index, other)).map(|rtt| (rtt, rtt)).collect();
            (best(found), best(all))
        };
        self.nodes.iter().enumerate().map(node).collect()
    }
}

/// Ratio of means, mean and median ratio, pings, messages and kilobytes per node.
fn run(matrix: &Matrix, variant: Variant, seed: u64) -> [f64; 6] {
    let mut world = World::new(matrix, variant, seed);
    let mut order: Vec<usize> = (0..matrix.len()).collect();
    for round in 1..=PROBES {
        let now = Instant::ZERO + ROUND.saturating_mul(round);
        shuffle(&mut world.rng, &mut order);
        order.iter().for_each(|index| world.turn(now, *index));
    }
    let outcome = world.outcome();
    let n = matrix.len() as f64;
    let (found, nearest) = outcome.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mut ratios: Vec<f64> = outcome.iter().map(|(found, nearest)| found / nearest).collect();
    ratios.sort_by(f64::total_cmp);
    let mean = ratios.iter().sum::<f64>() / n;
    let each = |total: u64| total as f64 / n;
    [found / nearest, mean, quantile(&ratios, 0.5), each(world.pings), each(world.messages), each(world.bytes) / 1e3]
}

fn main() -> Result<(), String> {
    let options = Options::from_arguments()?;
    let matrix = Matrix::read(&options.matrix)?;
    println!(
        "strategy,seeds,ratio,half_width,ratio_mean,ratio_median,pings_per_node,messages_per_node,kilobytes_per_node"
    );
    for variant in variants() {
        let runs: Vec<[f64; 6]> = options.seeds().map(|seed| run(&matrix, variant, seed)).collect();
        let column = |at: usize| interval(&runs.iter().map(|run| run[at]).collect::<Vec<f64>>());
        let ((ratio, half), rest) = (column(0), [1, 2, 3, 4, 5].map(|at| column(at).0));
        let [mean, median, pings, messages, kilobytes] = rest;
        println!(
            "{},{},{ratio:.4},{half:.4},{mean:.3},{median:.3},{pings:.1},{messages:.1},{kilobytes:.1}",
            variant.name,
            runs.len()
        );
    }
    Ok(())
}
