//! Counters, histograms, series and statistics: how a run is turned into numbers.

pub mod costs;
pub mod curves;
pub mod histogram;
pub mod metrics;
pub mod results;
pub mod statistics;
pub mod summary;
