//! What a scenario means: values that fit their types and still cannot be meant. Each rule names the keys that it rests
//! on; where one of them is already reported as wrong, the rule is silent.

mod calls;
mod directory;
mod files;
mod network;
mod overlay;
mod rank;
mod sweep;
mod transport;
mod workflow;
mod workload;

pub(super) use self::files::Files;
use super::path::Path;
use super::schema::Scenario;
use crate::network::fabric::config::Fidelity;
use crate::problem::{Problem, zero_time};
use crate::units::{Size, Span};

/// Nodes number at most this many.
pub const MAX_NODES: u32 = 20_000_000;
/// A run's series has at most this many samples.
const MAX_SAMPLES: u64 = 1_000_000;
/// The most that is kept of a packet.
const CAPTURED_MAX: Size = Size(65_535);
/// Ten years of virtual time; more is a slip of the unit.
const MAX_DURATION_NS: u64 = 3_650 * 86_400 * 1_000_000_000;

/// Collects problems.
#[derive(Debug, Default)]
pub struct Checker {
    holes: Vec<Path>,
    problems: Vec<Problem>,
}

impl Checker {
    /// A checker that is silent about what rests on these places.
    pub fn new(holes: &[Path]) -> Self {
        Self { holes: holes.to_vec(), problems: Vec::new() }
    }

    /// What was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Reports a problem at the first of `paths`, unless one of them is a hole.
    fn report(&mut self, paths: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::new(paths[0], message, help);
        self.take([problem.resting_on(paths[1..].iter().copied())]);
    }

    /// Reports problems that another room has found, unless they rest on holes.
    fn take(&mut self, problems: impl IntoIterator<Item = Problem>) {
        let is_hole = |path: &String| {
            Path::parse(path)
                .is_ok_and(|path| self.holes.iter().any(|hole| hole.contains(&path) || path.contains(hole)))
        };
        let sound = |problem: &Problem| !is_hole(&problem.path) && !problem.rests_on.iter().any(is_hole);
        let sound: Vec<Problem> = problems.into_iter().filter(sound).collect();
        self.problems.extend(sound);
    }

    /// Silences every further rule that rests on this key.
    fn distrust(&mut self, key: &str) {
        self.holes.push(Path::default().key(key));
    }

    fn positive(&mut self, path: &str, span: Span) {
        if span.0.is_zero() {
            self.take([zero_time(path)]);
        }
    }

    /// A parameter that has to be a number above zero.
    fn positive_number(&mut self, path: &str, value: f64) {
        if !(value.is_finite() && value > 0.0) {
            self.report(&[path], format!("{value} is not a positive number"), "");
        }
    }
}

/// Everything that cannot be meant in a scenario, in no particular order; its files are left unread.
pub fn check(scenario: &Scenario) -> Vec<Problem> {
    let mut checker = Checker::default();
    self::scenario(scenario, &mut checker, &mut Files::default());
    checker.problems
}

/// [`check`] into an existing checker.
pub(super) fn scenario(s: &Scenario, c: &mut Checker, files: &mut Files) {
    basics(s, c);
    measure(s, c);
    network::network(s, c);
    transport::transport(s, c);
    network::churn(s, c);
    network::node(s, c);
    network::membership(s, c);
    workload::protocol(s, c);
    calls::calls(s, c);
    directory::directory(s, c);
    overlay::overlay(s, c);
    rank::rank(s, c);
    workflow::workflow(s, c);
    workload::hostile(s, c);
    workload::workload(s, c);
    sweep::expect(s, c);
    sweep::sweep(s, c);
    sweep::figures(s, c);
    files.check(s, c);
}

/// Whether a text can name a file on every platform.
pub(crate) fn is_file_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(good)
}

fn basics(s: &Scenario, c: &mut Checker) {
    if !is_file_name(&s.name) {
        let help = "a name has 1 to 64 letters, digits, `-` and `_`";
        c.report(&["name"], format!("{:?} cannot name a directory", s.name), help);
    }
    if i64::try_from(s.seed).is_err() {
        c.report(&["seed"], "this seed is too large for TOML", format!("a seed is at most {}", i64::MAX));
    }
    if s.nodes < 2 {
        c.report(&["nodes"], "fewer than 2 nodes cannot exchange anything", "use at least 2");
        c.distrust("nodes");
    }
    if s.nodes > MAX_NODES {
        c.report(&["nodes"], format!("{} nodes are too many", s.nodes), format!("use at most {MAX_NODES}"));
        c.distrust("nodes");
    }
    if s.duration.0.is_zero() {
        c.positive("duration", s.duration);
        c.distrust("duration");
    }
    if s.duration.as_nanos() > MAX_DURATION_NS {
        c.report(&["duration"], "a run of more than ten years", "is the unit the one you meant?");
        c.distrust("duration");
    }
}

fn measure(s: &Scenario, c: &mut Checker) {
    let sample = s.measure.sample;
    c.positive("measure.sample", sample);
    if sample > s.duration {
        let message = format!("a run of {} ends before its first sample", s.duration);
        c.report(&["measure.sample", "duration"], message, "sample more often than once in a run");
    }
    if s.measure.packets.is_some() && s.network.fidelity != Fidelity::Packet {
        let message = "there are no packets to capture";
        c.report(&["measure.packets", "network.fidelity"], message, "set `network.fidelity = \"packet\"`");
    }
    if s.measure.packets.is_some_and(|kept| kept > CAPTURED_MAX) {
        c.report(&["measure.packets"], format!("a packet has at most {CAPTURED_MAX}"), "");
    }
    let samples = s.duration.as_nanos() / sample.as_nanos().max(1);
    if !sample.0.is_zero() && samples > MAX_SAMPLES {
        let least = Span(rapprochement_core::time::Duration::from_nanos(s.duration.as_nanos().div_ceil(MAX_SAMPLES)));
        let message = format!("{samples} samples in a run of {}", s.duration);
        c.report(&["measure.sample", "duration"], message, format!("sample at most every {least}"));
    }
}
