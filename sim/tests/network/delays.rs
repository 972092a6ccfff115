//! Base delays of every model, the files they come from, and the ranges that a run is cut into.

use std::fs;
use std::path::{Path, PathBuf};

use rapprochement_core::time::Duration;
use rapprochement_sim::network::Network;
use rapprochement_sim::network::config::{
    Distribution, GraphFile, Latency, MatrixFile, NetworkConfig, Points, Regions, Space,
};
use rapprochement_sim::random::Streams;
use rapprochement_sim::units::Span;

use crate::{build, problems};

fn millis(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

fn config(latency: Latency) -> NetworkConfig {
    NetworkConfig { latency, ..NetworkConfig::default() }
}

/// Writes a file of this test and gives its path.
fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

fn graph(name: &str, content: &str, delay: Option<&str>, default_delay: Option<Span>) -> NetworkConfig {
    config(Latency::Graph(GraphFile { file: file(name, content), delay: delay.map(Into::into), default_delay }))
}

/// Delays in ms from node to node. Nodes are laid out by place, so the test finds places by their delays.
fn sorted_delays(network: &Network, nodes: u32) -> Vec<f64> {
    let pairs = (0..nodes).flat_map(|a| (0..a).map(move |b| (a, b)));
    let mut delays: Vec<f64> = pairs.map(|(a, b)| network.latency(a, b).as_secs_f64() * 1e3).collect();
    delays.sort_by(f64::total_cmp);
    delays
}

/// The triangle of 10, 5 and 20 ms is shorter around: a-c takes 15. With the tail c-d-e of 1 and 2 ms, the paths are
/// ab 10, ac 15, ad 16, ae 18, bc 5, bd 6, be 8, cd 1, ce 3, de 2.
#[test]
fn graph_delays_are_those_of_the_shortest_paths() {
    let expected = [1.0, 2.0, 3.0, 5.0, 6.0, 8.0, 10.0, 15.0, 16.0, 18.0];
    let list = "# a test\na b 10\nb,c,5\n\na c 20 # a detour\nc d 1\nd e\n";
    let network = build(&graph("paths.txt", list, None, Some(millis(2))), 5);
    assert_eq!(sorted_delays(&network, 5), expected);
    let graphml = r#"<?xml version="1.0"?><graphml>
        <key id="d1" for="edge" attr.name="ms" attr.type="double"/><graph edgedefault="undirected">
        <node id="a"/><node id="b"/><node id="c"><data key="unknown">x</data></node><node id="d"/>
        <edge source="a" target="b"><data key="d1">10</data></edge>
        <edge source="b" target="c"><data key="d1"> 5.0 </data></edge>
        <edge source="a" target="c"><data key="d1">20</data></edge>
        <edge source="d" target="c"><data key="d1">1</data></edge>
        <edge source="d" target="e"/><node id="e"/></graph></graphml>"#;
    let network = build(&graph("paths.graphml", graphml, Some("ms"), Some(millis(2))), 5);
    assert_eq!(sorted_delays(&network, 5), expected);
}

/// A degree of the equator is 111.195 km on the mean sphere: 0.555975 ms in fibre.
#[test]
fn graph_edges_without_a_delay_span_the_great_circle() {
    let graphml = r#"<graphml><key id="y" for="node" attr.name="Latitude"/><key id="x" for="node" attr.name="Longitude"/>
        <graph><node id="1"><data key="y">0</data><data key="x">0</data></node>
        <node id="2"><data key="y">0</data><data key="x">10</data></node>
        <node id="3"><data key="y">0</data><data key="x">40</data></node>
        <edge source="1" target="2"/><edge source="2" target="3"/></graph></graphml>"#;
    let delays = sorted_delays(&build(&graph("circle.graphml", graphml, None, None), 3), 3);
    for (delay, degrees) in delays.iter().zip([10.0, 30.0, 40.0]) {
        assert!((delay - degrees * 0.555_975).abs() < 1e-4, "{delay} for {degrees} degrees");
    }
}

#[test]
fn malformed_graphs_are_told_by_line() {
    let cases = [
        ("bad1.txt", "a b 1\na\n", "line 2: expected"),
        ("bad2.txt", "a b 1\na b -1\n", "line 2: \"-1\" is not a delay"),
        ("bad3.txt", "a b nan\n", "line 1: \"nan\""),
        ("bad4.txt", "a b\n", "line 1: the edge has no delay"),
        ("bad5.txt", "a b 1\nc d 1\n", "no path from \"a\" to \"c\""),
        ("bad6.txt", "# nothing\n", "no vertices"),
        ("bad1.graphml", "<graphml>\n<graph></node></graph></graphml>", "line 2: malformed XML"),
        ("bad2.graphml", "<html/>", "not a GraphML file"),
        ("bad3.graphml", "<graphml>\n<node/></graphml>", "line 2: a node without an id"),
        ("bad4.graphml", "<graphml><node id='a'/>\n\n<edge source='a'/></graphml>", "line 3: an edge without"),
        ("bad5.graphml", "<graphml><node id='a'/>\n<edge source='a' target='b'/></graphml>", "line 2: the edge from"),
        ("bad6.graphml", "<graphml><node id='a'/>\n<node id='a'/></graphml>", "line 2: the node \"a\" stands twice"),
        ("bad7.graphml", "", "not a GraphML file"),
    ];
    for (name, content, expected) in cases {
        let found = problems(&graph(name, content, None, None), 4);
        assert!(found[0].message.contains(expected), "{name}: {found:?}");
        assert_eq!(found[0].path, "network.latency.graph.file");
    }
    let found = problems(&graph("key.graphml", "<graphml><node id='a'/></graphml>", Some("ms"), None), 1);
    assert!(found[0].message.contains("no attribute \"ms\""), "{found:?}");
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn matrix(name: &str, content: impl AsRef<[u8]>) -> NetworkConfig {
    config(Latency::Matrix(MatrixFile { file: file(name, content) }))
}

#[test]
fn matrices_are_read_in_every_form_and_halved() {
    let bare = "0 10 20.5\n10 0 30\n20.5 30 0\n";
    let named = "rtt,a,b,c\na,0,10,20.5\nb,10,0,30\nc,20.5,30,0\n";
    let header = "a\tb\tc\n0\t10\t20.5\n10\t0\t30\n20.5\t30\t0\n";
    for (name, text) in [("bare.txt", bare), ("named.csv", named), ("header.tsv", header)] {
        assert_eq!(sorted_delays(&build(&matrix(name, text), 3), 3), [5.0, 10.25, 15.0]);
        let zipped = build(&matrix(&format!("{name}.gz"), gzip(text)), 3);
        assert_eq!(sorted_delays(&zipped, 3), [5.0, 10.25, 15.0]);
    }
    // The first two rows serve two nodes; six nodes share the rows, and have no delay within one.
    assert_eq!(sorted_delays(&build(&matrix("two.txt", bare), 2), 2), [5.0]);
    assert_eq!(problems(&matrix("six.txt", bare), 6)[0].path, "network.latency");
    let raised = NetworkConfig { min_latency: Some(millis(6)), ..matrix("six.txt", bare) };
    assert_eq!(sorted_delays(&build(&raised, 6), 6)[..7], [6.0; 7]);
}

#[test]
fn malformed_matrices_are_told_by_line() {
    let cases: [(&str, &[u8], &str); 10] = [
        ("m1.csv", b"", "no rows"),
        ("m2.csv", b"0,1\n1\n", "line 2: 1 columns for 2 rows"),
        ("m3.csv", b"0,1\n1,-2\n", "line 2: column 2: \"-2\""),
        ("m4.csv", b"0,1\n1,inf\n", "\"inf\""),
        ("m5.csv", b"0,1\n1,\n", "column 2: \"\""),
        ("m6.csv", b"x,a,b\na,0,1\nc,1,0\n", "line 3: row \"c\" stands where \"b\" belongs"),
        ("m7.csv", b"x,a,a\na,0,1\na,1,0\n", "line 1: the name \"a\" stands twice"),
        ("m8.csv", b"\xff\xfe", "not UTF-8"),
        ("m9.csv.gz", b"not gzip", "cannot be read"),
        ("m10.csv", b"a,b,c\n0,1\n1,0\n", "line 1:"),
    ];
    for (name, content, expected) in cases {
        let found = problems(&matrix(name, content), 2);
        assert!(found[0].message.contains(expected), "{name}: {found:?}");
        assert_eq!(found[0].path, "network.latency.matrix.file");
    }
    let absent = config(Latency::Matrix(MatrixFile { file: "no-such-matrix.csv".into() }));
    assert!(problems(&absent, 2)[0].message.contains("there is no such file"));
    let row = "1 ".repeat(5000) + "\n";
    assert!(problems(&matrix("large.txt", row.repeat(4097)), 2)[0].message.contains("1 to 4096 rows"));
}

#[test]
fn models_without_a_bound_ask_for_one() {
    let exponential = Distribution::Exponential { mean: millis(50) };
    let globe = |access_delay| Latency::Points(Points { space: Space::Globe { detour: 1.5 }, access_delay });
    for latency in [Latency::Pair(exponential), globe(None), globe(Some(Distribution::Constant(millis(0))))] {
        assert_eq!(problems(&config(latency.clone()), 4)[0].path, "network.latency");
        let bounded = NetworkConfig { min_latency: Some(millis(3)), ..config(latency) };
        let network = build(&bounded, 4);
        assert_eq!(network.shards(2), (vec![0, 2, 4], Duration::from_millis(3)));
        assert!(sorted_delays(&network, 4).iter().all(|ms| *ms >= 3.0));
    }
    let hosts = Distribution::Uniform { min: millis(2), max: millis(5) };
    assert_eq!(build(&config(globe(Some(hosts))), 4).shards(2).1, Duration::from_millis(4));
}

#[test]
fn a_pair_keeps_its_delay_both_ways_and_a_node_more_moves_none() {
    let pair = Latency::Pair(Distribution::Lognormal { median: millis(70), sigma: 0.75 });
    let points = Latency::Points(Points {
        space: Space::Plane { side: millis(80) },
        access_delay: Some(Distribution::Uniform { min: millis(1), max: millis(9) }),
    });
    for latency in [pair, points] {
        let config = NetworkConfig { min_latency: Some(millis(1)), ..config(latency) };
        let (few, many) = (build(&config, 30), build(&config, 3000));
        let other = Network::build(&config, 30, Path::new("."), &Streams::new(2)).unwrap();
        let mut differ = 0;
        for a in 0..30 {
            for b in 0..a {
                assert_eq!(few.latency(a, b), many.latency(b, a));
                differ += u32::from(few.latency(a, b) != other.latency(a, b));
            }
        }
        assert!(differ > 400, "another seed is another network: {differ} of 435");
    }
}

#[test]
fn nodes_stand_in_regions_in_proportion_to_the_weights() {
    let only: Vec<String> = ["us-east-1", "eu-west-1", "sa-east-1"].map(Into::into).into();
    let regions = Regions { only: only.clone(), weights: vec![5.0, 3.0, 2.0], ..Regions::default() };
    let network = build(&config(Latency::Regions(regions)), 101);
    assert_eq!(network.group_names(), only);
    let in_group = |group| (0..101).filter(|&node| network.group_of(node) == group).count();
    // Quotas 50.5, 30.3 and 20.2.
    assert_eq!([0, 1, 2].map(in_group), [51, 30, 20]);
    // Equal neighbours in the order of nodes: regions are contiguous.
    let changes = (1..101).filter(|&node| network.group_of(node) != network.group_of(node - 1)).count();
    assert_eq!(changes, 2);
}

/// Whatever the model and the number of threads, no delay across ranges falls below the lookahead, and the cuts for more
/// threads refine those for fewer.
#[test]
fn the_lookahead_bounds_every_delay_across_ranges() {
    let places = file("places.csv", "name,latitude,longitude\nA,1,1\nB,2,2\nC,40,100\nD,41,101\nE,-30,20\n");
    let places = Latency::Points(Points { space: Space::Places { file: places, detour: 1.2 }, access_delay: None });
    let pair = Latency::Pair(Distribution::Pareto { shape: 2.0, min: millis(7) });
    for latency in [Latency::default(), places, pair, Latency::Constant(millis(5))] {
        let network = build(&NetworkConfig { min_latency: Some(millis(1)), ..config(latency) }, 200);
        let mut before = Vec::new();
        for threads in [1, 2, 3, 4, 8, 1000] {
            let (starts, lookahead) = network.shards(threads);
            assert!(starts.len() <= threads + 1 && starts[0] == 0 && *starts.last().unwrap() == 200);
            assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
            let range = |node: u32| starts.partition_point(|&start| start <= node);
            for a in 0..200 {
                for b in (0..200).filter(|&b| range(a) != range(b)) {
                    assert!(network.latency(a, b) >= lookahead);
                }
            }
            if network.group_names().len() > 1 {
                assert!(before.iter().all(|start| starts.contains(start)));
            }
            before = starts;
        }
    }
    assert_eq!(build(&config(Latency::Constant(millis(0))), 200).shards(4), (vec![0, 200], Duration::MAX));
}
