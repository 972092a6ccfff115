//! Which method is cheapest at every place of a grid, by how much, and what an adaptive method takes there.

use super::{By, Costs, Point};
use crate::measure::statistics::Paired;

/// The cheapest method at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Cheapest {
    /// Where.
    pub point: Point,
    /// Counted in what.
    pub by: By,
    /// The method of the smallest mean; the first of the table's where several have it.
    pub method: String,
    /// That mean.
    pub cost: f64,
    /// The method of the next larger mean; empty where there is none.
    pub next: String,
    /// That mean over the smallest; not a number where there is none.
    pub next_ratio: f64,
    /// Whether the 95 % interval of the difference of the two over the same seeds excludes zero.
    pub certain: bool,
    /// The adaptive method's mean over the smallest; not a number where it has none.
    pub adaptive_ratio: f64,
}

/// The cheapest of all methods but the adaptive one, which is held against it, at every point and view of the table.
/// Only methods that always got there take part; a point that has none of them is left out.
pub fn cheapest(costs: &Costs, adaptive: &str) -> Vec<Cheapest> {
    let views = costs.views();
    let here = |(by, link): (By, &str)| -> Vec<Cheapest> {
        costs.points().filter(|point| point.link == link).filter_map(|point| at(costs, point, by, adaptive)).collect()
    };
    views.into_iter().flat_map(here).collect()
}

fn at(costs: &Costs, point: &Point, by: By, adaptive: &str) -> Option<Cheapest> {
    let others = costs.methods().iter().filter(|method| *method != adaptive);
    let means = others.map(|method| (costs.mean(point, method, by), method)).filter(|(mean, _)| !mean.is_nan());
    let mut ranked: Vec<(f64, &String)> = means.collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (cost, method) = *ranked.first()?;
    let next = ranked.get(1);
    Some(Cheapest {
        point: point.clone(),
        by,
        method: method.clone(),
        cost,
        next: next.map_or_else(String::new, |(_, next)| (*next).clone()),
        next_ratio: next.map_or(f64::NAN, |(mean, _)| mean / cost),
        certain: next.is_some_and(|(_, next)| differ(costs, point, by, (method, next))),
        adaptive_ratio: costs.mean(point, adaptive, by) / cost,
    })
}

/// Whether two methods differ over the seeds that both have.
fn differ(costs: &Costs, point: &Point, by: By, (first, second): (&str, &str)) -> bool {
    let seconds = costs.trials(point, second, by);
    let pair = |(seed, a): (Option<u64>, f64)| Some((a, seconds.iter().find(|(other, _)| *other == seed)?.1));
    let pairs: Vec<(f64, f64)> = costs.trials(point, first, by).into_iter().filter_map(pair).collect();
    Paired::of(&pairs).excludes_zero()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::costs::tests::{costs, points};

    #[test]
    fn the_smallest_mean_of_those_that_always_got_there_wins() {
        let table = costs(&[
            ("auto", points(&[(1, &[2.0, 2.0, 2.0]), (10, &[30.0, 30.0, 30.0])])),
            ("failing", points(&[(1, &[1.0, 1.0, f64::NAN])])),
            ("wide", points(&[(1, &[3.0, 5.0, 7.0]), (10, &[10.0, 20.0, 30.0])])),
            ("narrow", points(&[(1, &[7.0, 9.0, 11.5]), (10, &[21.0, 21.0, 21.0])])),
        ]);
        let found = cheapest(&table, "auto");
        assert_eq!(found.len(), 2);
        let (small, large) = (&found[0], &found[1]);
        assert_eq!((small.point.differences, small.method.as_str(), small.next.as_str()), (1, "wide", "narrow"));
        assert_eq!((small.cost, small.adaptive_ratio), (5.0, 0.4), "the adaptive method is held against, never chosen");
        assert!(small.certain, "4, 4 and 4.5 apart by seed, though the means are within each other's spread");
        assert_eq!((large.method.as_str(), large.next_ratio, large.adaptive_ratio), ("wide", 1.05, 1.5));
        assert!(!large.certain, "11, 1 and -9 apart by seed");
    }

    #[test]
    fn the_first_of_equals_is_chosen_and_one_alone_has_no_next() {
        let equal = cheapest(&costs(&[("b", points(&[(1, &[4.0])])), ("a", points(&[(1, &[4.0])]))]), "auto");
        assert_eq!((equal[0].method.as_str(), equal[0].next.as_str(), equal[0].next_ratio), ("b", "a", 1.0));
        let alone =
            cheapest(&costs(&[("a", points(&[(1, &[4.0])])), ("auto", points(&[(1, &[4.0]), (9, &[5.0])]))]), "auto");
        assert_eq!(alone.len(), 1, "where only the adaptive method got, nothing is cheapest");
        assert!(alone[0].next.is_empty() && alone[0].next_ratio.is_nan() && !alone[0].certain);
    }
}
