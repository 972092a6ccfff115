use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::random::shuffle;
use crate::wire::Message;

const SALT: [u8; 32] = [7; 32];
const MESSAGES_MAX: usize = 100_000;

fn draw<const N: usize>(rng: &mut ChaCha8Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let map: BTreeMap<Key, [u8; 16]> = (0..count).map(|_| (draw(&mut rng), draw(&mut rng))).collect();
    map.into_iter().map(|(key, value)| Entry { key, value }).collect()
}

/// Two maps of about `count` keys: of one, `changes` keys are inserted, deleted or updated, in turn.
fn maps(seed: u64, count: usize, changes: usize) -> [Vec<Entry>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let one = entries(seed, count);
    let mut other: BTreeMap<Key, [u8; 16]> = one.iter().map(|entry| (entry.key, entry.value)).collect();
    for change in 0..changes {
        let key = if one.is_empty() { draw(&mut rng) } else { one[(rng.next_u64() % one.len() as u64) as usize].key };
        match change % 3 {
            0 => drop(other.insert(draw(&mut rng), draw(&mut rng))),
            1 => drop(other.remove(&key)),
            _ => drop(other.insert(key, draw(&mut rng))),
        }
    }
    [one, other.into_iter().map(|(key, value)| Entry { key, value }).collect()]
}

fn difference(maps: &[Vec<Entry>; 2]) -> BTreeSet<Key> {
    let [one, other] = [0, 1].map(|side| maps[side].iter().collect::<BTreeSet<_>>());
    one.symmetric_difference(&other).map(|entry| entry.key).collect()
}

#[derive(Default)]
struct Session {
    bytes: usize,
    messages: usize,
    differing: [BTreeSet<Key>; 2],
}

/// As it travels: encoded, of the length that it says, within the frame, decoded to the same.
fn travel(message: &TreeMessage, frame: usize) -> usize {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    assert!(bytes.len() <= frame, "{} bytes in a frame of {frame}", bytes.len());
    assert_eq!(&TreeMessage::decode(&bytes).unwrap(), message);
    bytes.len()
}

fn converse(sides: &[SearchTree<&Vec<Entry>>; 2], frame: usize) -> Session {
    let mut session = Session::default();
    let mut message = Some(sides[0].open());
    while let Some(sent) = message {
        session.bytes += travel(&sent, frame);
        session.messages += 1;
        assert!(session.messages <= MESSAGES_MAX, "no end");
        let to = session.messages % 2;
        let answer = sides[to].answer(&sent);
        session.differing[to].extend(&answer.differing);
        message = answer.reply;
    }
    session
}

fn trees(maps: &[Vec<Entry>; 2], frame: usize) -> [SearchTree<&Vec<Entry>>; 2] {
    [0, 1].map(|side| SearchTree::new(&maps[side], SALT, frame))
}

fn levels(sides: &[SearchTree<&Vec<Entry>>; 2]) -> usize {
    let highest = sides.iter().flat_map(|side| side.branches.iter().map(|branch| branch.level)).max();
    highest.map_or(0, |level| usize::from(level) + 1)
}

/// The tree of the paper, of linked nodes, into which keys are inserted one by one.
#[derive(Default)]
struct Node {
    level: u8,
    entries: Vec<Entry>,
    /// One more than there are entries.
    children: Vec<Link>,
}

type Link = Option<Box<Node>>;

fn insert(link: Link, entry: Entry) -> Link {
    let level = level(&entry.key, &SALT);
    let Some(mut node) = link else {
        return Some(Box::new(Node { level, entries: vec![entry], children: vec![None, None] }));
    };
    if node.level < level {
        let (left, right) = split(Some(node), &entry.key);
        return Some(Box::new(Node { level, entries: vec![entry], children: vec![left, right] }));
    }
    let at = node.entries.partition_point(|own| own.key < entry.key);
    let child = node.children[at].take();
    if node.level > level {
        node.children[at] = insert(child, entry);
    } else {
        let (left, right) = split(child, &entry.key);
        node.entries.insert(at, entry);
        node.children[at] = left;
        node.children.insert(at + 1, right);
    }
    Some(node)
}

fn split(link: Link, key: &Key) -> (Link, Link) {
    let Some(mut node) = link else { return (None, None) };
    let at = node.entries.partition_point(|own| own.key < *key);
    let (left, right) = split(node.children[at].take(), key);
    let entries = node.entries.split_off(at);
    let mut children = node.children.split_off(at + 1);
    node.children[at] = left;
    children.insert(0, right);
    let right = Node { level: node.level, entries, children };
    let whole = |mut node: Node| {
        if node.entries.is_empty() { node.children.remove(0) } else { Some(Box::new(node)) }
    };
    (whole(*node), whole(right))
}

fn hash_of(link: &Link) -> [u8; 16] {
    let Some(node) = link else { return [0; 16] };
    let mut content = vec![node.level];
    for (entry, child) in node.entries.iter().zip(&node.children) {
        content.extend(hash_of(child));
        content.extend(entry.key);
        content.extend(entry.value);
    }
    content.extend(hash_of(node.children.last().unwrap()));
    blake3::hash(&content).as_bytes()[..16].try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The row of branches is the linked tree of the paper, whatever the order of insertion; of every interval, too.
    #[test]
    fn the_shape_is_a_function_of_the_keys(seed: u64, count in 0usize..600, cut: [u16; 2]) {
        let set = entries(seed, count);
        let tree = SearchTree::new(&set, SALT, FRAME_MIN);
        let mut interval = cut.map(|cut| usize::from(cut) % (set.len() + 1));
        interval.sort_unstable();
        for [from, to] in [[0, set.len()], interval] {
            let mut order = set[from..to].to_vec();
            for order_seed in 0..3 {
                shuffle(&mut ChaCha8Rng::seed_from_u64(order_seed), &mut order);
                let linked = order.iter().fold(None, |link, entry| insert(link, *entry));
                prop_assert_eq!(tree.hash(from, to), hash_of(&linked));
            }
        }
        prop_assert_eq!(tree.root(), tree.hash(0, set.len()));
    }

    #[test]
    fn the_walk_finds_what_differs(
        seed: u64, count in 0usize..3000, share in 0.0..1.0, frame in FRAME_MIN..8192, empty: bool,
    ) {
        let mut maps = maps(seed, count, (count as f64 * share * share * share) as usize);
        if empty && seed % 4 == 0 {
            maps[(seed % 8 / 4) as usize].clear();
        }
        let sides = trees(&maps, FRAME_MAX);
        let session = converse(&sides, FRAME_MAX);
        let truth = difference(&maps);
        prop_assert_eq!(&session.differing[0], &truth);
        prop_assert_eq!(&session.differing[1], &truth);
        let bound = 2 * levels(&sides) + 2;
        prop_assert!(session.messages <= bound, "{} messages of {}", session.messages, bound);
        let framed = converse(&trees(&maps, frame), frame);
        prop_assert_eq!(&framed.differing[0], &truth);
        prop_assert_eq!(&framed.differing[1], &truth);
    }

    /// Messages of a session, delivered in any order, any number of times or never: answers repeat, and say nothing wrong.
    #[test]
    fn answers_are_functions_of_the_message(seed: u64, changes in 0usize..300, picks: [u16; 64]) {
        let maps = maps(seed, 2000, changes);
        let truth = difference(&maps);
        let sides = trees(&maps, FRAME_MIN);
        let mut sent = vec![(1, sides[0].open()), (0, sides[1].open())];
        for pick in picks {
            let (to, message) = sent[usize::from(pick) % sent.len()].clone();
            let answer = sides[to].answer(&message);
            prop_assert!(answer.differing.iter().all(|key| truth.contains(key)));
            prop_assert_eq!(&sides[to].answer(&message), &answer);
            sent.extend(answer.reply.map(|reply| (1 - to, reply)));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(mut bytes in prop::collection::vec(any::<u8>(), 0..200), small: bool) {
        if small {
            bytes.iter_mut().for_each(|byte| *byte %= 4);
        }
        if let Ok(message) = TreeMessage::decode(&bytes) {
            let mut again = Vec::new();
            message.encode(&mut again);
            prop_assert_eq!(again, bytes);
            let set = entries(1, 300);
            let answer = SearchTree::new(&set, SALT, FRAME_MIN).answer(&message);
            if let Some(reply) = answer.reply {
                travel(&reply, FRAME_MIN);
            }
        }
    }

    /// A message that was tampered with is refused, or answered within the frame; the peers end whatever they began.
    #[test]
    fn tampering_costs_nothing(
        seed: u64, intact in 0usize..6, flips in prop::collection::vec((any::<u16>(), 1u8..), 0..3), cut in 0usize..40,
    ) {
        let maps = maps(seed, 500, 100);
        let sides = trees(&maps, FRAME_MIN);
        let mut message = sides[0].open();
        for sent in 0..MESSAGES_MAX {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            if sent == intact {
                for (at, flip) in &flips {
                    let at = usize::from(*at) % bytes.len();
                    bytes[at] ^= flip;
                }
                bytes.truncate(bytes.len() - cut.saturating_sub(20).min(bytes.len()));
            }
            let Ok(received) = TreeMessage::decode(&bytes) else { return Ok(()) };
            let Some(reply) = sides[(sent + 1) % 2].answer(&received).reply else { return Ok(()) };
            travel(&reply, FRAME_MIN);
            message = reply;
        }
        prop_assert!(false, "no end");
    }
}

/// Levels are geometric with base 16: of n keys, n / 16^l reach level l, and a tree of them has about log16 n levels.
#[test]
fn levels_are_geometric() {
    let set = entries(5, 65_536);
    let tree = SearchTree::new(&set, SALT, FRAME_MAX);
    for (least, expected) in [(1, 4096.0), (2, 256.0), (3, 16.0)] {
        let reached = tree.branches.iter().filter(|branch| branch.level >= least).count() as f64;
        let (error, deviation) = (reached - expected, libm::sqrt(expected));
        assert!(libm::fabs(error) < 4.0 * deviation, "level {least}: {reached}");
    }
}

/// An update is one difference. It costs a node of each level: about 16 keys, each with its value and a hash beside it.
#[test]
fn an_update_costs_a_path() {
    let one = entries(6, 65_536);
    let mut other = one.clone();
    other[30_000].value[0] ^= 1;
    let maps = [one, other];
    let sides = trees(&maps, FRAME_MAX);
    let session = converse(&sides, FRAME_MAX);
    for side in [0, 1] {
        assert_eq!(session.differing[side], BTreeSet::from([maps[0][30_000].key]));
    }
    let levels = levels(&sides);
    assert!((4..=6).contains(&levels), "{levels} levels");
    assert!(session.messages <= levels + 1, "{} messages", session.messages);
    assert!(session.bytes < levels * 3 * 16 * 49, "{} bytes", session.bytes);
}

/// Keys that stand on one level, as whoever knows the salt can choose them: one node of thousands, in small frames.
#[test]
fn a_wide_node_is_taken_in_parts() {
    let mut one = entries(8, 3000);
    one.retain(|entry| level(&entry.key, &SALT) == 0);
    let mut other = one.clone();
    (0..other.len()).step_by(100).for_each(|at| other[at].value[0] ^= 1);
    let maps = [one, other];
    let session = converse(&trees(&maps, FRAME_MIN), FRAME_MIN);
    assert_eq!(session.differing[0], difference(&maps));
    assert_eq!(session.differing[1], difference(&maps));
}

#[test]
#[ignore = "long: prints the table of bytes"]
fn table_of_bytes() {
    std::println!("| changes | keys that differ | bytes | messages | frame 1200: bytes, messages |");
    for changes in [0, 1, 10, 100, 1000, 10_000] {
        let maps = maps(changes as u64, 100_000, changes);
        let (whole, small) = (converse(&trees(&maps, FRAME_MAX), FRAME_MAX), converse(&trees(&maps, 1200), 1200));
        for session in [&whole, &small] {
            assert_eq!(session.differing, [difference(&maps), difference(&maps)]);
        }
        let differ = whole.differing[0].len();
        let frames = (small.bytes, small.messages);
        std::println!("| {changes} | {differ} | {} | {} | {frames:?} |", whole.bytes, whole.messages);
    }
}
