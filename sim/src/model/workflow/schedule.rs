//! Where an instance runs. All schedulers know how many unfinished instances every host has, as the coordinator counts them; the
//! one that knows the transport also knows delays and rates, as the routing of a layer does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rapprochement_core::time::Duration;

use super::config::Scheduler;
use crate::units::Rate;

/// Hosts whose cost is compared for one instance, beside those that hold its input.
const COMPARED: usize = 1024;
/// Hosts with input whose ways are compared; more tell nothing new.
const SOURCES: usize = 16;

/// One-way delay between two nodes.
pub type Delay = Arc<dyn Fn(u32, u32) -> Duration + Send + Sync>;

/// What a scheduler goes by.
#[derive(Clone)]
pub struct Scheduling {
    /// Which one.
    pub scheduler: Scheduler,
    /// Delays of the network.
    pub delay: Delay,
    /// The slower of uplink and downlink.
    pub rate: Option<Rate>,
}

impl fmt::Debug for Scheduling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduling").field("scheduler", &self.scheduler).finish_non_exhaustive()
    }
}

/// Unfinished instances by host.
#[derive(Clone, Debug)]
pub struct Load {
    first: u32,
    slots: u32,
    of: Vec<u32>,
    order: BTreeSet<(u32, u32)>,
}

impl Load {
    /// Hosts from number `first` on, with room for so many instances each.
    pub fn new(first: u32, hosts: u32, slots: u32) -> Self {
        Self { first, slots, of: vec![0; hosts as usize], order: (0..hosts).map(|host| (0, host)).collect() }
    }

    fn set(&mut self, host: u32, load: u32) {
        if let Some(old) = self.of.get_mut(host as usize) {
            self.order.remove(&(*old, host));
            self.order.insert((load, host));
            *old = load;
        }
    }

    /// An instance was placed on this node.
    pub fn add(&mut self, node: u32) {
        let host = node.wrapping_sub(self.first);
        self.set(host, self.of.get(host as usize).map_or(0, |load| load + 1));
    }

    /// An instance on this node is done.
    pub fn remove(&mut self, node: u32) {
        let host = node.wrapping_sub(self.first);
        self.set(host, self.of.get(host as usize).map_or(0, |load| load.saturating_sub(1)));
    }

    fn has_room(&self, node: u32) -> bool {
        self.of.get(node.wrapping_sub(self.first) as usize).is_some_and(|load| *load < self.slots)
    }

    fn least(&self) -> u32 {
        self.first + self.order.first().map_or(0, |(_, host)| *host)
    }

    /// The nodes with the fewest instances, those with room only if there are any.
    fn candidates(&self) -> impl Iterator<Item = u32> {
        let least = self.order.first().map_or(0, |(load, _)| *load);
        let most = if least < self.slots { self.slots } else { least + 1 };
        self.order.iter().take_while(move |(load, _)| *load < most).map(|(_, host)| self.first + host)
    }
}

impl Scheduling {
    /// The node on which an instance runs, whose input lies in so many bytes on these nodes. `draw` is a random number.
    pub fn place(&self, load: &Load, input: &BTreeMap<u32, u64>, draw: u64) -> u32 {
        match self.scheduler {
            Scheduler::Random => {
                let hosts = load.of.len().max(1) as u128;
                load.first + ((u128::from(draw) * hosts) >> 64) as u32
            }
            Scheduler::LeastLoaded => load.least(),
            Scheduler::LocalityAware => {
                let with_room = input.iter().filter(|(node, _)| load.has_room(**node));
                with_room
                    .max_by_key(|(node, bytes)| (**bytes, u32::MAX - **node))
                    .map_or_else(|| load.least(), |(node, _)| *node)
            }
            Scheduler::TransportAware => {
                let near = input.keys().copied().filter(|node| load.has_room(*node));
                let all = near.chain(load.candidates().take(COMPARED));
                // The first of equal cost has the fewest instances, but for those that hold the input.
                all.min_by_key(|node| self.cost(*node, input)).unwrap_or_else(|| load.least())
            }
        }
    }

    /// When the last input would have come to a node.
    fn cost(&self, node: u32, input: &BTreeMap<u32, u64>) -> Duration {
        let remote = input.iter().take(SOURCES).filter(|(source, _)| **source != node);
        let ways = remote.map(|(source, bytes)| {
            (self.delay)(*source, node) + self.rate.map_or(Duration::ZERO, |rate| rate.transmission(*bytes))
        });
        ways.max().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduling(scheduler: Scheduler) -> Scheduling {
        let delay = |a: u32, b: u32| Duration::from_millis(u64::from(a.abs_diff(b)));
        Scheduling { scheduler, delay: Arc::new(delay), rate: Some(Rate(8_000_000)) }
    }

    /// Hosts 10 to 19; 13 holds 2 MB of the input and 17 the rest. What has no room is passed over.
    #[test]
    fn each_scheduler_chooses_by_what_it_knows() {
        let input = BTreeMap::from([(13, 2_000_000), (17, 500_000)]);
        let mut load = Load::new(10, 10, 1);
        for (scheduler, empty, full) in [
            (Scheduler::LeastLoaded, 10, 11),
            (Scheduler::LocalityAware, 13, 17),
            // At 13 only 500 kB have to come; with 13 full, 17 waits for 2 MB over 4 ms, and 14 for the same over 1 ms.
            (Scheduler::TransportAware, 13, 12),
        ] {
            let scheduling = scheduling(scheduler);
            assert_eq!(scheduling.place(&load, &input, 0), empty, "{scheduler:?}");
            [10, 13].into_iter().for_each(|node| load.add(node));
            assert_eq!(scheduling.place(&load, &input, 0), full, "{scheduler:?}");
            [10, 13].into_iter().for_each(|node| load.remove(node));
        }
    }

    /// Every host is drawn about as often.
    #[test]
    fn random_places_are_uniform() {
        let (scheduling, load) = (scheduling(Scheduler::Random), Load::new(3, 7, 1));
        let mut counts = [0u32; 7];
        for i in 0..7_000u64 {
            let draw = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            counts[scheduling.place(&load, &BTreeMap::new(), draw) as usize - 3] += 1;
        }
        assert!(counts.iter().all(|count| (950..1050).contains(count)), "{counts:?}");
    }
}
