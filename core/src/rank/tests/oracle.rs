//! The walks against the exact solver.

use super::*;

/// What is left after all trials on one graph: the largest deviation in standard errors, and chi-square with its
/// degrees.
struct Fit {
    worst: f64,
    chi_square: f64,
    degrees: f64,
}

/// Compares the counts of both layers with their binomial laws, each in its own standard errors. Those with fewer than
/// 10 walks to expect (or to miss) are too far from normal.
fn fit(hits: &[[u32; 2]], walks: f64, expected: &[Reach], fit: &mut Fit) {
    for (hits, reach) in hits.iter().zip(expected) {
        for (hits, p) in [(hits[0], reach.positive), (hits[1], reach.negative)] {
            let (mean, variance) = (walks * p, walks * p * (1.0 - p));
            let deviation = f64::from(hits) - mean;
            if variance < 1e-6 {
                // Impossible, or certain.
                assert!(libm::fabs(deviation) < 1e-3, "{hits} of {walks} at probability {p}");
            } else if mean.min(walks - mean) >= 10.0 {
                fit.worst = fit.worst.max(libm::fabs(deviation) / libm::sqrt(variance));
            }
        }
    }
}

/// One node per graph enters chi-square, so that its terms are independent and the quantile is the true one.
fn add_term(hits: u32, walks: f64, p: f64, fit: &mut Fit) {
    let variance = walks * p * (1.0 - p);
    let deviation = f64::from(hits) - walks * p;
    (fit.chi_square, fit.degrees) = (fit.chi_square + deviation * deviation / variance, fit.degrees + 1.0);
}

/// The upper quantile of chi-square by E. B. Wilson and M. M. Hilferty (1931); 3.719 is the normal one for 1e-4.
fn quantile(degrees: f64) -> f64 {
    let t = 2.0 / (9.0 * degrees);
    let root = 1.0 - t + 3.719 * libm::sqrt(t);
    degrees * root * root * root
}

/// Random graphs, each under a random sequence of changes, with polls of random budgets in between.
fn compare(graphs: u64, nodes: u32, changes: usize, walk_count: u32) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut pooled = Fit { worst: 0.0, chi_square: 0.0, degrees: 0.0 };
    for seed in 0..graphs {
        let continue_prob = [0.5, 0.85, 0.9][seed as usize % 3];
        let config = Config { seed, walks: walk_count, continue_prob };
        let mut walks = Walks::new(config, Graph::new(nodes).unwrap(), 0).unwrap();
        let mut exact = Exact::new(continue_prob, Graph::new(nodes).unwrap(), 0).unwrap();
        for _ in 0..changes {
            let change = random_change(walks.graph(), &mut rng);
            walks.apply(change).unwrap();
            exact.apply(change).unwrap();
            let budget = [0, 1, 10, 1000, u64::MAX][below(&mut rng, 5) as usize];
            walks.poll(budget);
        }
        assert!(walks.poll(u64::MAX).settled && exact.poll(0).settled);
        let hits: Vec<[u32; 2]> = (0..nodes).map(|node| walks.hits(node).unwrap()).collect();
        let expected = reaches(&exact);
        let walk_count = f64::from(walk_count);
        fit(&hits, walk_count, &expected, &mut pooled);
        let usable = |p: f64| walk_count * p.min(1.0 - p) >= 10.0;
        for layer in 0..2 {
            let p = |node: &usize| [expected[*node].positive, expected[*node].negative][layer];
            let candidates: Vec<usize> = (0..hits.len()).filter(|node| usable(p(node))).collect();
            let chosen = candidates.get(below(&mut rng, candidates.len() as u32) as usize);
            // One layer per graph: the two depend on each other as well.
            if let Some(chosen) = chosen.filter(|_| seed % 2 == layer as u64) {
                add_term(hits[*chosen][layer], walk_count, p(chosen), &mut pooled);
            }
        }
        assert!(libm::fabs(walks.total() - exact.total()) < 0.2 * exact.total());
    }
    let Fit { worst, chi_square, degrees } = pooled;
    assert!(worst < 5.0, "{worst} standard errors");
    assert!(degrees > graphs as f64 * 0.7, "{degrees}");
    assert!(chi_square < quantile(degrees), "chi-square {chi_square}, {degrees} degrees of freedom");
}

#[test]
fn walks_follow_the_exact_law_through_all_changes() {
    compare(30, 12, 60, 2000);
}

#[test]
#[ignore = "long: 100 graphs, 10,000 walks; cargo test --release -p rapprochement-core rank -- --ignored"]
fn walks_follow_the_exact_law_on_100_graphs() {
    compare(100, 40, 400, 10_000);
}

/// The first-step equations of the definition, solved by iteration: `h_v(v) = 1`, `h_v(u) = q sum P(u, w) h_v(w)`.
#[test]
fn the_solver_satisfies_the_first_step_equations() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut signed = Graph::new(14).unwrap();
    (0..80).for_each(|_| signed.apply(random_change(&signed, &mut rng)).unwrap());
    let (q, nodes) = (0.85, 14);
    let solved = reaches(&exact(q, &signed, 0));
    for target in 0..2 * nodes {
        let mut h = vec![0.0; 2 * nodes];
        for _ in 0..400 {
            let old = h.clone();
            for (state, value) in h.iter_mut().enumerate() {
                let (from, negative) = (state % nodes, state >= nodes);
                let edges: Vec<(u32, f64)> =
                    signed.out_edges(from as u32).filter(|&(_, weight)| !negative || weight > 0.0).collect();
                let sum: f64 = edges.iter().map(|(_, weight)| weight.abs()).sum();
                let next = |&(to, weight): &(u32, f64)| {
                    old[to as usize + if negative || weight < 0.0 { nodes } else { 0 }] * weight.abs() / sum
                };
                *value = if state == target { 1.0 } else { q * edges.iter().map(next).sum::<f64>() };
            }
        }
        let reach = solved[target % nodes];
        let found = if target < nodes { reach.positive } else { reach.negative };
        assert!(libm::fabs(found - h[0]) < 1e-12, "state {target}: {found}, {}", h[0]);
    }
}

#[test]
fn bridge_shares_agree_with_the_oracle() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for signed in [false, true] {
        let mut graph = Graph::new(10).unwrap();
        for _ in 0..25 {
            let change = random_change(&graph, &mut rng);
            let weight = if signed { change.weight } else { change.weight.abs() };
            graph.apply(EdgeChange { weight, ..change }).unwrap();
        }
        let (walks, exact) = (walks(config(20_000, 0.85), &graph, 0), exact(0.85, &graph, 0));
        for (node, (&estimate, &share)) in walks.bridge_shares().iter().zip(&exact.bridge_shares()).enumerate() {
            let met = 20_000.0 * exact.reach(node as u32).unwrap().sum();
            // The largest of several shares is biased upwards by about one standard error.
            let error = libm::sqrt((share * (1.0 - share)).max(0.01) / met.max(1.0));
            assert!(met < 100.0 || libm::fabs(estimate - share) < 6.0 * error, "{node}: {estimate}, {share}");
        }
    }
}
