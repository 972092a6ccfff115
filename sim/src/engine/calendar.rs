//! The future event list of large runs: a ring of time buckets, each sorted when it opens. It is a calendar queue
//! (R. Brown, "Calendar queues: a fast O(1) priority queue implementation for the simulation event set problem", CACM
//! 31(10), 1988) with the late sorting of a ladder queue's bottom rung (Tang, Goh and Thng, "Ladder queue", ACM TOMACS
//! 15(3), 2005).
//!
//! A heap of a million events walks some twenty cache misses that depend on each other for every event; here an event
//! is appended to its bucket, moved once when the bucket is sorted, and read once, and the sorted bucket tells which
//! entities come next, so that their state can be fetched ahead of time. Buckets are chains of small blocks from one
//! pool, which keeps memory near the size of the events. What lies beyond the ring waits in a heap, and what lands in the
//! bucket that is already open in a queue of its own (`late`).
//!
//! Widths are powers of two and follow the load: a bucket should hold some thousand events, but few should land in it out of
//! order after it opened. The width changes speed only, never the order.

use std::collections::BinaryHeap;

use super::event::{Entity, Event, Order, Ranked};
use super::late::Late;
use super::queue::EventQueue;

/// Events of a block.
const BLOCK: usize = 32;
/// How many events ahead an entity is announced.
const AHEAD: usize = 16;
/// Events that a bucket should hold: few enough to sort in the second-level cache, and as many as that allows, so that
/// the ends of all buckets stay in it too.
const CROWD: u64 = 4096;
/// A bin of the counting sort with more events than this is sorted by comparison.
const BIN_MAX: u32 = 24;
/// The widest and the narrowest bucket, and the first one (about 1 ms), as powers of two of nanoseconds.
const SHIFTS: std::ops::RangeInclusive<u32> = 4..=40;
const FIRST_SHIFT: u32 = 20;
/// Buckets of the ring at first and at most, as powers of two.
const FIRST_RING_BITS: u32 = 13;
const RING_BITS_MAX: u32 = 16;

/// A ring of time buckets.
#[derive(Clone, Debug)]
pub(super) struct Calendar<D> {
    order: Order,
    /// The open bucket: sorted up to `sorted`, handed out up to `cursor`. What lies behind `sorted` is old. In front of
    /// the cursor there is always a place for an event that landed late.
    open: Vec<Event<D>>,
    sorted: usize,
    cursor: usize,
    /// What landed before `base` after its bucket had opened.
    late: Late<D>,
    /// Bucket `b` holds the times `b << shift .. (b + 1) << shift`; the ring holds the buckets from `base` on.
    shift: u32,
    base: u64,
    /// Per bucket: where the next event goes in the pool. A multiple of [`BLOCK`] calls for a new block, 0 is empty.
    ring: Vec<u32>,
    /// A bit per bucket that is not empty.
    occupied: Vec<u64>,
    /// Events in the ring.
    held: usize,
    pool: Pool<D>,
    /// What lies beyond the ring.
    far: BinaryHeap<Ranked<D>>,
    /// The way to `late` and `far`. An event whose address is taken has to be put together on the stack, in small pieces,
    /// and is then loaded in large ones, which stalls the processor; so rare branches push it here instead of passing it.
    strays: Vec<Event<D>>,
    bins: Vec<u32>,
    gauge: Gauge,
}

/// What happened since the width was last judged.
#[derive(Clone, Debug)]
struct Gauge {
    /// Events that were sorted in a bucket, landed late, landed late and out of order, landed far.
    opened: u64,
    late: u64,
    heaped: u64,
    far: u64,
    /// `base` at the start.
    from: u64,
    /// The widest bucket that is worth trying, and judgements until a wider one is tried again.
    widest: u32,
    patience: u32,
}

/// Blocks of events, in chains. Block 0 holds nothing but some event to fill new blocks with, and ends every chain.
#[derive(Clone, Debug)]
struct Pool<D> {
    events: Vec<Event<D>>,
    /// Per block: the next of its chain.
    next: Vec<u32>,
    /// The first free block.
    free: u32,
}

impl<D: Copy> Pool<D> {
    /// A block in front of `chain`: where its first event goes.
    fn block(&mut self, chain: u32) -> u32 {
        if self.free == 0 {
            let block = self.next.len().max(1);
            self.events.resize((block + 1) * BLOCK, self.events[0]);
            self.next.resize(block + 1, 0);
            self.free = block as u32;
        }
        let block = self.free;
        self.free = std::mem::replace(&mut self.next[block as usize], chain);
        block * BLOCK as u32
    }

    /// Gives a block back and returns the next of its chain.
    fn release(&mut self, block: u32) -> u32 {
        let next = std::mem::replace(&mut self.next[block as usize], self.free);
        self.free = block;
        next
    }

    /// The last block of a bucket that ends at `end`, and how many events are in it.
    const fn tail(end: u32) -> (u32, usize) {
        let block = (end - 1) / BLOCK as u32;
        (block, (end - block * BLOCK as u32) as usize)
    }

    /// Calls `each` for all events of the bucket that ends at `end`.
    #[inline(always)]
    fn walk(&self, end: u32, mut each: impl FnMut(&Event<D>)) {
        let (mut block, mut fill) = Self::tail(end);
        while block != 0 {
            let start = block as usize * BLOCK;
            self.events[start..start + fill].iter().for_each(&mut each);
            (block, fill) = (self.next[block as usize], BLOCK);
        }
    }
}

impl<D: Copy> Calendar<D> {
    pub(super) fn new(order: Order) -> Self {
        let gauge = Gauge { opened: 0, late: 0, heaped: 0, far: 0, from: 0, widest: *SHIFTS.end(), patience: 0 };
        Self {
            order,
            open: Vec::new(),
            sorted: 0,
            cursor: 0,
            late: Late::new(order),
            shift: FIRST_SHIFT,
            base: 0,
            ring: vec![0; 1 << FIRST_RING_BITS],
            occupied: vec![0; 1 << (FIRST_RING_BITS - 6)],
            held: 0,
            pool: Pool { events: Vec::new(), next: Vec::new(), free: 0 },
            far: BinaryHeap::new(),
            strays: Vec::new(),
            bins: Vec::new(),
            gauge,
        }
    }

    /// A bucket's place in the ring.
    fn place(&self, bucket: u64) -> usize {
        bucket as usize & (self.ring.len() - 1)
    }

    /// Begins a new block of the bucket at `place`.
    #[cold]
    fn extend(&mut self, place: usize, end: u32) -> u32 {
        self.occupied[place / 64] |= 1 << (place % 64);
        let chain = if end == 0 { 0 } else { Pool::<D>::tail(end).0 };
        self.pool.block(chain)
    }

    /// Keeps the events that do not belong into the ring.
    #[cold]
    fn keep_strays(&mut self) {
        while let Some(event) = self.strays.pop() {
            if event.time >> self.shift < self.base {
                self.gauge.late += 1;
                self.gauge.heaped += u64::from(self.late.push(event));
            } else {
                self.gauge.far += 1;
                self.far.push(Ranked::new(self.order, event));
            }
        }
    }

    /// Brings what the ring has reached in from beyond it.
    fn pull_far(&mut self) {
        while let Some(first) = self.far.peek() {
            if (first.event.time >> self.shift).wrapping_sub(self.base) >= self.ring.len() as u64 {
                break;
            }
            if let Some(first) = self.far.pop() {
                self.push(first.event);
            }
        }
    }

    /// The first bucket of the ring that is not empty; there must be one.
    fn first_bucket(&self) -> u64 {
        let start = self.place(self.base);
        let words = self.occupied.len();
        let mut word = start / 64;
        let mut bits = self.occupied[word] & (u64::MAX << (start % 64));
        while bits == 0 {
            word = (word + 1) & (words - 1);
            bits = self.occupied[word];
        }
        let place = word * 64 + bits.trailing_zeros() as usize;
        self.base + (place.wrapping_sub(start) & (self.ring.len() - 1)) as u64
    }

    /// Opens the next bucket if it begins before `end`. Everything that was open has been handed out.
    #[inline(never)]
    fn open_next(&mut self, end: u64) -> bool {
        if self.gauge.opened + self.gauge.late > 2048.max(self.len() as u64) {
            self.judge();
        }
        if self.held == 0 {
            match self.far.peek() {
                Some(first) if first.event.time < end => self.base = first.event.time >> self.shift,
                _ => return false,
            }
            self.pull_far();
        }
        let bucket = self.first_bucket();
        if bucket << self.shift >= end {
            return false;
        }
        self.base = bucket + 1;
        self.sort(bucket);
        self.pull_far();
        true
    }

    /// Moves a bucket's events into `open`, sorted: a counting sort on the leading bits of the time inside the bucket,
    /// then an insertion pass on the full key, with a comparison sort where many times are nearly equal.
    fn sort(&mut self, bucket: u64) {
        let place = self.place(bucket);
        let end = std::mem::replace(&mut self.ring[place], 0);
        self.occupied[place / 64] &= !(1 << (place % 64));
        let count = self.count(end);
        let bits = (usize::BITS - count.leading_zeros() + 1).min(14).min(self.shift);
        let (down, mask) = (self.shift - bits, (1usize << bits) - 1);
        let bin = |event: &Event<D>| (event.time >> down) as usize & mask;

        let bins = &mut self.bins;
        bins.clear();
        bins.resize(mask + 1, 0);
        self.pool.walk(end, |event| bins[bin(event)] += 1);
        let (mut sum, mut fullest) = (0, 0);
        for slot in bins.iter_mut() {
            let size = std::mem::replace(slot, sum);
            sum += size;
            fullest = fullest.max(size);
        }
        if self.open.len() <= count {
            let filler = self.pool.events[end as usize - 1];
            self.open.resize(count + 1, filler);
        }
        let open = &mut self.open[1..=count];
        self.pool.walk(end, |event| {
            let slot = &mut bins[bin(event)];
            open[*slot as usize] = *event;
            *slot += 1;
        });
        let (mut block, _) = Pool::<D>::tail(end);
        while block != 0 {
            block = self.pool.release(block);
        }
        if fullest > BIN_MAX {
            let mut start = 0;
            for &end in bins.iter() {
                if end - start > BIN_MAX {
                    open[start as usize..end as usize].sort_unstable_by(|a, b| self.order.compare(a, b));
                }
                start = end;
            }
        }
        insertion_sort(self.order, open);
        (self.sorted, self.cursor) = (count + 1, 1);
        self.held -= count;
        self.gauge.opened += count as u64;
    }

    /// Events of the bucket that ends at `end`.
    fn count(&self, end: u32) -> usize {
        let (mut block, mut count) = Pool::<D>::tail(end);
        loop {
            block = self.pool.next[block as usize];
            if block == 0 {
                return count;
            }
            count += BLOCK;
        }
    }

    /// Moves the first late event in front of the open bucket, if it is the first to happen.
    #[inline(never)]
    fn settle(&mut self) {
        let (done, waiting) = self.open[..self.sorted.max(self.cursor)].split_at_mut(self.cursor);
        if let Some(place) = done.last_mut()
            && self.late.pop_before(waiting.first(), place)
        {
            self.cursor -= 1;
        }
    }

    /// Judges the width and the length of the ring, and changes them where they are bad.
    #[cold]
    fn judge(&mut self) {
        let handled = self.gauge.opened + self.gauge.late;
        let crowd = self.gauge.opened / self.base.saturating_sub(self.gauge.from).max(1);
        let many = |part: u64| part * 16 > handled;
        let mut shift = self.shift;
        let mut ring = self.ring.len();
        if many(self.gauge.heaped) && crowd >= 8 {
            shift -= 1;
            (self.gauge.widest, self.gauge.patience) = (shift, 64);
        } else if crowd > 2 * CROWD {
            shift = shift.saturating_sub((crowd / CROWD).ilog2());
        } else if crowd < CROWD / 2 {
            shift = (shift + (CROWD / crowd.max(1)).ilog2()).min(self.gauge.widest);
        }
        if shift <= self.shift && many(self.gauge.far) && ring < 1 << RING_BITS_MAX {
            ring *= 2;
        }
        match self.gauge.patience {
            0 => self.gauge.widest = (self.gauge.widest + 1).min(*SHIFTS.end()),
            _ => self.gauge.patience -= 1,
        }
        self.rebuild(shift.clamp(*SHIFTS.start(), *SHIFTS.end()), ring);
        let gauge = &mut self.gauge;
        (gauge.opened, gauge.late, gauge.heaped, gauge.far, gauge.from) = (0, 0, 0, 0, self.base);
    }

    /// Sorts all pending events into a ring of other dimensions, bucket by bucket, so that it takes no second pool.
    fn rebuild(&mut self, shift: u32, len: usize) {
        if (shift, len) == (self.shift, self.ring.len()) || self.base > u64::MAX >> self.shift {
            return;
        }
        let old = std::mem::replace(&mut self.ring, vec![0; len]);
        self.occupied = vec![0; len / 64];
        self.base = self.base << self.shift >> shift;
        self.shift = shift;
        self.held = 0;
        for end in old {
            self.empty(end, Self::push);
        }
        // The new base may lie before some late events, which then belong into the ring.
        let late = std::mem::replace(&mut self.late, Late::new(self.order));
        late.into_events().for_each(|event| self.push(event));
        let far = std::mem::take(&mut self.far);
        far.into_iter().for_each(|ranked| self.push(ranked.event));
    }

    /// Takes a bucket's events out, a block at a time.
    fn empty(&mut self, end: u32, mut each: impl FnMut(&mut Self, Event<D>)) {
        if end == 0 {
            return;
        }
        let (mut block, mut fill) = Pool::<D>::tail(end);
        while block != 0 {
            let start = block as usize * BLOCK;
            let mut copy = [self.pool.events[start]; BLOCK];
            copy[..fill].copy_from_slice(&self.pool.events[start..start + fill]);
            block = self.pool.release(block);
            copy[..fill].iter().for_each(|event| each(self, *event));
            fill = BLOCK;
        }
    }
}

impl<D: Copy> EventQueue<D> for Calendar<D> {
    #[inline(always)]
    fn push(&mut self, event: Event<D>) {
        let bucket = event.time >> self.shift;
        if bucket.wrapping_sub(self.base) >= self.ring.len() as u64 {
            self.strays.push(event);
            return self.keep_strays();
        }
        let place = self.place(bucket);
        let mut end = self.ring[place];
        if end.is_multiple_of(BLOCK as u32) {
            if self.pool.events.is_empty() {
                self.pool.events.push(event);
            }
            end = self.extend(place, end);
        }
        self.pool.events[end as usize] = event;
        self.ring[place] = end + 1;
        self.held += 1;
    }

    #[inline(always)]
    fn pop_before(&mut self, end: u64, mut ahead: impl FnMut(Entity, D)) -> Option<Event<D>> {
        loop {
            let next = self.open[..self.sorted].get(self.cursor).map_or(u64::MAX, |event| event.time);
            if self.late.first_time() <= next && self.late.first_time() < end {
                self.settle();
            }
            let open = &self.open[..self.sorted];
            if let Some(event) = open.get(self.cursor) {
                if event.time >= end {
                    return None;
                }
                if let Some(later) = open.get(self.cursor + AHEAD) {
                    ahead(later.target, later.data);
                }
                self.cursor += 1;
                return Some(*event);
            }
            if !self.open_next(end) {
                return None;
            }
            self.open[self.cursor..self.sorted].iter().take(AHEAD).for_each(|event| ahead(event.target, event.data));
        }
    }

    fn lower_bound(&self) -> u64 {
        let open = self.open[self.cursor..self.sorted].first().map(|event| event.time);
        let first = open.unwrap_or(u64::MAX).min(self.late.first_time());
        if first < u64::MAX {
            return first;
        }
        if self.held > 0 {
            return self.first_bucket() << self.shift;
        }
        self.far.peek().map_or(u64::MAX, |ranked| ranked.event.time)
    }

    fn len(&self) -> usize {
        self.sorted - self.cursor + self.late.len() + self.held + self.far.len()
    }

    fn drain(&mut self, mut each: impl FnMut(Event<D>)) {
        let old = std::mem::replace(self, Self::new(self.order));
        let Self { open, sorted, cursor, late, ring, pool, far, .. } = old;
        open[cursor..sorted].iter().for_each(|event| each(*event));
        late.into_events().chain(far.into_iter().map(|ranked| ranked.event)).for_each(&mut each);
        for end in ring.into_iter().filter(|&end| end != 0) {
            pool.walk(end, |event| each(*event));
        }
    }
}

/// Finishes a nearly sorted slice.
fn insertion_sort<D: Copy>(order: Order, events: &mut [Event<D>]) {
    for i in 1..events.len() {
        if order.precedes(&events[i], &events[i - 1]) {
            let event = events[i];
            let mut hole = i;
            while hole > 0 && order.precedes(&event, &events[hole - 1]) {
                events[hole] = events[hole - 1];
                hole -= 1;
            }
            events[hole] = event;
        }
    }
}
