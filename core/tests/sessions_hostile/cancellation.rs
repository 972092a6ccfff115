//! Chosen content that cancels a victim's tuple in the cells of an epoch whose salt is known, and what the default does.
//!
//! **XOR.** `reconcile::cancellation` says how, and what it takes.
//!
//! **GF(p).** Three free weights cancel all three sums of a keyed cell. But a session's weights are hashes of digests,
//! which nobody chooses: a given difference of two weights is found among 2^30.5 candidates for each of them, and a subset
//! that adds up is a knapsack of 183 bits rather than linear algebra. (A generalised birthday attack, D. Wagner, CRYPTO
//! 2002, on 4,096 lists should take some 2^26 hashes, and as many tuples as lists; nobody has run it.) So the arithmetic is
//! shown on the code itself, with weights that are free, and no session over keyed cells is censored here.

use std::sync::Arc;

use rapprochement_core::reconcile::cancellation::Cancellation;
use rapprochement_core::reconcile::coding::field61::F61;
use rapprochement_core::reconcile::coding::keyed::{Entry, FormA};
use rapprochement_core::reconcile::coding::mapping::Mapping;
use rapprochement_core::reconcile::coding::{Cell, Code, Decoder, Limits, Prefix, Salt};
use rapprochement_core::reconcile::session::pair::{self, Side};
use rapprochement_core::reconcile::session::{MethodKind, SessionError, Verdict};
use rapprochement_core::store::Tuple;

use crate::world::{ANYBODY, EPOCH, numbered, tuple};

/// The cells of a hash among the first so many.
fn cells(hash: u64, among: u32) -> Vec<u32> {
    Mapping::new(hash).take_while(|&cell| cell < among).collect()
}

/// Two sides, the first with the victim's tuple, both with the attacker's: those cancel it in each of the first `cells`.
fn censored(victim: &Arc<Tuple>, among: u32) -> [Side; 2] {
    let signed = (0u32..).map(|i| tuple(66, &i.to_le_bytes(), 1, b""));
    let halves = Cancellation::new(EPOCH, among).halves(victim, signed).unwrap();
    let [with, without] = halves.each_ref().map(Vec::len);
    assert!(without == with + 1 && (70..136).contains(&(with + without)), "{with} {without}");
    let mut sides = [numbered(0..100), numbered(0..100)];
    sides[0].offer(victim, &ANYBODY);
    for (side, half) in sides.iter_mut().zip(&halves) {
        half.iter().for_each(|tuple| drop(side.offer(tuple, &ANYBODY)));
    }
    sides
}

fn run(kind: MethodKind, salted: bool, room: usize, sides: &mut [Side; 2]) -> pair::Transcript {
    let [a, b] = sides;
    pair::run(kind, salted, [1, 2], room, [a, b], &ANYBODY)
}

fn holds(side: &Side, tuple: &Tuple) -> bool {
    side.store().get(&tuple.author(), tuple.key()).is_some()
}

/// The default: a session under the epoch's salt ends with this, and one that is salted finds the tuple.
fn recovers(victim: &Tuple, sides: &mut [Side; 2], room: usize, expected: [Verdict; 2]) {
    for _ in 0..2 {
        // As often as it is tried under the epoch's salt.
        assert_eq!(run(MethodKind::Riblt, false, room, sides).verdicts, expected);
        assert!(!holds(&sides[1], victim));
    }
    assert!(expected.iter().all(|verdict| verdict.calls_for_salt()));
    assert_eq!(run(MethodKind::Riblt, true, room, sides).verdicts, [Verdict::Equal; 2]);
    assert!(holds(&sides[1], victim));
    assert_eq!(sides[0].store().root_digest(), sides[1].store().root_digest());
}

#[test]
fn a_tuple_cancelled_by_xor_is_found_by_the_salted_session() {
    let light = |among: u32| {
        let mut tuples = (0u32..).map(|i| tuple(5, &i.to_le_bytes(), 1, b"victim"));
        tuples.find(|tuple| Cancellation::new(EPOCH, among).cells_of(tuple) == [0]).unwrap()
    };
    // Any victim under an opening of 8 cells; one that is in cell 0 alone under an opening of 1,200 bytes.
    for (victim, among, room) in [(tuple(5, b"any", 1, b"victim"), 8, 8 * 26), (light(48), 48, 1200)] {
        let mut sides = censored(&victim, among);
        recovers(&victim, &mut sides, room, [Verdict::Mismatch; 2]);
    }
}

/// Cell 0 alone: it silences an opening of one cell; more of them contradict it, and the session fails each time.
#[test]
fn to_cancel_cell_zero_alone_makes_sessions_fail() {
    let victim = tuple(5, b"any", 1, b"victim");
    let sides = censored(&victim, 1);
    recovers(&victim, &mut sides.clone(), 32, [Verdict::Mismatch; 2]);
    let failed = [SessionError::Aborted, SessionError::Malformed].map(Verdict::Failed);
    recovers(&victim, &mut sides.clone(), 1200, failed);
}

/// The three sums of an entry's cell, which are on the wire one after another.
fn sums(code: &FormA, entry: &Entry<1>) -> [F61; 3] {
    let mut bytes = Vec::new();
    code.symbol(entry).cell.encode(0, &mut bytes);
    let sums = bytes.as_chunks::<8>().0;
    [0, 1, 2].map(|at| F61::canonical(u64::from_le_bytes(sums[at])).unwrap())
}

fn determinant(columns: [[F61; 3]; 3]) -> F61 {
    let [a, b, c] = columns;
    a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1])
}

/// Three weights for three keys of the attacker's, by Cramer's rule: with a victim's update they leave nothing in cell 0,
/// nor in any other cell of the prefix, as their keys are in the same of them. Other salts have them all found.
#[test]
fn three_chosen_weights_cancel_an_update_in_every_keyed_cell() {
    for among in [1, 8, 16] {
        let code = FormA::new(EPOCH);
        let entry = |key: u64, content| Entry::new([F61::new(key)], 1, content);
        let place = |key| cells(code.symbol(&entry(key, 1)).hash, among);
        let (old, new) = (entry(12_345, 111), entry(12_345, 222));
        let keys: Vec<u64> = (1u64 << 32..).filter(|&key| place(key) == place(12_345)).take(3).collect();

        let columns = [0, 1, 2].map(|at| sums(&code, &entry(keys[at], 1)));
        let (before, after) = (sums(&code, &old), sums(&code, &new));
        let target = [0, 1, 2].map(|at| before[at] - after[at]);
        let divisor = determinant(columns).inverse();
        let chosen = [0, 1, 2].map(|at| {
            let mut replaced = columns;
            replaced[at] = target;
            entry(keys[at], (determinant(replaced) * divisor).get())
        });

        let found = |salt, len: u32| {
            let code = FormA::new(salt);
            let remote = Prefix::build(code, len as usize, chosen.into_iter().chain([new]));
            let local = Prefix::build(code, len as usize, [old]);
            let mut decoder = Decoder::new(code, Limits { cells: 1000, differences: 1000 });
            let complete = decoder.push(remote.cells(), local.cells());
            (complete, decoder.differences().len())
        };
        assert_eq!(found(EPOCH, among), (Ok(true), 0), "{among}");
        assert_eq!(found(Salt([1, 2]), 100), (Ok(true), 4), "{among}");
        // What is longer than the prefix that was cancelled tells, too.
        assert_eq!(found(EPOCH, 1000), (Ok(true), 4), "{among}");
    }
}
