//! Random valid scenarios, small enough to run in a blink: what determinism tests and round trips are held to, beyond
//! scenarios that somebody thought of.

mod beyond;
mod carried;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use rapprochement_core::time::Duration;

use super::schema::Scenario;
use crate::model::config::{
    Arrivals, Holders, Keys, MeasureConfig, Method, Popularity, Preload, ProtocolConfig, Signatures, ValueSize,
    WorkloadConfig,
};
use crate::model::hostile::config::{Behaviour, HostileConfig};
use crate::network::config::{
    Access, ChurnConfig, Departure, Distribution, GraphFile, Groups, Jitter, Latency, Loss, MatrixFile,
    MembershipConfig, NatConfig, NetworkConfig, NodeConfig, Packet, PartitionConfig, Points, ProfileName, Regions,
    Sessions, Space,
};
use crate::transport::config::TransportConfig;
use crate::units::{Rate, Share, Size, Span};

/// The files that generated scenarios name, with their texts; they stand beside the scenario, and in `sim/data/synthetic`.
pub const FILES: [(&str, &str); 5] = [
    ("matrix.csv", include_str!("../../../data/synthetic/matrix.csv")),
    ("edges.txt", include_str!("../../../data/synthetic/edges.txt")),
    ("ring.graphml", include_str!("../../../data/synthetic/ring.graphml")),
    ("places.csv", include_str!("../../../data/synthetic/places.csv")),
    ("sessions.csv", include_str!("../../../data/synthetic/sessions.csv")),
];

/// The random valid scenario with this number: 10 to 60 nodes and 5 to 20 s, with every protocol, signature mode,
/// hostile behaviour, membership, loss, churn and latency model in turn. Some name one of [`FILES`]. Two thirds are of protocols
/// that spread what a workload writes.
pub fn generate(number: u64) -> Scenario {
    let mut draw = Draw(ChaCha12Rng::seed_from_u64(number));
    let nodes = draw.between(10, 60) as u32;
    let seconds = draw.between(5, 20);
    let mut scenario = Scenario {
        name: format!("generated-{number}"),
        description: String::new(),
        seed: draw.between(0, 1 << 40),
        nodes,
        duration: Span(Duration::from_secs(seconds)),
        signatures: draw.one_of([Signatures::Real, Signatures::Shared, Signatures::StandIn]),
        encode_messages: draw.chance(),
        network: draw.network(nodes, seconds),
        transport: TransportConfig::Datagram,
        node: draw.node(),
        churn: draw.sometimes(|draw| draw.churn(seconds)),
        membership: draw.membership(nodes),
        protocol: draw.protocol(),
        hostile: None,
        workload: draw.workload(nodes, seconds),
        measure: MeasureConfig {
            sample: millis(draw.between(100, 1000)),
            stop_when_converged: draw.chance(),
            events: draw.chance(),
            event_limit: 0,
            packets: None,
        },
        sweep: None,
        expect: Default::default(),
        figure: Vec::new(),
    };
    if matches!(scenario.protocol, ProtocolConfig::Reconcile { .. }) {
        scenario.hostile = draw.sometimes(Draw::hostile);
    }
    scenario.network.nat = draw.sometimes(|draw| draw.nat(nodes));
    match draw.between(0, 11) {
        0 => beyond::sample(&mut draw, &mut scenario),
        1 => beyond::service(&mut draw, &mut scenario),
        2 => beyond::ranking(&mut draw, &mut scenario),
        3 if draw.chance() => carried::workflow(&mut draw, &mut scenario),
        3 if draw.chance() => carried::calls(&mut draw, &mut scenario),
        3 => beyond::directory(&mut draw, &mut scenario),
        4..=6 => carried::transport(&mut draw, &mut scenario),
        _ => {}
    }
    scenario
}

/// Draws the parts of a scenario.
struct Draw(ChaCha12Rng);

const fn millis(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

impl Draw {
    /// A whole number from `low` to `high`.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    fn chance(&mut self) -> bool {
        self.between(0, 1) == 1
    }

    fn sometimes<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance().then(|| make(self))
    }

    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.between(0, N as u64 - 1) as usize]
    }

    fn span(&mut self, low: u64, high: u64) -> Span {
        millis(self.between(low, high))
    }

    /// A share of up to `most` percent.
    fn share(&mut self, most: u64) -> Share {
        Share(self.between(0, most * 10) as f64 / 1000.0)
    }

    fn distribution(&mut self, low: u64, high: u64) -> Distribution {
        let typical = self.span(low, high);
        match self.between(0, 5) {
            0 => Distribution::Constant(typical),
            1 => Distribution::Uniform { min: typical, max: Span(typical.0 + self.span(0, high).0) },
            2 => Distribution::Exponential { mean: typical },
            3 => Distribution::Lognormal { median: typical, sigma: self.between(0, 10) as f64 / 10.0 },
            4 => Distribution::Weibull { shape: self.between(5, 20) as f64 / 10.0, scale: typical },
            _ => Distribution::Pareto { shape: self.between(15, 40) as f64 / 10.0, min: typical },
        }
    }

    fn latency(&mut self) -> Latency {
        match self.between(0, 7) {
            0 => Latency::Constant(self.span(1, 200)),
            1 => Latency::Pair(self.distribution(1, 100)),
            2 => Latency::Regions(Regions {
                table: self.one_of(["aws-33-p50", "aws-33-p90"]).into(),
                ..Regions::default()
            }),
            3 => Latency::Points(Points {
                space: Space::Globe { detour: self.between(10, 25) as f64 / 10.0 },
                access_delay: self.sometimes(|draw| draw.distribution(1, 10)),
            }),
            4 => Latency::Matrix(MatrixFile { file: "matrix.csv".into() }),
            5 => Latency::Graph(self.graph()),
            6 => Latency::Points(Points {
                space: Space::Places { file: "places.csv".into(), detour: self.between(10, 25) as f64 / 10.0 },
                access_delay: self.sometimes(|draw| draw.distribution(1, 10)),
            }),
            _ => Latency::Points(Points {
                space: Space::Plane { side: self.span(10, 150) },
                access_delay: self.sometimes(|draw| draw.distribution(1, 10)),
            }),
        }
    }

    fn graph(&mut self) -> GraphFile {
        if self.chance() {
            // An edge of the list has no delay of its own.
            let default_delay = Some(self.span(1, 50));
            return GraphFile { file: "edges.txt".into(), delay: None, default_delay };
        }
        // By the delays of the edges, or by the distance between the vertices.
        let delay = self.sometimes(|_| "delay".into());
        GraphFile { file: "ring.graphml".into(), delay, default_delay: None }
    }

    fn loss(&mut self) -> Loss {
        match self.between(0, 2) {
            0 => Loss::None,
            1 => Loss::Independent(self.share(10)),
            _ => Loss::GilbertElliott {
                good: self.span(500, 5000),
                bad: self.span(50, 500),
                loss_good: self.share(1),
                loss_bad: Share(0.5),
            },
        }
    }

    fn network(&mut self, nodes: u32, seconds: u64) -> NetworkConfig {
        let limited = self.chance();
        NetworkConfig {
            latency: self.latency(),
            min_latency: Some(self.span(1, 10)),
            access: Access {
                uplink: limited.then(|| Rate(self.between(1, 50) * 1_000_000)),
                downlink: limited.then(|| Rate(self.between(1, 200) * 1_000_000)),
                queue: limited.then(|| Size(self.between(20, 1000) * 1000)),
                burst: (limited && self.chance()).then(|| Size(self.between(2, 50) * 1000)),
            },
            packet: Packet { mtu: Size(self.between(600, 1500)), headers: self.one_of([Size(28), Size(48)]) },
            loss: self.loss(),
            jitter: self.sometimes(|draw| Jitter { delay: draw.distribution(1, 20), reorder: draw.chance() }),
            duplicate: self.share(5),
            partition: (0..self.between(0, 2)).map(|_| self.partition(nodes, seconds)).collect(),
            nat: None,
            ..NetworkConfig::default()
        }
    }

    /// Up to 80 % of at least 10 nodes, so that two are left to be relays.
    fn nat(&mut self, nodes: u32) -> NatConfig {
        NatConfig {
            share: Share(self.between(0, 8) as f64 / 10.0),
            relays: self.between(0, u64::from(nodes / 5).min(4)) as u32,
            punching: self.share(100),
            mapping: self.span(500, 5000),
            relayed: self.chance(),
            relays_stay: self.chance(),
        }
    }

    fn partition(&mut self, nodes: u32, seconds: u64) -> PartitionConfig {
        let start = self.span(0, seconds * 500);
        let length = self.span(1, seconds * 200);
        let groups = match self.between(0, 1) {
            0 => Groups::Shares(vec![Share(0.3), Share(0.5)]),
            _ => {
                let middle = self.between(1, u64::from(nodes) - 1) as u32;
                Groups::Nodes(vec![(0..middle).collect()])
            }
        };
        PartitionConfig {
            start,
            heal: Span(start.0 + length.0),
            groups,
            both_ways: self.chance(),
            every: self.sometimes(|draw| Span(length.0 + draw.span(1, 3000).0)),
        }
    }

    fn churn(&mut self, seconds: u64) -> ChurnConfig {
        if self.between(0, 3) == 0 {
            return self.trace();
        }
        let sessions = if self.chance() {
            Sessions::Times { up: self.distribution(1000, 20_000), down: self.distribution(200, 5000) }
        } else {
            use ProfileName::{Debian, Flatout, Ipfs, Kad, Redhat};
            Sessions::Profile {
                name: self.one_of([Debian, Redhat, Flatout, Kad, Ipfs]),
                down: self.sometimes(|draw| draw.distribution(60_000, 3_600_000)),
            }
        };
        let speed_up = if matches!(sessions, Sessions::Profile { .. }) { 600.0 } else { 1.0 };
        ChurnConfig {
            sessions,
            departure: self.departure(),
            share: self.share(100),
            speed_up,
            start: self.span(0, 1000),
            stop: self.sometimes(|draw| draw.span(2000, seconds * 1000)),
        }
    }

    /// A trace says itself who comes and goes, and when.
    fn trace(&mut self) -> ChurnConfig {
        ChurnConfig {
            sessions: Sessions::Trace { file: "sessions.csv".into() },
            departure: self.departure(),
            share: Share(1.0),
            speed_up: self.one_of([0.5, 1.0, 2.0]),
            start: Span::default(),
            stop: None,
        }
    }

    fn departure(&mut self) -> Departure {
        self.one_of([Departure::Crash, Departure::Leave, Departure::CrashAndForget])
    }

    fn node(&mut self) -> NodeConfig {
        NodeConfig {
            per_message: Span(Duration::from_micros(self.between(0, 500))),
            per_kilobyte: Span(Duration::from_micros(self.between(0, 50))),
            per_signature: Span(Duration::from_micros(self.between(0, 200))),
            compute: self.between(0, 4) as f64,
            clock_offset: self.sometimes(|draw| draw.distribution(1, 100)),
            clock_drift_ppm: self.between(0, 200) as u32,
        }
    }

    /// A graph's degree is at least 4: with 2 it is a set of cycles, and hardly ever connected.
    fn membership(&mut self, nodes: u32) -> MembershipConfig {
        match self.between(0, 3) {
            0 => MembershipConfig::Uniform,
            1 => MembershipConfig::Full,
            2 => MembershipConfig::Star,
            _ => MembershipConfig::Graph { degree: self.between(3, u64::from(nodes.min(10)) / 2) as u32 * 2 - 2 },
        }
    }

    fn protocol(&mut self) -> ProtocolConfig {
        let (interval, budget) = (self.span(200, 2000), Size(self.between(8, 64) << 10));
        match self.between(0, 4) {
            0 => ProtocolConfig::FullPush { interval },
            3 | 4 => ProtocolConfig::Reconcile {
                method: self.method(),
                interval,
                push: self.between(0, 2) as u32,
                first: self.sometimes(|draw| draw.span(0, 2000)),
                first_message: Size(self.between(0, 1200)),
                kept_cells: self.between(0, 100) as u32,
                patience: self.span(2000, 30_000),
                budget,
                repair: self.between(0, 9) > 0,
            },
            1 => ProtocolConfig::EagerPush { fanout: self.between(1, 6) as u32, repair: interval, budget },
            _ => ProtocolConfig::Scuttlebutt { interval, budget },
        }
    }

    /// Of ten nodes at least one is hostile.
    fn hostile(&mut self) -> HostileConfig {
        HostileConfig { share: Share(self.between(10, 40) as f64 / 100.0), behaviour: self.one_of(Behaviour::SESSIONS) }
    }

    fn method(&mut self) -> Method {
        Method::ALL[self.between(0, Method::ALL.len() as u64 - 1) as usize]
    }

    fn workload(&mut self, nodes: u32, seconds: u64) -> WorkloadConfig {
        let arrivals = match self.between(0, 2) {
            0 => Arrivals::Poisson { per_second: self.between(5, 200) as f64 / 10.0 },
            1 => Arrivals::Periodic { interval: self.span(50, 1000) },
            _ => Arrivals::Burst { count: self.between(1, 50) as u32 },
        };
        let popularity = if self.chance() {
            Popularity::Uniform
        } else {
            Popularity::Zipf { exponent: self.between(0, 20) as f64 / 10.0 }
        };
        let small = self.between(8, 200);
        WorkloadConfig {
            writers: self.between(1, u64::from(nodes)) as u32,
            arrivals,
            keys: Keys {
                per_writer: self.between(1, 20) as u32,
                popularity,
                overwrites: self.sometimes(|draw| draw.share(100)),
            },
            value: match self.between(0, 1) {
                0 => ValueSize::Constant(Size(small)),
                _ => ValueSize::Uniform { min: Size(small), max: Size(small + self.between(0, 2000)) },
            },
            deletes: self.share(20),
            warm_up: self.span(0, seconds * 100),
            drain: self.span(0, seconds * 400),
            reads: self.between(0, 5) as u32,
            preload: self.sometimes(Self::preload),
        }
    }

    fn preload(&mut self) -> Preload {
        let items = self.between(1, 300);
        Preload {
            items: items as u32,
            authors: self.between(1, 20) as u32,
            differences: self.between(0, items) as u32,
            updates: self.share(100),
            holders: self.one_of([Holders::ByKey, Holders::ByAuthor]),
            cancelled_cells: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{canonical, check, content_hash, parse};

    #[test]
    fn generated_scenarios_are_valid_and_their_canonical_text_reads_back() {
        for number in 0..300 {
            let scenario = generate(number);
            assert_eq!(check(&scenario), [], "number {number}");
            let text = canonical(&scenario);
            let read = parse("canonical", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
            assert_eq!(read.scenario, scenario, "number {number}");
            assert_eq!(canonical(&read.scenario), text);
        }
    }

    #[test]
    fn the_hash_tells_meaning_apart_and_nothing_else() {
        let scenario = generate(1);
        let hash = content_hash(&scenario);
        assert_eq!(hash.len(), 16);
        let same = Scenario { seed: 99, description: "other words".into(), ..scenario.clone() };
        assert_eq!(content_hash(&same), hash);
        let other = Scenario { nodes: scenario.nodes + 1, ..scenario };
        assert_ne!(content_hash(&other), hash);
    }

    #[test]
    fn every_choice_is_generated() {
        let all: String = (0..1500).map(|number| canonical(&generate(number))).collect();
        let choices = [
            "full_push",
            "eager_push",
            "scuttlebutt",
            "reconcile",
            "\"real\"",
            "stand_in",
            "degree",
            "membership = \"full\"",
            "globe",
            "plane",
            "aws-33-p90",
            "matrix.csv",
            "edges.txt",
            "ring.graphml",
            "places.csv",
            "sessions.csv",
            "gilbert_elliott",
            "independent",
            "latency.pair",
            "crash_and_forget",
            "profile",
            "times",
            "network.partition",
            "network.nat",
            "relays_stay = false",
            "nodes = [",
            "shares",
            "zipf",
            "burst",
            "poisson",
            "periodic",
            "pareto",
            "weibull",
            "silent",
            "forge",
            "replay",
            "equivocate",
            "withhold",
            "endless",
            "false_counts",
            "newscast",
            "cyclon",
            "framework",
            "hyparview",
            "brahms",
            "basalt",
            "peerswap",
            "rtt_service",
            "\"nearest\"",
            "rtt_liars",
            "eclipse",
            "sybil_path",
            "bad_input",
            "meritrank",
            "\"exact\"",
            "meritrank.attack]",
            "quic",
            "ouroboros",
            "tls",
            "per_call",
            "address_change",
            "binomial_tree",
            "chunked_tree",
            "broadcast_layer",
            "channel = \"redis\"",
            "object_store",
            "transport_aware",
            "locality_aware",
            "map_shuffle_reduce",
            "collective",
            "pub_sub",
            "protocol.directory",
        ];
        for choice in choices {
            assert!(all.contains(choice), "{choice} is never generated");
        }
    }
}
