//! The crossings of every two methods of a table.

use rand_core::Rng;

use super::crossing::{between, crossings};
use super::{By, Costs, Crossing, Place, Point, Setting};

/// Where one method takes the place of another as the cheaper one of the two, or that it never does.
#[derive(Clone, Debug, PartialEq)]
pub struct PairCrossing {
    /// What the stores are like.
    pub setting: Setting,
    /// The link.
    pub link: String,
    /// Counted in what.
    pub by: By,
    /// The cheaper method below the crossing; everywhere in the range where there is none.
    pub first: String,
    /// The cheaper method above it.
    pub second: String,
    /// Where; none where the curves do not cross in the range.
    pub crossing: Option<Crossing>,
    /// The range: the least and the most differences at which both have a cost.
    pub range: (u64, u64),
    /// Whether no other method is cheaper there: one cheapest method gives way to the next. Without a crossing, whether the first is the
    /// cheapest of all in the whole range.
    pub leads: bool,
}

/// The crossings of all pairs of methods but the adaptive one, for every setting and view of the table. Pairs that never meet, or
/// that cost the same everywhere, are left out. Every pair draws from the same stream, so that a further method
/// changes nobody's interval.
pub fn crossings_of_pairs<R: Rng + Clone>(costs: &Costs, adaptive: &str, rng: &R) -> Vec<PairCrossing> {
    let methods: Vec<&str> = costs.methods().iter().map(String::as_str).filter(|method| *method != adaptive).collect();
    let mut found = Vec::new();
    for setting in costs.settings() {
        for (by, link) in costs.views() {
            let view = View { costs, setting, by, link, differences: costs.differences(setting, link) };
            for (index, first) in methods.iter().enumerate() {
                for second in &methods[index + 1..] {
                    found.extend(view.pair((first, second), &methods, &mut rng.clone()));
                }
            }
        }
    }
    found
}

/// The curves of one setting, link and unit.
struct View<'a> {
    costs: &'a Costs,
    setting: Setting,
    by: By,
    link: &'a str,
    differences: Vec<u64>,
}

impl View<'_> {
    fn point(&self, differences: u64) -> Point {
        Point { setting: self.setting, link: self.link.to_owned(), differences }
    }

    fn mean(&self, method: &str, differences: u64) -> f64 {
        self.costs.mean(&self.point(differences), method, self.by)
    }

    /// The crossings of two methods, or that there is none.
    fn pair(&self, (a, b): (&str, &str), methods: &[&str], rng: &mut impl Rng) -> Vec<PairCrossing> {
        let places: Vec<(u64, Place)> = self.places(a, b);
        let (Some(from), Some(to)) = (places.first().map(|place| place.0), places.last().map(|place| place.0)) else {
            return Vec::new();
        };
        let row = |first: &str, second: &str, crossing, leads| PairCrossing {
            setting: self.setting,
            link: self.link.to_owned(),
            by: self.by,
            first: first.to_owned(),
            second: second.to_owned(),
            crossing,
            range: (from, to),
            leads,
        };
        let ends: Vec<Place> = places.iter().map(|(_, place)| place.clone()).collect();
        let found = crossings(&ends, rng);
        if found.is_empty() {
            let gap = |(d, _): &(u64, Place)| self.mean(a, *d) - self.mean(b, *d);
            let Some(gap) = places.iter().map(gap).find(|gap| *gap != 0.0) else { return Vec::new() };
            let (cheap, dear) = if gap < 0.0 { (a, b) } else { (b, a) };
            let least =
                |(d, _): &(u64, Place)| !methods.iter().any(|other| self.mean(other, *d) < self.mean(cheap, *d));
            return vec![row(cheap, dear, None, places.iter().all(least))];
        }
        let crossing = |crossing: Crossing| {
            let (first, second) = if crossing.change.rises { (a, b) } else { (b, a) };
            row(first, second, Some(crossing), self.leads(first, crossing.change.x, methods))
        };
        found.into_iter().map(crossing).collect()
    }

    /// Where both methods have costs, by the seeds that either has. No differences are no place on a logarithmic axis.
    fn places(&self, a: &str, b: &str) -> Vec<(u64, Place)> {
        let trials = |method: &str| -> Vec<Vec<(Option<u64>, f64)>> {
            self.differences.iter().map(|d| self.costs.trials(&self.point(*d), method, self.by)).collect()
        };
        let (a, b) = (trials(a), trials(b));
        let both =
            || a.iter().zip(&b).zip(&self.differences).filter(|((a, b), d)| !a.is_empty() && !b.is_empty() && **d > 0);
        let mut seeds: Vec<Option<u64>> = both().flat_map(|((a, b), _)| a.iter().chain(b)).map(|one| one.0).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let by_seed = |trials: &[(Option<u64>, f64)]| -> Vec<f64> {
            let of = |seed| trials.iter().find(|one| one.0 == seed).map_or(f64::NAN, |one| one.1);
            seeds.iter().copied().map(of).collect()
        };
        both().map(|((a, b), d)| (*d, Place { x: *d as f64, first: by_seed(a), second: by_seed(b) })).collect()
    }

    /// Whether nothing is cheaper at `x` than a method, where others reach so far.
    fn leads(&self, method: &str, x: f64, methods: &[&str]) -> bool {
        const NOISE: f64 = 1e-9;
        let cost = self.at(method, x);
        !methods.iter().any(|other| *other != method && self.at(other, x) < cost - NOISE)
    }

    /// The logarithm of a method's mean cost between the places of the grid; not a number where it has none on either side.
    fn at(&self, method: &str, x: f64) -> f64 {
        let after = self.differences.partition_point(|d| (*d as f64) < x);
        let near = &self.differences[after.saturating_sub(1)..(after + 1).min(self.differences.len())];
        let points: Vec<(f64, f64)> =
            near.iter().map(|d| (libm::log(*d as f64), libm::log(self.mean(method, *d)))).collect();
        between(&points, libm::log(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::costs::tests::{Points, costs, law};
    use crate::random::Philox;

    fn found(methods: &[(&str, Points)]) -> Vec<PairCrossing> {
        crossings_of_pairs(&costs(methods), "auto", &Philox::new(1))
    }

    #[test]
    fn every_pair_is_told_with_what_is_cheaper_below_and_above() {
        let flat = || ("flat", law(100.0, 0.0, 1_000));
        let rows = found(&[
            flat(),
            ("steep", law(4.0, 1.0, 1_000)),
            ("root", law(20.0, 0.5, 1_000)),
            ("auto", law(1.0, 0.0, 1_000)),
        ]);
        assert_eq!(rows.len(), 3, "the adaptive method is in no pair");
        let told = |row: &PairCrossing| (row.first.clone(), row.second.clone(), row.leads);
        let all = [("steep", "flat", true), ("root", "flat", true), ("steep", "root", true)];
        for ((row, (first, second, leads)), x) in rows.iter().zip(all).zip([25.0, 25.0, 25.0]) {
            assert_eq!(told(row), (first.to_owned(), second.to_owned(), leads), "all three meet in one point");
            let crossing = row.crossing.unwrap();
            assert!((crossing.change.x / x - 1.0).abs() < 1e-9 && (crossing.low / x - 1.0).abs() < 1e-9);
            assert_eq!(row.range, (1, 1_000));
        }
    }

    #[test]
    fn a_crossing_above_a_cheaper_method_does_not_lead() {
        let rows =
            found(&[("flat", law(100.0, 0.0, 1_000)), ("steep", law(1.0, 1.0, 1_000)), ("low", law(9.0, 0.1, 1_000))]);
        let of =
            |first: &str, second: &str| rows.iter().find(|row| row.first == first && row.second == second).unwrap();
        assert!(!of("steep", "flat").leads && of("steep", "low").leads);
        let never = of("low", "flat");
        assert!(never.crossing.is_none() && !never.leads, "cheaper throughout, but not the cheapest of all at first");
    }

    #[test]
    fn pairs_are_compared_as_far_as_both_reach() {
        let rows =
            found(&[("short", law(1.0, 1.0, 10)), ("flat", law(50.0, 0.0, 1_000)), ("same", law(50.0, 0.0, 1_000))]);
        let none = &rows[0];
        assert_eq!((none.first.as_str(), none.second.as_str(), none.range), ("short", "flat", (1, 10)));
        assert!(none.crossing.is_none() && none.leads);
        assert_eq!(rows.len(), 2, "two methods that cost the same everywhere are no pair");
        assert!(found(&[("a", law(1.0, 1.0, 1)), ("b", Vec::new())]).is_empty());
    }
}
