//! Both codes against the published overhead, against plain set differences, and against forged cells.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cmp::Ordering;
use std::eprintln;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::keyed::{FormA, FormB, LongFormA, LongFormB, VERSION_MAX, key_id};
use super::*;

const AMPLE: Limits = Limits { cells: 1 << 20, differences: 1 << 20 };

/// Differences, trials, and mean and standard deviation of cells per difference, by a port of the authors' implementation
/// (yangl1996/riblt) and a simulator of its generator; the means for 3, 4 and 5 are from 10^5 trials.
const REFERENCE: [(usize, u32, f64, f64); 11] = [
    (1, 20_000, 1.0, 0.0),
    (2, 20_000, 1.593, 0.963),
    (3, 100_000, 1.7145, 0.889),
    (4, 100_000, 1.754, 0.789),
    (5, 100_000, 1.761, 0.660),
    (10, 20_000, 1.723, 0.488),
    (20, 10_000, 1.632, 0.346),
    (50, 5_000, 1.514, 0.168),
    (100, 5_000, 1.457, 0.109),
    (200, 3_000, 1.417, 0.073),
    (1_000, 1_000, 1.374, 0.030),
];
const LARGE: [(usize, u32, f64, f64); 2] = [(10_000, 150, 1.358, 0.009), (100_000, 12, 1.354, 0.003)];

/// The number of cells, one after another, at which a decoder is complete, and what it found.
fn decode<C: Code>(code: &C, remote: &[C::Item], local: &[C::Item]) -> (usize, Vec<C::Difference>)
where
    C::Item: Copy,
{
    let prefix = |items: &[C::Item]| Prefix::build(code.clone(), 0, items.iter().copied());
    let (mut theirs, mut ours) = (prefix(remote), prefix(local));
    let mut decoder = Decoder::new(code.clone(), AMPLE);
    let mut len = (remote.len().max(local.len()) * 3 / 2).max(4);
    loop {
        for (prefix, items) in [(&mut theirs, remote), (&mut ours, local)] {
            let mut places = prefix.places(items.iter().copied()).unwrap();
            prefix.extend(len, &mut places);
        }
        for index in decoder.cells_taken()..len {
            if decoder.push(&theirs.cells()[index..=index], ours.cells()).unwrap() {
                return (index + 1, decoder.into_differences());
            }
        }
        len = len * 3 / 2;
    }
}

/// Holds the mean of `trial(differences, rng)` to the reference by 4 standard errors of both together. As many trials as
/// make `work` differences, at most `most` of them.
fn check_overhead(
    (name, seed): (&str, u64),
    reference: &[(usize, u32, f64, f64)],
    (work, most): (usize, usize),
    mut trial: impl FnMut(usize, &mut ChaCha8Rng) -> usize,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for &(d, reference_trials, reference_mean, reference_sd) in reference {
        let trials = (work / d).clamp(4, most);
        let overheads: Vec<f64> = (0..trials).map(|_| trial(d, &mut rng) as f64 / d as f64).collect();
        let mean = overheads.iter().sum::<f64>() / trials as f64;
        let variance = overheads.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (trials - 1) as f64;
        // The deviation of few trials is itself uncertain: the reference's is the better known one.
        let variance = variance.max(reference_sd * reference_sd);
        let reference_error = reference_sd * reference_sd / f64::from(reference_trials);
        let error = libm::sqrt(variance / trials as f64 + reference_error);
        eprintln!("{name} d={d}: {mean:.4} (reference {reference_mean}), {trials} trials, error {error:.4}");
        assert!((mean - reference_mean).abs() <= 4.0 * error, "{name}, d = {d}: {mean} of {trials} trials");
    }
}

fn plain_trial(d: usize, rng: &mut ChaCha8Rng) -> usize {
    let code = Riblt::new(Salt([rng.next_u64(), rng.next_u64()]));
    let items: Vec<u128> = (0..d).map(|_| u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())).collect();
    let (remote, local) = items.split_at(rng.next_u64() as usize % (d + 1));
    let (cells, mut found) = decode(&code, remote, local);
    let mut expected: Vec<_> = remote.iter().map(|&item| RibltDifference { side: Side::Remote, item }).collect();
    expected.extend(local.iter().map(|&item| RibltDifference { side: Side::Local, item }));
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    cells
}

/// What happens to the changed keys of a trial.
#[derive(Clone, Copy, Debug)]
enum Workload {
    Insert,
    Delete,
    Update,
    Mixed,
}

fn keyed_trial<const L: usize, const V: usize>(workload: Workload, d: usize, rng: &mut ChaCha8Rng) -> usize {
    let code = Keyed::<L, V>::new(Salt([rng.next_u64(), rng.next_u64()]));
    let (mut remote, mut local, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..d {
        let key = key_id(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()));
        let entry = |version, rng: &mut ChaCha8Rng| Entry::new(key, version, rng.next_u64());
        let version = 1 + rng.next_u64() % 1000;
        let (theirs, ours) = match (workload, rng.next_u64() % 3) {
            (Workload::Insert, _) | (Workload::Mixed, 0) => (Some(entry(version, rng)), None),
            (Workload::Delete, _) | (Workload::Mixed, 1) => (None, Some(entry(version, rng))),
            _ => (Some(entry(version, rng)), Some(entry(1 + rng.next_u64() % 1000, rng))),
        };
        let difference = Prefix::<Keyed<L, V>>::difference(
            &[theirs.map_or_else(Default::default, |entry| code.symbol(&entry).cell)],
            &[ours.map_or_else(Default::default, |entry| code.symbol(&entry).cell)],
        );
        let mut found = Vec::new();
        code.recover(&difference, &mut found);
        let found = found.remove(0).unwrap().1;
        assert_eq!(found.key, key);
        expected.push((found.key, found.weight));
        remote.extend(theirs);
        local.extend(ours);
    }
    let (cells, found) = decode(&code, &remote, &local);
    let mut found: Vec<_> = found.into_iter().map(|found| (found.key, found.weight)).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    cells
}

fn check_keyed<const L: usize, const V: usize>(reference: &[(usize, u32, f64, f64)], effort: (usize, usize)) {
    for (seed, workload) in
        [Workload::Insert, Workload::Delete, Workload::Update, Workload::Mixed].into_iter().enumerate()
    {
        let name = alloc::format!("keyed<{L}, {V}> {workload:?}");
        let seed = (100 * L + 10 * V + seed) as u64;
        check_overhead((&name, seed), reference, effort, |d, rng| keyed_trial::<L, V>(workload, d, rng));
    }
}

#[test]
fn plain_overhead_is_the_published_one() {
    check_overhead(("plain", 1), &REFERENCE, (10_000, 3000), plain_trial);
}

#[test]
fn keyed_overhead_is_the_published_one_in_form_a() {
    check_keyed::<1, 0>(&REFERENCE, (3_000, 1000));
}

#[test]
fn keyed_overhead_is_the_published_one_in_form_b() {
    check_keyed::<1, 1>(&REFERENCE, (3_000, 1000));
}

#[test]
fn keyed_overhead_is_the_published_one_with_long_ids() {
    let effort = (2_000, 1000);
    check_overhead(("keyed<2, 0>", 2), &REFERENCE[..10], effort, |d, rng| keyed_trial::<2, 0>(Workload::Mixed, d, rng));
    check_overhead(("keyed<2, 1>", 3), &REFERENCE[..10], effort, |d, rng| keyed_trial::<2, 1>(Workload::Mixed, d, rng));
}

#[test]
#[ignore = "long: minutes in release; 10^5 trials up to 10 differences, and up to 10^5 differences"]
fn overhead_is_the_published_one_with_many_trials() {
    for (reference, effort) in [(&REFERENCE[..], (1_000_000, 100_000)), (&LARGE[..], (1_000_000, 100))] {
        check_overhead(("plain", 1), reference, effort, plain_trial);
        check_keyed::<1, 0>(reference, effort);
        check_keyed::<1, 1>(reference, effort);
    }
}

/// Bytes per updated key at 1000 updates: form (a) in cells only, and the plain code, to which an update is 2 differences.
#[test]
fn an_update_costs_half_as_many_bytes_by_key() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let trials = 8;
    let cells: usize = (0..trials).map(|_| keyed_trial::<1, 0>(Workload::Update, 1000, &mut rng)).sum();
    let bytes = 24.0 * cells as f64 / (1000 * trials) as f64;
    assert!((32.0..33.5).contains(&bytes), "{bytes}");
    let cells: usize = (0..trials).map(|_| plain_trial(2000, &mut rng)).sum();
    let bytes = 25.0 * cells as f64 / (1000 * trials) as f64;
    assert!((66.0..71.0).contains(&bytes), "{bytes}");
}

#[test]
fn form_b_tells_the_newer_version_and_equivocation() {
    let code = FormB::new(Salt([1, 2]));
    let key = |id: u128| key_id(id << 5);
    let entry = |id, version, content| Entry::new(key(id), version, content);
    let remote = [entry(1, 5, 50), entry(2, 6, 60), entry(3, u64::MAX, 70), entry(4, 7, 80), entry(5, 9, 9)];
    let local = [entry(1, 4, 40), entry(2, 7, 61), entry(3, 1, 71), entry(4, 7, 81), entry(6, VERSION_MAX, 9)];
    let (_, found) = decode(&code, &remote, &local);
    let version = |id| found.iter().find(|found| found.key == key(id)).and_then(|found| found.version);
    assert_eq!(found.len(), 6);
    assert_eq!(version(1), Some(Ordering::Greater));
    assert_eq!(version(2), Some(Ordering::Less));
    assert_eq!(version(3), Some(Ordering::Greater));
    assert_eq!(version(4), Some(Ordering::Equal));
    assert_eq!(version(5), Some(Ordering::Greater));
    assert_eq!(version(6), Some(Ordering::Less));

    let (_, found) = decode(&FormA::new(Salt([1, 2])), &remote[..1], &local[..1]);
    assert_eq!((found.len(), found[0].version), (1, None));
}

fn items() -> impl Strategy<Value = BTreeSet<u128>> {
    btree_set(0u128..400, 0..200)
}

proptest! {
    /// Differential oracle: the standard library's set differences, in runs of any length.
    #[test]
    fn plain_finds_the_set_differences(remote in items(), local in items(), run in 1usize..50, salt: [u64; 2]) {
        let code = Riblt::new(Salt(salt));
        let build = |items: &BTreeSet<u128>| Prefix::build(code, 10_000, items.iter().copied());
        let (theirs, ours) = (build(&remote), build(&local));
        let mut decoder = Decoder::new(code, AMPLE);
        let complete = theirs.cells().chunks(run).any(|cells| decoder.push(cells, ours.cells()).unwrap());
        prop_assert!(complete && decoder.is_complete());
        let (mut only_remote, mut only_local) = decoder.sides();
        only_remote.sort_unstable();
        only_local.sort_unstable();
        prop_assert!(remote.difference(&local).eq(&only_remote));
        prop_assert!(local.difference(&remote).eq(&only_local));
    }

    /// Writes in any order leave what building anew gives, and so does extending.
    #[test]
    fn a_prefix_follows_its_set(writes in vec((0usize..20, 0u64..4), 0..60), lens in (0usize..50, 0usize..100)) {
        let code = LongFormB::new(Salt([3, 4]));
        let mut kept = [None; 20];
        let mut prefix = Prefix::new(code, lens.0);
        for (key, content) in writes {
            let new = (content > 0).then(|| Entry::new(key_id(key as u128), content, content * 7));
            match (kept[key], new) {
                (None, Some(new)) => prefix.add(&new),
                (Some(old), None) => prefix.remove(&old),
                (Some(old), Some(new)) => prefix.replace(&old, &new),
                (None, None) => {}
            }
            kept[key] = new;
        }
        let items = || kept.iter().copied().flatten();
        let anew = Prefix::build(code, lens.0, items());
        prop_assert_eq!(prefix.cells(), anew.cells());
        // In steps, by places.
        let mut stepwise = Prefix::build(code, lens.0, items());
        let mut places = stepwise.places(items()).unwrap();
        for len in [lens.0 + 1, lens.0 + 7, lens.0 + lens.1] {
            stepwise.extend(len, &mut places);
            let anew = Prefix::build(code, stepwise.cells().len(), items());
            prop_assert_eq!((stepwise.cells(), stepwise.items()), (anew.cells(), anew.items()));
        }
        let other = Entry::new(key_id(99), 1, 1);
        let differs = prefix.places(items().chain([other])).err();
        prop_assert_eq!(differs, (!prefix.cells().is_empty()).then_some(ItemsDiffer));
    }

    /// Whatever cells come, a decoder ends within its limits, and an honest set among forged cells is never completed
    /// with another answer than an error.
    #[test]
    fn forged_cells_come_to_an_end(
        items in btree_set(any::<u128>(), 0..30),
        forged in vec((0usize..60, 0usize..60, any::<bool>()), 1..40),
        noise in vec((0usize..60, any::<u128>(), any::<u64>(), -2i64..=2), 0..5),
        limits in (1usize..60, 0usize..30),
    ) {
        let code = Riblt::new(Salt([5, 6]));
        let honest = Prefix::build(code, 60, items.iter().copied());
        let mut cells = honest.cells().to_vec();
        for (from, to, add) in forged {
            let cell = honest.cells()[from];
            if add { cells[to] += cell } else { cells[to] = cell }
        }
        for (to, sum, check, count) in noise {
            cells[to] += RibltCell { sum, check, count };
        }
        let limits = Limits { cells: limits.0, differences: limits.1 };
        let local = alloc::vec![RibltCell::default(); 60];
        let mut decoder = Decoder::new(code, limits);
        let mut end = None;
        for cell in &cells {
            end = Some(decoder.push(core::slice::from_ref(cell), &local));
            if end != Some(Ok(false)) { break }
        }
        prop_assert!(decoder.differences().len() <= limits.differences && decoder.cells_taken() <= limits.cells);
        match end.unwrap() {
            // Then what was recovered has exactly the cells that came.
            Ok(true) => {
                let (remote, local) = decoder.sides();
                let (remote, local) = (Prefix::build(code, 60, remote), Prefix::build(code, 60, local));
                let taken = decoder.cells_taken();
                let difference = Prefix::<Riblt>::difference(remote.cells(), local.cells());
                prop_assert_eq!(&difference[..taken], &cells[..taken]);
            }
            Ok(false) => prop_assert!(limits.cells >= 60),
            Err(error) => prop_assert_ne!(error, PeelError::PrefixTooShort),
        }
    }

    #[test]
    fn forged_keyed_cells_come_to_an_end(
        keys in btree_set(any::<u64>(), 0..30),
        forged in vec((0usize..60, 0usize..60), 1..40),
        differences in 0usize..30,
    ) {
        let code = FormA::new(Salt([5, 6]));
        let entries = keys.iter().map(|&key| Entry::new(key_id(u128::from(key)), 1, key));
        let honest = Prefix::build(code, 60, entries);
        let mut cells = honest.cells().to_vec();
        for (from, to) in forged {
            cells[to] += honest.cells()[from];
        }
        let local = alloc::vec![Default::default(); 60];
        let mut decoder = Decoder::new(code, Limits { cells: 60, differences });
        for cell in cells.chunks(7) {
            if decoder.push(cell, &local) != Ok(false) { break }
        }
        prop_assert!(decoder.differences().len() <= differences && decoder.cells_taken() <= 60);
    }

    /// What is decoded is encoded to the same bytes, of the stated length; whatever else there is, is an error.
    #[test]
    fn runs_have_one_encoding(items in btree_set(any::<u128>(), 0..100), start in 0usize..30, bytes in 0usize..2000,
        flip in (0usize..2000, 1u8..)) {
        let plain = Prefix::build(Riblt::new(Salt([7, 8])), 100, items.iter().copied());
        round_trip(&plain, start, bytes, flip)?;
        let entry = |item: u128| Entry::new(key_id(item), item as u64, (item >> 7) as u64);
        round_trip(&Prefix::build(FormA::new(Salt([7, 8])), 100, items.iter().map(|&item| entry(item))), start, bytes, flip)?;
        round_trip(&Prefix::build(FormB::new(Salt([7, 8])), 100, items.iter().map(|&item| entry(item))), start, bytes, flip)?;
        let entry = |item: u128| Entry::new(key_id(item), item as u64, (item >> 7) as u64);
        let long = items.iter().map(|&item| entry(item));
        round_trip(&Prefix::build(LongFormB::new(Salt([7, 8])), 100, long), start, bytes, flip)?;
    }
}

fn round_trip<C: Code>(
    prefix: &Prefix<C>,
    start: usize,
    bytes: usize,
    (at, flip): (usize, u8),
) -> Result<(), TestCaseError> {
    let run = prefix.run(start, 70, bytes);
    let mut out = Vec::new();
    run.encode(&mut out);
    prop_assert_eq!(out.len(), run.encoded_len());
    prop_assert!(out.len() <= bytes || run.cells.is_empty());
    if run.cells.len() < 70 {
        // One more cell would not have fitted.
        let longer = prefix.run(start, run.cells.len() + 1, usize::MAX);
        prop_assert!(longer.encoded_len() > bytes);
    }
    let mut reader = Reader::new(&out).unwrap();
    prop_assert_eq!(Run::decode(&mut reader), Ok(run));
    prop_assert_eq!(reader.finish(), Ok(()));
    prop_assert!(Run::<C::Cell>::decode(&mut Reader::new(&out[..out.len() - 1]).unwrap()).is_err());

    let at = at % out.len();
    out[at] ^= flip;
    let mut reader = Reader::new(&out).unwrap();
    if let Ok(run) = Run::<C::Cell>::decode(&mut reader)
        && reader.finish().is_ok()
    {
        let mut again = Vec::new();
        run.encode(&mut again);
        prop_assert_eq!(again, out);
    }
    Ok(())
}

#[test]
fn cells_have_the_stated_lengths() {
    let len = |cell: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        cell(&mut out);
        out.len()
    };
    assert_eq!(len(&|out| RibltCell::default().encode(0, out)), 25);
    assert_eq!(len(&|out| <FormA as Code>::Cell::default().encode(0, out)), 24);
    assert_eq!(len(&|out| <FormB as Code>::Cell::default().encode(0, out)), 32);
    assert_eq!(len(&|out| <LongFormA as Code>::Cell::default().encode(0, out)), 32);
    assert_eq!(len(&|out| <LongFormB as Code>::Cell::default().encode(0, out)), 40);
    assert_eq!(size_of::<<FormA as Code>::Cell>(), 24);
    assert_eq!(size_of::<RibltCell>(), 32);
}

#[test]
fn false_fields_of_a_run_are_refused() {
    let decode = |start: u64, items: u64, count: u64, cell: RibltCell, expected: u64| {
        let mut out = Vec::new();
        [start, items, count].into_iter().for_each(|field| crate::wire::put_varint(&mut out, field));
        cell.encode(expected, &mut out);
        Run::<RibltCell>::decode(&mut Reader::new(&out).unwrap()).map(|run| run.cells)
    };
    let cell = |count| RibltCell { sum: 1, check: 2, count };
    let last = CELLS_MAX as u64 - 1;
    assert_eq!(decode(0, 10, 1, cell(10), 10), Ok(alloc::vec![cell(10)]));
    assert_eq!(decode(last, 10, 1, cell(0), 0), Ok(alloc::vec![cell(0)]));
    assert_eq!(decode(last + 1, 10, 1, cell(0), 0), Err(DecodeError::LimitExceeded));
    assert_eq!(decode(u64::MAX, 10, 1, cell(0), 0), Err(DecodeError::LimitExceeded));
    assert_eq!(decode(0, u64::MAX, 1, cell(0), 0), Err(DecodeError::LimitExceeded));
    assert_eq!(decode(0, 10, 1, cell(11), 10), Err(DecodeError::NotCanonical));
    assert_eq!(decode(0, 10, 1, cell(-1), 10), Err(DecodeError::NotCanonical));
    assert_eq!(decode(0, 10, 1, cell(i64::MIN), 10), Err(DecodeError::NotCanonical));
    assert_eq!(decode(0, 10, 1, cell(i64::MAX), 10), Err(DecodeError::NotCanonical));
    assert_eq!(decode(0, 10, 2, cell(10), 10), Err(DecodeError::Truncated));
    assert_eq!(decode(0, 10, 1 << 20, cell(10), 10), Err(DecodeError::LimitExceeded));
    let modulus = [0, 0, 1].map(u64::to_le_bytes).concat();
    for (at, field) in [(3, u64::MAX), (11, field61::MODULUS), (19, field61::MODULUS)] {
        let mut out = [&[0, 1, 1], &modulus[..]].concat();
        assert!(Run::<<FormA as Code>::Cell>::decode(&mut Reader::new(&out).unwrap()).is_ok());
        out[at..at + 8].copy_from_slice(&field.to_le_bytes());
        let refused = Run::<<FormA as Code>::Cell>::decode(&mut Reader::new(&out).unwrap());
        assert_eq!(refused, Err(DecodeError::NotCanonical));
    }
}

/// Published: 1.05 bytes a count on average for 10^6 items and 10^4 cells (Yang, Gilad and Alizadeh 2024).
#[test]
#[ignore = "long: a million items"]
fn counts_take_the_published_number_of_bytes() {
    let prefix = Prefix::build(Riblt::new(Salt([1, 2])), 10_000, 0..1_000_000u128);
    let run = prefix.run(0, 10_000, usize::MAX);
    let mean = run.encoded_len() as f64 / 10_000.0 - 24.0;
    eprintln!("{mean:.4} bytes a count");
    assert!((mean - 1.05).abs() < 0.02, "{mean}");
}

/// A cell that names an item which the others do not have would be recovered and put back for ever.
#[test]
fn an_item_that_is_found_twice_is_a_forgery() {
    let code = Riblt::new(Salt([1, 2]));
    let prefix = Prefix::build(code, 100, [42u128]);
    let mut cells = alloc::vec![RibltCell::default(); 100];
    cells[0] = prefix.cells()[0];
    let mut decoder = Decoder::new(code, AMPLE);
    assert_eq!(decoder.push(&cells, &[RibltCell::default(); 100]), Err(PeelError::Inconsistent));
    assert_eq!(decoder.push(&cells, &[RibltCell::default(); 200]), Err(PeelError::Inconsistent));

    // In a cell that is not its own: even if it is the first to be found.
    let foreign = (1..100).find(|&index| prefix.cells()[index] == RibltCell::default()).unwrap();
    let mut cells = alloc::vec![RibltCell::default(); 100];
    cells[foreign] = prefix.cells()[0];
    let mut decoder = Decoder::new(code, AMPLE);
    assert_eq!(decoder.push(&cells, &[RibltCell::default(); 100]), Err(PeelError::Inconsistent));
}

#[test]
fn limits_end_a_stream() {
    let code = FormB::new(Salt([1, 2]));
    let entries = (0..50u64).map(|key| Entry::new(key_id(u128::from(key)), 1, key));
    let remote = Prefix::build(code, 400, entries);
    let local = Prefix::new(code, 400);
    let run = |limits| Decoder::new(code, limits).push(remote.cells(), local.cells());
    assert_eq!(run(Limits { cells: 400, differences: 50 }), Ok(true));
    assert_eq!(run(Limits { cells: 400, differences: 49 }), Err(PeelError::TooManyDifferences));
    assert_eq!(run(Limits { cells: 399, differences: 50 }), Err(PeelError::TooManyCells));

    let mut decoder = Decoder::new(code, AMPLE);
    assert_eq!(decoder.push(remote.cells(), &local.cells()[..399]), Err(PeelError::PrefixTooShort));
    assert_eq!(decoder.push(remote.cells(), local.cells()), Ok(true));
}

/// Under different salts nothing fits: the result is an error or no end, never an answer.
#[test]
fn different_salts_never_agree() {
    for salt in 0..50 {
        let items = 0..20u128;
        let remote = Prefix::build(Riblt::new(Salt([1, salt])), 100, items.clone());
        let local = Prefix::build(Riblt::new(Salt([2, salt])), 100, items);
        let end = Decoder::new(Riblt::new(Salt([2, salt])), AMPLE).push(remote.cells(), local.cells());
        assert_ne!(end, Ok(true));
    }
}
