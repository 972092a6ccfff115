//! `rapsim schema`: the scenario format as a JSON Schema or as a guide.

use clap::{Args, ValueEnum};

use super::{Exit, print};
use crate::scenario::guide;

/// Arguments of `rapsim schema`.
#[derive(Clone, Copy, Debug, Args)]
pub struct SchemaArgs {
    /// How the scenario format is described.
    #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
    pub format: SchemaFormat,
}

/// How the scenario format is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// JSON Schema, draft 07, for editors.
    Json,
    /// The guide, for people.
    Markdown,
}

/// Prints the description.
pub fn main(args: SchemaArgs) -> Exit {
    print(match args.format {
        SchemaFormat::Json => guide::json_schema().trim_end().to_owned(),
        SchemaFormat::Markdown => guide::markdown().trim_end().to_owned(),
    })
}
