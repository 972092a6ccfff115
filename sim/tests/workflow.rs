//! Serverless workflows: simulations that equal closed forms to the nanosecond, and that nothing is lost on any channel.

mod common;

use common::{experiment, run};
use rapprochement_core::time::Duration;
use rapprochement_sim::engine::QueueKind;
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::config::ProtocolConfig;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::model::workflow::config::WorkflowSettings;
use rapprochement_sim::model::workflow::forms::{OneToMany, Wire};
use rapprochement_sim::model::workflow::plan::Plan;
use rapprochement_sim::model::{ModelRun, RunOptions};
use rapprochement_sim::scenario::parse;

/// Constant delays of 3 ms and links on which a byte takes 8 ns.
const NETWORK: &str =
    "network = { latency = { constant = '3 ms' }, access = { uplink = '1 Gbit/s', downlink = '1 Gbit/s' } }";

fn scenario(nodes: u32, network: &str, workflow: &str) -> Experiment {
    let text = format!(
        "name = 'workflow'\nnodes = {nodes}\nduration = '10 min'\nmeasure.sample = '1 min'\nencode_messages = true\n\
         {network}\n[protocol.workflow]\n{workflow}\n"
    );
    experiment(&parse("workflow", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}\n{text}")).scenario)
}

fn plainly(experiment: &Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

fn settings(experiment: &Experiment) -> &WorkflowSettings {
    match &experiment.protocol {
        ProtocolConfig::Workflow(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// Nanoseconds of a metric in seconds, which hold some weeks exactly.
fn nanos(results: &Results, metric: &str) -> u64 {
    (of(results, metric) * 1e9).round() as u64
}

const CHANNELS: [&str; 7] = [
    "'unicast'",
    "'binomial_tree'",
    "{ chunked_tree = { chunk = '16 kB' } }",
    "{ broadcast_layer = { degree = 2 } }",
    "{ broadcast_layer = { degree = 5, packet = '1 kB' } }",
    "'redis'",
    "'object_store'",
];

/// What every channel takes to the last receiver, and on average, equals the form; the root computes for a second, so that by then all
/// instances have started and all groups stand.
#[test]
fn one_to_many_equals_its_closed_form() {
    for receivers in [1u32, 2, 3, 7, 16, 100] {
        for channel in &CHANNELS[..6] {
            for size in ["100 B", "100 kB"] {
                let workflow = format!(
                    "shape = {{ collective = {{ operation = 'broadcast', receivers = {receivers} }} }}\nsize = '{size}'\n\
                     channel = {channel}\nscheduler = 'transport_aware'\ncompute = '1 s'\nobject_store.front_ends = 1"
                );
                let experiment = scenario(receivers + 5, NETWORK, &workflow);
                let plan = Plan::build(settings(&experiment), experiment.nodes).unwrap();
                let wire = Wire::new(&experiment.network).unwrap();
                let form = OneToMany::new(&plan, &wire);
                let redis = *channel == "'redis'";
                let expected = if redis { form.stream(&plan.settings.redis) } else { form.spread() };
                let results = plainly(&experiment);
                let what = format!("{receivers} receivers, {size}, {channel}");
                assert_eq!(expected.len(), receivers as usize, "{what}");
                let last = expected.iter().max().unwrap().as_nanos();
                assert_eq!(nanos(&results, "transfer_max_s"), last, "{what}");
                assert_eq!(nanos(&results, "last_transfer_max_s"), last, "{what}");
                // A mean is rounded to what a metric holds.
                let sum: u64 = expected.iter().map(|time| time.as_nanos()).sum();
                let mean = nanos(&results, "transfer_mean_s");
                assert!((mean * u64::from(receivers)).abs_diff(sum) <= u64::from(receivers), "{what}: {mean}");
                if channel.contains("broadcast_layer") {
                    assert_eq!(nanos(&results, "group_setup_mean_s"), form.set_up().as_nanos(), "{what}");
                }
                assert_eq!(of(&results, "workflows_unfinished"), 0.0, "{what}");
            }
        }
    }
}

/// The same by hand, where the tree is plain: n messages leave one behind the other; a binomial tree of 2^k - 1 takes k hops.
#[test]
fn forms_are_those_of_the_literature() {
    let spread = |receivers: u32, channel: &str| {
        let workflow = format!(
            "shape = {{ collective = {{ operation = 'broadcast', receivers = {receivers} }} }}\nsize = '100 kB'\nchannel = {channel}"
        );
        let experiment = scenario(receivers + 30, NETWORK, &workflow);
        let plan = Plan::build(settings(&experiment), experiment.nodes).unwrap();
        let form = OneToMany::new(&plan, &Wire::new(&experiment.network).unwrap()).spread();
        form.into_iter().max().unwrap()
    };
    // 6 numbers of one byte but for the three of the size, and no members: 100,009 bytes in 68 packets of 28 bytes of headers.
    let message = Duration::from_nanos((100_010 + 68 * 28) * 8);
    let delay = Duration::from_millis(3);
    for receivers in [1u32, 5, 100] {
        let expected = message.saturating_mul(u64::from(receivers)) + delay + message;
        assert_eq!(spread(receivers, "'unicast'"), expected, "{receivers}");
    }
    for depth in 1..7u64 {
        let receivers = (1u32 << depth) - 1;
        // Addresses make the first messages longer: at most 34 bytes for each receiver.
        let least = (message + message + delay).saturating_mul(depth);
        let extra = spread(receivers, "'binomial_tree'").as_nanos().checked_sub(least.as_nanos()).unwrap();
        assert!(extra <= u64::from(receivers) * 2 * 37 * 8, "{depth}: {extra}");
    }
}

/// Where nobody is placed ahead, the sender asks first; the receiver on its own host has the data at once, and the others as by the form.
#[test]
fn a_question_where_to_is_part_of_the_time() {
    for receivers in [2u32, 7, 16] {
        let workflow = format!(
            "shape = {{ collective = {{ operation = 'broadcast', receivers = {receivers} }} }}\ncompute = '1 s'\n\
             scheduler = 'least_loaded'\nobject_store.front_ends = 1"
        );
        let experiment = scenario(receivers + 5, NETWORK, &workflow);
        let plan = Plan::build(settings(&experiment), experiment.nodes).unwrap();
        let wire = Wire::new(&experiment.network).unwrap();
        let form = OneToMany::new(&plan, &wire).but_for_the_first();
        let last = form.ask() + form.spread().into_iter().max().unwrap();
        let results = plainly(&experiment);
        assert_eq!(nanos(&results, "transfer_max_s"), last.as_nanos(), "{receivers}");
        assert_eq!(nanos(&results, "first_byte_mean_s").min(1), 1);
    }
}

/// Bytes of n unicasts: the sender's n messages, and every byte that is sent is received.
#[test]
fn bytes_are_counted_at_both_ends() {
    let receivers = 16u32;
    let workflow = format!(
        "shape = {{ collective = {{ operation = 'broadcast', receivers = {receivers} }} }}\nscheduler = 'transport_aware'\n\
         object_store.front_ends = 1"
    );
    let experiment = scenario(receivers + 5, NETWORK, &workflow);
    let plan = Plan::build(settings(&experiment), experiment.nodes).unwrap();
    let wire = Wire::new(&experiment.network).unwrap();
    let (data, group) = OneToMany::new(&plan, &wire).sender_bytes();
    let results = plainly(&experiment);
    // And one word to the coordinator: 3 bytes in a packet.
    assert_eq!(of(&results, "sender_bytes_per_run"), (data + group + 31) as f64);
    let class = |metric: &str| {
        let scalar = results.scalars.iter().find(|scalar| scalar.metric == metric && scalar.group == "data");
        scalar.unwrap().value * f64::from(experiment.nodes)
    };
    assert!((class("sent_wire_bytes_per_node") - data as f64).abs() < 1e-3);
    assert!((class("received_wire_bytes_per_node") - data as f64).abs() < 1e-3);
}

const SHAPES: [&str; 10] = [
    "{ chain = { length = 4 } }",
    "{ chain = { length = 1 } }",
    "{ fan = { width = 9 } }",
    "{ map_shuffle_reduce = { mappers = 5, reducers = 3 } }",
    "{ all_reduce = { workers = 6, rounds = 2 } }",
    "{ collective = { operation = 'broadcast', receivers = 7, messages = 3 } }",
    "{ collective = { operation = 'scatter', receivers = 7 } }",
    "{ collective = { operation = 'gather', receivers = 7 } }",
    "{ collective = { operation = 'reduce', receivers = 7 } }",
    "{ collective = { operation = 'barrier', receivers = 7 } }",
];
const SCHEDULERS: [&str; 4] = ["random", "least_loaded", "locality_aware", "transport_aware"];

/// Every shape is done over every channel under every scheduler, with fewer places than instances and jitter that lets messages overtake.
#[test]
fn every_workflow_is_done() {
    let network = "network = { latency = { constant = '2 ms' }, jitter = { delay = { uniform = { min = '0 ms', max = '4 ms' } } }, \
                   access = { uplink = '100 Mbit/s', downlink = '100 Mbit/s' } }";
    let exchanges = ["set_get", "list", "stream", "pub_sub"];
    for (i, shape) in SHAPES.iter().enumerate() {
        for (j, channel) in CHANNELS.iter().enumerate() {
            for (k, scheduler) in SCHEDULERS.iter().enumerate() {
                let exchange = exchanges[(i + j + k) % if k == 3 { 4 } else { 3 }];
                let workflow = format!(
                    "shape = {shape}\nchannel = {channel}\nscheduler = '{scheduler}'\nsize = '20 kB'\nruns = 2\ninterval = '20 ms'\n\
                     cold_share = 0.3\nredis.exchange = '{exchange}'\nobject_store.front_ends = 2\ninstances_per_host = 2"
                );
                let results = plainly(&scenario(7, network, &workflow));
                let what = format!("{shape} {channel} {scheduler} {exchange}");
                assert_eq!(of(&results, "workflows_finished"), 2.0, "{what}");
                assert!(of(&results, "workflow_time_max_s") < 60.0, "{what}");
            }
        }
    }
}

/// Starting, computing and local hand-over alone: a chain on one host takes what its parts take.
#[test]
fn a_chain_on_one_host_is_the_sum_of_its_parts() {
    let workflow = "shape = { chain = { length = 5 } }\ncompute = '10 ms'\nwarm_start = '25 ms'\nlocal_delay = '40 us'\nhosts = 1\n\
                    object_store.front_ends = 1\nscheduler = 'transport_aware'";
    let results = plainly(&scenario(4, "network.latency = { constant = '1 ms' }", workflow));
    // One place: all start one behind the other, and the first computes when the last has started. The word to and from the coordinator
    // takes a delay each.
    let expected = 5 * 25_000_000 + 5 * 10_000_000 + 4 * 40_000 + 2 * 1_000_000;
    assert_eq!(nanos(&results, "workflow_time_max_s"), expected);
}

/// An explicit graph: a diamond whose branches differ waits for the slower one.
#[test]
fn a_diamond_waits_for_its_slower_branch() {
    let workflow = "object_store.front_ends = 1\nscheduler = 'transport_aware'\nwarm_start = '0 s'\n\
        functions = [{ name = 'a', compute = '10 ms' }, { name = 'b', compute = '50 ms' }, { name = 'c', compute = '20 ms' }, \
        { name = 'd', compute = '5 ms' }]\n\
        edges = [{ from = 'a', to = 'b', size = '1 kB' }, { from = 'a', to = 'c', size = '1 kB' }, { from = 'b', to = 'd', size = '1 kB' }, \
        { from = 'c', to = 'd', size = '1 kB' }]";
    let results = plainly(&scenario(8, "network.latency = { constant = '1 ms' }", workflow));
    // Through b: three computations and two hops, and the coordinator's two.
    assert_eq!(nanos(&results, "workflow_time_max_s"), 65_000_000 + 2_000_000 + 2_000_000);
}

/// The same bytes for one thread, for three, and on the reference engine's heap.
#[test]
fn threads_and_queues_change_nothing() {
    for channel in CHANNELS {
        let workflow = format!(
            "shape = {{ fan = {{ width = 20 }} }}\nchannel = {channel}\nruns = 3\ninterval = '50 ms'\nscheduler = 'random'\n\
             cold_share = 0.5\nobject_store.front_ends = 2"
        );
        let experiment = scenario(40, "network.latency.regions = { table = 'aws-33-p50' }", &workflow);
        let facts = |run: ModelRun| (run.statistics.digest, run.statistics.events, format!("{:?}", run.results));
        let with = |threads, queue| RunOptions { threads, queue, exact_threads: true, ..RunOptions::default() };
        let plain = facts(run(&experiment, &with(1, QueueKind::default())));
        assert!(plain == facts(run(&experiment, &with(3, QueueKind::default()))), "{channel}: three threads");
        assert!(plain == facts(run(&experiment, &with(1, QueueKind::Reference))), "{channel}: the reference");
    }
}
