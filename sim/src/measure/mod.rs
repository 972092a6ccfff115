//! Counters, histograms, series and statistics: how a run is turned into numbers.

pub mod results;
