//! The capture file of a run: whole blocks, as many packets as nodes sent, and what Wireshark's `tshark` makes of it, where that
//! is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

const SCENARIO: &str = "name = 'capture'\nnodes = 4\nduration = '5 s'\nsignatures = 'stand_in'\n\
    protocol.full_push.interval = '1 s'\nmeasure = { packets = '96 B', events = true }\n\
    workload = { writers = 2, arrivals.burst.count = 12, keys.per_writer = 6, value.constant = '500 B' }\n\
    network = { fidelity = 'packet', topology.shape.star.link = { rate = '8 Mbit/s', delay = '1 ms' } }\n";

/// The directory of the one run below a folder.
fn run_directory(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap()
}

/// Lengths of the captured packets' IP packets, as the blocks of the file say.
fn lengths(bytes: &[u8]) -> Vec<u32> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut lengths) = (0, Vec::new());
    while at < bytes.len() {
        let length = word(at + 4) as usize;
        assert_eq!(word(at + length - 4) as usize, length, "the block at {at} ends otherwise than it begins");
        if word(at) == 6 {
            assert!(word(at + 20) <= 96 + 42, "more is kept than was asked for");
            lengths.push(word(at + 24) - 14);
        }
        at += length;
    }
    lengths
}

#[test]
fn a_capture_has_every_packet_that_was_sent() {
    let folder = std::env::temp_dir().join(format!("rapprochement-capture-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let scenario = folder.join("capture.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let out = folder.join("runs");
    let done = Command::new(env!("CARGO_BIN_EXE_rapsim")).arg("run").arg(&scenario).arg("--out").arg(&out).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let directory = run_directory(&out);
    let file = directory.join("packets.pcapng");
    let lengths = lengths(&std::fs::read(&file).unwrap());
    let events = std::fs::read_to_string(directory.join("events.csv")).unwrap();
    // Each message has its bytes, and 28 for each of its packets of up to 1472.
    let sent = events.lines().filter(|line| line.split(',').nth(2) == Some("send"));
    let bytes: Vec<u64> = sent.map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert!(bytes.iter().any(|bytes| *bytes > 1472), "no message has several packets");
    let packets: u64 = bytes.iter().map(|bytes| bytes.div_ceil(1472).max(1)).sum();
    assert_eq!(lengths.len() as u64, packets);
    let on_wire = bytes.iter().sum::<u64>() + 28 * packets;
    assert_eq!(lengths.iter().map(|length| u64::from(*length)).sum::<u64>(), on_wire);
    match Command::new("tshark").args(["-r", file.to_str().unwrap(), "-T", "fields", "-e", "ip.len"]).output() {
        Err(_) => eprintln!("left out: tshark is not installed"),
        Ok(read) => {
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
            let text = String::from_utf8(read.stdout).unwrap();
            assert_eq!(text.lines().map(|line| line.parse().unwrap()).collect::<Vec<u32>>(), lengths);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
