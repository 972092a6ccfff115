//! How well a graph expands: the second largest eigenvalue of its adjacency matrix. The largest is the degree, with equal entries.

use rapprochement_core::overlay::sampling::peerswap::RegularGraph;

const ITERATIONS: usize = 600;

/// By power iteration of the matrix plus the degree, which has no negative eigenvalues, in the space orthogonal to the first.
pub(crate) fn second_eigenvalue(graph: &RegularGraph) -> f64 {
    let degree = graph.degree() as f64;
    // Any start that is not orthogonal to the eigenvector will do.
    let mut vector: Vec<f64> = (0..graph.nodes()).map(|at| ((at * at + 1) % 97) as f64).collect();
    let mut eigenvalue = 0.0;
    for _ in 0..ITERATIONS {
        let mean = vector.iter().sum::<f64>() / vector.len() as f64;
        vector.iter_mut().for_each(|entry| *entry -= mean);
        let norm = vector.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|entry| *entry /= norm);
        let around = |at: u32| graph.neighbours(at).iter().map(|&next| vector[next as usize]).sum::<f64>();
        let next: Vec<f64> = (0..).zip(&vector).map(|(at, entry)| around(at) + degree * entry).collect();
        eigenvalue = next.iter().zip(&vector).map(|(a, b)| a * b).sum::<f64>() - degree;
        vector = next;
    }
    eigenvalue
}
