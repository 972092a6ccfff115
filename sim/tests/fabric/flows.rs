//! Flows against hand-made solutions of max-min fairness, and SimGrid's worked example.

use proptest::prelude::*;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::fabric::config::{FlowConfig, FlowModel};
use rapprochement_sim::network::fluid::Fluid;
use rapprochement_sim::units::Rate;

fn fluid(links: &[(u64, u64)], config: FlowConfig) -> Fluid {
    // Both directions of each.
    let both = links.iter().flat_map(|link| [*link; 2]);
    Fluid::new(both.map(|(rate, delay)| (Rate(rate), Duration::from_nanos(delay))), config)
}

/// Plays to the end: each flow with the time of its end.
fn ends(fluid: &mut Fluid) -> Vec<(u32, u64)> {
    let mut ends = Vec::new();
    while let Some(now) = fluid.next() {
        ends.extend(fluid.advance(now).into_iter().map(|flow| (flow, now.as_nanos())));
    }
    ends
}

/// 100 kB over 1 Mbit/s and 10 ms: 0.01 13.01 + 800,000 / (0.97e6 / 1.05) = 0.996079 s, which is in SimGrid's documentation
/// of its models.
#[test]
fn the_worked_example_of_simgrid_takes_0_996079_seconds() {
    let config = FlowConfig { model: FlowModel::Lv08, full_duplex: false, ..FlowConfig::default() };
    let mut fluid = fluid(&[(1_000_000, 10_000_000)], config);
    fluid.start(Instant::ZERO, [0].into_iter(), 100_000);
    let ends = ends(&mut fluid);
    assert_eq!(format!("{:.6}", ends[0].1 as f64 / 1e9), "0.996079");
    // With a rate for each direction, what goes back costs nothing: 0.1301 + 0.8 / 0.97.
    let mut fluid = self::fluid(&[(1_000_000, 10_000_000)], FlowConfig { full_duplex: true, ..config });
    fluid.start(Instant::ZERO, [0].into_iter(), 100_000);
    let end = self::ends(&mut fluid)[0].1 as f64;
    // Delay and transmission are each rounded up.
    assert!((0.0..=2.0).contains(&(end - 0.1301e9 - 0.8e9 / 0.97)), "{end}");
}

/// Two links of 10 and 4 Mbit/s, one flow over both and one over each: the second link gives 2 and 2, the first what is left of
/// 10, 8 (D. Bertsekas and R. Gallager, section 6.5.2, with other numbers).
#[test]
fn rates_are_max_min_fair() {
    let mut fluid = fluid(&[(80_000_000, 0), (32_000_000, 0)], FlowConfig::default());
    let both = fluid.start(Instant::ZERO, [0, 2].into_iter(), 1_000_000);
    let first = fluid.start(Instant::ZERO, [0].into_iter(), 1_000_000);
    let second = fluid.start(Instant::ZERO, [2].into_iter(), 1_000_000);
    assert!(fluid.advance(Instant::ZERO).is_empty());
    let rate = |flow| fluid.rate(flow).unwrap().round() as u64;
    assert_eq!([rate(both), rate(first), rate(second)], [2_000_000, 8_000_000, 2_000_000]);
    // The first ends after 125 ms; the others share the second link until 500 ms, and end together.
    assert_eq!(ends(&mut fluid), [(first, 125_000_000), (both, 500_000_000), (second, 500_000_000)]);
    assert!(fluid.is_empty());
}

/// A flow that comes later takes its share, and the rate of the first rises again when it is gone.
#[test]
fn ends_move_when_others_come_and_go() {
    let mut fluid = fluid(&[(8_000_000, 1_000_000)], FlowConfig::default());
    let long = fluid.start(Instant::ZERO, [0].into_iter(), 10_000);
    assert!(fluid.advance(Instant::from_nanos(1_000_000)).is_empty());
    let short = fluid.start(Instant::from_nanos(3_000_000), [0].into_iter(), 1_000);
    // From 1 to 4 ms the first has 3,000 bytes, then both share for 2 ms, and at 6 ms 6,000 bytes are left.
    assert_eq!(ends(&mut fluid), [(short, 6_000_000), (long, 12_000_000)]);
}

/// Round trips of 2 and 6 ms: three quarters and one quarter of the link.
#[test]
fn weights_are_inverse_to_round_trips() {
    let config = FlowConfig { rtt_weighted: true, ..FlowConfig::default() };
    let mut fluid = fluid(&[(8_000_000, 1_000_000), (80_000_000, 2_000_000)], config);
    let near = fluid.start(Instant::ZERO, [0].into_iter(), 1_000_000);
    let far = fluid.start(Instant::ZERO, [0, 2].into_iter(), 1_000_000);
    fluid.advance(Instant::from_nanos(1_000_000));
    fluid.advance(Instant::from_nanos(3_000_000));
    let rate = |flow| fluid.rate(flow).unwrap().round() as u64;
    assert_eq!((rate(near), rate(far)), (750_000, 250_000));
}

/// Of a thousand equal flows over one link all end in the nanosecond in which the link has sent their bytes, in their order.
#[test]
fn equal_flows_end_together_and_in_order() {
    let mut fluid = fluid(&[(8_000_000_000, 1_000)], FlowConfig::default());
    let flows: Vec<u32> = (0..1000).map(|_| fluid.start(Instant::ZERO, [0].into_iter(), 1_000)).collect();
    let ends = ends(&mut fluid);
    assert_eq!(ends.iter().map(|(flow, _)| *flow).collect::<Vec<_>>(), flows);
    // A byte a nanosecond; rates are rounded, ends are rounded up.
    assert!(ends.iter().all(|(_, at)| (1_001_000..=1_001_001).contains(at)), "{:?}", ends[0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What makes an allocation max-min fair: no link carries more than it can, and every flow has a full link on which nobody
    /// has more than it (D. Bertsekas and R. Gallager, section 6.5.2). And every flow ends.
    #[test]
    fn every_flow_has_a_bottleneck(
        rates in prop::collection::vec(1_000_000u64..1_000_000_000, 1..8),
        paths in prop::collection::vec((prop::collection::btree_set(0usize..8, 1..4), 1u64..1_000_000), 1..40),
    ) {
        let links: Vec<(u64, u64)> = rates.iter().map(|rate| (*rate, 0)).collect();
        let mut fluid = fluid(&links, FlowConfig::default());
        let paths: Vec<(Vec<usize>, u64)> = paths
            .into_iter()
            .map(|(path, bytes)| {
                let mut path: Vec<usize> = path.into_iter().map(|link| link % rates.len()).collect();
                path.sort_unstable();
                path.dedup();
                (path, bytes)
            })
            .collect();
        let flows: Vec<u32> = paths
            .iter()
            .map(|(path, bytes)| fluid.start(Instant::ZERO, path.iter().map(|link| 2 * *link as u32), *bytes))
            .collect();
        fluid.advance(Instant::ZERO);
        let rate: Vec<f64> = flows.iter().map(|flow| fluid.rate(*flow).unwrap() * 8.0).collect();
        let over = |link: usize| (0..paths.len()).filter(|flow| paths[*flow].0.contains(&link)).collect::<Vec<_>>();
        let load = |link: usize| over(link).into_iter().map(|flow| rate[flow]).sum::<f64>();
        for (link, rate) in rates.iter().enumerate() {
            prop_assert!(load(link) <= *rate as f64 * (1.0 + 1e-9));
        }
        for flow in 0..paths.len() {
            let bottleneck = paths[flow].0.iter().any(|&link| {
                let most = over(link).into_iter().map(|other| rate[other]).fold(0.0, f64::max);
                load(link) >= rates[link] as f64 * (1.0 - 1e-9) && rate[flow] >= most * (1.0 - 1e-9)
            });
            prop_assert!(bottleneck, "flow {} at {} has none", flow, rate[flow]);
        }
        prop_assert_eq!(ends(&mut fluid).len(), flows.len());
    }
}
