#!/usr/bin/env python3
"""Compares the laboratory's engine with others on PHOLD, and writes results/reference/engines.csv and engines.md.

Builds rapsim and scripts/engines/foreign with the same compiler and profile, installs SimPy into a virtual environment
under scripts/engines/foreign/target, and runs all engines in turn, several rounds over, so that whatever else the
machine does meets all of them. Rates are events per second of wall time, after one event per node of warm-up. Every
engine but SimPy runs the same node with the same generator and the same exponential sampler; SimPy has Python's.

nexosim's ports must be wired beforehand, so there every node knows four others instead of all; its models take some
6 kB each, so it is left out at a million.

usage: scripts/engines/compare.py [--rounds 3] [--sizes 1000,100000,1000000]
"""

import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOREIGN = HERE / "foreign"
RESULTS = ROOT / "results" / "reference"
SIMPY = "simpy==4.1.2"

# Our own rows, with their threads, and the others written in Rust.
RAPSIM = {"rapsim": 1, "rapsim, 2 threads": 2}
RUST = ["simcore", "desru", "simrs", "nexosim"]
VERSIONS = {"simcore": "0.1.0", "desru": "0.1.13", "simrs": "0.2.0", "nexosim": "1.0.0", "SimPy": "4.1.2"}


def build():
    """Builds everything; returns SimPy's interpreter."""
    for folder in (ROOT, FOREIGN):
        command = ["cargo", "build", "--release", "--quiet"]
        if folder == ROOT:
            command += ["-p", "rapprochement-sim", "--bin", "rapsim"]
        subprocess.run(command, cwd=folder, check=True)
    home = FOREIGN / "target" / "venv"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SIMPY], check=True)
    return python


def output(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def rapsim(nodes, threads):
    events = 20_000_000
    command = ["bench", "phold", "--nodes", nodes, "--threads", threads, "--events", events, "--format", "json"]
    return json.loads(output(ROOT / "target" / "release" / "rapsim", *command))["events_per_s"]


def rust(engine, nodes):
    events = 300_000 if engine == "nexosim" else 3_000_000
    return float(output(FOREIGN / "target" / "release" / "foreign-engines", engine, nodes, events))


def measure(python, nodes):
    """One round: yields (engine, events per second)."""
    for engine, threads in RAPSIM.items():
        yield engine, rapsim(nodes, threads)
    for engine in RUST:
        if engine != "nexosim" or nodes <= 100_000:
            yield engine, rust(engine, nodes)
    yield "SimPy", float(output(python, HERE / "simpy_phold.py", nodes, 300_000))


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def table(medians, sizes, rounds):
    """The table in Markdown: medians, and how many times faster rapsim on one thread is."""
    rustc = output("rustc", "--version").strip()
    yield "# PHOLD on several engines"
    yield ""
    yield f"Million events per second of wall time, medians of {rounds} interleaved rounds, and in brackets how many"
    yield "times faster rapsim on one thread is. Regenerate with `scripts/engines/compare.py`, which says what was run."
    yield f"{processor()}, {os.cpu_count()} processors; {rustc}."
    yield ""
    yield "| engine | " + " | ".join(f"{size:,} nodes" for size in sizes) + " |"
    yield "|---|" + "---|" * len(sizes)
    for engine in [*RAPSIM, *RUST, "SimPy"]:
        cells = []
        for size in sizes:
            rate, own = medians.get((engine, size)), medians[("rapsim", size)]
            cells.append("-" if rate is None else f"{rate / 1e6:.2f} ({own / rate:.1f}x)")
        name = f"{engine} {VERSIONS[engine]}" if engine in VERSIONS else engine
        yield f"| {name} | " + " | ".join(cells) + " |"
    best = [max(medians.get((engine, size), 0) for engine in [*RUST, "SimPy"]) for size in sizes]
    cells = [f"**{medians[('rapsim', size)] / rate:.1f}x**" for size, rate in zip(sizes, best)]
    yield "| **against the best of the others** | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="1000,100000,1000000")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    python = build()
    rows = []
    for nodes in sizes:
        for number in range(1, arguments.rounds + 1):
            for engine, rate in measure(python, nodes):
                rows.append((engine, nodes, number, rate))
                print(f"{nodes:>9} nodes, round {number}: {engine:<20} {rate / 1e6:8.2f} M events/s", file=sys.stderr)
    rates = {}
    for engine, nodes, _, rate in rows:
        rates.setdefault((engine, nodes), []).append(rate)
    medians = {key: statistics.median(values) for key, values in rates.items()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / "engines.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["engine", "nodes", "round", "events_per_s"])
        writer.writerows((engine, nodes, number, round(rate)) for engine, nodes, number, rate in rows)
    text = "\n".join(table(medians, sizes, arguments.rounds)) + "\n"
    (RESULTS / "engines.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
