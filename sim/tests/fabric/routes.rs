//! Which links packets take.

use std::collections::BTreeMap;

use rapprochement_sim::network::fabric::Fabric;
use rapprochement_sim::network::fabric::config::{HostVertices, Shape};

use crate::{build, cable, try_build};

fn fat_tree(k: u32) -> Fabric {
    build(Shape::FatTree { k, link: cable(1_000_000_000, 1_000, None) }, k * k * k / 4)
}

/// k^3/4 hosts, 3 k^3/4 links, and paths of 2, 4 or 6 links by where the ends are (M. Al-Fares et al., SIGCOMM 2008).
#[test]
fn a_fat_tree_has_the_hosts_links_and_paths_of_the_paper() {
    for k in [2u32, 4, 6, 8] {
        let fabric = fat_tree(k);
        let hosts = k * k * k / 4;
        assert_eq!((fabric.hosts(), fabric.links() as u32), (hosts, 2 * 3 * hosts));
        for (a, b) in (0..hosts).flat_map(|a| (0..hosts).map(move |b| (a, b))) {
            let half = k / 2;
            let expected = match () {
                () if a == b => 0,
                () if a / half == b / half => 2,
                () if a / (half * half) == b / (half * half) => 4,
                () => 6,
            };
            assert_eq!(fabric.path(a, b).count(), expected, "{a} to {b} of k = {k}");
        }
    }
}

/// A path is connected, it ends where it should, and it is the same every time.
#[test]
fn paths_lead_from_host_to_host() {
    let fabric = build(
        Shape::Random {
            routers: 12,
            degree: 4,
            hosts: Some(30),
            access: cable(1_000_000, 10, None),
            core: cable(1_000_000, 1_000, None),
        },
        100,
    );
    for (from, to) in (0..40).flat_map(|a| (0..40).map(move |b| (a, b))) {
        let path: Vec<u32> = fabric.path(from, to).collect();
        let mut at = fabric.host_of(from);
        for link in &path {
            let (begin, end) = fabric.ends(*link);
            assert_eq!(begin, at);
            at = end;
        }
        assert_eq!(at, fabric.host_of(to));
        assert_eq!(path, fabric.path(from, to).collect::<Vec<_>>());
    }
    // Nodes 0 and 30 are on one host.
    assert_eq!(fabric.path(0, 30).count(), 0);
}

/// Between two pods of a fat tree of k = 8 there are 16 routes. 4,096 flows from pod to pod take each about as often: chi
/// squared with 15 degrees of freedom stays below its 99.9 % point.
#[test]
fn equal_cost_routes_share_the_flows() {
    let fabric = fat_tree(8);
    let mut cores: BTreeMap<u32, u32> = BTreeMap::new();
    for (from, to) in (0..64).flat_map(|a| (64..128).map(move |b| (a, b))).filter(|(a, b)| a / 16 != b / 16) {
        // The third link leads to a core switch.
        let link = fabric.path(from, to).nth(2).unwrap();
        *cores.entry(fabric.ends(link).1).or_default() += 1;
    }
    assert_eq!(cores.len(), 16);
    let expected = 4096.0 / 16.0;
    let chi: f64 =
        cores.values().map(|count| (f64::from(*count) - expected) * (f64::from(*count) - expected) / expected).sum();
    assert!(chi < 37.7, "chi squared is {chi}");
}

/// Of two ways the shorter one is taken though it has more links; the file says delays and rates.
#[test]
fn a_graphml_file_gives_delays_and_rates() {
    let shape = |hosts| Shape::Graphml {
        file: "topology.graphml".into(),
        delay: Some("ms".into()),
        rate: Some("LinkSpeedRaw".into()),
        default: cable(1_000_000, 2_000_000, None),
        hosts,
    };
    let fabric = build(shape(HostVertices::All), 5);
    assert_eq!(fabric.hosts(), 5);
    // a - b - c - d takes 1 + 2 + 1 ms, a - d takes 10 ms, and e hangs on d.
    let path: Vec<_> = fabric.path(0, 3).map(|link| fabric.rate_and_delay(link)).collect();
    let expected = [(10_000_000, 1), (1_000_000, 2), (10_000_000, 1)];
    assert_eq!(path.iter().map(|(rate, delay)| (rate.0, delay.as_nanos() / 1_000_000)).collect::<Vec<_>>(), expected);
    // With leaves alone as hosts there is one.
    let fabric = build(shape(HostVertices::Leaves), 5);
    assert_eq!(fabric.hosts(), 1);
}

#[test]
fn graphs_that_cannot_be_meant_are_refused_with_their_place() {
    let link = cable(1_000_000_000, 1_000, None);
    let place = |shape: Shape, nodes| try_build(shape, nodes).unwrap_err()[0].path.clone();
    assert_eq!(place(Shape::FatTree { k: 5, link }, 2), "network.topology.shape.fat_tree.k");
    assert_eq!(place(Shape::Star { hosts: Some(0), link }, 2), "network.topology.shape.star.hosts");
    let slow = cable(10, 0, None);
    assert_eq!(place(Shape::Star { hosts: None, link: slow }, 2), "network.topology.shape.star.link.rate");
    let tight = cable(1_000_000_000, 0, Some(100));
    assert_eq!(place(Shape::Star { hosts: None, link: tight }, 2), "network.topology.shape.star.link.queue");
    let pieces = Shape::Graphml {
        file: "broken-pieces.graphml".into(),
        delay: None,
        rate: None,
        default: link,
        hosts: HostVertices::All,
    };
    let problem = &try_build(pieces, 4).unwrap_err()[0];
    assert_eq!(problem.path, "network.topology.shape.graphml.file");
    assert!(problem.message.contains("there is no path from"), "{}", problem.message);
}
