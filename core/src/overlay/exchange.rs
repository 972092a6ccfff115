//! Peer exchange: "introduce me to some of your peers". An ask carries the asker's own record and where it places itself; the
//! answer brings records of peers that the answering node has itself got answers from, a quarter of them the nearest to it, a
//! quarter the nearest to the asker, the rest at random, and beside each record what the node measured. Every record is signed by
//! its own key; the figures beside it are hearsay and only guide the choice of probes, which measure for themselves.
//!
//! That peers' peers are good candidates is from Meridian (B. Wong, A. Slivkins, E. G. Sirer, SIGCOMM 2005), where a node asks those
//! it knows for nodes near a target.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::address::AddressRecord;
use crate::overlay::allowance::Allowance;
use crate::overlay::book::{Book, Heard};
use crate::overlay::probe::Prober;
use crate::overlay::refusals::{Counters, Refusal};
use crate::overlay::vivaldi::NetworkCoordinate;
use crate::peer::Peer;
use crate::random::shuffle;
use crate::store::Keys;
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Message, Reader, put_varint, varint_len};

/// The most introductions in one answer.
pub const INTRODUCTIONS_MAX: usize = 32;
/// The longest round trip that an introduction states, in microseconds.
pub const RTT_MAX_MICROS: u32 = 60_000_000;
/// The greatest age of a coordinate that an introduction states, in seconds.
pub const AGE_MAX_SECS: u32 = 24 * 3600;
/// The most asks under way.
const PENDING_MAX: usize = 64;

/// What an introduction says of a coordinate, on hearsay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where the peer placed itself.
    pub coordinate: NetworkCoordinate,
    /// How long ago, in seconds, at most [`AGE_MAX_SECS`].
    pub age: u32,
}

/// One peer, introduced by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The peer's own record.
    pub record: Arc<AddressRecord>,
    /// The round trip that the introducer measured, in microseconds, at most [`RTT_MAX_MICROS`].
    pub rtt: u32,
    /// Where the peer placed itself, where that is known.
    pub placed: Option<Placed>,
}

/// What peers that exchange peers send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeMessage {
    /// Asks for introductions.
    Ask {
        /// Tells this ask from others: the answer repeats it. Random.
        number: u32,
        /// At most so many, 1 to [`INTRODUCTIONS_MAX`].
        count: u8,
        /// Where the asker places itself.
        near: NetworkCoordinate,
        /// The asker's own record.
        record: Arc<AddressRecord>,
    },
    /// Introduces.
    Answer {
        /// The ask's number.
        number: u32,
        /// At most [`INTRODUCTIONS_MAX`].
        introductions: Vec<Introduction>,
    },
}

impl Introduction {
    fn encoded_len(&self) -> usize {
        let placed =
            self.placed.as_ref().map_or(0, |placed| placed.coordinate.encoded_len() + varint_len(placed.age.into()));
        self.record.encoded_len() + varint_len(self.rtt.into()) + 1 + placed
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.record.encode(out);
        put_varint(out, self.rtt.into());
        out.push(self.placed.is_some().into());
        if let Some(Placed { coordinate, age }) = &self.placed {
            coordinate.encode(out);
            put_varint(out, (*age).into());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let record = Arc::new(AddressRecord::decode(reader)?);
        let rtt = up_to(reader, RTT_MAX_MICROS)?;
        let placed = match reader.byte()? {
            0 => None,
            1 => {
                let coordinate = NetworkCoordinate::decode(reader)?;
                Some(Placed { coordinate, age: up_to(reader, AGE_MAX_SECS)? })
            }
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { record, rtt, placed })
    }
}

fn up_to(reader: &mut Reader<'_>, limit: u32) -> Result<u32, DecodeError> {
    let value = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
    if value > limit { Err(DecodeError::LimitExceeded) } else { Ok(value) }
}

impl Message for ExchangeMessage {
    const CLASSES: &'static [&'static str] = &["ask", "introductions"];

    fn class(&self) -> usize {
        matches!(self, Self::Answer { .. }).into()
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Ask { near, record, .. } => 1 + 4 + 1 + near.encoded_len() + record.encoded_len(),
            Self::Answer { introductions, .. } => {
                let each: usize = introductions.iter().map(Introduction::encoded_len).sum();
                1 + 4 + varint_len(introductions.len() as u64) + each
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class() as u8);
        match self {
            Self::Ask { number, count, near, record } => {
                out.extend_from_slice(&number.to_be_bytes());
                out.push(*count);
                near.encode(out);
                record.encode(out);
            }
            Self::Answer { number, introductions } => {
                out.extend_from_slice(&number.to_be_bytes());
                put_varint(out, introductions.len() as u64);
                introductions.iter().for_each(|introduction| introduction.encode(out));
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let tag = reader.byte()?;
        let number = u32::from_be_bytes(reader.array()?);
        let message = match tag {
            0 => {
                let count = reader.byte()?;
                if count == 0 || usize::from(count) > INTRODUCTIONS_MAX {
                    return Err(DecodeError::LimitExceeded);
                }
                let near = NetworkCoordinate::decode(&mut reader)?;
                Self::Ask { number, count, near, record: Arc::new(AddressRecord::decode(&mut reader)?) }
            }
            1 => {
                let count = reader.count(INTRODUCTIONS_MAX)?;
                let introductions = (0..count).map(|_| Introduction::decode(&mut reader)).collect::<Result<_, _>>()?;
                Self::Answer { number, introductions }
            }
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }

    fn signatures(&self) -> usize {
        match self {
            Self::Ask { .. } => 1,
            Self::Answer { introductions, .. } => introductions.len(),
        }
    }
}

/// The parameters of peer exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// Introductions to ask for and to give at most, 1 to [`INTRODUCTIONS_MAX`]; what is outside is moved inside.
    pub count: usize,
    /// Asks that one peer may make at once.
    pub burst: u32,
    /// Time after which it may make one more.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub patience: Duration,
}

impl Default for ExchangeConfig {
    /// 32 introductions, 4 asks and one more every 30 s, 5 s of patience.
    fn default() -> Self {
        let (interval, patience) = (Duration::from_secs(30), Duration::from_secs(5));
        Self { count: INTRODUCTIONS_MAX, burst: 4, interval, patience }
    }
}

#[derive(Clone, Copy, Debug)]
struct Pending<P> {
    peer: P,
    number: u32,
    until: Instant,
}

/// A node's part in peer exchange.
#[derive(Clone, Debug)]
pub struct Exchange<P> {
    config: ExchangeConfig,
    pending: Vec<Pending<P>>,
    asks: Allowance<P>,
}

impl<P: Peer> Exchange<P> {
    /// A node that has asked nobody.
    pub fn new(config: ExchangeConfig) -> Self {
        let config = ExchangeConfig { count: config.count.clamp(1, INTRODUCTIONS_MAX), ..config };
        Self { config, pending: Vec::new(), asks: Allowance::new(config.interval, config.burst) }
    }

    /// The ask to send to `peer`, which replaces one under way; `None` where too many are.
    pub fn ask<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        peer: P,
        near: NetworkCoordinate,
        record: &Arc<AddressRecord>,
        rng: &mut R,
    ) -> Option<ExchangeMessage> {
        self.pending.retain(|pending| now < pending.until && pending.peer != peer);
        if self.pending.len() >= PENDING_MAX {
            return None;
        }
        let number = rng.next_u32();
        self.pending.push(Pending { peer, number, until: now + self.config.patience });
        Some(ExchangeMessage::Ask { number, count: self.config.count as u8, near, record: Arc::clone(record) })
    }

    /// Handles a message; what is returned is to be sent back to the sender. Records go into the book, figures beside them
    /// too; what is refused is counted.
    #[expect(clippy::too_many_arguments, reason = "the parts of a node, which its service owns side by side")]
    pub fn handle<K: Keys, R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        from: P,
        message: &ExchangeMessage,
        book: &mut Book<P>,
        prober: &Prober<P>,
        keys: &K,
        rng: &mut R,
        counters: &mut Counters,
    ) -> Option<ExchangeMessage> {
        match message {
            ExchangeMessage::Ask { number, count, near, record } => {
                if !self.asks.take(now, from) {
                    counters.count(Refusal::AskFlood);
                    return None;
                }
                if record.key() != from.id() {
                    counters.count(Refusal::ForeignRecord);
                    return None;
                }
                if let Heard::Refused(_) = book.hear(now, from, record, keys, counters) {
                    return None;
                }
                book.place(from, *near, now);
                let count = usize::from(*count).min(self.config.count);
                let introductions = introduce(now, from, count, near, book, prober, rng);
                Some(ExchangeMessage::Answer { number: *number, introductions })
            }
            ExchangeMessage::Answer { number, introductions } => {
                if let Err(refusal) = self.expect_answer(now, from, *number, introductions.len()) {
                    counters.count(refusal);
                    return None;
                }
                let own = prober.link(from).and_then(|link| link.least());
                for introduction in introductions {
                    learn(now, from, introduction, own, book, keys, counters);
                }
                None
            }
        }
    }

    fn expect_answer(&mut self, now: Instant, from: P, number: u32, count: usize) -> Result<(), Refusal> {
        let asked = |pending: &Pending<P>| pending.peer == from && pending.number == number && now < pending.until;
        let found = self.pending.iter().position(asked).ok_or(Refusal::Unasked)?;
        self.pending.swap_remove(found);
        if count > self.config.count { Err(Refusal::Oversized) } else { Ok(()) }
    }
}

/// Takes in one introduction. `own` is the round trip to the introducer.
fn learn<P: Peer, K: Keys>(
    now: Instant,
    from: P,
    introduction: &Introduction,
    own: Option<Duration>,
    book: &mut Book<P>,
    keys: &K,
    counters: &mut Counters,
) {
    let Introduction { record, rtt, placed } = introduction;
    if book.hear(now, from, record, keys, counters) != Heard::Known {
        return;
    }
    let Some(peer) = P::from_id(record.key()) else { return };
    if let Some(Placed { coordinate, age }) = placed {
        let ago = now.as_nanos().saturating_sub(Duration::from_secs((*age).into()).as_nanos());
        book.place(peer, *coordinate, Instant::from_nanos(ago));
    }
    if let Some(own) = own {
        book.bound(now, peer, own, Duration::from_micros((*rtt).into()));
    }
}

/// Whom to introduce to `to`, which places itself at `near`: see the head of this module.
fn introduce<P: Peer, R: Rng + ?Sized>(
    now: Instant,
    to: P,
    count: usize,
    near: &NetworkCoordinate,
    book: &Book<P>,
    prober: &Prober<P>,
    rng: &mut R,
) -> Vec<Introduction> {
    let tried = book.iter().filter(|(peer, entry)| *peer != to && entry.answered().is_some());
    let mut pool: Vec<_> = tried
        .filter_map(|(peer, entry)| {
            let rtt = prober.link(peer)?.least()?;
            let apart = entry.coordinate().map_or(Duration::MAX, |(coordinate, _)| near.predict(&coordinate));
            Some((rtt, apart, peer, entry))
        })
        .collect();
    pool.sort_unstable_by_key(|(rtt, _, peer, _)| (*rtt, *peer));
    let nearest = (count / 4).min(pool.len());
    pool[nearest..].sort_unstable_by_key(|(_, apart, peer, _)| (*apart, *peer));
    let chosen = (count / 2).min(pool.len());
    shuffle(rng, &mut pool[chosen..]);
    pool.truncate(count);
    let introduction = |(rtt, _, _, entry): (Duration, _, _, &crate::overlay::book::Entry<P>)| Introduction {
        record: Arc::clone(entry.record()),
        rtt: u32::try_from(rtt.as_nanos() / 1_000).unwrap_or(RTT_MAX_MICROS).min(RTT_MAX_MICROS),
        placed: entry.coordinate().map(|(coordinate, said)| Placed {
            coordinate,
            age: u32::try_from(now.since(said).as_nanos() / 1_000_000_000).unwrap_or(AGE_MAX_SECS).min(AGE_MAX_SECS),
        }),
    };
    pool.into_iter().map(introduction).collect()
}
