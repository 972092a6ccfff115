//! A model that does everything an engine has to bear: cross-shard mail, broadcasts with payloads, timers that go stale,
//! self-events without delay, bursts at one instant, the far future. What an entity does depends on the order in which
//! its events come, and says so in records, so that any difference in order becomes a difference in the digest.

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::engine::{
    Director, Entity, Event, EventData, Handled, Outcome, Plan, Progress, QueueKind, Run, Scheduler, Shard, Stop,
    prefetch, run,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    pub(crate) kind: u8,
    pub(crate) lives: u8,
    pub(crate) incarnation: u16,
    pub(crate) value: u32,
    pub(crate) slot: u32,
}

pub(crate) const NO_SLOT: u32 = u32::MAX;
pub(crate) const TALK: u8 = 0;
pub(crate) const TIMER: u8 = 1;
pub(crate) const CAST: u8 = 2;

impl EventData for Say {
    fn fingerprint(self) -> u64 {
        u64::from(self.kind) << 48 | u64::from(self.lives) << 32 | u64::from(self.value)
    }
    fn slot(self) -> Option<u32> {
        (self.slot != NO_SLOT).then_some(self.slot)
    }
    fn with_slot(self, slot: u32) -> Self {
        Self { slot, ..self }
    }
}

/// What a toy model is like.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) entities: u32,
    pub(crate) lookahead: u64,
    /// Times are multiples of this, so that ties happen.
    pub(crate) quantum: u64,
    /// Widest delay beyond the lookahead.
    pub(crate) spread: u64,
    /// Generations of an initial event.
    pub(crate) lives: u8,
    pub(crate) seed: u64,
    /// A difference to find: this entity misbehaves from this time on.
    pub(crate) fault: Option<(Entity, u64)>,
    pub(crate) panic_at: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) sequence: u32,
    pub(crate) incarnation: u16,
    pub(crate) history: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    pub(crate) rules: Rules,
    first: Entity,
    pub(crate) nodes: Vec<Node>,
    slab: Vec<(Vec<u8>, u32)>,
    free: Vec<u32>,
    /// (parcels, references) taken in from other shards.
    pub(crate) accepted: (u64, u64),
}

pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    (product >> 64) as u64 ^ product as u64 ^ a.rotate_left(23)
}

impl Toy {
    fn store(&mut self, payload: Vec<u8>, references: u32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slab.push((Vec::new(), 0));
            self.slab.len() as u32 - 1
        });
        self.slab[slot as usize] = (payload, references);
        slot
    }

    /// Reads a payload and drops one reference to it.
    fn take(&mut self, slot: u32) -> u64 {
        let (payload, references) = &mut self.slab[slot as usize];
        assert!(*references > 0, "a payload was used after its last reference");
        let hash = payload.iter().fold(payload.len() as u64, |hash, &byte| mix(hash, u64::from(byte)));
        *references -= 1;
        if *references == 0 {
            payload.clear();
            self.free.push(slot);
        }
        hash
    }

    pub(crate) fn payloads_left(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    fn delay(&self, draw: u64) -> Duration {
        let beyond = draw % (self.rules.spread + 1);
        Duration::from_nanos((self.rules.lookahead + beyond).next_multiple_of(self.rules.quantum))
    }

    fn broadcast(&mut self, now: Instant, draw: u64, lives: u8, scheduler: &mut Scheduler<'_, Self>) {
        let payload: Vec<u8> = draw.to_le_bytes().repeat(3);
        let fan = 1 + draw % 5;
        let targets: Vec<Entity> =
            (0..fan).map(|i| (mix(draw, i) % u64::from(self.rules.entities)) as Entity).collect();
        let local = targets.iter().filter(|target| scheduler.is_local(**target)).count() as u32;
        let slot = if local > 0 { self.store(payload.clone(), local) } else { NO_SLOT };
        let token = scheduler.token();
        for (i, &target) in targets.iter().enumerate() {
            let time = now + self.delay(mix(draw, 100 + i as u64));
            let say = Say { kind: CAST, lives, incarnation: 0, value: draw as u32, slot: 0 };
            if scheduler.is_local(target) {
                scheduler.at(time, target, Say { slot, ..say });
            } else {
                scheduler.post(time, target, say, token, || payload.clone());
            }
        }
    }
}

impl Shard for Toy {
    type Data = Say;
    type Parcel = Vec<u8>;

    fn handle(&mut self, now: Instant, entity: Entity, say: Say, scheduler: &mut Scheduler<'_, Self>) -> Handled {
        let time = now.as_nanos();
        assert!(self.rules.panic_at.is_none_or(|at| time < at), "the toy broke");
        let index = (entity - self.first) as usize;
        let heard = if say.kind == CAST { self.take(say.slot) } else { u64::from(say.value) };
        if say.kind == TIMER && say.incarnation != self.nodes[index].incarnation {
            return Handled::Stale;
        }
        let mut draw = mix(mix(self.nodes[index].history, heard), mix(self.rules.seed ^ time, u64::from(entity)));
        if self.rules.fault.is_some_and(|(who, from)| who == entity && time >= from) {
            draw ^= 1;
        }
        self.nodes[index].history = draw;
        scheduler.record(draw);
        if say.lives == 0 {
            return Handled::Counted;
        }
        let lives = say.lives - 1;
        let talk = Say { kind: TALK, lives, incarnation: 0, value: draw as u32, slot: NO_SLOT };
        let other = (mix(draw, 1) % u64::from(self.rules.entities)) as Entity;
        let later = now + self.delay(mix(draw, 2));
        match draw % 100 {
            0..10 => scheduler.at(now, entity, talk),
            10..13 => (0..8).for_each(|i| scheduler.at(later, other, Say { lives: lives / 2, value: i, ..talk })),
            13..20 => self.broadcast(now, draw, lives / 2, scheduler),
            20..35 => {
                let timer = Say { kind: TIMER, incarnation: self.nodes[index].incarnation, ..talk };
                scheduler.at(now + Duration::from_nanos(draw % (3 * self.rules.spread + 1)), entity, timer);
                scheduler.at(later, other, Say { lives: lives / 2, ..talk });
            }
            35..38 => {
                self.nodes[index].incarnation += 1;
                scheduler.at(later, other, talk);
            }
            38 => scheduler.at(later + Duration::from_nanos(self.rules.spread.saturating_mul(1000)), other, talk),
            _ => scheduler.at(later, other, talk),
        }
        Handled::Counted
    }

    fn prefetch(&self, entity: Entity, _: Self::Data) {
        prefetch::read(&self.nodes[(entity - self.first) as usize]);
    }

    fn sequence(&mut self, entity: Entity) -> &mut u32 {
        &mut self.nodes[(entity - self.first) as usize].sequence
    }

    fn accept(&mut self, parcel: Vec<u8>, references: u32) -> u32 {
        self.accepted.0 += 1;
        self.accepted.1 += u64::from(references);
        self.store(parcel, references)
    }
}

/// No global actions.
#[derive(Clone)]
pub(crate) struct Nobody;

impl<S: Shard> Director<S> for Nobody {
    fn next(&self) -> Option<Instant> {
        None
    }
    fn act(&mut self, _: Instant, _: &mut [&mut S], _: &Progress) -> Option<Outcome> {
        None
    }
}

/// Looks at all nodes at fixed times.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) every: u64,
    pub(crate) turn: u64,
    pub(crate) seen: Vec<(u64, Progress, u64)>,
}

impl Director<Toy> for Watch {
    fn next(&self) -> Option<Instant> {
        Some(Instant::from_nanos(self.every * (self.turn + 1)))
    }
    fn act(&mut self, now: Instant, shards: &mut [&mut Toy], progress: &Progress) -> Option<Outcome> {
        self.turn += 1;
        let nodes = shards.iter().flat_map(|shard| &shard.nodes);
        self.seen.push((now.as_nanos(), *progress, nodes.fold(0, |sum, node| mix(sum, node.history))));
        (progress.pending == 0).then_some(Outcome::Drained)
    }
}

pub(crate) fn starts(entities: u32, shards: u32) -> Vec<Entity> {
    (0..=shards).map(|shard| (u64::from(entities) * u64::from(shard) / u64::from(shards)) as u32).collect()
}

pub(crate) fn plan(rules: &Rules, shards: u32, threads: usize, queue: QueueKind) -> Plan {
    Plan {
        starts: starts(rules.entities, shards),
        lookahead: Duration::from_nanos(rules.lookahead),
        threads,
        always_parallel: false,
        queue,
        seed: rules.seed,
        deadline: Instant::MAX,
        slice: Duration::from_nanos(rules.lookahead * 7 + 1),
        trace: Some(Instant::ZERO..Instant::MAX),
        stop: Stop::default(),
    }
}

pub(crate) fn shards(rules: &Rules, starts: &[Entity]) -> Vec<Toy> {
    let node = |_| Node { sequence: 1, ..Node::default() };
    let shard = |range: &[Entity]| Toy {
        rules: rules.clone(),
        first: range[0],
        nodes: (range[0]..range[1]).map(node).collect(),
        slab: Vec::new(),
        free: Vec::new(),
        accepted: (0, 0),
    };
    starts.windows(2).map(shard).collect()
}

/// Every entity begins at once, or within the first lookahead.
pub(crate) fn initial(rules: &Rules) -> Vec<Event<Say>> {
    let say = |entity| Say { kind: TALK, lives: rules.lives, incarnation: 0, value: entity, slot: NO_SLOT };
    let time = |entity: u32| {
        if rules.seed.is_multiple_of(2) { 0 } else { mix(rules.seed, u64::from(entity)) % rules.lookahead.max(1) }
    };
    let event = |entity| Event { time: time(entity), source: entity, sequence: 0, target: entity, data: say(entity) };
    (0..rules.entities).map(event).collect()
}

pub(crate) fn play(rules: &Rules, plan: &Plan, director: &mut impl Director<Toy>) -> Run<Toy> {
    run(shards(rules, &plan.starts), initial(rules), director, plan)
}

pub(crate) fn nodes(run: &Run<Toy>) -> Vec<Node> {
    run.shards.iter().flat_map(|shard| shard.nodes.clone()).collect()
}
