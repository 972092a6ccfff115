//! Turns what a run of workflows left behind into numbers.

use std::collections::BTreeMap;

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use super::message::Task;
use super::node::{Moment, WorkflowEvent};
use super::observer::{Record, WorkflowObserver};
use super::plan::Plan;
use crate::measure::results::{Curve, Results};
use crate::measure::statistics::quantile;
use crate::model::host::{Hosts, SimProtocol};
use crate::model::report::{cdf, ratio};

/// Times of one kind, in seconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, from: Instant, to: Instant) {
        self.0.push(to.since(from).as_secs_f64());
    }

    /// In ascending order, so that no sum depends on who was asked first.
    fn sorted(mut self) -> Vec<f64> {
        self.0.sort_by(f64::total_cmp);
        self.0
    }
}

fn mean(values: &[f64]) -> f64 {
    ratio(values.iter().sum(), values.len() as f64)
}

/// The moments of all runs.
struct Moments(BTreeMap<(Task, Moment), Instant>);

impl Moments {
    fn of(records: impl Iterator<Item = Record>) -> Self {
        Self(records.map(|record| ((record.of, record.kind), record.at)).collect())
    }

    fn at(&self, of: Task, kind: Moment) -> Option<Instant> {
        self.0.get(&(of, kind)).copied()
    }

    /// Times between two moments of the same instance.
    fn between(&self, from: Moment, to: Moment) -> Vec<f64> {
        let mut times = Times::default();
        for ((of, kind), at) in &self.0 {
            if *kind == to
                && let Some(begin) = self.at(*of, from)
            {
                times.add(begin, *at);
            }
        }
        times.sorted()
    }

    /// Times from when senders had computed: until the first byte was at a receiver (of the first sender), until all its input was (of
    /// the last one), and until that was so of all receivers of a run's stage.
    fn transfers(&self, plan: &Plan) -> [Vec<f64>; 3] {
        let [mut first, mut whole, mut last] = [(); 3].map(|()| Times::default());
        for run in 0..plan.settings.runs {
            for stage in plan.stages.iter().filter(|stage| !stage.inputs.is_empty()) {
                let senders = stage.inputs.iter().flat_map(|link| plan.stages[plan.links[*link].from].tasks());
                let sent: Vec<_> = senders.filter_map(|task| self.at(Task { run, task }, Moment::Computed)).collect();
                let (Some(earliest), Some(latest)) = (sent.iter().min(), sent.iter().max()) else { continue };
                let had: Vec<_> = stage.tasks().map(|task| self.at(Task { run, task }, Moment::Inputs)).collect();
                for (task, inputs) in stage.tasks().zip(&had) {
                    if let Some(at) = self.at(Task { run, task }, Moment::FirstByte) {
                        first.add(*earliest, at);
                    }
                    if let Some(at) = inputs {
                        whole.add(*latest, *at);
                    }
                }
                if let Some(Some(at)) = had.iter().copied().max().filter(|_| had.iter().all(Option::is_some)) {
                    last.add(*latest, at);
                }
            }
        }
        [first.sorted(), whole.sorted(), last.sorted()]
    }
}

/// Everything that a run of workflows is judged by.
pub(super) fn report<P>(shards: &[Hosts<P, WorkflowObserver>], plan: &Plan, results: &mut Results)
where
    P: SimProtocol + Protocol<Event = WorkflowEvent>,
{
    let moments = Moments::of(shards.iter().flat_map(|shard| shard.observer().records().iter().copied()));
    let runs = moments.between(Moment::Arrived, Moment::Finished);
    results.scalar("workflows_finished", runs.len() as f64);
    results.scalar("workflows_unfinished", f64::from(plan.settings.runs) - runs.len() as f64);
    results.scalar("workflow_time_mean_s", mean(&runs));
    results.scalar("workflow_time_p50_s", quantile(&runs, 0.5));
    results.scalar("workflow_time_p99_s", quantile(&runs, 0.99));
    results.scalar("workflow_time_max_s", runs.last().copied().unwrap_or(f64::NAN));
    let [first, whole, last] = moments.transfers(plan);
    for (name, times) in [("first_byte", &first), ("transfer", &whole), ("last_transfer", &last)] {
        results.scalar(&format!("{name}_mean_s"), mean(times));
        results.scalar(&format!("{name}_p99_s"), quantile(times, 0.99));
        results.scalar(&format!("{name}_max_s"), times.last().copied().unwrap_or(f64::NAN));
    }
    results.scalar("instance_start_mean_s", mean(&moments.between(Moment::Starting, Moment::Started)));
    results.scalar("instance_compute_mean_s", mean(&moments.between(Moment::Computing, Moment::Computed)));
    results.scalar("group_setup_mean_s", mean(&moments.between(Moment::Grouping, Moment::Grouped)));
    nics(shards, plan, results);
    let due = f64::from(plan.settings.runs);
    let receivers = plan.stages.iter().filter(|stage| !stage.inputs.is_empty()).map(|stage| stage.instances);
    let inputs = due * f64::from(receivers.sum::<u32>());
    for (name, what, label, times, due) in [
        ("workflow_time_cdf", "Time of a workflow (s)", "Share of runs", runs, due),
        ("transfer_time_cdf", "Time from senders to a receiver (s)", "Share of receivers", whole, inputs),
    ] {
        results.curves.push(Curve {
            name: name.into(),
            x_label: what.into(),
            y_label: label.into(),
            x_log: true,
            lines: vec![("finished".into(), cdf(&times, due))],
        });
    }
}

/// Bytes by interface, in each run.
fn nics<P>(shards: &[Hosts<P, WorkflowObserver>], plan: &Plan, results: &mut Results)
where
    P: SimProtocol + Protocol<Event = WorkflowEvent>,
{
    let bytes: Vec<(u64, u64)> = shards.iter().flat_map(Hosts::node_bytes).collect();
    let per_run = |bytes: u64| bytes as f64 / f64::from(plan.settings.runs);
    let hosts = bytes.get(plan.first_host as usize..).unwrap_or(&[]);
    results.scalar("sender_bytes_per_run", per_run(hosts.iter().map(|(sent, _)| *sent).max().unwrap_or(0)));
    let both = |(sent, received): &(u64, u64)| sent + received;
    results.scalar("hot_nic_bytes_per_run", per_run(bytes.iter().map(both).max().unwrap_or(0)));
    results.scalar("nic_bytes_per_run", per_run(bytes.iter().map(both).sum()));
}
