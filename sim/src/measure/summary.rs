//! The results of a sweep as one table, and its summary over seeds.

use std::collections::BTreeMap;

use crate::measure::statistics::Summary;

/// All scalars of the complete runs of a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepTable {
    /// The swept keys, dotted, in the order of the columns.
    pub keys: Vec<String>,
    /// One row per point, seed, metric and group.
    pub rows: Vec<SweepRow>,
}

/// One number of one run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRow {
    /// The values of the swept keys as text, as many as there are keys.
    pub values: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the metric.
    pub metric: String,
    /// What it is about; empty for the whole run.
    pub group: String,
    /// The value; not a number where there is none.
    pub value: f64,
}

/// One metric at one point of a sweep, over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The values of the swept keys as text.
    pub values: Vec<String>,
    /// Name of the metric.
    pub metric: String,
    /// What it is about; empty for the whole run.
    pub group: String,
    /// The statistics over the seeds.
    pub summary: Summary,
}

impl SweepTable {
    /// Summarises over seeds. Points, metrics and groups stay in the order in which they first appear.
    pub fn summarise(&self) -> Vec<SummaryRow> {
        let mut places: BTreeMap<(&[String], &str, &str), usize> = BTreeMap::new();
        let mut collected: Vec<(&SweepRow, Vec<f64>)> = Vec::new();
        for row in &self.rows {
            let place = *places.entry((&row.values, &row.metric, &row.group)).or_insert_with(|| {
                collected.push((row, Vec::new()));
                collected.len() - 1
            });
            collected[place].1.push(row.value);
        }
        let summarised = collected.into_iter().map(|(row, values)| SummaryRow {
            values: row.values.clone(),
            metric: row.metric.clone(),
            group: row.group.clone(),
            summary: Summary::of(&values),
        });
        summarised.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_summarised_per_point_and_metric() {
        let row = |fanout: &str, seed, metric: &str, value| SweepRow {
            values: vec![fanout.into()],
            seed,
            metric: metric.into(),
            group: String::new(),
            value,
        };
        let rows = vec![
            row("4", 1, "bytes", 10.0),
            row("4", 1, "time_s", f64::NAN),
            row("4", 2, "bytes", 14.0),
            row("4", 2, "time_s", 3.0),
            row("2", 1, "bytes", 7.0),
        ];
        let summary = SweepTable { keys: vec!["fanout".into()], rows }.summarise();
        let found: Vec<_> = summary
            .iter()
            .map(|row| {
                (row.values[0].as_str(), row.metric.as_str(), row.summary.n, row.summary.missing, row.summary.mean)
            })
            .collect();
        assert_eq!(found, [("4", "bytes", 2, 0, 12.0), ("4", "time_s", 1, 1, 3.0), ("2", "bytes", 1, 0, 7.0)]);
        // sd = sqrt(8), t(0.975, 1) = 12.7062, half-width = 12.7062 * sqrt(8) / sqrt(2) = 25.4124
        assert!((summary[0].summary.ci95 - 25.412_4).abs() < 1e-3);
    }
}
