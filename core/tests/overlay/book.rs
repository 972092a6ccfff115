//! The address book and peer exchange under honest and hostile peers.

use std::sync::Arc;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::overlay::address::{AddressRecord, Statement};
use rapprochement_core::overlay::book::{Book, BookConfig, Bounds, Heard};
use rapprochement_core::overlay::exchange::{Exchange, ExchangeConfig, ExchangeMessage, Introduction};
use rapprochement_core::overlay::probe::{ProbeConfig, Prober};
use rapprochement_core::overlay::refusals::{Counters, Refusal};
use rapprochement_core::overlay::vivaldi::NetworkCoordinate;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::time::{Duration, Instant};

use crate::{PlainKeys, at, place, record, statement};

const ME: SimPeer = SimPeer(0);
const SMALL: BookConfig =
    BookConfig { tried_max: 5, new_max: 20, new_per_source: 8, age_max: Duration::from_secs(60), failures_max: 3 };

fn hear(book: &mut Book<SimPeer>, now: Instant, source: u32, record: &Arc<AddressRecord>) -> Heard {
    book.hear(now, SimPeer(source), record, &PlainKeys(ME.id()), &mut Counters::default())
}

#[test]
fn the_newest_record_holds_and_the_first_of_two() {
    let mut book = Book::new(SMALL, ME);
    let peer = SimPeer(9);
    let held = |book: &Book<SimPeer>| book.entry(peer).unwrap().record().statement().clone();
    assert_eq!(hear(&mut book, at(0), 1, &record(peer, 2)), Heard::Known);
    assert_eq!(hear(&mut book, at(0), 1, &record(peer, 1)), Heard::Known);
    assert_eq!(held(&book).sequence, 2);
    let other = Statement { lifetime: 7, ..statement(peer, 2) };
    let other = Arc::new(AddressRecord::sign(&PlainKeys(peer.id()), other).unwrap());
    assert_eq!(hear(&mut book, at(0), 1, &other), Heard::Refused(Refusal::Equivocation));
    assert_eq!(held(&book), statement(peer, 2));
    assert_eq!(hear(&mut book, at(0), 1, &record(peer, 3)), Heard::Known);
    assert_eq!(held(&book).sequence, 3);
    let forged = Arc::new(AddressRecord::from_parts(peer.id(), statement(peer, 4), [1; 64]).unwrap());
    assert_eq!(hear(&mut book, at(0), 1, &forged), Heard::Refused(Refusal::BadSignature));
    assert_eq!(held(&book).sequence, 3);
    assert_eq!(hear(&mut book, at(0), 1, &record(ME, 1)), Heard::Own);
    let nobody = PlainKeys(PeerId([7; 32]));
    let nobody = Arc::new(AddressRecord::sign(&nobody, statement(peer, 1)).unwrap());
    assert_eq!(hear(&mut book, at(0), 1, &nobody), Heard::Refused(Refusal::UnknownKey));
    assert_eq!(book.len(), 1);
}

#[test]
fn one_source_cannot_fill_the_book_nor_displace_who_was_tried() {
    let mut book = Book::new(SMALL, ME);
    for peer in 1..=5 {
        hear(&mut book, at(peer.into()), peer, &record(SimPeer(peer), 1));
        book.answered(at(peer.into()), SimPeer(peer));
    }
    for peer in 10..13 {
        hear(&mut book, at(10), peer, &record(SimPeer(peer), 1));
    }
    for peer in 100..200 {
        hear(&mut book, at(peer.into()), 66, &record(SimPeer(peer), 1));
    }
    let of = |book: &Book<SimPeer>, source| book.iter().filter(|(_, entry)| entry.source() == SimPeer(source)).count();
    assert_eq!((book.tried(), of(&book, 66), book.len()), (5, 8, 16));
    // Many sources that each stay within their quota push out of the largest.
    for peer in 200..300 {
        hear(&mut book, at(peer.into()), 70 + peer % 3, &record(SimPeer(peer), 1));
    }
    assert_eq!((book.tried(), book.len()), (5, 25));
    assert!((1..=5).chain(10..13).all(|peer| book.entry(SimPeer(peer)).is_some()));
    // A sixth that answers takes the place of the one whose answer is oldest.
    book.answered(at(1_000), SimPeer(10));
    assert!(book.tried() == 5 && book.entry(SimPeer(1)).is_none());
    // One source's creatures that answer push out each other, after one more of the others.
    for peer in 300..340 {
        hear(&mut book, at(2_000), 66, &record(SimPeer(peer), 1));
        book.answered(at(2_000 + u64::from(peer)), SimPeer(peer));
    }
    assert!(book.tried() == 5 && [3, 4, 5, 10].iter().all(|peer| book.entry(SimPeer(*peer)).is_some()));
}

#[test]
fn who_does_not_answer_and_who_is_out_of_date_goes() {
    let mut book = Book::new(SMALL, ME);
    hear(&mut book, at(0), 1, &record(SimPeer(1), 1));
    hear(&mut book, at(0), 1, &record(SimPeer(2), 1));
    hear(&mut book, at(0), 1, &record(SimPeer(3), 1));
    book.answered(at(0), SimPeer(1));
    assert_eq!([1, 2, 3].map(|_| book.failed(SimPeer(3))), [false, false, true]);
    book.expire(at(60_000));
    assert_eq!(book.len(), 2);
    book.expire(at(60_001));
    assert!(book.len() == 1 && book.entry(SimPeer(1)).is_some());
    book.expire(at(3_600_000));
    assert!(book.is_empty() && book.tried() == 0);
}

#[test]
fn introductions_bound_a_round_trip_from_both_sides() {
    let mut book = Book::new(SMALL, ME);
    hear(&mut book, at(0), 1, &record(SimPeer(2), 1));
    let millis = Duration::from_millis;
    book.bound(at(0), SimPeer(2), millis(30), millis(10));
    book.bound(at(0), SimPeer(2), millis(5), millis(28));
    let bounds = book.entry(SimPeer(2)).unwrap().bounds();
    assert_eq!(bounds, Some(Bounds { least: millis(23), most: millis(33), witnesses: 2 }));
    book.place(SimPeer(2), place(1, 1, 1), at(10));
    book.place(SimPeer(2), place(2, 2, 2), at(9));
    assert_eq!(book.entry(SimPeer(2)).unwrap().coordinate(), Some((place(1, 1, 1), at(10))));
}

/// A node with everything that exchange needs.
struct Node {
    me: SimPeer,
    book: Book<SimPeer>,
    prober: Prober<SimPeer>,
    exchange: Exchange<SimPeer>,
    counters: Counters,
    rng: ChaCha8Rng,
}

impl Node {
    fn new(me: SimPeer, count: usize) -> Self {
        Self {
            me,
            book: Book::new(BookConfig::default(), me),
            prober: Prober::new(ProbeConfig::default()),
            exchange: Exchange::new(ExchangeConfig { count, ..ExchangeConfig::default() }),
            counters: Counters::default(),
            rng: ChaCha8Rng::seed_from_u64(me.0.into()),
        }
    }

    /// Knows a peer and has measured this round trip.
    fn tried(&mut self, peer: SimPeer, rtt: u64, place: NetworkCoordinate) {
        self.book.hear(at(0), peer, &record(peer, 1), &PlainKeys(self.me.id()), &mut self.counters);
        let nonce = self.prober.ping(at(0), peer, &mut self.rng).unwrap();
        self.prober.pong(at(rtt), peer, nonce).unwrap();
        self.book.answered(at(rtt), peer);
        self.book.place(peer, place, at(rtt));
    }

    fn ask(&mut self, to: SimPeer) -> ExchangeMessage {
        self.exchange.ask(at(1_000), to, place(0, 0, 0), &record(self.me, 1), &mut self.rng).unwrap()
    }

    fn take(&mut self, now: Instant, from: SimPeer, message: &ExchangeMessage) -> Option<ExchangeMessage> {
        let Self { me, book, prober, exchange, counters, rng } = self;
        exchange.handle(now, from, message, book, prober, &PlainKeys(me.id()), rng, counters)
    }
}

#[test]
fn an_answer_brings_the_nearest_to_both_and_what_was_measured() {
    let (mut asker, mut answerer) = (Node::new(ME, 8), Node::new(SimPeer(1), 8));
    for peer in 2..40u32 {
        // The farther from the answerer, the nearer to the asker.
        answerer.tried(SimPeer(peer), u64::from(peer), place(100_000 - 1_000 * peer as i32, 0, 0));
    }
    asker.tried(SimPeer(1), 50, place(100_000, 0, 0));
    let ask = asker.ask(SimPeer(1));
    let answer = answerer.take(at(1_010), ME, &ask).unwrap();
    let ExchangeMessage::Answer { introductions, .. } = &answer else { panic!("{answer:?}") };
    let peers: Vec<u32> = introductions.iter().map(|one| SimPeer::from_id(one.record.key()).unwrap().0).collect();
    assert_eq!(peers.len(), 8);
    assert_eq!(peers[..4], [2, 3, 39, 38]);
    assert!(introductions.iter().zip(&peers).all(|(one, peer)| one.rtt == peer * 1_000));
    assert_eq!(asker.take(at(1_020), SimPeer(1), &answer), None);
    assert_eq!(asker.book.len(), 9);
    let bounds = asker.book.entry(SimPeer(2)).unwrap().bounds().unwrap();
    assert_eq!((bounds.least, bounds.most), (Duration::from_millis(48), Duration::from_millis(52)));
    // The asker presented itself, and nobody is introduced to himself.
    assert!(answerer.book.entry(ME).is_some());
    assert!(asker.counters.total() == 0 && answerer.counters.total() == 0);
    // The same answer again was not asked for.
    asker.take(at(1_030), SimPeer(1), &answer);
    assert_eq!(asker.counters.of(Refusal::Unasked), 1);
}

#[test]
fn floods_strangers_records_and_oversized_answers_are_dropped_and_counted() {
    let (mut asker, mut answerer) = (Node::new(ME, 4), Node::new(SimPeer(1), 4));
    let ask = asker.ask(SimPeer(1));
    let answers = (0..50).filter(|_| answerer.take(at(0), ME, &ask).is_some()).count();
    assert_eq!((answers, answerer.counters.of(Refusal::AskFlood)), (4, 46));
    assert!(answerer.take(at(0), SimPeer(2), &ask).is_none());
    assert_eq!(answerer.counters.of(Refusal::ForeignRecord), 1);
    let ExchangeMessage::Ask { number, .. } = ask else { panic!("{ask:?}") };
    let one = |peer| Introduction { record: record(SimPeer(peer), 1), rtt: 1, placed: None };
    let oversized = ExchangeMessage::Answer { number, introductions: (10..15).map(one).collect() };
    asker.take(at(1_010), SimPeer(2), &oversized);
    asker.take(at(1_010), SimPeer(1), &oversized);
    assert_eq!((asker.counters.of(Refusal::Unasked), asker.counters.of(Refusal::Oversized)), (1, 1));
    assert!(asker.book.is_empty());
}

proptest! {
    #[test]
    fn the_book_stays_bounded_and_without_this_node(
        steps in proptest::collection::vec((0..6u8, 0..60u32, 0..60u32, 0..4u64, any::<u64>()), 0..400),
    ) {
        let mut book = Book::new(SMALL, ME);
        let mut counters = Counters::default();
        for (kind, peer, source, sequence, time) in steps {
            let (peer, source, now) = (SimPeer(peer), SimPeer(source), Instant::from_nanos(time >> (time % 64)));
            match kind {
                0 | 1 => _ = book.hear(now, source, &record(peer, sequence + 1), &PlainKeys(ME.id()), &mut counters),
                2 => book.answered(now, peer),
                3 => _ = book.failed(peer),
                4 => book.bound(now, peer, Duration::from_nanos(time), Duration::MAX),
                _ => book.expire(now),
            }
            let tried = book.iter().filter(|(_, entry)| entry.answered().is_some()).count();
            prop_assert_eq!(tried, book.tried());
            prop_assert!(tried <= SMALL.tried_max && book.len() - tried <= SMALL.new_max);
            prop_assert!(book.entry(ME).is_none());
        }
    }
}
