//! `rapsim map`: from a table of what methods take between two peers to the map of the cheapest, the curves of the costs, and
//! where they cross.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, complain, print};
use crate::measure::costs::{Costs, Setting, cheapest, crossings_of_pairs, succession};
use crate::output::{self, CostStudy, OutputError};
use crate::plot::{self, Size};
use crate::random::Philox;

/// The stream that the resamples of every interval are drawn from. It is part of the results.
const BOOTSTRAP: u64 = 0x6372_6f73_7369_6e67;

/// Draw which method of reconciliation is cheapest where, and find where costs cross.
#[derive(Clone, Debug, Args)]
pub struct MapArgs {
    /// A CSV file with the columns items, authors, updates, differences, method and bytes; also link, time_s, seed, failed and
    /// wrong. docs/output.md explains them
    table: PathBuf,
    /// Where tables and figures go
    #[arg(long)]
    out: PathBuf,
    /// The method that chooses among the others, and is held against the cheapest of them; `auto` where it is left out
    #[arg(long, value_name = "METHOD")]
    adaptive: Option<String>,
    /// Draw bytes and time against differences as well, for all stores or for those that this fits; may be repeated
    #[arg(long, value_name = "all | items=N,authors=N,updates=X")]
    curves: Vec<String>,
    /// Size of the figures, and of the text in them
    #[arg(long, value_enum, default_value = "two-column")]
    size: Size,
}

/// Draws, and prints what was written.
pub fn main(args: &MapArgs) -> Exit {
    attempt(args).unwrap_or_else(|exit| exit)
}

fn attempt(args: &MapArgs) -> Result<Exit, Exit> {
    let costs = output::read_costs(&args.table).map_err(|error| refuse(&error))?;
    let chosen = chosen(&args.curves, &costs).map_err(|message| {
        complain(message);
        Exit::Usage
    })?;
    let adaptive = match &args.adaptive {
        Some(method) if !costs.methods().contains(method) => {
            complain(format!(
                "--adaptive {method}: the table has no such method; it has {}",
                costs.methods().join(", ")
            ));
            return Err(Exit::Usage);
        }
        method => method.as_deref().unwrap_or("auto"),
    };
    let cheapest = cheapest(&costs, adaptive);
    let crossings = crossings_of_pairs(&costs, adaptive, &Philox::new(BOOTSTRAP));
    let mut map = plot::decision_map(&costs, &cheapest, adaptive);
    map.size = args.size;
    let mut curves = plot::cost_curves(&costs, &chosen);
    curves.iter_mut().for_each(|figure| figure.size = args.size);
    let study = CostStudy {
        costs: &costs,
        steps: &succession(&cheapest, &crossings),
        cheapest: &cheapest,
        crossings: &crossings,
        map: &map,
        curves: &curves,
    };
    let written = output::write_study(&args.out, &study).map_err(|error| Exit::from(&error))?;
    let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    Ok(print(paths.join("\n")))
}

/// A table that does not hold what it should, or is not there, is the caller's.
fn refuse(error: &OutputError) -> Exit {
    complain(error);
    Exit::Usage
}

/// The stores whose curves are drawn.
fn chosen(choices: &[String], costs: &Costs) -> Result<Vec<Setting>, String> {
    let all = costs.settings();
    let mut chosen = Vec::new();
    for choice in choices {
        let fit: Vec<Setting> =
            all.iter().copied().filter_map(|setting| fits(choice, setting).transpose()).collect::<Result<_, _>>()?;
        if fit.is_empty() {
            let known: Vec<String> = all.iter().map(name).collect();
            return Err(format!("--curves {choice} fits no stores of the table; it has:\n  {}", known.join("\n  ")));
        }
        chosen.extend(fit);
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// The setting, where it is what a choice asks for.
fn fits(choice: &str, setting: Setting) -> Result<Option<Setting>, String> {
    if choice == "all" {
        return Ok(Some(setting));
    }
    let mut fits = true;
    for part in choice.split(',') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let number: Option<f64> = value.trim().parse().ok();
        let own = match key.trim() {
            "items" => setting.items as f64,
            "authors" => setting.authors as f64,
            "updates" => setting.updates,
            other => {
                return Err(format!("--curves {choice}: `{other}` is none of items, authors and updates, nor `all`"));
            }
        };
        let number = number.ok_or_else(|| format!("--curves {choice}: give a number, such as {}={own}", key.trim()))?;
        fits &= number == own;
    }
    Ok(fits.then_some(setting))
}

fn name(setting: &Setting) -> String {
    format!("items={},authors={},updates={}", setting.items, setting.authors, setting.updates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::costs::{Point, Trial};

    #[test]
    fn curves_are_chosen_by_what_the_stores_are_like() {
        let mut costs = Costs::default();
        for (items, updates) in [(100, 0.0), (100, 0.5), (200, 0.5)] {
            let setting = Setting { items, authors: 10, updates };
            let trial = Trial { seed: None, bytes: 1.0, time_s: f64::NAN };
            costs.add(Point { setting, link: String::new(), differences: 1 }, "a", trial);
        }
        let count = |choices: &[&str]| {
            let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
            chosen(&choices, &costs).map(|chosen| chosen.len())
        };
        assert_eq!(count(&[]), Ok(0));
        assert_eq!(count(&["all"]), Ok(3));
        assert_eq!(count(&["items=100"]), Ok(2));
        assert_eq!(count(&["items=100, updates=0.5", "items=200"]), Ok(2));
        assert_eq!(count(&["items=200", "all"]), Ok(3), "none is drawn twice");
        assert!(count(&["items=300"]).unwrap_err().contains("items=200,authors=10,updates=0.5"));
        assert!(count(&["item=100"]).unwrap_err().contains("`item` is none of"));
        assert!(count(&["items"]).unwrap_err().contains("give a number, such as items=100"));
    }
}
