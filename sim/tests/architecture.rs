//! The arrows between the rooms, and what must not be anywhere: read from the sources themselves, tests included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room of the simulator may look into, besides itself and the core. ARCHITECTURE.md draws the same.
const ARROWS: &[(&str, &[&str])] = &[
    ("problem", &[]),
    ("units", &[]),
    ("random", &[]),
    // Resamples of a bootstrap are drawn.
    ("measure", &["random"]),
    ("engine", &["random"]),
    // A message becomes packets by the sizes that `[network.packet]` gives.
    ("transport", &["network", "problem", "random", "units"]),
    ("network", &["transport", "problem", "random", "units"]),
    ("model", &["engine", "network", "transport", "measure", "problem", "random", "units"]),
    // The scenario file is made of the configuration types of the rooms that it configures.
    ("scenario", &["measure", "model", "network", "problem", "transport", "units"]),
    // Figures over a sweep are part of the scenario file.
    ("plot", &["measure", "scenario", "units"]),
    ("output", &["measure", "plot", "scenario", "units"]),
    ("cli", &["engine", "measure", "model", "network", "output", "plot", "problem", "random", "scenario", "units"]),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// Files above this many lines are to be cut at a seam.
const LONGEST: usize = 600;

/// A source file: its path from the root of the workspace, and its text.
struct Source {
    path: String,
    text: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &str) -> Vec<Source> {
    fn collect(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    let (root, mut found) = (workspace(), Vec::new());
    collect(&root.join(folder), &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "{folder} holds no sources");
    found
}

impl Source {
    /// The lines that are code, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The path of its module from the crate's root: `sim/src/a/b.rs` and `sim/src/a/b/mod.rs` are `[a, b]`.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("sim/src/").trim_end_matches(".rs");
        let mut module: Vec<&str> = inside.split('/').collect();
        if module.last() == Some(&"mod") {
            module.pop();
        }
        module
    }

    /// The modules of the crate's root that a line names, by `crate::` or by enough `super::`.
    fn rooms_named<'a>(&self, line: &'a str) -> Vec<&'a str> {
        let mut rooms = Vec::new();
        let mut rest = line;
        while let Some(start) = rest.find("crate::").into_iter().chain(rest.find("super::")).min() {
            let (before, path) = rest.split_at(start);
            rest = &path["crate::".len()..];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut climbs = 0;
            let mut tail = path;
            while let Some(next) = tail.strip_prefix("super::") {
                (tail, climbs) = (next, climbs + 1);
            }
            if climbs > 0 && climbs < self.module().len() {
                continue;
            }
            let tail = tail.strip_prefix("crate::").unwrap_or(tail);
            if let Some(several) = tail.strip_prefix('{') {
                rooms.extend(several.split(['{', '}', ',', ' ']).filter_map(first_name));
            } else {
                rooms.extend(first_name(tail));
            }
        }
        rooms
    }
}

/// The identifier that a path begins with.
fn first_name(path: &str) -> Option<&str> {
    let end = path.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(path.len());
    (end > 0).then(|| &path[..end])
}

fn complaints(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn arrows_between_rooms_run_one_way() {
    let arrows: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    let sources = sources("sim/src");
    for source in &sources {
        let room = source.module()[0];
        let Some(allowed) = arrows.get(room) else {
            wrong.push(format!("{}: no arrows are drawn for the room `{room}`", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for other in source.rooms_named(line) {
                if other != room && arrows.contains_key(other) {
                    seen.insert((room, other));
                    if !allowed.contains(other) {
                        wrong.push(format!("{}:{number}: `{room}` may not look into `{other}`", source.path));
                    }
                }
            }
        }
    }
    complaints(wrong);
    for expected in [("cli", "scenario"), ("scenario", "model"), ("model", "engine"), ("network", "transport")] {
        assert!(
            seen.contains(&expected),
            "no import from {} to {} was found: does this test read?",
            expected.0,
            expected.1
        );
    }
}

/// Without the one pair that shares a configuration type, the arrows have no cycle.
#[test]
fn the_arrows_have_an_order() {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(room, others)| {
            (*room, others.iter().copied().filter(|other| (*room, *other) != ("transport", "network")).collect())
        })
        .collect();
    while !left.is_empty() {
        let free: Vec<&str> = left.iter().filter(|(_, others)| others.is_empty()).map(|(room, _)| *room).collect();
        assert!(!free.is_empty(), "a cycle among {:?}", left.keys());
        for room in &free {
            left.remove(room);
        }
        left.values_mut().for_each(|others| others.retain(|other| !free.contains(other)));
    }
}

#[test]
fn the_core_knows_nothing_of_its_hosts() {
    let mut wrong = Vec::new();
    for source in sources("core/src") {
        for (number, line) in source.code() {
            for forbidden in ["rapprochement_sim", "std::"] {
                // In tests `std` is at hand; `core::` ends with neither.
                if line.contains(forbidden) && !in_tests(&source, number) {
                    wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    complaints(wrong);
    let root = fs::read_to_string(workspace().join("core/src/lib.rs")).unwrap();
    assert!(root.contains("#![no_std]"));
    let manifest = fs::read_to_string(workspace().join("core/Cargo.toml")).unwrap();
    assert!(!manifest.contains("rapprochement-sim"));
}

/// Whether a line stands behind `#[cfg(test)]`, with which unit tests end a file, or in a file of its own for them.
fn in_tests(source: &Source, number: usize) -> bool {
    source.path.ends_with("/tests.rs") || source.code().any(|(at, line)| at < number && line.trim() == "#[cfg(test)]")
}

#[test]
fn one_file_has_unsafe_in_it() {
    let uses = |source: &&Source| {
        source.code().any(|(_, line)| line.contains("unsafe ") || line.contains("allow(unsafe_code"))
    };
    let all: Vec<Source> = sources("sim/src").into_iter().chain(sources("core/src")).collect();
    let found: Vec<&str> = all.iter().filter(uses).map(|source| source.path.as_str()).collect();
    assert_eq!(found, ["sim/src/engine/prefetch.rs"]);
}

/// Clippy refuses these calls everywhere; this holds where its refusal may be lifted.
#[test]
fn nothing_but_the_command_line_reads_the_clock() {
    // QUIC's state machine is told the time in the platform's type, of which there is no zero but some moment; and its trait for
    // dates names the type.
    const EXCEPTIONS: [&str; 2] = ["sim/src/transport/quic/clock.rs", "sim/src/transport/quic/settings.rs"];
    let forbidden = ["Instant::now(", "SystemTime", "HashMap", "HashSet", "(clippy::disallowed_"];
    let mut wrong = Vec::new();
    let all: Vec<Source> = sources("sim/src").into_iter().chain(sources("core/src")).collect();
    for source in all.iter().filter(|source| !EXCEPTIONS.contains(&source.path.as_str())) {
        let (in_cli, mut lifts) = (source.path.starts_with("sim/src/cli/"), false);
        for (number, line) in source.code() {
            lifts |= line.contains("#[expect(clippy::disallowed_methods, reason");
            let found = forbidden.iter().any(|name| line.contains(name));
            if found && !(in_cli && lifts) {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    complaints(wrong);
}

#[test]
fn no_file_is_too_long_to_read() {
    let all = ["core/src", "core/tests", "sim/src", "sim/tests"].into_iter().flat_map(sources);
    let long = all.filter(|source| source.text.lines().count() > LONGEST);
    complaints(long.map(|source| format!("{}: {} lines", source.path, source.text.lines().count())).collect());
}
