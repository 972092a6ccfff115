//! The protocol's parameters, and who writes what, when.

use rapprochement_core::reconcile::session;
use rapprochement_core::store;

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::{Arrivals, Popularity, Preload, ProtocolConfig, ValueSize};
use crate::model::hostile::config::Behaviour;
use crate::model::preload;
use crate::units::{Size, Span};

/// A tuple is one message.
const MAX_VALUE: Size = Size(64 << 10);
/// So many writes in a run are a slip.
const MAX_WRITES: f64 = 1e8;
/// The latency of every (update, node) pair is kept: 8 bytes each.
const MAX_PAIRS: f64 = 5e8;
/// What each node holds of so many keys is followed.
const MAX_ENTRIES: u64 = 10_000_000;
/// Each takes some hundred bytes.
const MAX_PRELOADED: u64 = 100_000_000;
/// An attacker signs some hundred thousand tuples for as many.
const MAX_CANCELLED: u32 = 64;
/// So many keys of one writer are a slip.
const MAX_KEYS: u32 = store::AUTHOR_TUPLES_MAX as u32;
/// What a message of a session can hold.
const MAX_FIRST_MESSAGE: u64 = session::WORDS_LEN_MAX as u64;
/// So many cells at every node are a slip.
const MAX_KEPT_CELLS: u32 = 1 << 20;
/// So many reads in one sample are a slip.
const MAX_READS: u32 = 1_000_000;

pub(super) fn protocol(s: &Scenario, c: &mut Checker) {
    match &s.protocol {
        ProtocolConfig::FullPush { interval } => self::interval(s, c, "protocol.full_push.interval", *interval),
        ProtocolConfig::Scuttlebutt { interval, budget } => {
            self::interval(s, c, "protocol.scuttlebutt.interval", *interval);
            self::budget(s, c, "protocol.scuttlebutt.budget", *budget);
        }
        ProtocolConfig::Reconcile { interval, push, first, first_message, kept_cells, patience, budget, .. } => {
            if first.is_none() {
                self::interval(s, c, "protocol.reconcile.interval", *interval);
            }
            c.positive("protocol.reconcile.interval", *interval);
            self::budget(s, c, "protocol.reconcile.budget", *budget);
            c.positive("protocol.reconcile.patience", *patience);
            if *push >= s.nodes {
                let message = format!("a fan-out of {push} among {} nodes", s.nodes);
                let help = format!("use at most {}", s.nodes.saturating_sub(1));
                c.report(&["protocol.reconcile.push", "nodes"], message, help);
            }
            if let Some(first) = first.filter(|first| *first >= s.duration) {
                let message = format!("the run of {} ends before the first session at {first}", s.duration);
                c.report(&["protocol.reconcile.first", "duration"], message, "open it earlier");
            }
            if first_message.0 > MAX_FIRST_MESSAGE {
                let message = format!("{first_message} in the first message");
                c.report(&["protocol.reconcile.first_message"], message, format!("use at most {MAX_FIRST_MESSAGE} B"));
            }
            if *kept_cells > MAX_KEPT_CELLS {
                let message = format!("{kept_cells} cells kept by every node");
                c.report(&["protocol.reconcile.kept_cells"], message, format!("use at most {MAX_KEPT_CELLS}"));
            }
        }
        ProtocolConfig::EagerPush { fanout, repair, budget } => {
            let path = "protocol.eager_push.fanout";
            if *fanout == 0 {
                c.report(&[path], "a rumour that is told to nobody", "use a fan-out of at least 1");
            }
            if *fanout >= s.nodes {
                let message = format!("a fan-out of {fanout} among {} nodes", s.nodes);
                c.report(&[path, "nodes"], message, format!("use at most {}", s.nodes.saturating_sub(1)));
            }
            c.positive("protocol.eager_push.repair", *repair);
            self::budget(s, c, "protocol.eager_push.budget", *budget);
        }
        ProtocolConfig::Sample { .. }
        | ProtocolConfig::RttService(_)
        | ProtocolConfig::Meritrank(_)
        | ProtocolConfig::Calls(_)
        | ProtocolConfig::Directory(_)
        | ProtocolConfig::Workflow(_) => {}
    }
}

pub(super) fn hostile(s: &Scenario, c: &mut Checker) {
    let Some(hostile) = &s.hostile else { return };
    let known: &[Behaviour] = match &s.protocol {
        ProtocolConfig::Reconcile { .. } => &Behaviour::SESSIONS,
        ProtocolConfig::RttService(_) => &Behaviour::SERVICE,
        _ => &[],
    };
    if known.is_empty() {
        let help = "use protocol.reconcile or protocol.rtt_service, or leave `hostile` out";
        let message = "hostile nodes do their harm in sessions or in the RTT service, and this protocol has neither";
        c.report(&["hostile", "protocol"], message, help);
    } else if !known.contains(&hostile.behaviour) {
        let (of, other) = match s.protocol {
            ProtocolConfig::RttService(_) => ("sessions", "the RTT service"),
            _ => ("the RTT service", "sessions"),
        };
        let message = format!("this behaviour is one of {of}, not of {other}");
        c.report(&["hostile.behaviour", "protocol"], message, "docs/scenario.md lists them");
    }
    let count = hostile.count(s.nodes);
    let message = format!("{count} of {} nodes are hostile", s.nodes);
    if count == 0 && hostile.share.0 > 0.0 {
        let help = "use a larger share, or leave `hostile` out";
        c.report(&["hostile.share", "nodes"], message, help);
    } else if s.nodes - count.min(s.nodes) < 2 {
        let help = "leave at least 2 honest nodes, who have something to exchange";
        c.report(&["hostile.share", "nodes"], message, help);
    }
}

fn interval(s: &Scenario, c: &mut Checker, path: &str, interval: Span) {
    c.positive(path, interval);
    if interval >= s.duration {
        let message = format!("the run of {} ends before the first exchange", s.duration);
        c.report(&[path, "duration"], message, "use a shorter interval");
    }
}

fn budget(s: &Scenario, c: &mut Checker, path: &str, budget: Size) {
    let largest = match s.workload.value {
        ValueSize::Constant(size) => size,
        ValueSize::Uniform { max, .. } => max,
    };
    if budget < largest {
        let message = format!("a budget of {budget} cannot carry a value of {largest}");
        c.report(&[path, "workload.value"], message, "make it at least as large as the largest value");
    }
}

pub(super) fn workload(s: &Scenario, c: &mut Checker) {
    let w = &s.workload;
    if matches!(s.protocol, ProtocolConfig::Meritrank(_) | ProtocolConfig::Workflow(_)) {
        return; // They have none, and their own rules say so.
    }
    if !s.protocol.keeps_stores() {
        return super::overlay::workload(s, c);
    }
    if w.writers == 0 && w.arrivals != Arrivals::Never {
        c.report(&["workload.writers"], "nobody writes", "use at least 1 writer, or arrivals = \"never\"");
    }
    preload(s, c);
    if w.writers > s.nodes {
        let message = format!("{} writers among {} nodes", w.writers, s.nodes);
        c.report(&["workload.writers", "nodes"], message, "use at most as many writers as nodes");
    }
    if u64::from(w.writers) > store::AUTHORS_MAX as u64 {
        let message = format!("{} writers", w.writers);
        c.report(&["workload.writers"], message, format!("a store holds at most {} authors", store::AUTHORS_MAX));
    }
    values(s, c);
    keys(s, c);
    let quiet = w.warm_up.0 + w.drain.0;
    if quiet >= s.duration.0 {
        let message = format!("warm-up and drain ({quiet}) leave nothing of a run of {}", s.duration);
        let at = if w.drain >= w.warm_up { "workload.drain" } else { "workload.warm_up" };
        c.report(&[at, "workload.warm_up", "workload.drain", "duration"], message, "run longer, or shorten them");
    }
    arrivals(s, c, Span(s.duration.0 - quiet));
    if w.reads > MAX_READS {
        c.report(&["workload.reads"], format!("{} reads in every sample", w.reads), format!("at most {MAX_READS}"));
    }
}

fn preload(s: &Scenario, c: &mut Checker) {
    let Some(preload) = &s.workload.preload else { return };
    let Preload { items, authors, differences, .. } = *preload;
    let [items_path, authors_path] = ["workload.preload.items", "workload.preload.authors"];
    if authors == 0 || authors as usize > store::AUTHORS_MAX {
        let help = format!("use at least 1 and at most {}", store::AUTHORS_MAX);
        c.report(&[authors_path], format!("{authors} authors"), help);
        return;
    }
    if differences > items {
        let message = format!("{differences} of {items} keys differ");
        c.report(&["workload.preload.differences", items_path], message, "use at most as many as there are keys");
        return;
    }
    let size = preload::Size::new(items, differences, preload.updates.0, authors);
    if size.keys_of_an_author() > MAX_KEYS {
        let message = format!("{items} keys of {authors} authors");
        c.report(&[items_path, authors_path], message, format!("a store holds at most {MAX_KEYS} keys of one author"));
    }
    if let Some(cells) = preload.cancelled_cells {
        let path = "workload.preload.cancelled_cells";
        if s.nodes != 2 {
            let message = format!("a tuple is hidden between two nodes, and there are {}", s.nodes);
            c.report(&[path, "nodes"], message, "use nodes = 2");
        }
        if s.churn.is_some() {
            c.report(&[path, "churn"], "who is away at the start holds nothing to hide", "leave `churn` out");
        }
        if !(1..=MAX_CANCELLED).contains(&cells) {
            c.report(&[path], format!("{cells} cells"), format!("use at least 1 and at most {MAX_CANCELLED}"));
        }
    }
    if u64::from(items) * u64::from(s.nodes) > MAX_PRELOADED {
        let message = format!("{items} keys at each of {} nodes", s.nodes);
        c.report(&[items_path, "nodes"], message, format!("use at most {MAX_PRELOADED} at all nodes together"));
    }
    if f64::from(differences) * f64::from(s.nodes) > MAX_PAIRS {
        let message = format!("{differences} updates to {} nodes", s.nodes);
        c.report(&["workload.preload.differences", "nodes"], message, "a run follows at most 500 million such pairs");
    }
}

fn values(s: &Scenario, c: &mut Checker) {
    let mut bounded = |path: &str, size: Size| {
        if size > MAX_VALUE {
            c.report(&[path], format!("a value has at most {MAX_VALUE}"), "");
        }
    };
    match s.workload.value {
        ValueSize::Constant(size) => bounded("workload.value.constant", size),
        ValueSize::Uniform { min, max } => {
            bounded("workload.value.uniform.min", min);
            bounded("workload.value.uniform.max", max);
            if min > max {
                let paths = ["workload.value.uniform.min", "workload.value.uniform.max"];
                c.report(&paths, format!("min ({min}) is above max ({max})"), "");
            }
        }
    }
}

fn keys(s: &Scenario, c: &mut Checker) {
    let keys = &s.workload.keys;
    if keys.per_writer == 0 {
        c.report(&["workload.keys.per_writer"], "writers without keys", "use at least 1");
    }
    if keys.per_writer > MAX_KEYS {
        let message = format!("{} keys of each writer", keys.per_writer);
        c.report(&["workload.keys.per_writer"], message, format!("use at most {MAX_KEYS}"));
    }
    let entries = u64::from(keys.per_writer) * u64::from(s.workload.writers);
    if entries > MAX_ENTRIES {
        let message = format!("{entries} keys of all writers together");
        c.report(
            &["workload.keys.per_writer", "workload.writers"],
            message,
            format!("a run follows at most {MAX_ENTRIES}"),
        );
    }
    if let Popularity::Zipf { exponent } = keys.popularity
        && !(0.0..=100.0).contains(&exponent)
    {
        let message = format!("{exponent} is no exponent of a Zipf law");
        c.report(&["workload.keys.popularity.zipf.exponent"], message, "use 0 (uniform) to 100; 1 is usual");
    }
}

fn arrivals(s: &Scenario, c: &mut Checker, window: Span) {
    let too_many = |c: &mut Checker, path: &str, writes: f64| {
        if writes > MAX_WRITES {
            let message = format!("about {writes:.0} writes in one run");
            c.report(
                &[path, "duration"],
                message,
                "a run has at most a hundred million; is the unit the one you meant?",
            );
        } else if writes * f64::from(s.nodes) > MAX_PAIRS {
            let message = format!("about {writes:.0} writes to {} nodes", s.nodes);
            let help =
                "a run keeps the latencies of at most 500 million (update, node) pairs: write less, or use fewer nodes";
            c.report(&[path, "duration", "nodes"], message, help);
        }
    };
    match s.workload.arrivals {
        Arrivals::Poisson { per_second } => {
            let path = "workload.arrivals.poisson.per_second";
            c.positive_number(path, per_second);
            too_many(c, path, per_second * window.0.as_secs_f64());
        }
        Arrivals::Periodic { interval } => {
            let path = "workload.arrivals.periodic.interval";
            c.positive(path, interval);
            if interval.0 > window.0 && !window.0.is_zero() {
                let paths = [path, "workload.warm_up", "workload.drain", "duration"];
                let message = format!("longer than the {window} in which writes happen");
                c.report(&paths, message, "use a shorter interval, or run longer");
            }
            too_many(c, path, window.0.as_secs_f64() / interval.0.as_secs_f64().max(1e-9));
        }
        Arrivals::Never => {
            let nothing = |preload: &Preload| preload.differences == 0 && preload.cancelled_cells.is_none();
            if s.workload.preload.as_ref().is_none_or(nothing) {
                let help = "let writers write, or nodes differ in what they hold: workload.preload.differences";
                let paths = ["workload.arrivals", "workload.preload.differences", "protocol"];
                c.report(&paths, "nothing is there to spread", help);
            }
        }
        Arrivals::Burst { count } => {
            let path = "workload.arrivals.burst.count";
            if count == 0 {
                c.report(&[path], "nothing is written", "use at least 1");
            }
            too_many(c, path, f64::from(count));
        }
    }
}
