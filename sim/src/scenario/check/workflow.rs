//! Serverless workflows. What can be wrong with their graph is known by the room that builds it.

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::{ProtocolConfig, WorkloadConfig};
use crate::model::workflow::config::WorkflowSettings;
use crate::model::workflow::plan::Plan;

pub(super) fn workflow(s: &Scenario, c: &mut Checker) {
    let ProtocolConfig::Workflow(settings) = &s.protocol else { return };
    if let Err(problems) = Plan::build(settings, s.nodes) {
        c.take(problems);
    }
    times(s, c, settings);
    let used = [
        ("workload", s.workload != WorkloadConfig::default(), "runs and interval are the workload"),
        ("measure.events", s.measure.events, "leave it out"),
        ("measure.stop_when_converged", s.measure.stop_when_converged, "a run ends when nothing is left to happen"),
    ];
    for (key, is_used, help) in used {
        if is_used {
            c.report(&[key, "protocol"], "this has no meaning for workflows", help);
        }
    }
}

fn times(s: &Scenario, c: &mut Checker, settings: &WorkflowSettings) {
    let key = |key: &str| format!("protocol.workflow.{key}");
    for (name, span) in [
        ("compute", settings.compute),
        ("cold_start", settings.cold_start),
        ("warm_start", settings.warm_start),
        ("local_delay", settings.local_delay),
        ("object_store.delay", settings.object_store.delay),
    ] {
        if span >= s.duration {
            let message = format!("{span} are longer than the run of {}", s.duration);
            c.report(&[&key(name), "duration"], message, "is the unit the one you meant?");
        }
    }
    let last = settings.interval.0.saturating_mul(u64::from(settings.runs.saturating_sub(1)));
    if last >= s.duration.0 {
        let message =
            format!("{} runs every {} do not all arrive within {}", settings.runs, settings.interval, s.duration);
        c.report(&[&key("interval"), &key("runs"), "duration"], message, "run longer, or less often");
    }
}
