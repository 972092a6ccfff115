//! What a run leaves on disk. A run directory is written under a temporary name and renamed when it is whole; `docs/output.md`
//! describes every file and column.
//!
//! | file | what it is about |
//! |---|---|
//! | `staging` | directories and files that appear whole or not at all |
//! | `manifest` | `manifest.toml` and `host.toml` |
//! | `table` | the CSV tables |
//! | `pcapng` | packets for Wireshark |
//! | `run` | writing and reading a run directory |
//! | `sweep` | a directory of runs, and its tables |
//! | `tidy` | any tidy table, and one figure |
//! | `costs` | a table of what methods take, and what was found in it |

mod costs;
#[cfg(test)]
mod costs_tests;
mod error;
mod host;
mod manifest;
mod pcapng;
mod run;
mod staging;
mod sweep;
mod table;
#[cfg(test)]
mod tests;
mod tidy;

pub use costs::{CostStudy, read_costs, write_study};
pub use error::OutputError;
pub use host::{HostFacts, peak_rss_bytes, resident_bytes};
pub use manifest::{CurveAxes, Manifest};
pub use run::{RunRecord, StoredRun, exists, prepare, read, redraw, run_name, write};
pub use staging::{clean, replace_file};
pub use sweep::{
    PointRecord, StoredSweep, SweepManifest, begin_sweep, finish_sweep, is_sweep, point_name, read_sweep, sweep_curve,
    sweep_name, sweep_series,
};

pub use tidy::{Selection, read_tidy, write_figure};

/// Version of the layout of the directories; it changes when a reader of an older one would misread.
pub const FORMAT: u32 = 1;
