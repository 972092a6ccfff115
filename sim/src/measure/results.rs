//! What one run leaves behind, before it becomes files.

use rapprochement_core::time::Instant;

/// The measurements of one run, each list in an order that does not depend on threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// One number per metric and group.
    pub scalars: Vec<Scalar>,
    /// Values over time.
    pub series: Vec<Sample>,
    /// Distributions and other curves, each with the axes it is drawn on.
    pub curves: Vec<Curve>,
    /// Tables with a row per observation. Written, never read back.
    pub tables: Vec<Table>,
    /// What happened, in order; empty unless the scenario asks for it. Written to `events.csv`, never read back.
    pub log: Vec<LoggedEvent>,
    /// Packets as they left their senders; empty unless the scenario asks for them. Written to `packets.pcapng`, never read
    /// back.
    pub packets: Vec<CapturedPacket>,
}

/// A packet that a node has put on its first link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedPacket {
    /// When.
    pub time: Instant,
    /// Who sent it.
    pub from: u32,
    /// Whom it is for.
    pub to: u32,
    /// Number of the message's class.
    pub class: u8,
    /// Bytes of its payload.
    pub length: u32,
    /// The first of them.
    pub payload: Vec<u8>,
}

/// One row of `events.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// When.
    pub time: Instant,
    /// At which node.
    pub node: u32,
    /// What, such as "send", "receive", "lose" or "adopt".
    pub kind: &'static str,
    /// The other node, where there is one.
    pub peer: Option<u32>,
    /// Message class; empty where there is none.
    pub class: &'static str,
    /// Number of the update, where it is about one.
    pub update: Option<u64>,
    /// Bytes of the encoded message; zero where there is none.
    pub bytes: u64,
}

/// One number about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Name with the unit last: "update_latency_p99_s".
    pub metric: String,
    /// What it is about, such as a message class; empty for the whole run.
    pub group: String,
    /// The value; not a number where there is none (a time that was not reached), which becomes an empty field.
    pub value: f64,
}

/// One value at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub time: Instant,
    /// Name with the unit last.
    pub metric: String,
    /// What it is about; empty for the whole run.
    pub group: String,
    /// The value.
    pub value: f64,
}

/// Rows of numbers under named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// File name without ending.
    pub name: String,
    /// Names with the unit last.
    pub columns: Vec<String>,
    /// One row per observation, as long as `columns`.
    pub rows: Vec<Vec<f64>>,
}

/// A curve such as a CDF, drawn as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// File name without ending.
    pub name: String,
    /// Label of the horizontal axis, with its unit.
    pub x_label: String,
    /// Label of the vertical axis, with its unit.
    pub y_label: String,
    /// Whether the horizontal axis is logarithmic.
    pub x_log: bool,
    /// Named lines of points.
    pub lines: Vec<NamedLine>,
}

/// A name and its points.
pub type NamedLine = (String, Vec<(f64, f64)>);

impl Results {
    /// Adds a number about the whole run.
    pub fn scalar(&mut self, metric: &str, value: f64) {
        self.scalar_of(metric, "", value);
    }

    /// Adds a number about a part of the run.
    pub fn scalar_of(&mut self, metric: &str, group: &str, value: f64) {
        self.scalars.push(Scalar { metric: metric.into(), group: group.into(), value });
    }

    /// Adds a value at a time.
    pub fn sample(&mut self, time: Instant, metric: &str, group: &str, value: f64) {
        self.series.push(Sample { time, metric: metric.into(), group: group.into(), value });
    }

    /// The number of this name about the whole run.
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.scalars.iter().find(|scalar| scalar.group.is_empty() && scalar.metric == metric).map(|scalar| scalar.value)
    }
}
