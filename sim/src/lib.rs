//! A deterministic discrete-event laboratory for peer-to-peer protocols.
//!
//! | room | what lives there |
//! |---|---|
//! | [`units`], [`random`], [`problem`] | quantities with units, keyed random streams, what is wrong and where |
//! | [`engine`] | clock, event queues, shards, windows, digest |
//! | [`network`] | latency, access links, loss, partitions, churn, membership |
//! | [`transport`] | how a message becomes packets |
//! | [`measure`] | counters, histograms, series, statistics |
//! | [`model`] | protocol families: entities, events, metrics |
//! | [`scenario`] | the scenario file |
//! | [`output`] | run directories, manifest, CSV |
//! | [`plot`] | figures: theme, SVG, PNG, PDF |
//! | [`cli`] | the verbs of `rapsim` |

pub mod cli;
pub mod engine;
pub mod measure;
pub mod model;
pub mod network;
pub mod output;
pub mod plot;
pub mod problem;
pub mod random;
pub mod scenario;
pub mod transport;
pub mod units;
