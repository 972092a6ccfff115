//! `rapsim draw`: a figure from any tidy table, with the mean and the interval of what is repeated.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, complain, print};
use crate::output::{self, OutputError, Selection};
use crate::plot::{self, Figure, Size};
use crate::scenario::schema::FigureConfig;

/// Draw a figure from any tidy table: the mean of what is repeated, with its 95 % interval.
#[derive(Clone, Debug, Args)]
pub struct DrawArgs {
    /// A CSV file with a header and one observation per row
    table: PathBuf,
    /// The column on the horizontal axis
    #[arg(long, value_name = "COLUMN")]
    x: String,
    /// The column with the observations
    #[arg(long, value_name = "COLUMN")]
    y: String,
    /// A column that gives a line for each of its values; may be repeated. Rows that share these and x are repetitions
    #[arg(long, value_name = "COLUMN")]
    lines: Vec<String>,
    /// Takes rows with this value only; may be repeated
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = pair)]
    only: Vec<(String, String)>,
    /// Name of the files, without ending
    #[arg(long)]
    name: String,
    /// The folder where the figure and the numbers behind it go
    #[arg(long)]
    out: PathBuf,
    /// Label of the horizontal axis; the column's name otherwise
    #[arg(long, value_name = "TEXT")]
    x_label: Option<String>,
    /// Label of the vertical axis; the column's name otherwise
    #[arg(long, value_name = "TEXT")]
    y_label: Option<String>,
    /// Logarithmic horizontal axis
    #[arg(long)]
    x_log: bool,
    /// Logarithmic vertical axis
    #[arg(long)]
    y_log: bool,
    /// Size of the figure, and of the text in it
    #[arg(long, value_enum, default_value = "one-column")]
    size: Size,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("give a column and a value, such as seed=1")?;
    Ok((column.to_owned(), value.to_owned()))
}

/// Draws, and prints what was written.
pub fn main(args: &DrawArgs) -> Exit {
    if args.name.is_empty() || !args.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        complain(format!("--name {:?}: a name has letters, digits, `-` and `_`", args.name));
        return Exit::Usage;
    }
    let repeated =
        args.lines.iter().enumerate().find(|(at, line)| **line == args.x || args.lines[..*at].contains(line));
    if let Some((_, line)) = repeated {
        complain(format!("--lines {line}: this column is x, or gives lines already; leave it out of one of them"));
        return Exit::Usage;
    }
    match figure(args) {
        Ok(Some(figure)) => match output::write_figure(&args.out, &figure) {
            Ok(path) => print(path.display()),
            Err(error) => Exit::from(&error),
        },
        Ok(None) => {
            complain("nothing can be drawn: every point lacks some of its observations");
            Exit::Usage
        }
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

fn figure(args: &DrawArgs) -> Result<Option<Figure>, OutputError> {
    let mut keys = vec![args.x.clone()];
    keys.extend(args.lines.iter().cloned());
    let selection = Selection { keys: keys.clone(), value: args.y.clone(), only: args.only.clone() };
    let rows = output::read_tidy(&args.table, &selection)?;
    let config = FigureConfig {
        name: args.name.clone(),
        x: args.x.clone(),
        y: args.y.clone(),
        lines: args.lines.first().cloned(),
        only: std::collections::BTreeMap::new(),
        x_label: args.x_label.clone(),
        y_label: args.y_label.clone(),
        x_log: args.x_log,
        y_log: args.y_log,
        reference: None,
    };
    let mut figures = plot::sweep_figures(&[config], &keys, &rows);
    Ok(figures.pop().map(|figure| Figure { size: args.size, ..figure }))
}
