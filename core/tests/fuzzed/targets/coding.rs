//! What the codes read: each decoder is held to one encoding, and what it made of the bytes is used as a session uses it.

use std::collections::BTreeSet;

use rapprochement_core::reconcile::coding::field61::F61;
use rapprochement_core::reconcile::coding::keyed::{Entry, FormA, FormB};
use rapprochement_core::reconcile::coding::range::{self, RangeMessage, Ranges};
use rapprochement_core::reconcile::coding::search_tree::{self, SearchTree, TreeMessage};
use rapprochement_core::reconcile::coding::{
    Code, Decoder, Iblt, Limits, Partition, Prefix, Riblt, RibltDifference, Run, Shape, Side, Sketch, Strata,
};
use rapprochement_core::wire::{DecodeError, MESSAGE_LEN_MAX, Message, Reader};

use super::messages::canonical;
use super::world::EPOCH;

/// Reads something that may be followed by more, and holds what was read to its encoding.
fn read<T>(
    bytes: &[u8],
    decode: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
    encode: impl Fn(&T, &mut Vec<u8>),
) -> Option<T> {
    let mut reader = Reader::new(bytes).ok()?;
    let read = decode(&mut reader).ok()?;
    let again = encoded(|out| encode(&read, out));
    assert!(bytes.starts_with(&again));
    assert_eq!(reader.finish().is_ok(), again.len() == bytes.len());
    Some(read)
}

fn encoded(encode: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes);
    bytes
}

/// The items of a side: many are on both. Spread out, as hashes are.
fn items(side: u64) -> impl Iterator<Item = u128> {
    (side * 20..100 + side * 20).map(|i| u128::from(EPOCH.hash64(i)) << 64 | u128::from(EPOCH.hash64(!i)))
}

fn range_side(side: u64) -> Ranges<Vec<range::Item>> {
    let item = |item: u128| range::Item { order: (item >> 120) as u64, id: item.to_be_bytes() };
    let items: BTreeSet<_> = items(side).map(item).collect();
    Ranges::new(items.into_iter().collect(), [3; 32], 1024)
}

pub(super) fn ranges(bytes: &[u8]) {
    let Some(message) = canonical::<RangeMessage>(bytes) else { return };
    let answer = range_side(0).answer(&message);
    if let Some(reply) = answer.reply {
        assert!(reply.encoded_len() <= 1024);
        assert_eq!(canonical(&encoded(|out| reply.encode(out))), Some(reply));
    }
    let held: BTreeSet<_> = items(0).map(u128::to_be_bytes).collect();
    assert!(answer.have.iter().all(|id| held.contains(id)));
}

pub(super) fn range_seeds() -> Vec<Vec<u8>> {
    let sides = [range_side(0), range_side(1)];
    let (mut seeds, mut next) = (Vec::new(), Some(sides[0].open()));
    while let Some(message) = next {
        seeds.push(encoded(|out| message.encode(out)));
        next = sides[seeds.len() % 2].answer(&message).reply;
    }
    seeds
}

fn tree_side(side: u64) -> SearchTree<Vec<search_tree::Entry>> {
    let entry = |item: u128| search_tree::Entry { key: item.to_be_bytes(), value: item.to_le_bytes() };
    let entries: BTreeSet<_> = items(side).map(entry).collect();
    SearchTree::new(entries.into_iter().collect(), [3; 32], 1024)
}

pub(super) fn trees(bytes: &[u8]) {
    let Some(message) = canonical::<TreeMessage>(bytes) else { return };
    let answer = tree_side(0).answer(&message);
    if let Some(reply) = answer.reply {
        assert!(reply.encoded_len() <= 1024);
        assert_eq!(canonical(&encoded(|out| reply.encode(out))), Some(reply));
    }
    assert!(answer.differing.is_sorted_by(|a, b| a < b));
}

pub(super) fn tree_seeds() -> Vec<Vec<u8>> {
    let sides = [tree_side(0), tree_side(1)];
    let (mut seeds, mut next) = (Vec::new(), Some(sides[0].open()));
    while let Some(message) = next {
        seeds.push(encoded(|out| message.encode(out)));
        next = sides[seeds.len() % 2].answer(&message).reply;
    }
    seeds
}

fn strata_of(items: impl Iterator<Item = u128>) -> Strata {
    let mut strata = Strata::new(EPOCH);
    items.for_each(|item| strata.insert(item));
    strata
}

pub(super) fn strata(bytes: &[u8]) {
    let decode = |reader: &mut Reader<'_>| Strata::decode(reader, EPOCH);
    let Some(theirs) = read(bytes, decode, Strata::encode) else { return };
    let estimate = theirs.estimate(&strata_of(items(0))).expect("one salt");
    assert!(estimate.raised() >= estimate.differences());
    assert!(estimate.shape().cells() * 25 < MESSAGE_LEN_MAX);
}

pub(super) fn strata_seeds() -> Vec<Vec<u8>> {
    let strata = [strata_of(items(1)), strata_of(items(0).take(3)), strata_of(items(0).take(0))];
    strata.iter().map(|strata| encoded(|out| strata.encode(out))).collect()
}

fn table_of(items: impl Iterator<Item = u128>, shape: Shape) -> Iblt {
    let mut table = Iblt::new(shape, EPOCH);
    items.for_each(|item| table.insert(item));
    table
}

/// What is peeled off a table makes that table.
pub(super) fn table(bytes: &[u8]) {
    let decode = |reader: &mut Reader<'_>| Iblt::<u128>::decode(reader, EPOCH);
    let Some(mut table) = read(bytes, decode, Iblt::encode) else { return };
    assert!(!table.subtract(&Iblt::new(table.shape(), rapprochement_core::reconcile::coding::Salt([0; 2]))));
    assert!(table.subtract(&table_of(items(0), table.shape())));
    let Some(found) = table.clone().differences() else { return };
    let mut again = table_of(found.only_remote.iter().copied(), table.shape());
    assert!(again.subtract(&table_of(found.only_local.iter().copied(), table.shape())));
    assert_eq!(again, table);
}

pub(super) fn table_seeds() -> Vec<Vec<u8>> {
    let shapes = [Shape::for_differences(40), Shape::new(3, 60), Shape::new(4, 1)];
    shapes.iter().map(|&shape| encoded(|out| table_of(items(1), shape).encode(out))).collect()
}

/// What a sketch decodes to has that sketch.
pub(super) fn sketch(bytes: &[u8]) {
    let Some(sketch) = read(bytes, Sketch::decode, Sketch::encode) else { return };
    for verification in [0, 1] {
        let Some(ids) = sketch.differences(verification) else { continue };
        assert!(ids.len() + verification <= sketch.len().max(verification));
        assert!(ids.is_sorted_by(|a, b| a < b) && !ids.contains(&0));
        assert_eq!(Sketch::of(ids, sketch.len()), sketch);
    }
}

pub(super) fn sketch_seeds() -> Vec<Vec<u8>> {
    let sketch = |ids: usize, syndromes| Sketch::of(items(0).take(ids).map(|id| id as u64), syndromes);
    let sizes = [(0, 0), (0, 5), (1, 1), (2, 3), (5, 6), (16, 17), (20, 17)];
    sizes.iter().map(|&(ids, syndromes)| encoded(|out| sketch(ids, syndromes).encode(out))).collect()
}

pub(super) fn partition(bytes: &[u8]) {
    let Some(part) = read(bytes, Partition::decode, Partition::encode) else { return };
    assert_eq!(part.halves().is_none(), part.depth() == Partition::DEPTH_MAX);
    for id in items(0).map(|item| item as u64) {
        let halves = part.halves().map(|halves| halves.map(|half| half.contains(id, EPOCH)));
        assert!(
            halves.is_none_or(|[first, second]| part.contains(id, EPOCH) == (first ^ second) && !(first && second))
        );
    }
}

pub(super) fn partition_seeds() -> Vec<Vec<u8>> {
    let at = |depth: u8| encoded(|out| Partition::containing(EPOCH.hash64(9), depth).encode(out));
    [0, 1, 7, 8, 31, 32].map(at).to_vec()
}

/// A run, and what it differs in from the local one.
type Peeled<C> = (Run<<C as Code>::Cell>, Vec<<C as Code>::Difference>);

/// A run of a peer's first cells, the local ones, and what is peeled off their difference; the limits are those of a session.
fn peel<C: Code>(bytes: &[u8], local: &[C::Item], code: C) -> Option<Peeled<C>>
where
    C::Item: Clone,
{
    let run = read(bytes, Run::<C::Cell>::decode, Run::encode)?;
    let cells = run.cells.len();
    let mut decoder = Decoder::new(code.clone(), Limits { cells: 400, differences: 400 });
    let prefix = Prefix::build(code, cells, local.iter().cloned());
    let complete = decoder.push(&run.cells, prefix.cells()).ok()?;
    assert!(decoder.differences().len() <= 400);
    complete.then(|| (run, decoder.into_differences()))
}

/// What is peeled off cells makes those cells.
pub(super) fn plain_cells(bytes: &[u8]) {
    let local: Vec<u128> = items(0).collect();
    let Some((run, differences)) = peel(bytes, &local, Riblt::new(EPOCH)) else { return };
    let mut again = Prefix::build(Riblt::new(EPOCH), run.cells.len(), local);
    differences.iter().for_each(|RibltDifference { side, item }| match side {
        Side::Remote => again.add(item),
        Side::Local => again.remove(item),
    });
    assert_eq!(again.cells(), run.cells);
}

fn entry(item: u128) -> Entry<1> {
    Entry::new([F61::new((item >> 64) as u64)], item as u64 & 0xff, item as u64)
}

pub(super) fn keyed_cells(bytes: &[u8]) {
    let local: Vec<_> = items(0).map(entry).collect();
    let found = peel(bytes, &local, FormA::new(EPOCH));
    assert!(
        found.is_none_or(|(_, found)| found.iter().all(|found| found.version.is_none() && !found.weight.is_zero()))
    );
}

pub(super) fn versioned_cells(bytes: &[u8]) {
    let local: Vec<_> = items(0).map(entry).collect();
    let found = peel(bytes, &local, FormB::new(EPOCH));
    assert!(found.is_none_or(|(_, found)| found.iter().all(|found| found.version.is_some())));
}

fn runs<C: Code>(code: C, items: impl Iterator<Item = C::Item>) -> Vec<Vec<u8>> {
    let prefix = Prefix::build(code, 100, items);
    let runs = [(0, 100), (0, 5), (0, 0), (60, 10)];
    runs.map(|(start, cells)| encoded(|out| prefix.run(start, cells, usize::MAX).encode(out))).to_vec()
}

pub(super) fn plain_seeds() -> Vec<Vec<u8>> {
    runs(Riblt::new(EPOCH), items(1))
}

pub(super) fn keyed_seeds() -> Vec<Vec<u8>> {
    runs(FormA::new(EPOCH), items(1).map(entry))
}

pub(super) fn versioned_seeds() -> Vec<Vec<u8>> {
    runs(FormB::new(EPOCH), items(1).map(entry))
}
