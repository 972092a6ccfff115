//! Every target of the fuzzer on its seeds, on all that the fuzzer has found, and on changes of both. `scripts/fuzz` looks for
//! more, and what it finds is kept in `corpus/`: a folder for each target, a file for each input.

mod targets;

use std::fs;
use std::path::Path;

use targets::Target;

/// What is committed of a target's corpus.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzed/corpus").join(&target.name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_takes_its_seeds() {
    for target in targets::all() {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}

/// A folder that nobody fuzzes is as wrong as a target without one.
#[test]
fn every_target_takes_its_corpus() {
    let targets = targets::all();
    for target in &targets {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{}", target.name);
        corpus.iter().for_each(|input| (target.run)(input));
    }
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzed/corpus")).unwrap();
    assert_eq!(folders.count(), targets.len());
}

/// Cut, lengthened, with a bit of it changed, and with what may be an integer in a longer form: enough to notice a decoder, or
/// a target, that takes what it should not.
#[test]
fn every_target_takes_what_is_nearly_right() {
    for target in targets::all() {
        for seed in (target.seeds)() {
            for at in (0..seed.len()).step_by((seed.len() / 16).max(1)) {
                let (head, tail) = seed.split_at(at);
                (target.run)(head);
                (target.run)(&[head, &[tail[0] ^ 1 << (at % 8)], &tail[1..]].concat());
                (target.run)(&[head, &[tail[0] | 0x80, tail[0] >> 7], &tail[1..]].concat());
            }
            (target.run)(&[seed.as_slice(), &[0]].concat());
        }
    }
}
