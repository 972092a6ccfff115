//! The fuzzer's side of the targets, which the tests of the core define. `FUZZ_TARGET` says which one runs, and its seeds are
//! written to `FUZZ_SEEDS` before it does, so that one program serves them all.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/fuzzed/targets/mod.rs"]
mod targets;

use targets::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        let target = targets::all().into_iter().find(|target| target.name == name).expect("there is such a target");
        if let Some(folder) = env::var_os("FUZZ_SEEDS").map(PathBuf::from) {
            for (number, seed) in (target.seeds)().iter().enumerate() {
                fs::write(folder.join(format!("seed-{number}")), seed).expect("seeds can be written");
            }
        }
        assert!(TARGET.set(target).is_ok());
    },
    |bytes: &[u8]| (TARGET.get().expect("set at the start").run)(bytes)
);
