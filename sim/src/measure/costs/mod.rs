//! What methods of reconciliation take between two peers, over a grid of stores and links: a table, which method is cheapest
//! where, and where the costs of two methods cross.

mod cheapest;
mod crossing;
mod pairs;
mod succession;

use std::cmp::Ordering;
use std::collections::BTreeMap;

pub use cheapest::{Cheapest, cheapest};
pub use crossing::{Change, Crossing, Place, crossings};
pub use pairs::{PairCrossing, crossings_of_pairs};
pub use succession::{Step, succession};

/// What two stores are like.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Keys that the stores hold between them.
    pub items: u64,
    /// Authors of these.
    pub authors: u64,
    /// Share of the differences that are updates: keys on both sides in different versions.
    pub updates: f64,
}

/// A place of the grid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// What the stores are like.
    pub setting: Setting,
    /// The link between them; empty where the table has none.
    pub link: String,
    /// Keys in which they differ.
    pub differences: u64,
}

/// What a method took once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Seed of the trial; none where the row is already a mean.
    pub seed: Option<u64>,
    /// Bytes of all messages; not a number where the method did not get there.
    pub bytes: f64,
    /// Time until both stores were equal; not a number where it is unknown.
    pub time_s: f64,
}

/// What a cost is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Bytes of all messages.
    Bytes,
    /// Time in seconds.
    Time,
}

/// All trials of a study. Methods and links stay in the order in which they first appear.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    methods: Vec<String>,
    links: Vec<String>,
    points: BTreeMap<Point, BTreeMap<usize, Vec<Trial>>>,
}

impl Setting {
    fn key(&self) -> (u64, u64) {
        (self.items, self.authors)
    }
}

impl Ord for Setting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key()).then_with(|| self.updates.total_cmp(&other.updates))
    }
}

impl PartialOrd for Setting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Setting {}

impl By {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Time => "time",
        }
    }

    const fn of(self, trial: &Trial) -> f64 {
        match self {
            Self::Bytes => trial.bytes,
            Self::Time => trial.time_s,
        }
    }
}

/// The place of a name in a list, to which it is added where it is new.
fn place_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

impl Costs {
    /// Adds a trial; false where there is already one of this method and seed at the point.
    pub fn add(&mut self, point: Point, method: &str, trial: Trial) -> bool {
        let method = place_of(&mut self.methods, method);
        place_of(&mut self.links, &point.link);
        let trials = self.points.entry(point).or_default().entry(method).or_default();
        let new = trials.iter().all(|known| known.seed != trial.seed);
        if new {
            trials.push(trial);
        }
        new
    }

    /// The methods.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// The links.
    pub fn links(&self) -> &[String] {
        &self.links
    }

    /// The places of the grid in ascending order.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.keys()
    }

    /// What the stores are like, in ascending order.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings: Vec<Setting> = self.points().map(|point| point.setting).collect();
        settings.dedup();
        settings
    }

    /// The differences on the grid of a setting and link, in ascending order.
    pub fn differences(&self, setting: Setting, link: &str) -> Vec<u64> {
        let here = self.points().filter(|point| point.setting == setting && point.link == link);
        here.map(|point| point.differences).collect()
    }

    /// What a method took at a point, by seed in ascending order. Empty where it did not always get there, or has fewer trials than
    /// another: a mean over those alone that got there would flatter.
    pub fn trials(&self, point: &Point, method: &str, by: By) -> Vec<(Option<u64>, f64)> {
        let Some(here) = self.points.get(point) else { return Vec::new() };
        let most = here.values().map(Vec::len).max().unwrap_or(0);
        let index = self.methods.iter().position(|known| known == method);
        let Some(trials) = index.and_then(|index| here.get(&index)).filter(|trials| trials.len() == most) else {
            return Vec::new();
        };
        let mut found: Vec<(Option<u64>, f64)> = trials.iter().map(|trial| (trial.seed, by.of(trial))).collect();
        found.sort_by_key(|(seed, _)| *seed);
        if found.iter().any(|(_, value)| value.is_nan()) { Vec::new() } else { found }
    }

    /// The mean of [`Costs::trials`]; not a number where there are none.
    pub fn mean(&self, point: &Point, method: &str, by: By) -> f64 {
        let trials = self.trials(point, method, by);
        trials.iter().map(|(_, value)| value).sum::<f64>() / trials.len() as f64
    }

    /// Whether anything has a time.
    pub fn timed(&self) -> bool {
        self.points.values().flat_map(BTreeMap::values).flatten().any(|trial| !trial.time_s.is_nan())
    }

    /// What is told apart: bytes, and time where there is any. Bytes that are the same on every link are told once, on
    /// the first.
    pub fn views(&self) -> Vec<(By, &str)> {
        let bytes = if self.bytes_depend_on_link() { &self.links[..] } else { &self.links[..self.links.len().min(1)] };
        let times = if self.timed() { &self.links[..] } else { &[] };
        let bytes = bytes.iter().map(|link| (By::Bytes, link.as_str()));
        bytes.chain(times.iter().map(|link| (By::Time, link.as_str()))).collect()
    }

    /// How a view is called: "bytes", or "time, 20 Mbit/s".
    pub fn name_of(&self, (by, link): (By, &str)) -> String {
        let alone = link.is_empty() || (by == By::Bytes && !self.bytes_depend_on_link());
        if alone { by.name().to_owned() } else { format!("{}, {link}", by.name()) }
    }

    /// Whether some method's mean of bytes is not the same on every link.
    pub fn bytes_depend_on_link(&self) -> bool {
        self.points().any(|point| {
            let Some(first) = self.links.first().filter(|first| **first != point.link) else { return false };
            let there = Point { link: first.clone(), ..point.clone() };
            self.methods.iter().any(|method| {
                let (here, there) = (self.mean(point, method, By::Bytes), self.mean(&there, method, By::Bytes));
                here.to_bits() != there.to_bits() && !(here.is_nan() && there.is_nan())
            })
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const SETTING: Setting = Setting { items: 1_000, authors: 10, updates: 0.5 };

    pub(in super::super) fn point(link: &str, differences: u64) -> Point {
        Point { setting: SETTING, link: link.into(), differences }
    }

    /// Differences, each with the bytes by seed.
    pub(in super::super) type Points = Vec<(u64, Vec<f64>)>;

    /// Such points, written down.
    pub(in super::super) fn points(points: &[(u64, &[f64])]) -> Points {
        points.iter().map(|(differences, bytes)| (*differences, bytes.to_vec())).collect()
    }

    /// `scale * d^power` at 1, 10, 100 and 1,000 differences as far as a method reaches, under two seeds.
    pub(in super::super) fn law(scale: f64, power: f64, reach: u64) -> Points {
        let all = [1, 10, 100, 1_000].into_iter().filter(|d| *d <= reach);
        all.map(|d| (d, vec![scale * libm::pow(d as f64, power); 2])).collect()
    }

    /// A table of methods and their bytes.
    pub(in super::super) fn costs(methods: &[(&str, Points)]) -> Costs {
        let mut costs = Costs::default();
        for (method, points) in methods {
            for (differences, values) in points {
                for (seed, bytes) in (1..).zip(values) {
                    let trial = Trial { seed: Some(seed), bytes: *bytes, time_s: f64::NAN };
                    assert!(costs.add(point("", *differences), method, trial));
                }
            }
        }
        costs
    }

    #[test]
    fn a_method_that_did_not_always_get_there_has_no_mean() {
        let at_one = |bytes: &[f64]| points(&[(1, bytes)]);
        let costs =
            costs(&[("whole", at_one(&[1.0, 3.0])), ("partly", at_one(&[1.0, f64::NAN])), ("fewer", at_one(&[1.0]))]);
        let mean = |method| costs.mean(&point("", 1), method, By::Bytes);
        assert_eq!(mean("whole"), 2.0);
        assert!(mean("partly").is_nan() && mean("fewer").is_nan() && mean("unknown").is_nan());
        assert!(costs.mean(&point("", 2), "whole", By::Bytes).is_nan());
        assert!(!costs.clone().add(point("", 1), "whole", Trial { seed: Some(1), bytes: 1.0, time_s: 1.0 }));
    }

    #[test]
    fn bytes_are_told_by_link_only_where_they_depend_on_it() {
        let study = |bytes: f64, time_s: f64| {
            let mut costs = Costs::default();
            costs.add(point("slow", 1), "a", Trial { seed: None, bytes: 5.0, time_s });
            costs.add(point("fast", 1), "a", Trial { seed: None, bytes, time_s });
            let views = costs.views();
            views.into_iter().map(|view| costs.name_of(view)).collect::<Vec<_>>()
        };
        assert_eq!(study(5.0, 1.0), ["bytes", "time, slow", "time, fast"]);
        assert_eq!(study(6.0, f64::NAN), ["bytes, slow", "bytes, fast"]);
        assert!(Costs::default().views().is_empty());
    }
}
