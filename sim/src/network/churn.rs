//! Nodes that come and go. Each node is an alternating renewal process of sessions and absences whose draws come from the
//! node's own numbered stream, so that no order of events, no protocol and no other node moves them.
//!
//! A run begins in the steady state (Cox, "Renewal Theory", 1962, section 7.4): a node is up with the probability
//! mean session / (mean session + mean absence), and what is left of its first state is length-biased. With a later
//! `start` everybody is up until then; each node is then in the middle of a session, and the share of nodes that are up
//! falls to the steady one.
//!
//! | profile | session | absence | source |
//! |---|---|---|---|
//! | `debian` | Weibull k 0.38, lambda 42.4 min | exponential, mean of a session | D. Stutzbach and R. Rejaie, "Understanding churn in peer-to-peer networks", IMC 2006 |
//! | `redhat` | Weibull k 0.34, lambda 21.3 min | the same | the same |
//! | `flatout` | Weibull k 0.59, lambda 41.9 min | the same | the same |
//! | `kad` | Weibull k 0.545, lambda 358 min | Weibull k 0.448, lambda 414 min | fits as reported for first sessions and absences in Kad; no published table was at hand to check them |
//! | `ipfs` | Weibull k 0.518, lambda 116 min | exponential, mean of a session | our fit through 87.6 % below 8 h and 2.5 % above 24 h: D. Trautwein et al., "Design and evaluation of IPFS", SIGCOMM 2022 |

use std::path::Path;

use rapprochement_core::time::{Duration, Instant};

use super::config::{ChurnConfig, ProfileName, Sessions};
use super::distribution::{Distribution, open_unit};
use super::trace::Trace;
use crate::problem::{Problem, zero_time};
use crate::random::{Philox, Purpose, Streams};
use crate::units::Span;

/// When each node is up.
#[derive(Debug)]
pub struct Churn {
    sessions: Process,
    nodes: u32,
    /// Who stays all the time, in ascending order.
    staying: Vec<u32>,
}

#[derive(Debug)]
enum Process {
    Renewal(Renewal),
    Trace(Trace),
    Vanish(Vanish),
}

/// Some are up until one moment, and then away for good.
#[derive(Debug)]
struct Vanish {
    key: u64,
    share: f64,
    at: Instant,
}

#[derive(Debug)]
struct Renewal {
    up: Distribution,
    down: Distribution,
    key: u64,
    share: f64,
    /// Share of the time that a node is up.
    availability: f64,
    speed_up: f64,
    start: Instant,
    stop: Instant,
}

/// The state of a node, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whether the node is up.
    pub up: bool,
    /// When that changes; never where there is none.
    pub until: Option<Instant>,
}

/// Which of a node's own draws: the first blocks are for the start, the further ones for its turns.
const SHARE: u64 = 0;
const START: u64 = 1;
const RESIDUAL: u64 = 2;
const TURNS: u64 = 3;

impl Churn {
    /// Builds the process of a scenario's nodes; `base` is the folder of the scenario and `duration` that of the run.
    ///
    /// # Errors
    /// Every problem of the section `churn`, those of a trace file with their lines.
    pub fn build(
        config: &ChurnConfig,
        nodes: u32,
        base: &Path,
        streams: &Streams,
        duration: Duration,
    ) -> Result<Self, Vec<Problem>> {
        let problems = Self::problems(config, duration);
        let sessions = match &config.sessions {
            Sessions::Trace { file } => {
                Trace::read(file, base, nodes, speed_up(config).unwrap_or(1.0)).map(Process::Trace)
            }
            Sessions::Vanish { at } => Ok(Process::Vanish(Vanish {
                key: streams.key(Purpose::Churn, 0),
                share: config.share.0,
                at: Instant::ZERO + at.0,
            })),
            Sessions::Times { up, down } => {
                Ok(Process::Renewal(Renewal::new(config, up.clone(), down.clone(), streams)))
            }
            Sessions::Profile { name, down } => {
                let (up, own) = name.times();
                Ok(Process::Renewal(Renewal::new(config, up, down.clone().unwrap_or(own), streams)))
            }
        };
        match sessions {
            Ok(sessions) if problems.is_empty() => Ok(Self { sessions, nodes, staying: Vec::new() }),
            Ok(_) => Err(problems),
            Err(more) => Err(problems.into_iter().chain(more).collect()),
        }
    }

    /// The same, but that these nodes stay all the time.
    #[must_use]
    pub fn sparing(mut self, nodes: &[u32]) -> Self {
        self.staying = nodes.to_vec();
        self.staying.sort_unstable();
        self
    }

    /// What is wrong with the section `churn` of a run of this length, but for what stands in a trace.
    pub fn problems(config: &ChurnConfig, duration: Duration) -> Vec<Problem> {
        let mut problems = bad_times(config, duration);
        match &config.sessions {
            Sessions::Trace { .. } => problems.extend(only_trace(config)),
            Sessions::Vanish { at } => problems.extend(only_vanish(config, *at, duration)),
            Sessions::Times { up, down } => {
                problems.extend(bad_distribution(up, "churn.sessions.times.up"));
                problems.extend(bad_distribution(down, "churn.sessions.times.down"));
            }
            Sessions::Profile { down, .. } => {
                let down = down.as_ref().map(|down| bad_distribution(down, "churn.sessions.profile.down"));
                problems.extend(down.into_iter().flatten());
            }
        }
        problems
    }

    /// What is wrong with the trace file of a scenario, with its lines; nothing where it names none.
    pub fn trace_problems(config: &ChurnConfig, nodes: u32, base: &Path) -> Vec<Problem> {
        let Sessions::Trace { file } = &config.sessions else { return Vec::new() };
        Trace::read(file, base, nodes, speed_up(config).unwrap_or(1.0)).err().unwrap_or_default()
    }

    /// The state of a node at the start of the run.
    pub fn start(&self, node: u32) -> Presence {
        debug_assert!(node < self.nodes);
        if self.staying.binary_search(&node).is_ok() {
            return Presence { up: true, until: None };
        }
        match &self.sessions {
            Process::Renewal(renewal) => renewal.begin(node),
            Process::Trace(trace) => trace.begin(node),
            Process::Vanish(vanish) => {
                let goes = unit(vanish.key, node, SHARE) < vanish.share;
                Presence { up: true, until: goes.then_some(vanish.at) }
            }
        }
    }

    /// When the state that a node enters at `now` ends, or `None` where it lasts. `turn` is the number of this change
    /// of the node's state, from 0; `up` is the new state.
    pub fn next(&self, node: u32, turn: u32, now: Instant, up: bool) -> Option<Instant> {
        match &self.sessions {
            Process::Renewal(renewal) => renewal.next(node, turn, now, up),
            Process::Trace(trace) => trace.next(node, now),
            Process::Vanish(_) => None,
        }
    }
}

fn unit(key: u64, node: u32, which: u64) -> f64 {
    open_unit(Philox::block(key, [node.into(), which])[0])
}

impl Renewal {
    fn new(config: &ChurnConfig, up: Distribution, down: Distribution, streams: &Streams) -> Self {
        let (session, absence) = (up.mean().as_secs_f64(), down.mean().as_secs_f64());
        Self {
            availability: session / (session + absence),
            up,
            down,
            key: streams.key(Purpose::Churn, 0),
            share: config.share.0,
            speed_up: config.speed_up,
            start: Instant::ZERO + config.start.0,
            stop: config.stop.map_or(Instant::MAX, |stop| Instant::ZERO + stop.0),
        }
    }

    fn unit(&self, node: u32, which: u64) -> f64 {
        unit(self.key, node, which)
    }

    fn begin(&self, node: u32) -> Presence {
        if self.unit(node, SHARE) >= self.share {
            return Presence { up: true, until: None };
        }
        let up = self.start > Instant::ZERO || self.unit(node, START) < self.availability;
        let state = if up { &self.up } else { &self.down };
        let residual = state.residual(&mut Philox::new(Philox::block(self.key, [node.into(), RESIDUAL])[0]));
        Presence { up, until: self.end(self.start, residual, up) }
    }

    fn next(&self, node: u32, turn: u32, now: Instant, up: bool) -> Option<Instant> {
        let state = if up { &self.up } else { &self.down };
        self.end(now, state.quantile(self.unit(node, TURNS + u64::from(turn))), up)
    }

    /// The end of a state that takes this long at the speed of its source.
    fn end(&self, from: Instant, span: Duration, up: bool) -> Option<Instant> {
        let span = Duration::from_nanos((span.as_nanos() as f64 / self.speed_up) as u64);
        // At least a nanosecond, so that a node that flips forever still lets time pass.
        let end = from.checked_add(span.max(Duration::from_nanos(1)))?;
        (!up || end <= self.stop).then_some(end)
    }
}

impl ProfileName {
    /// Sessions and absences of the profile.
    pub(crate) fn times(self) -> (Distribution, Distribution) {
        let minutes =
            |shape, tenths: u64| Distribution::Weibull { shape, scale: Span(Duration::from_secs(6 * tenths)) };
        let up = match self {
            Self::Debian => minutes(0.38, 424),
            Self::Redhat => minutes(0.34, 213),
            Self::Flatout => minutes(0.59, 419),
            Self::Kad => return (minutes(0.545, 3580), minutes(0.448, 4140)),
            Self::Ipfs => minutes(0.518, 1160),
        };
        let down = Distribution::Exponential { mean: Span(up.mean()) };
        (up, down)
    }
}

/// By how much sessions are sped up, where that is possible.
fn speed_up(config: &ChurnConfig) -> Option<f64> {
    Some(config.speed_up).filter(|factor| (1e-6..=1e9).contains(factor))
}

fn bad_times(config: &ChurnConfig, duration: Duration) -> Vec<Problem> {
    let mut problems = Vec::new();
    if speed_up(config).is_none() {
        let message = format!("the speed-up is {}", config.speed_up);
        problems.push(Problem::new("churn.speed_up", message, "it lies between 10^-6 and 10^9"));
    }
    if config.start.0 >= duration {
        let message = format!("churn starts when the run of {} is over", Span(duration));
        problems.push(Problem::new("churn.start", message, "").resting_on(["duration"]));
    }
    if config.stop.is_some_and(|stop| stop <= config.start) {
        problems.push(Problem::new("churn.stop", "churn stops before it starts", "").resting_on(["churn.start"]));
    }
    problems
}

/// A trace says itself who comes and goes, and when.
fn only_trace(config: &ChurnConfig) -> Vec<Problem> {
    let set = [("start", !config.start.0.is_zero()), ("stop", config.stop.is_some()), ("share", config.share.0 != 1.0)];
    let contradicts = |key: &&str| {
        let message = "a trace says itself who comes and goes when";
        Problem::new(format!("churn.{key}"), message, "leave it out").resting_on(["churn.sessions"])
    };
    set.iter().filter(|(_, set)| *set).map(|(key, _)| contradicts(key)).collect()
}

/// One moment says itself when everybody goes.
fn only_vanish(config: &ChurnConfig, at: Span, duration: Duration) -> Vec<Problem> {
    let set =
        [("start", !config.start.0.is_zero()), ("stop", config.stop.is_some()), ("speed_up", config.speed_up != 1.0)];
    let contradicts = |key: &&str| {
        let message = "nodes that vanish have no sessions that this could change";
        Problem::new(format!("churn.{key}"), message, "leave it out").resting_on(["churn.sessions"])
    };
    let mut problems: Vec<_> = set.iter().filter(|(_, set)| *set).map(|(key, _)| contradicts(key)).collect();
    let path = "churn.sessions.vanish.at";
    if at.0.is_zero() {
        problems.push(zero_time(path));
    }
    if at.0 >= duration {
        let message = format!("nodes vanish when the run of {} is over", Span(duration));
        problems.push(Problem::new(path, message, "let them vanish earlier").resting_on(["duration"]));
    }
    problems
}

fn bad_distribution(distribution: &Distribution, path: &str) -> Vec<Problem> {
    let mut problems = distribution.validate(path);
    match distribution {
        Distribution::Pareto { shape, .. } if *shape <= 1.0 => {
            let message = format!("with shape {shape} the mean is infinite, so there is no steady state to start in");
            problems.push(Problem::new(format!("{path}.pareto.shape"), message, "use a shape above 1"));
        }
        _ if problems.is_empty() && distribution.mean().is_zero() => problems.push(zero_time(path)),
        _ => {}
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Share;

    fn config(sessions: Sessions) -> ChurnConfig {
        let (share, zero) = (Share(1.0), Span::default());
        ChurnConfig { sessions, departure: Default::default(), share, speed_up: 1.0, start: zero, stop: None }
    }

    fn build(config: &ChurnConfig, nodes: u32) -> Churn {
        Churn::build(config, nodes, Path::new("."), &Streams::new(11), Duration::from_secs(3600)).unwrap()
    }

    fn at(minutes: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(60 * minutes)
    }

    /// Whether a node is up at a time, by walking its changes.
    fn is_up(churn: &Churn, node: u32, time: Instant) -> bool {
        let mut presence = churn.start(node);
        for turn in 0.. {
            match presence.until {
                Some(until) if until <= time => {
                    let up = !presence.up;
                    presence = Presence { up, until: churn.next(node, turn, until, up) };
                }
                _ => break,
            }
        }
        presence.up
    }

    /// Mean, median, 90th and 99th percentile in minutes, as computed from the published parameters; Kad and IPFS from
    /// the two points or parameters that their source gives.
    #[test]
    fn profiles_have_the_published_session_times() {
        let minutes = |span: Duration| span.as_secs_f64() / 60.0;
        let published = [
            (ProfileName::Debian, [163.0, 16.0, 381.0, 2359.0]),
            (ProfileName::Redhat, [119.0, 7.2, 248.0, 1902.0]),
            (ProfileName::Flatout, [64.0, 22.5, 172.0, 558.0]),
        ];
        for (name, expected) in published {
            let (up, down) = name.times();
            let own = [up.mean(), up.median(), up.quantile(0.9), up.quantile(0.99)].map(minutes);
            for (own, expected) in own.iter().zip(expected) {
                assert!((own / expected - 1.0).abs() < 0.03, "{name:?}: {own}, not {expected}");
            }
            assert_eq!(down, Distribution::Exponential { mean: Span(up.mean()) });
        }
        let (ipfs, _) = ProfileName::Ipfs.times();
        assert!((minutes(ipfs.quantile(0.876)) / 480.0 - 1.0).abs() < 0.03);
        assert!((minutes(ipfs.quantile(0.975)) / 1440.0 - 1.0).abs() < 0.03);
    }

    /// A process that begins in its steady state has the same share of nodes up at every time.
    #[test]
    fn the_share_of_nodes_that_are_up_does_not_change() {
        const NODES: u32 = 20_000;
        let span = |minutes: u64| Span(Duration::from_secs(60 * minutes));
        let cases = [
            Sessions::Profile { name: ProfileName::Flatout, down: None },
            Sessions::Profile { name: ProfileName::Kad, down: None },
            Sessions::Times {
                up: Distribution::Pareto { shape: 2.5, min: span(10) },
                down: Distribution::Uniform { min: span(1), max: span(9) },
            },
            Sessions::Times {
                up: Distribution::Lognormal { median: span(20), sigma: 1.0 },
                down: Distribution::Constant(span(30)),
            },
        ];
        for sessions in cases {
            let churn = build(&config(sessions.clone()), NODES);
            let Process::Renewal(renewal) = &churn.sessions else { panic!("not a renewal process") };
            let expected = renewal.availability;
            // Four standard errors of a share of independent nodes.
            let width = 4.0 * libm::sqrt(expected * (1.0 - expected) / f64::from(NODES));
            for time in [0, 1, 7, 45, 300] {
                let up = (0..NODES).filter(|&node| is_up(&churn, node, at(time))).count();
                let share = up as f64 / f64::from(NODES);
                assert!((share - expected).abs() < width, "{sessions:?} at {time} min: {share}, not {expected}");
            }
        }
    }

    #[test]
    fn nobody_departs_before_the_start_or_after_the_stop_and_those_away_return() {
        let minutes = |minutes: u64| Span(Duration::from_secs(60 * minutes));
        let sessions = Sessions::Times {
            up: Distribution::Exponential { mean: minutes(5) },
            down: Distribution::Exponential { mean: minutes(5) },
        };
        let churn = build(&ChurnConfig { start: minutes(20), stop: Some(minutes(40)), ..config(sessions) }, 1000);
        let up = |time| (0..1000).filter(|&node| is_up(&churn, node, at(time))).count();
        assert_eq!(up(19), 1000);
        assert!((400..600).contains(&up(40)));
        assert!(up(50) > 850);
        assert_eq!(up(200), 1000);
    }

    #[test]
    fn only_the_share_comes_and_goes_and_nothing_depends_on_the_number_of_nodes() {
        let half =
            ChurnConfig { share: Share(0.25), ..config(Sessions::Profile { name: ProfileName::Debian, down: None }) };
        let (few, many) = (build(&half, 1000), build(&half, 20_000));
        let constant = (0..20_000).filter(|&node| many.start(node) == Presence { up: true, until: None }).count();
        // Four standard errors of 15,000.
        assert!(constant.abs_diff(15_000) < 245, "{constant}");
        for node in 0..1000 {
            assert_eq!(few.start(node), many.start(node));
            assert_eq!(few.next(node, 3, at(1), true), many.next(node, 3, at(1), true));
        }
    }

    #[test]
    fn a_speed_up_divides_every_time() {
        let slow = config(Sessions::Profile { name: ProfileName::Flatout, down: None });
        let (slow, fast) = (build(&slow, 100), build(&ChurnConfig { speed_up: 60.0, ..slow }, 100));
        for node in 0..100 {
            let (slow, fast) = (slow.start(node).until.unwrap(), fast.start(node).until.unwrap());
            assert!((slow.as_secs_f64() / 60.0 - fast.as_secs_f64()).abs() < 1e-6);
        }
    }

    #[test]
    fn contradictions_are_told_all_at_once() {
        let minutes = |minutes: u64| Span(Duration::from_secs(60 * minutes));
        let bad = ChurnConfig {
            speed_up: 0.0,
            start: minutes(100),
            stop: Some(minutes(1)),
            ..config(Sessions::Times {
                up: Distribution::Pareto { shape: 0.9, min: minutes(1) },
                down: Distribution::Constant(Span::default()),
            })
        };
        let result = Churn::build(&bad, 10, Path::new("."), &Streams::new(1), Duration::from_secs(60));
        let paths: Vec<String> = result.unwrap_err().into_iter().map(|problem| problem.path).collect();
        assert_eq!(
            paths,
            [
                "churn.speed_up",
                "churn.start",
                "churn.stop",
                "churn.sessions.times.up.pareto.shape",
                "churn.sessions.times.down"
            ]
        );
        let absent =
            ChurnConfig { stop: Some(minutes(1)), ..config(Sessions::Trace { file: "no-such-file.csv".into() }) };
        let result = Churn::build(&absent, 10, Path::new("."), &Streams::new(1), Duration::from_secs(60));
        let paths: Vec<String> = result.unwrap_err().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["churn.stop", "churn.sessions.trace.file"]);
    }
}
