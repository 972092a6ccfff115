//! What `run`, `sweep` and `check` share: from a scenario to a finished run.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::limits::Limits;
use super::{Exit, complain};
use crate::engine::{Outcome, Stop};
use crate::model::RunOptions;
use crate::model::experiment::Experiment;
use crate::model::{self, Heartbeat, ModelRun};
use crate::problem::Problem;
use crate::scenario::{Diagnostics, Loaded, load};

/// Arguments that name a scenario.
#[derive(Clone, Debug, Args)]
pub(super) struct ScenarioArgs {
    /// Scenario file.
    pub(super) file: PathBuf,
    /// Replace a key of the scenario: `--set protocol.eager_push.fanout=6`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
    /// Replace the scenario's seed.
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

impl ScenarioArgs {
    /// Loads the scenario, or says what is wrong with it.
    pub(super) fn load(&self) -> Result<Loaded, Exit> {
        let mut sets = self.sets.clone();
        sets.extend(self.seed.map(|seed| format!("seed={seed}")));
        load(&self.file, &sets).map_err(|diagnostics| refuse(&diagnostics))
    }
}

/// Prints what is wrong with a scenario.
pub(super) fn refuse(diagnostics: &Diagnostics) -> Exit {
    use std::io::{IsTerminal, Write};
    let mut stderr = std::io::stderr();
    let styled = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let _ = writeln!(stderr, "{}", diagnostics.render(styled));
    Exit::Usage
}

/// Options of an ordinary run.
pub(super) fn options(threads: usize) -> RunOptions {
    RunOptions { threads, ..RunOptions::default() }
}

/// Threads of a run: as asked, else all of the machine's.
pub(super) fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).clamp(1, 256)
}

/// Why a run gave nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The experiment cannot be built.
    Problems(Vec<Problem>),
    /// The run failed.
    Failed(String),
    /// A signal came.
    Interrupted,
}

impl Fault {
    /// The same, with the name of the run that failed.
    pub(super) fn of(self, run: &str) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{run}: {why}")),
            other => other,
        }
    }

    /// Says why, in the text of the scenario where that helps.
    pub(super) fn report(&self, loaded: &Loaded) -> Exit {
        match self {
            Self::Problems(problems) => refuse(&loaded.diagnostics(problems)),
            Self::Failed(why) => {
                complain(format!("the run failed: {why}"));
                Exit::Failure
            }
            Self::Interrupted => {
                complain("interrupted; nothing was written");
                Exit::Interrupted
            }
        }
    }
}

/// Runs an experiment within its limits; `progress` hears of every sample.
pub(super) fn execute(
    experiment: &Experiment,
    options: &RunOptions,
    limits: Limits,
    progress: &mut dyn FnMut(Heartbeat),
) -> Result<ModelRun, Fault> {
    let interrupted = interrupt_flag();
    let guard = limits.begin();
    // A limit that cannot be kept is found out now and not at the first sample.
    if let Some(why) = guard.exceeded() {
        return Err(Fault::Failed(why));
    }
    let give_up = move || {
        let interrupted = interrupted.load(Ordering::Relaxed).then(|| "interrupted".to_owned());
        interrupted.or_else(|| guard.exceeded())
    };
    let mut watch = |heartbeat| {
        progress(heartbeat);
        give_up().map_or(ControlFlow::Continue(()), ControlFlow::Break)
    };
    // Virtual time may stand still, and then no sample comes.
    let options = RunOptions { stop: Stop::when(give_up), ..options.clone() };
    let run = model::run(experiment, &options, &mut watch).map_err(Fault::Problems)?;
    match &run.statistics.outcome {
        Outcome::Failed(_) if interrupted.load(Ordering::Relaxed) => Err(Fault::Interrupted),
        Outcome::Failed(why) => Err(Fault::Failed(why.clone())),
        _ => Ok(run),
    }
}

/// Set by the first interrupt; the second ends the process, which leaves only temporary names behind.
pub(super) fn interrupt_flag() -> &'static AtomicBool {
    static FLAG: AtomicBool = AtomicBool::new(false);
    static HANDLER: OnceLock<()> = OnceLock::new();
    HANDLER.get_or_init(|| {
        // Without a handler the default action ends the process, which loses nothing either.
        let _ = ctrlc::set_handler(|| {
            if FLAG.swap(true, Ordering::Relaxed) {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
    });
    &FLAG
}

/// A bar on standard error, where that is a terminal.
pub(super) fn progress_bar(length: u64, template: &str, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
