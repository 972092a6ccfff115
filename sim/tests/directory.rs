//! Names and their lookups as scenarios: what is found when nobody goes, what timeouts cost when half do, and that every lookup is
//! counted.

mod common;

use common::{experiment, run};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::kademlia::KademliaConfig;
use rapprochement_core::kademlia::study::{Lognormal, Network};
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::time::Duration;
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::scenario::parse;

/// Every message takes 50 ms; lookups begin after half a minute.
fn scenario(nodes: u32, duration: &str, directory: &str, more: &[&str]) -> Experiment {
    let text = format!(
        "name = 'directory'\nnodes = {nodes}\nduration = '{duration}'\nsignatures = 'stand_in'\nencode_messages = true\n\
         network.latency.constant = '50 ms'\nmeasure.sample = '5 s'\nworkload.warm_up = '30 s'\n\
         protocol.directory = {{ cache = '0 s', gap.exponential.mean = '2 s', patience = '20 s', {directory} }}\n"
    );
    let sets: Vec<String> = more.iter().map(ToString::to_string).collect();
    experiment(&parse("directory", &text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

fn plainly(experiment: &Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

const FATES: [&str; 6] = ["found", "stale", "missed", "absent", "timed_out", "cut"];

/// The share of lookups with each of [`FATES`].
fn fates(results: &Results) -> [f64; 6] {
    FATES.map(|fate| of(results, &format!("lookups_{fate}_share")))
}

/// The points of a curve with one line.
fn curve<'a>(results: &'a Results, name: &str) -> &'a [(f64, f64)] {
    let curve = results.curves.iter().find(|curve| curve.name == name).expect("this curve is reported");
    &curve.lines[0].1
}

/// Nobody goes and nothing is lost: who has a name is found, a name that nobody has is not, and nothing else happens. The first byte comes
/// three messages after the address.
#[test]
fn every_name_is_found_and_no_other() {
    let results = plainly(&scenario(64, "2 min", "unknown_share = '20 %'", &[]));
    let [found, stale, missed, absent, timed_out, cut] = fates(&results);
    assert_eq!([stale, missed, timed_out, cut], [0.0; 4]);
    assert!((found + absent - 1.0).abs() < 1e-12);
    // 64 nodes for 70 s, one lookup in 2 s: the standard deviation of the share is 0.4 / sqrt(2240) = 0.0085.
    let made = of(&results, "lookups_made");
    assert!((made - 2240.0).abs() < 5.0 * libm::sqrt(2240.0), "{made}");
    assert!((absent - 0.2).abs() < 5.0 * 0.0085, "{absent}");
    for metric in ["lookups_undelivered_share", "name_to_first_byte_undelivered_share", "registered_missed_share"] {
        assert_eq!(of(&results, metric), 0.0, "{metric}");
    }
    assert_eq!((of(&results, "instances"), of(&results, "instances_registered_share")), (64.0, 1.0));
    for quantile in ["p50", "p95", "p99", "max"] {
        let address = of(&results, &format!("lookup_latency_{quantile}_s"));
        let byte = of(&results, &format!("name_to_first_byte_{quantile}_s"));
        assert!((byte - address - 0.15).abs() < 1e-9, "{quantile}: {address} {byte}");
        let round_trips = address / 0.1;
        assert!((round_trips - round_trips.round()).abs() < 1e-9, "{address} is not made of round trips");
    }
    assert_eq!(curve(&results, "lookup_latency_cdf").last().unwrap().1, 1.0);
    assert_eq!(of(&results, "dead_contacts_share"), 0.0);
}

/// Half of all nodes vanish when lookups begin. With one request at once a lookup is round trips of 0.1 s to the living and timeouts of
/// 0.73 s of the dead, one after the other, and the timeouts are its tail.
#[test]
fn the_tail_is_made_of_timeouts() {
    let vanish = "churn={ sessions = { vanish = { at = '30 s' } }, share = '50 %' }";
    let tail = |timeout: &str| {
        let directory = format!("alpha = 1, k = 4, timeout = '{timeout}', first_byte = false");
        let results = plainly(&scenario(128, "90 s", &directory, &[vanish]));
        assert!(of(&results, "lookups_stale_share") > 0.3, "names of the vanished are still known");
        // All four replicas of a name are gone with a probability of 1/16; of 64 names that is 0.03 in the standard deviation.
        let undelivered = of(&results, "lookups_undelivered_share");
        assert!(undelivered < 1.0 / 16.0 + 5.0 * 0.03, "{undelivered}");
        assert!(results.get("name_to_first_byte_p50_s").is_none());
        results
    };
    let results = tail("730 ms");
    let mut waited = 0;
    for (time, _) in curve(&results, "lookup_latency_cdf") {
        let parts = (0..28).find(|timeouts| {
            let round_trips = (time - 0.73 * f64::from(*timeouts)) / 0.1;
            (-1e-6..9.5).contains(&round_trips) && (round_trips - round_trips.round()).abs() < 1e-6
        });
        waited += u32::from(parts.unwrap_or_else(|| panic!("{time} is not made of round trips and timeouts")) > 0);
    }
    assert!(waited > 3, "hardly anybody waited");
    let (long, short) = (of(&results, "lookup_latency_p99_s"), of(&tail("200 ms"), "lookup_latency_p99_s"));
    assert!(long > 0.73 && short < 0.6 * long, "{long} {short}");
}

const CHURN: &str = "churn.sessions.times={ up = { exponential = { mean = '20 s' } }, down = { constant = '10 s' } }";

/// Under churn and loss every lookup is counted once, whatever became of it, and every fate is somebody's.
#[test]
fn nothing_is_silent() {
    let directory = "unknown_share = '5 %', timeout = '400 ms', deadline = '3 s', expire = '30 s', replicate = '10 s'";
    let results = plainly(&scenario(100, "3 min", directory, &[CHURN, "network.loss.independent='20 %'"]));
    let fates = fates(&results);
    assert!((fates.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{fates:?}");
    assert!(fates.iter().all(|share| *share > 0.0), "{fates:?}");
    let ends_at = |name: &str| curve(&results, name).last().unwrap().1;
    for (name, lacking) in [
        ("lookup_latency_cdf", "lookups_undelivered_share"),
        ("name_to_first_byte_cdf", "name_to_first_byte_undelivered_share"),
    ] {
        assert!((ends_at(name) - (1.0 - of(&results, lacking))).abs() < 1e-12, "{name}");
        assert!(of(&results, lacking) > 0.0);
    }
    assert!(of(&results, "dead_contacts_share") > 0.0);
    // Sessions of 20 s and absences of 10 s: two thirds of 100 nodes, and 180 s / 30 s sessions of each besides the first.
    let (live, instances) = (of(&results, "live_nodes"), of(&results, "instances"));
    assert!((45.0..90.0).contains(&live) && (560.0..780.0).contains(&instances), "{live} {instances}");
}

#[test]
fn no_number_of_threads_changes_a_directory() {
    let directory = "unknown_share = '5 %', timeout = '400 ms'";
    let churned = scenario(60, "70 s", directory, &[CHURN, "network.loss.independent='5 %'"]);
    let with = |threads| run(&churned, &RunOptions { threads, exact_threads: true, ..RunOptions::default() });
    let (one, two) = (with(1), with(2));
    assert_eq!(one.statistics.digest, two.statistics.digest);
    // As text, since some are not a number.
    assert_eq!(format!("{:?}", one.results.scalars), format!("{:?}", two.results.scalars));
    assert_eq!(format!("{:?}", one.results.curves), format!("{:?}", two.results.curves));
}

/// Tables that nodes have learned are nearly as good as the perfect ones of the core's study: the hops of the same peers, within a
/// quarter, on buckets of one bit, where there are some.
#[test]
fn hops_are_those_of_perfect_tables() {
    let (nodes, k) = (300, 4);
    let directory = format!("k = {k}, split = 1, first_byte = false");
    let found = of(&plainly(&scenario(nodes, "80 s", &directory, &[])), "lookup_hops_mean");
    let config = KademliaConfig { k, split: 1, ..KademliaConfig::default() };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let network = Network::new((0..nodes).map(SimPeer).collect(), 0.0, true, config, &mut rng);
    let round_trip = Lognormal { median: Duration::from_millis(100), sigma: 0.0 };
    let hops = (0..4_000u32).map(|number| {
        let mut key = PeerId::default();
        key.0.copy_from_slice(blake3::hash(&number.to_be_bytes()).as_bytes());
        let asker = network.asker(&mut rng);
        f64::from(network.resolve(asker, key, &round_trip, &mut rng).hops.expect("perfect tables find everything"))
    });
    let perfect = hops.sum::<f64>() / 4_000.0;
    assert!(perfect > 1.3 && (found / perfect - 1.0).abs() < 0.25, "{found} {perfect}");
}
