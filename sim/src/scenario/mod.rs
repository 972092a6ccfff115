//! The scenario file: schema, parsing, diagnostics, sweeps.

pub mod schema;
