//! What several tests share: from a scenario to a run.

#![allow(unreachable_pub, reason = "every test file is a crate of its own")]

use std::ops::ControlFlow;
use std::path::Path;

use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::model::{self, ModelRun};
use rapprochement_sim::scenario::schema::Scenario;

/// What a scenario simulates; the files that generated scenarios name are found.
pub fn experiment(scenario: &Scenario) -> Experiment {
    scenario.experiment(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/synthetic"))
}

/// Runs an experiment to its end, or says why it cannot be built.
pub fn run(experiment: &Experiment, options: &RunOptions) -> ModelRun {
    model::run(experiment, options, &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}
