//! `rapsim plot`: draws the figures of a run or sweep again from its CSV files, without running anything.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, print};
use crate::output::{self, OutputError, StoredSweep};
use crate::plot::{self, Figure, Size};
use crate::scenario::schema::FigureConfig;

/// Draw the figures of a run or sweep directory again, without running anything.
#[derive(Clone, Debug, Args)]
pub struct PlotArgs {
    /// A directory that `rapsim run` or `rapsim sweep` wrote
    directory: PathBuf,
    /// Size of the figures, and of the text in them
    #[arg(long, value_enum, default_value = "one-column")]
    size: Size,
}

/// Draws the figures and prints where they are.
pub fn main(args: &PlotArgs) -> Exit {
    match redraw(&args.directory, args.size) {
        Ok(written) if written.is_empty() => {
            super::note("nothing to draw: the results have no series or curves, and the scenario no [[figure]]");
            Exit::Success
        }
        Ok(written) => {
            let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
            print(paths.join("\n"))
        }
        Err(error) => Exit::from(&error),
    }
}

/// Draws the figures of a directory and gives the paths of their SVG files.
fn redraw(directory: &Path, size: Size) -> Result<Vec<PathBuf>, OutputError> {
    output::clean(directory)?;
    let mut figures = figures(directory)?;
    figures.iter_mut().for_each(|figure| figure.size = size);
    if figures.is_empty() {
        return Ok(Vec::new());
    }
    let folder = output::redraw(directory, &figures)?;
    Ok(figures.iter().map(|figure| folder.join(format!("{}.svg", figure.name))).collect())
}

/// The figures of a run or sweep directory.
fn figures(directory: &Path) -> Result<Vec<Figure>, OutputError> {
    if !output::is_sweep(directory) {
        return Ok(plot::standard(&output::read(directory)?.results));
    }
    let sweep = output::read_sweep(directory)?;
    let figures = sweep.manifest.scenario.figure.clone();
    sweep_figures(directory, &sweep, &figures)
}

/// The figures that a scenario asks for over its sweep.
pub(super) fn sweep_figures(
    directory: &Path,
    sweep: &StoredSweep,
    configs: &[FigureConfig],
) -> Result<Vec<Figure>, OutputError> {
    let (mut figures, mut over_keys) = (Vec::new(), Vec::new());
    for config in configs {
        match config.x.as_str() {
            "time" => {
                let table = output::sweep_series(directory, &sweep.manifest, &config.y)?;
                figures.extend(plot::sweep_figures(std::slice::from_ref(config), &table.keys, &table.summarise()));
            }
            "curve" => {
                let runs = output::sweep_curve(directory, &sweep.manifest, &config.y)?;
                figures.extend(plot::sweep_curve(config, &sweep.table.keys, &runs));
            }
            _ => over_keys.push(config.clone()),
        }
    }
    figures.extend(plot::sweep_figures(&over_keys, &sweep.table.keys, &sweep.table.summarise()));
    Ok(figures)
}
