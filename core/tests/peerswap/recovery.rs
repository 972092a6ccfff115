//! Loss, crashes and returns.

use rapprochement_core::time::Duration;

use crate::faults::{Outcome, run};

fn hold(nodes: usize, latency: Duration, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let Outcome { unsound, one_sided, vacant, unavoidable, .. } = run(nodes, latency, seed);
        assert!(!unsound && one_sided == 0, "seed {seed}: {unsound} {one_sided}");
        assert_eq!(vacant, unavoidable, "seed {seed}");
    }
}

#[test]
fn after_loss_and_crashes_edges_are_whole_and_all_places_taken() {
    hold(50, Duration::from_millis(50), 0..200);
}

#[test]
fn so_are_they_in_a_larger_overlay_on_slower_links() {
    hold(400, Duration::from_millis(100), 0..6);
}
