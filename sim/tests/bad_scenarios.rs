//! What an author is told about a wrong scenario, in full: every file of `tests/bad` against its snapshot.

use std::fs;

use insta::assert_snapshot;
use proptest::prelude::*;
use rapprochement_sim::scenario::{canonical, generate, load, parse};

/// What is said about a scenario that has to be wrong.
fn complaint(name: &str, text: &str, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    parse(name, text, &sets).expect_err("a bad scenario was accepted").to_string()
}

#[test]
fn every_bad_scenario_is_explained() {
    // A name relative to the package, where tests run, so that messages have it on every machine.
    let mut files: Vec<_> = fs::read_dir("tests/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 50);
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let said = load(&file, &[]).expect_err("a bad scenario was accepted").to_string().replace("tests/bad/", "bad/");
        insta::with_settings!({ description => text, omit_expression => true }, { assert_snapshot!(name, said) });
    }
}

const GOOD: &str = "name = \"good\"\nnodes = 100\nduration = \"60 s\"\n\n[protocol.full_push]\ninterval = \"1 s\"\n\n\
                    [workload]\nwriters = 3\narrivals = { burst = { count = 5 } }\n";

#[test]
fn bad_overrides_are_shown_on_the_command_line() {
    let sets = [
        "nodes",
        "nodes=-1",
        "nodse=5",
        "network.loss.independent=two",
        "network.partition[0].heal=5 s",
        "protocol.eager_push.fanout=3",
        "network.latency={ constant = 5 ms }",
        "network..x=1",
        "workload.drain=2 min",
    ];
    let said: Vec<_> =
        sets.iter().map(|set| format!("$ --set '{set}'\n{}", complaint("good.toml", GOOD, &[set]))).collect();
    assert_snapshot!("overrides", said.join("\n\n"));
}

#[test]
fn good_overrides_win_over_the_file() {
    let sets =
        ["nodes=7", "network.access.uplink=20 Mbit/s", "network.loss.independent = 5 %", "name=other", "seed = 3"];
    let scenario = parse("good.toml", GOOD, &sets.map(String::from)).unwrap().scenario;
    assert_eq!((scenario.nodes, scenario.name.as_str(), scenario.seed), (7, "other", 3));
    assert_eq!(scenario.network.access.uplink.unwrap().0, 20_000_000);
    assert!(canonical(&scenario).contains("independent = 0.05"));
}

#[test]
fn a_file_that_is_no_scenario_gets_one_clear_message() {
    let folder = std::env::temp_dir().join(format!("rapprochement-bad-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("binary.toml"), b"name = \"\xff\xfe\"").unwrap();
    fs::write(folder.join("empty.toml"), "\n  \n").unwrap();
    fs::write(folder.join("large.toml"), vec![b'#'; 10_000_000]).unwrap();
    let said = ["missing.toml", "", "binary.toml", "empty.toml", "large.toml"].map(|name| {
        let said = load(&folder.join(name), &[]).expect_err("accepted").to_string();
        said.replace(&*folder.join("x").to_string_lossy().replace('x', ""), "bad/")
    });
    fs::remove_dir_all(&folder).unwrap();
    assert_snapshot!("files", said.join("\n\n"));
}

#[test]
fn garbage_gets_a_bounded_answer() {
    for garbage in ["[[[[[[", "=\n", "\"\\", "a = {", "\u{feff}", "a.b.c = 1\n", "'''", "x = 1e9999\n", "\0"] {
        let text = garbage.repeat(100_000 / garbage.len());
        assert!(complaint("garbage.toml", &text, &[]).len() < 1_000_000);
    }
    let unknown: String = (0..50_000).map(|i| format!("key{i} = {i}\n")).collect();
    let wrong = format!("seed = [{}]\n", "true, ".repeat(50_000));
    let nodes = format!("network.partition = [{{ groups = {{ nodes = [[{}]] }} }}]", "-1, ".repeat(50_000));
    let long = format!("{} = {:?}", "k".repeat(500_000), "v".repeat(400_000));
    for text in [unknown, wrong, nodes, long] {
        assert!(complaint("large.toml", &text, &[]).len() < 200_000);
    }
}

/// Cuts, doubles or replaces a piece of a text at the boundaries of characters.
fn mutate(text: &str, at: usize, length: usize, with: &str) -> String {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (floor(at), floor(at + length));
    format!("{}{with}{}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a scenario, it is read or explained, never a panic.
    #[test]
    fn no_text_panics(
        number in 0u64..50,
        edits in prop::collection::vec((0usize..3000, 0usize..40, prop_oneof![
            Just(String::new()), Just("\"".into()), Just("[".into()), Just("}".into()), Just("= -1".into()), Just("\n".into()),
            Just("nan".into()), Just("[[x]]\n".into()), Just("9999999999999".into()), Just("é".into()), "[ -~]{0,12}",
        ]), 1..4),
        set in prop_oneof![Just(String::new()), "[a-z.\\[\\]0-9=\"]{0,20}"],
    ) {
        let mut text = canonical(&generate(number));
        for (at, length, with) in edits {
            text = mutate(&text, at % text.len().max(1), length, &with);
        }
        let sets = if set.is_empty() { vec![] } else { vec![set] };
        if let Err(wrong) = parse("mutated.toml", &text, &sets) {
            prop_assert!(!wrong.items().is_empty());
            prop_assert!(!wrong.render(true).is_empty());
        }
    }
}
