//! How the cheapest methods follow one another as the differences grow: what a reader wants of all the crossings.

use super::{By, Cheapest, Crossing, PairCrossing, Setting};

/// One cheapest method, and what ends its reign.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What the stores are like.
    pub setting: Setting,
    /// The link.
    pub link: String,
    /// Counted in what.
    pub by: By,
    /// The cheapest method up to here.
    pub first: String,
    /// The one that follows; empty where the first is the cheapest to the end of the range.
    pub second: String,
    /// Where; none where no crossing ends it: there is no next one, or the first reaches no further.
    pub crossing: Option<Crossing>,
    /// Between which differences of the grid; the whole range where there is no next one.
    pub between: (u64, u64),
}

/// The succession at every setting and view, in ascending order of differences. A method that is the cheapest over the whole range has
/// one step without a next one; otherwise the last method has none of its own.
pub fn succession(cheapest: &[Cheapest], pairs: &[PairCrossing]) -> Vec<Step> {
    let mut steps = Vec::new();
    let same =
        |a: &Cheapest, b: &Cheapest| (a.point.setting, a.by) == (b.point.setting, b.by) && a.point.link == b.point.link;
    let mut views: Vec<&[Cheapest]> = cheapest.chunk_by(same).collect();
    views.sort_by_key(|view| view[0].point.setting);
    for view in views {
        let before = steps.len();
        for two in view.windows(2).filter(|two| two[0].method != two[1].method) {
            steps.extend(change(&two[0], &two[1], pairs));
        }
        if steps.len() == before {
            let (first, last) = (&view[0], &view[view.len() - 1]);
            steps.push(step(first, last, (&first.method, ""), None));
        }
    }
    steps
}

fn step(from: &Cheapest, to: &Cheapest, (first, second): (&str, &str), crossing: Option<Crossing>) -> Step {
    Step {
        setting: from.point.setting,
        link: from.point.link.clone(),
        by: from.by,
        first: first.to_owned(),
        second: second.to_owned(),
        crossing,
        between: (from.point.differences, to.point.differences),
    }
}

/// What happens between two neighbouring places of the grid whose cheapest methods differ: the crossings that lead from one to the
/// other, perhaps by way of others, or none where the first has no cost at the second place.
fn change(from: &Cheapest, to: &Cheapest, pairs: &[PairCrossing]) -> Vec<Step> {
    let between = from.point.differences as f64..=to.point.differences as f64;
    let here = pairs.iter().filter(|pair| {
        (pair.setting, pair.by) == (from.point.setting, from.by) && pair.link == from.point.link && pair.leads
    });
    let mut steps: Vec<(f64, Step)> = here
        .filter_map(|pair| {
            let crossing = pair.crossing.filter(|crossing| between.contains(&crossing.change.x))?;
            Some((crossing.change.x, step(from, to, (&pair.first, &pair.second), Some(crossing))))
        })
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    if steps.is_empty() {
        return vec![step(from, to, (&from.method, &to.method), None)];
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::costs::tests::{Points, costs, law};
    use crate::measure::costs::{cheapest, crossings_of_pairs};
    use crate::random::Philox;

    #[test]
    fn the_cheapest_follow_one_another_by_crossing_or_by_reach() {
        let told = |table: &[(&str, Points)]| {
            let costs = costs(table);
            let steps = succession(&cheapest(&costs, "auto"), &crossings_of_pairs(&costs, "auto", &Philox::new(1)));
            let step = |step: Step| (step.first, step.second, step.crossing.map(|one| one.change.x), step.between);
            steps.into_iter().map(step).collect::<Vec<_>>()
        };
        let table = [("steep", law(1.0, 2.0, 1_000)), ("short", law(5.0, 0.0, 100)), ("flat", law(50.0, 0.0, 1_000))];
        let steps = told(&table);
        assert_eq!(steps.len(), 2);
        let (first, second) = (&steps[0], &steps[1]);
        assert_eq!((first.0.as_str(), first.1.as_str(), first.3), ("steep", "short", (1, 10)));
        assert!((first.2.unwrap() - 5f64.sqrt()).abs() < 1e-9);
        assert_eq!((second.0.as_str(), second.1.as_str(), second.2, second.3), ("short", "flat", None, (100, 1_000)));
        let alone = told(&table[2..]);
        assert_eq!(alone, [("flat".into(), String::new(), None, (1, 1_000))]);
    }
}
