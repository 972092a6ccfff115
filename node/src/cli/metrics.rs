//! What a node measures, in the form of the simulator's `series.csv` and as a page for Prometheus.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use rapprochement_core::store::Store;

use crate::driver::Traffic;
use crate::network::Network;

/// One value: metric, group, value.
pub(super) type Row = (String, &'static str, u64);

/// Everything that is measured now. Counts are from the start of the node on.
pub(super) fn rows(store: &Store, traffic: &Traffic, network: &Network) -> Vec<Row> {
    let mut rows = Vec::new();
    for (way, counts) in [("sent", &traffic.sent), ("received", &traffic.received)] {
        for (class, (messages, bytes)) in counts {
            rows.push((format!("{way}_messages"), *class, *messages));
            rows.push((format!("{way}_payload_bytes"), *class, *bytes));
        }
    }
    rows.push(("tuples".into(), "", store.len() as u64));
    rows.push(("authors".into(), "", store.authors().len() as u64));
    rows.push(("connections".into(), "", network.connected().len() as u64));
    rows.extend(network.counters().rows().map(|(name, value)| (name.to_owned(), "", value)));
    rows
}

/// Opens a table, and writes its header where it is new.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "time_ns,metric,group,value")?;
    }
    Ok(file)
}

/// Appends rows in one write, so that a crash leaves whole lines.
pub(super) fn append(file: &mut File, time_ns: u64, rows: &[Row]) -> std::io::Result<()> {
    let mut text = String::new();
    for (metric, group, value) in rows {
        let _ = writeln!(text, "{time_ns},{metric},{group},{value}");
    }
    file.write_all(text.as_bytes())
}

/// The page that Prometheus reads (text format 0.0.4).
pub(super) fn page(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut last = "";
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    for (metric, group, value) in rows {
        if metric != last {
            let kind =
                if matches!(metric.as_str(), "tuples" | "authors" | "connections") { "gauge" } else { "counter" };
            let _ = writeln!(text, "# TYPE rapnode_{metric} {kind}");
        }
        last = metric;
        let _ = match *group {
            "" => writeln!(text, "rapnode_{metric} {value}"),
            group => writeln!(text, "rapnode_{metric}{{class=\"{group}\"}} {value}"),
        };
    }
    text
}
