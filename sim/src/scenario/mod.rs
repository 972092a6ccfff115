//! The scenario file: schema, parsing, diagnostics, sweeps.
//!
//! | module | what it does |
//! |---|---|
//! | [`schema`] | the types; the JSON Schema and the guide come from them |
//! | [`mod@path`], [`tree`] | places in a scenario, and its values with their places in the text |
//! | [`mod@parse`] | from text to a scenario, or to everything that is wrong with it |
//! | [`mod@check`] | what a scenario cannot mean |
//! | [`diagnostics`] | problems shown where they were written |
//! | [`sweep`] | the points of a grid |
//! | [`mod@canonical`] | one text for one meaning, and its hash |
//! | [`guide`] | the JSON Schema and the guide |
//! | [`mod@generate`] | random valid scenarios for tests |

pub mod canonical;
pub mod check;
mod depth;
pub mod diagnostics;
pub mod generate;
pub mod guide;
pub mod parse;
pub mod path;
mod reader;
pub mod schema;
pub mod sweep;
pub mod tree;

pub use canonical::{canonical, content_hash, experiment_hash, sweep_hash};
pub use check::check;
pub use diagnostics::Diagnostics;
pub use generate::generate;
pub use parse::{Loaded, load, parse};
pub use sweep::{Point, points};
