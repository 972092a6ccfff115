//! How many cells a session over rateless cells asks for next.

/// How many cells are likely to be enough, when this many of the first `total` are empty and those did not do.
pub(super) fn wanted(empty: usize, total: usize) -> usize {
    let enough = if empty < 3 {
        // Too few to tell.
        3 * total
    } else {
        let differences = estimate(empty, total);
        (1.4 * differences + 2.0 * libm::sqrt(differences) + 2.0) as usize
    };
    enough.clamp(least(total), most(total))
}

/// Behind this many cells, up to which one credit reaches at least.
pub(super) fn least(total: usize) -> usize {
    total + (total / 8).max(4)
}

/// Behind this many cells, up to which one credit reaches at most.
pub(super) fn most(total: usize) -> usize {
    4 * total + 8
}

/// The number of differences d at which as many cells are expected to be empty: the sum of (i / (i + 2))^d over cells i.
fn estimate(empty: usize, total: usize) -> f64 {
    const SAMPLES: usize = 256;
    let stride = total.div_ceil(SAMPLES).max(1);
    let expected = |differences: f64| {
        let sum: f64 = (0..total).step_by(stride).map(|i| libm::pow(i as f64 / (i + 2) as f64, differences)).sum();
        sum * stride as f64
    };
    let (mut low, mut high) = (0.0, 4.0 * total as f64);
    for _ in 0..32 {
        let middle = (low + high) / 2.0;
        if expected(middle) > empty as f64 { low = middle } else { high = middle }
    }
    high
}
