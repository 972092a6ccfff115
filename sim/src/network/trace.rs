//! Churn from a file: `node,up_s,down_s`, a row per session, in seconds from the start of the run. A session that the
//! recording did not see end has an empty `down_s`. A node that the file does not name stays up throughout.

use std::path::Path;

use rapprochement_core::time::{Duration, Instant};

use super::churn::Presence;
use super::file::{FileProblems, read_text};
use super::latency::number;
use crate::problem::Problem;

const KEY: &str = "churn.sessions.trace.file";
/// The longest time that a trace may name, in seconds: about 30 years.
const SECONDS_MAX: f64 = 1e9;

/// The recorded changes of every node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Where each node's changes start in `changes`; one more at the end.
    starts: Vec<u32>,
    /// Times of going up and down in turn, ascending for each node.
    changes: Vec<Instant>,
}

/// A row: node, the bounds of the session, and its line in the file.
struct Row {
    node: u32,
    up: Instant,
    down: Option<Instant>,
    line: usize,
}

impl Trace {
    pub(crate) fn read(file: &Path, base: &Path, nodes: u32, speed_up: f64) -> Result<Self, Vec<Problem>> {
        Self::parse(&read_text(base, file, KEY)?, &file.display().to_string(), nodes, speed_up)
    }

    fn parse(text: &str, file: &str, nodes: u32, speed_up: f64) -> Result<Self, Vec<Problem>> {
        let mut problems = FileProblems::new(KEY, file);
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let header = lines.find(|(_, line)| !line.is_empty());
        if !header.is_some_and(|(_, line)| line.split(',').map(str::trim).eq(["node", "up_s", "down_s"])) {
            problems.whole("the first row must be \"node,up_s,down_s\"");
            return Err(problems.take());
        }
        let mut rows = Vec::new();
        for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
            match row(text, line, speed_up) {
                Ok(row) if row.node >= nodes => {
                    let message = format!("there is no node {}; the scenario has {nodes}", row.node);
                    problems.line_against(line, "nodes", message);
                }
                Ok(row) => rows.push(row),
                Err(message) => problems.line(line, message),
            }
        }
        rows.sort_by_key(|row| (row.node, row.up));
        for pair in rows.windows(2).filter(|pair| pair[0].node == pair[1].node) {
            if pair[0].down.is_none_or(|down| down >= pair[1].up) {
                let message = format!(
                    "this session of node {} begins before the one of line {} ends",
                    pair[1].node, pair[0].line
                );
                problems.line(pair[1].line, message);
            }
        }
        let (mut starts, mut changes, mut rows) = (vec![0], Vec::new(), rows.into_iter().peekable());
        for node in 0..nodes {
            while let Some(row) = rows.next_if(|row| row.node == node) {
                changes.push(row.up);
                changes.extend(row.down);
            }
            starts.push(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        }
        problems.or(Self { starts, changes })
    }

    fn of(&self, node: u32) -> &[Instant] {
        &self.changes[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    pub(crate) fn begin(&self, node: u32) -> Presence {
        match self.of(node) {
            [] => Presence { up: true, until: None },
            [first, rest @ ..] if *first == Instant::ZERO => Presence { up: true, until: rest.first().copied() },
            [first, ..] => Presence { up: false, until: Some(*first) },
        }
    }

    pub(crate) fn next(&self, node: u32, now: Instant) -> Option<Instant> {
        let changes = self.of(node);
        changes.get(changes.partition_point(|change| *change <= now)).copied()
    }
}

fn row(text: &str, line: usize, speed_up: f64) -> Result<Row, String> {
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    let [node, up, down] = cells[..] else { return Err(format!("{} columns instead of 3", cells.len())) };
    let time = |name: &str, cell: &str| {
        let seconds = number(cell).filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
        let instant = seconds.map(|seconds| Instant::ZERO + Duration::from_secs_f64(seconds / speed_up));
        instant.ok_or_else(|| format!("{name} \"{cell}\" is not a time in seconds from 0 to {SECONDS_MAX}"))
    };
    let node = node.parse::<u32>().map_err(|_| format!("\"{node}\" is not the number of a node"))?;
    let up = time("up_s", up)?;
    let down = if down.is_empty() { None } else { Some(time("down_s", down)?) };
    if down.is_some_and(|down| down <= up) {
        return Err("the session ends before it begins, or at once".into());
    }
    Ok(Row { node, up, down, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Trace, Vec<String>> {
        let result = Trace::parse(text, "trace.csv", 4, 2.0);
        result.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn recorded_sessions_are_replayed_at_their_times() {
        let trace = parse("node, up_s, down_s\n1,30,40\n0,0,10\n0,20.5,\n\n1,50,60\n2,0,1\n").unwrap();
        let half = |seconds: f64| Some(Instant::ZERO + Duration::from_secs_f64(seconds / 2.0));
        assert_eq!(trace.begin(0), Presence { up: true, until: half(10.0) });
        assert_eq!(trace.begin(1), Presence { up: false, until: half(30.0) });
        assert_eq!(trace.begin(3), Presence { up: true, until: None });
        let mut now = trace.begin(1).until;
        for next in [half(40.0), half(50.0), half(60.0), None] {
            now = trace.next(1, now.unwrap());
            assert_eq!(now, next);
        }
        assert_eq!(trace.next(0, half(10.0).unwrap()), half(20.5));
        assert_eq!(trace.next(0, half(20.5).unwrap()), None);
    }

    #[test]
    fn malformed_rows_are_told_by_line() {
        let cases = [
            ("", "first row"),
            ("node;up_s;down_s\n", "first row"),
            ("node,up_s,down_s\n0,1\n", "line 2: 2 columns"),
            ("node,up_s,down_s\n\n-1,1,2\n", "line 3: \"-1\" is not the number"),
            ("node,up_s,down_s\n4,1,2\n", "there is no node 4"),
            ("node,up_s,down_s\n0,x,2\n", "up_s \"x\""),
            ("node,up_s,down_s\n0,1,inf\n", "down_s \"inf\""),
            ("node,up_s,down_s\n0,2,1\n", "ends before it begins"),
            ("node,up_s,down_s\n0,4,6\n0,1,5\n", "line 2: this session of node 0 begins before the one of line 3"),
            ("node,up_s,down_s\n0,1,\n0,5,6\n", "line 3: this session"),
        ];
        for (text, expected) in cases {
            let messages = parse(text).unwrap_err();
            assert!(messages.len() == 1 && messages[0].contains(expected), "{text:?}: {messages:?}");
        }
        let many = "node,up_s,down_s\n".to_owned() + &"x\n".repeat(1000);
        let messages = parse(&many).unwrap_err();
        assert!(messages.len() == 21 && messages[20].contains("980 more"));
    }
}
