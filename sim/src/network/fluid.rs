//! Large transfers as fluids: a flow has a rate and no packets, and all flows share the links of their paths max-min fairly.
//! Rates are found by progressive filling (D. Bertsekas and R. Gallager, "Data Networks", 1992, section 6.5.2): all grow
//! together, in proportion to their weights, until a link is full; its flows keep what they have, and the others grow on.
//!
//! The model LV08 is SimGrid's for TCP (P. Velho and A. Legrand, SIMUTools 2009; P. Velho et al., ACM TOMACS 23(4), 2013):
//! the delay counts 13.01 times, 97 % of a link's rate is there for payload, and a flow takes 5 % of its rate on the way
//! back, for acknowledgements. SimGrid's bound by the window of TCP is left out.
//!
//! A flow first takes the delay of its path and then shares. Whenever a flow begins to share or ends, all rates are found anew;
//! a flow whose rate is the same keeps its end, the others' ends are re-prioritised. Ends are whole nanoseconds, rounded up,
//! and rates are made of IEEE additions, products and quotients alone, so that they are the same everywhere.

use std::cmp::{Ordering, Reverse};
use std::hash::{BuildHasherDefault, Hasher};

use priority_queue::PriorityQueue;
use rapprochement_core::time::{Duration, Instant};

use super::fabric::config::{FlowConfig, FlowModel};
use crate::units::Rate;

/// Numbers are their own hash, spread by a multiplication; no order ever rests on it.
#[derive(Clone, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Queue<P> = PriorityQueue<u32, Reverse<P>, BuildHasherDefault<Spread>>;

/// A share of a link's rate that a bottleneck gives per unit of weight.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level(f64);

impl Eq for Level {}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Flows, and the links that they share.
#[derive(Clone, Debug)]
pub struct Fluid {
    /// Bytes per nanosecond of each resource: a direction of a link, or both together.
    capacities: Vec<f64>,
    delays: Vec<Duration>,
    config: FlowConfig,
    latency_factor: f64,
    /// Share of its rate that a flow takes on the way back.
    back: f64,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    /// When each flow begins to share, or ends; of equal times the first one set.
    due: Queue<(u64, u64)>,
    set: u64,
}

#[derive(Clone, Debug)]
struct Flow {
    /// Resources, and what of its rate the flow takes of each.
    uses: Vec<(u32, f64)>,
    weight: f64,
    /// Bytes left at `since`.
    left: f64,
    since: u64,
    /// Bytes per nanosecond; none as long as it does not share.
    rate: Option<f64>,
}

impl Fluid {
    /// No flows over these directed links; links `2e` and `2e + 1` are the two directions of one.
    pub fn new(links: impl Iterator<Item = (Rate, Duration)>, config: FlowConfig) -> Self {
        let (latency_factor, bandwidth_factor, back) = match config.model {
            FlowModel::Plain => (1.0, 1.0, 0.0),
            FlowModel::Lv08 => (13.01, 0.97, 0.05),
        };
        let (capacities, delays) = links.map(|(rate, delay)| (rate.0 as f64 * bandwidth_factor / 8e9, delay)).unzip();
        Self {
            capacities,
            delays,
            config,
            latency_factor,
            back,
            flows: Vec::new(),
            free: Vec::new(),
            due: Queue::with_default_hasher(),
            set: 0,
        }
    }

    /// Begins a flow of `bytes` bytes over these directed links and gives it a number, which is used again once it has ended.
    pub fn start(&mut self, now: Instant, path: impl Iterator<Item = u32>, bytes: u64) -> u32 {
        let (mut uses, mut delay): (Vec<(u32, f64)>, u64) = (Vec::new(), 0);
        for link in path {
            delay = delay.saturating_add(self.delays[link as usize].as_nanos());
            if self.config.full_duplex {
                uses.push((link, 1.0));
                uses.extend((self.back > 0.0).then_some((link ^ 1, self.back)));
            } else {
                uses.push((link & !1, 1.0 + self.back));
            }
        }
        let wait = delay as f64 * self.latency_factor;
        let weight = if self.config.rtt_weighted { 1.0 / (2.0 * wait).max(1.0) } else { 1.0 };
        let begins = now.as_nanos().saturating_add(libm::ceil(wait) as u64);
        let flow = Flow { uses, weight, left: bytes as f64, since: begins, rate: None };
        let number = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            (self.flows.len() - 1) as u32
        });
        self.flows[number as usize] = Some(flow);
        self.put(number, begins);
        number
    }

    /// Every change of a priority takes a new place among its equals.
    fn put(&mut self, flow: u32, at: u64) {
        self.set += 1;
        self.due.push(flow, Reverse((at, self.set)));
    }

    /// When [`Fluid::advance`] has something to do next.
    pub fn next(&self) -> Option<Instant> {
        self.due.peek().map(|(_, Reverse((at, _)))| Instant::from_nanos(*at))
    }

    /// Lets time pass until `now`, and returns the flows that have ended, in the order of their ends. Calls come in the order of
    /// their times, and at or before each of [`Fluid::next`].
    pub fn advance(&mut self, now: Instant) -> Vec<u32> {
        let mut ended = Vec::new();
        let mut changed = false;
        while let Some((number, _)) = self.due.pop_if(|_, Reverse((at, _))| *at <= now.as_nanos()) {
            changed = true;
            let flow = &mut self.flows[number as usize];
            match flow {
                Some(flow) if flow.rate.is_none() && flow.left > 0.0 && !flow.uses.is_empty() => {
                    flow.rate = Some(0.0);
                }
                _ => {
                    *flow = None;
                    self.free.push(number);
                    ended.push(number);
                }
            }
        }
        if changed {
            self.share(now.as_nanos());
        }
        ended
    }

    /// Finds all rates anew.
    fn share(&mut self, now: u64) {
        let rates = self.fill();
        for (number, rate) in (0u32..).zip(rates) {
            let Some(flow) = &mut self.flows[number as usize] else { continue };
            let Some(old) = flow.rate.filter(|old| *old != rate) else { continue };
            flow.left = (flow.left - old * now.saturating_sub(flow.since) as f64).max(0.0);
            (flow.since, flow.rate) = (now, Some(rate));
            let span = libm::ceil(flow.left / rate);
            // A cast saturates, and what never ends is not a number.
            let ends = if span.is_nan() { u64::MAX } else { now.saturating_add(span as u64) };
            self.put(number, ends);
        }
    }

    /// The rate of every flow by its number, by progressive filling; of those that do not share it means nothing.
    fn fill(&self) -> Vec<f64> {
        let sharing = |flow: &&Flow| flow.rate.is_some();
        let mut rates = vec![0.0; self.flows.len()];
        let mut left = self.capacities.clone();
        let mut weights = vec![0.0; left.len()];
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); left.len()];
        for (number, flow) in (0u32..).zip(&self.flows) {
            for (resource, share) in flow.as_ref().filter(sharing).iter().flat_map(|flow| &flow.uses) {
                users[*resource as usize].push(number);
                weights[*resource as usize] += share * self.weight(number);
            }
        }
        let mut growing: Vec<usize> = users.iter().map(Vec::len).collect();
        let mut levels: Queue<(Level, u32)> = Queue::with_default_hasher();
        for resource in (0..left.len() as u32).filter(|resource| growing[*resource as usize] > 0) {
            let at = resource as usize;
            levels.push(resource, Reverse((Level(left[at] / weights[at]), resource)));
        }
        let mut fixed = vec![false; self.flows.len()];
        while let Some((full, Reverse((Level(level), _)))) = levels.pop() {
            for &number in &users[full as usize] {
                if std::mem::replace(&mut fixed[number as usize], true) {
                    continue;
                }
                let weight = self.weight(number);
                rates[number as usize] = weight * level;
                let uses = self.flows[number as usize].iter().flat_map(|flow| &flow.uses);
                for (resource, share) in uses.filter(|(resource, _)| *resource != full) {
                    let at = *resource as usize;
                    growing[at] -= 1;
                    left[at] = (left[at] - share * weight * level).max(0.0);
                    weights[at] -= share * weight;
                }
            }
            self.lift(&users[full as usize], (&left, &weights, &growing), &mut levels);
        }
        rates
    }

    /// Moves the links of flows that stopped growing to their new places.
    fn lift(
        &self,
        stopped: &[u32],
        (left, weights, growing): (&[f64], &[f64], &[usize]),
        levels: &mut Queue<(Level, u32)>,
    ) {
        let flows = stopped.iter().flat_map(|number| &self.flows[*number as usize]);
        for (resource, _) in flows.flat_map(|flow| &flow.uses) {
            let at = *resource as usize;
            if growing[at] == 0 {
                levels.remove(resource);
            } else {
                levels.change_priority(resource, Reverse((Level(left[at] / weights[at]), *resource)));
            }
        }
    }

    fn weight(&self, number: u32) -> f64 {
        self.flows[number as usize].as_ref().map_or(0.0, |flow| flow.weight)
    }

    /// The rate of a flow in bytes per second; `None` as long as it does not share, or where it has ended.
    pub fn rate(&self, flow: u32) -> Option<f64> {
        self.flows.get(flow as usize)?.as_ref()?.rate.map(|rate| rate * 1e9)
    }

    /// How many flows have not ended.
    pub fn len(&self) -> usize {
        self.flows.len() - self.free.len()
    }

    /// True where every flow has ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
