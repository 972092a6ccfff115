//! Attacks by Sybils against the closed forms.

use super::*;

const Q: [f64; 4] = [0.2, 0.5, 0.85, 0.95];
const COUNTS: [u32; 5] = [1, 5, 10, 25, 50];
const SHARES: [f64; 3] = [0.25, 0.5, 1.0];
const ATTACKER: u32 = 1;
const FIRST: u32 = 4;

/// The ego (0) trusts the attacker and an honest node (2) which trusts another (3), as the attacker does if it has
/// honest edges.
fn attacked(shape: Shape, count: u32, share: f64) -> (Graph, Vec<u32>) {
    let mut attacked = graph(FIRST + count, &[(0, ATTACKER, 1.0), (0, 2, 1.0), (2, 3, 2.0)]);
    let honest = if share < 1.0 { 3.0 } else { 0.0 };
    let weight = if share < 1.0 { weight_of_share(honest, share) } else { 1.0 };
    if honest > 0.0 {
        attacked.apply(EdgeChange::new(ATTACKER, 3, honest)).unwrap();
    }
    shape.edges(ATTACKER, FIRST, count, weight).for_each(|change| attacked.apply(change).unwrap());
    (attacked, (FIRST..FIRST + count).collect())
}

fn each_attack(mut check: impl FnMut(Shape, f64, u32, f64)) {
    for shape in Shape::ALL {
        for q in Q {
            COUNTS.iter().for_each(|&count| SHARES.iter().for_each(|&share| check(shape, q, count, share)));
        }
    }
}

fn gain(rank: &impl Rank, sybils: &[u32]) -> f64 {
    measured_gain(|node| rank.reach(node).unwrap().positive, ATTACKER, sybils)
}

#[test]
fn the_solver_gives_the_closed_forms() {
    each_attack(|shape, q, count, share| {
        let (graph, sybils) = attacked(shape, count, share);
        let (found, expected) = (gain(&exact(q, &graph, 0), &sybils), shape.gain(q, count, share));
        assert!(libm::fabs(found - expected) < 1e-9, "{shape:?}, q {q}, k {count}, f {share}: {found}, {expected}");
    });
}

/// Figures of the research that were measured on another implementation, and limits of infinitely many Sybils.
#[test]
fn published_gains() {
    let near = |found: f64, expected: f64| assert!(libm::fabs(found - expected) < 5e-4, "{found}, {expected}");
    for (shape, gains) in [
        (Shape::Path, [0.850, 3.152, 5.665, 0.85 / 0.15]),
        (Shape::Parallel, [0.850, 0.850, 0.850, 0.85]),
        (Shape::Cycle, [0.850, 2.014, 2.911, 0.85 / (1.0 - 0.85 * 0.85)]),
    ] {
        for (count, expected) in [1, 5, 50, 1_000_000].into_iter().zip(gains) {
            near(shape.gain(0.85, count, 1.0), expected);
        }
    }
}

/// The mean square deviation from the expected value is the variance in closed form, within 4 of its own standard errors.
fn check_variance(found: &[f64], variance: f64, expected: f64) {
    let n = found.len() as f64;
    let squares: Vec<f64> = found.iter().map(|value| (value - expected) * (value - expected)).collect();
    let mean = squares.iter().sum::<f64>() / n;
    let spread = squares.iter().map(|square| (square - mean) * (square - mean)).sum::<f64>() / n;
    assert!(libm::fabs(mean - variance) <= 4.0 * libm::sqrt(spread / n) + 1e-9, "{mean}, {variance}");
}

/// The gain is the mean number of different Sybils met by the walks that meet the attacker; its standard error is
/// that of a mean.
fn check_walks(walk_count: u32) {
    each_attack(|shape, q, count, share| {
        let (graph, sybils) = attacked(shape, count, share);
        let walks = walks(config(walk_count, q), &graph, 0);
        let (mut met, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let mut seen_by_walks = Vec::new();
        for number in (0..walk_count).filter(|&number| walks.steps(number).contains(&ATTACKER)) {
            let mut seen = [false; 50];
            walks
                .steps(number)
                .iter()
                .filter(|&&node| node >= FIRST)
                .for_each(|node| seen[(node - FIRST) as usize] = true);
            let different = seen.iter().filter(|&&seen| seen).count() as f64;
            (met, sum, squares) = (met + 1.0, sum + different, squares + different * different);
            seen_by_walks.push(different);
        }
        let (found, expected) = (gain(&walks, &sybils), shape.gain(q, count, share));
        assert!(libm::fabs(found - sum / met) < 1e-9);
        check_variance(&seen_by_walks, shape.gain_variance(q, count, share), expected);
        let error = libm::sqrt((squares / met - found * found) / met);
        assert!(
            libm::fabs(found - expected) < 4.0 * error,
            "{shape:?}, q {q}, k {count}, f {share}: {found}, {expected}, {error}"
        );
    });
}

#[test]
fn walks_give_the_closed_forms() {
    check_walks(5000);
}

#[test]
#[ignore = "long: a million walks, 180 times; cargo test --release -p rapprochement-core rank -- --ignored"]
fn a_million_walks_give_the_closed_forms() {
    check_walks(1_000_000);
}

#[test]
fn connectivity_decay_scales_sybils_behind_a_bridge() {
    for shape in Shape::ALL {
        let (graph, sybils) = attacked(shape, 5, 0.5);
        let exact = exact(0.85, &graph, 0);
        for beta in [0.0, 0.3, 1.0] {
            let decayed = Connectivity { threshold: 1.0, beta }.apply(&exact);
            for &sybil in &sybils {
                let (before, after) = (exact.reach(sybil).unwrap(), decayed.reach(sybil).unwrap());
                assert!(libm::fabs(after.positive - (1.0 - beta) * before.positive) < 1e-9, "{shape:?}, {beta}");
            }
            // The attacker stands next to the ego, and node 3 behind two bridges.
            for node in [ATTACKER, 3] {
                assert_eq!(decayed.reach(node), exact.reach(node));
            }
            let sum: f64 = (0..exact.nodes()).map(|node| decayed.score(node).unwrap()).sum();
            assert!(libm::fabs(sum - 1.0) < 1e-9, "{sum}");
            assert_eq!(decayed.score(99), Err(RankError::UnknownNode(99)));
        }
    }
    // Walks see strict bridges exactly.
    let (graph, sybils) = attacked(Shape::Path, 3, 1.0);
    let walks = walks(config(2000, 0.85), &graph, 0);
    let decayed = Connectivity { threshold: 1.0, beta: 0.25 }.apply(&walks);
    for sybil in sybils {
        assert!(decayed.reach(sybil).unwrap().positive / walks.reach(sybil).unwrap().positive == 0.75);
    }
    assert_eq!(decayed.top(1)[0].0, 0);
}

#[test]
fn epochs_decay() {
    let mut epochs = Epochs::new(0.5);
    epochs.end(&[1.0, 0.0]);
    epochs.end(&[0.0, 1.0]);
    // 0.25, 0.5 and now 0, 0, 1.
    assert_eq!(epochs.reputation(&[0.0, 0.0, 1.0]), [0.25 / 1.75, 0.5 / 1.75, 1.0 / 1.75]);
    assert_eq!(Epochs::new(f64::NAN).reputation(&[0.0]), [0.0]);
    let mut forgets = Epochs::new(-3.0);
    forgets.end(&[1.0]);
    assert_eq!(forgets.reputation(&[0.0, 2.0]), [0.0, 1.0]);
}
