//! Range-based set reconciliation: A. Meyer, "Range-based set reconciliation", SRDS 2023 (arXiv 2212.13567), section 3,
//! with the bounds and the frame limit of negentropy (protocol version 1).
//!
//! Both sides sort their items. A message is a row of ranges from the least item upwards, each with a fingerprint of what
//! the sender holds in it. Where the receiver's own fingerprint differs, it answers with the range split into sixteen; where
//! it holds fewer than 32 items, with their ids; and it answers ids with those that one of the two lacks, so that both sides
//! know the difference after about log16 n messages. An answer is a function of the items and the message alone, so lost,
//! repeated and reordered messages do no harm: whoever misses an answer opens again. There are no roles.
//!
//! The answer to ids names what it wants by prefixes, which only have to tell apart at most 31 ids that the peer has just sent.
//! What it offers it names in full; a session that sends those items anyway saves that with [`Ranges::pushing`].
//!
//! **Fingerprints.** A range's fingerprint is a hash over the count of its items and the sum modulo 2^128 of a *keyed* hash
//! of each id; with prefix sums it costs the same for every range. A sum can be cancelled by whoever chooses the summands:
//! sums of ids, or of hashes under a key that is known, fall to the generalised birthday attack (D. Wagner, CRYPTO 2002) at any
//! practical width. So the key is a salt that nobody knows who writes items: one for each session, out of nonces of
//! both peers, and two different sets have one fingerprint with probability 2^-128. A peer knows its own session's salt, but it
//! could as well lie. A salt that is kept for longer, to save a hash per item and session, gives that up.

mod draft;
mod message;
#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;

pub use message::{FRAME_MAX, FRAME_MIN, LIST_MAX, RANGES_MAX, RangeMessage};

use draft::Draft;
use message::{Body, Bound, FINGERPRINT_LEN, Prefixes, Range};

/// Into how many parts a range is split.
const PARTS: usize = 16;

/// The name of an item, for instance its digest cut to 16 bytes. An id belongs to one [`Item::order`] only.
pub type Id = [u8; 16];

/// What is reconciled: items are sorted by order, then id. Differences that are close to each other in this order cost less, so
/// that a clock or a version for the order makes recent writes cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Where it stands, as the caller chooses; both sides must choose alike.
    pub order: u64,
    /// What it is.
    pub id: Id,
}

/// One side's items, ready to be compared.
#[derive(Clone, Debug)]
pub struct Ranges<S> {
    items: S,
    /// Of the hashes of all items before a place; one more than there are items.
    sums: Vec<u128>,
    salt: [u8; 32],
    frame: usize,
    offers: bool,
}

/// What a message led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeAnswer {
    /// What to send back; `None` where nothing is open on this side any more.
    pub reply: Option<RangeMessage>,
    /// Items that are held here and that the peer lacks. Over the rounds of a session an id may come again.
    pub have: Vec<Id>,
    /// Items that the peer says it holds, and that are not here. Over the rounds of a session an id may come again.
    pub need: Vec<Id>,
}

impl<S: AsRef<[Item]>> Ranges<S> {
    /// Hashes all items (a slice, a vector or an `Arc` of them), which must be sorted and without duplicates. Both sides
    /// use one salt. No message of this side is longer than `frame` bytes, which is taken into
    /// [`FRAME_MIN`]`..=`[`FRAME_MAX`]; what does not fit is left for the next round.
    pub fn new(items: S, salt: [u8; 32], frame: usize) -> Self {
        debug_assert!(items.as_ref().is_sorted_by(|a, b| a < b), "items are sorted and differ");
        let mut sums = Vec::with_capacity(items.as_ref().len() + 1);
        let mut sum = 0u128;
        sums.push(sum);
        for item in items.as_ref() {
            sum = sum.wrapping_add(u128::from_le_bytes(cut(blake3::keyed_hash(&salt, &item.id))));
            sums.push(sum);
        }
        Self { items, sums, salt, frame: frame.clamp(FRAME_MIN, FRAME_MAX), offers: true }
    }

    /// For a session that sends the items of [`RangeAnswer::have`] at once: their ids do not travel. The peer's
    /// [`RangeAnswer::need`] then lacks what is on its way to it, and may stay empty.
    #[must_use]
    pub fn pushing(self) -> Self {
        Self { offers: false, ..self }
    }

    /// The first message of a session.
    pub fn open(&self) -> RangeMessage {
        let mut draft = Draft::new(self.frame);
        let fits = self.split(0, self.len(), Bound::End, &mut draft);
        debug_assert!(fits, "the shortest frame holds a split");
        draft.finish()
    }

    /// Compares a peer's message with the items. Takes time in the length of the message, the number of items that stand in
    /// listed ranges, and the frame.
    pub fn answer(&self, message: &RangeMessage) -> RangeAnswer {
        let mut answer = RangeAnswer::default();
        let mut draft = Draft::new(self.frame);
        let mut lower = 0;
        for range in &message.ranges {
            let upper = self.place(lower, &range.end);
            if !self.answer_range(lower, upper, range, &mut draft, &mut answer) {
                draft.leave_rest(|covered| self.fingerprint(covered, self.len()));
                break;
            }
            lower = upper;
        }
        answer.reply = Some(draft.finish()).filter(|reply| !reply.ranges.is_empty());
        answer
    }

    /// False where the answer did not fit any more, or only in part.
    fn answer_range(
        &self,
        lower: usize,
        upper: usize,
        range: &Range,
        draft: &mut Draft,
        answer: &mut RangeAnswer,
    ) -> bool {
        match &range.body {
            Body::Fingerprint(theirs) if *theirs != self.fingerprint(lower, upper) => {
                return self.split(lower, upper, range.end, draft);
            }
            Body::List(theirs) => return self.compare(lower, upper, range.end, theirs, draft, answer),
            Body::Difference { wanted, offered } => {
                let items = &self.items.as_ref()[lower..upper];
                answer.have.extend(items.iter().map(|item| item.id).filter(|id| wanted.names(id)));
                answer.need.extend(self.missing(lower, upper, offered));
            }
            Body::Skip | Body::Fingerprint(_) => {}
        }
        draft.skip(range.end, upper);
        true
    }

    /// States what is here: the ids of few items, or the fingerprints of equal parts.
    fn split(&self, lower: usize, upper: usize, end: Bound, draft: &mut Draft) -> bool {
        let (items, count) = (self.items.as_ref(), upper - lower);
        if count <= LIST_MAX {
            let mut ids: Vec<Id> = items[lower..upper].iter().map(|item| item.id).collect();
            ids.sort_unstable();
            return draft.push(Range { end, body: Body::List(ids) }, upper);
        }
        let mut from = lower;
        (1..=PARTS).all(|part| {
            let to = lower + count * part / PARTS;
            let end = if part == PARTS { end } else { Bound::between(&items[to - 1], &items[to]) };
            let body = Body::Fingerprint(self.fingerprint(from, to));
            from = to;
            draft.push(Range { end, body }, to)
        })
    }

    /// Answers ids with what one of the two lacks. Where that is too much for the frame, the range ends earlier.
    fn compare(
        &self,
        lower: usize,
        upper: usize,
        end: Bound,
        theirs: &[Id],
        draft: &mut Draft,
        answer: &mut RangeAnswer,
    ) -> bool {
        let items = self.items.as_ref();
        let need = self.missing(lower, upper, theirs);
        let wanted = Prefixes::among(theirs, &need);
        let room = if self.offers { draft.room_for_ids(need.len()) } else { usize::MAX };
        let mut lacking = (lower..upper).filter(|place| theirs.binary_search(&items[*place].id).is_err());
        let mut have: Vec<Id> = lacking.by_ref().take(room).map(|place| items[place].id).collect();
        let covered = lacking.next().unwrap_or(upper);
        if covered < upper && have.is_empty() {
            return false;
        }
        have.sort_unstable();
        let offered = if self.offers { have.clone() } else { Vec::new() };
        if need.is_empty() && offered.is_empty() {
            draft.skip(end, upper);
        } else {
            let end = if covered == upper { end } else { Bound::between(&items[covered - 1], &items[covered]) };
            if !draft.push(Range { end, body: Body::Difference { wanted, offered } }, covered) {
                return false;
            }
        }
        answer.have.extend(have);
        answer.need.extend(need);
        covered == upper
    }

    /// Those of these sorted ids that do not stand between two places.
    fn missing(&self, lower: usize, upper: usize, ids: &[Id]) -> Vec<Id> {
        let mut held = vec![false; ids.len()];
        if !ids.is_empty() {
            for item in &self.items.as_ref()[lower..upper] {
                if let Ok(place) = ids.binary_search(&item.id) {
                    held[place] = true;
                }
            }
        }
        ids.iter().zip(held).filter(|(_, held)| !held).map(|(id, _)| *id).collect()
    }

    /// The place of the first item that is not below a bound.
    fn place(&self, from: usize, bound: &Bound) -> usize {
        match bound {
            Bound::End => self.len(),
            Bound::Before(bound) => from + self.items.as_ref()[from..].partition_point(|item| item < bound),
        }
    }

    fn fingerprint(&self, lower: usize, upper: usize) -> [u8; FINGERPRINT_LEN] {
        let mut content = [0; 24];
        content[..16].copy_from_slice(&self.sums[upper].wrapping_sub(self.sums[lower]).to_le_bytes());
        content[16..].copy_from_slice(&((upper - lower) as u64).to_le_bytes());
        cut(blake3::keyed_hash(&self.salt, &content))
    }

    fn len(&self) -> usize {
        self.items.as_ref().len()
    }
}

fn cut(hash: blake3::Hash) -> [u8; 16] {
    let mut cut = [0; 16];
    cut.copy_from_slice(&hash.as_bytes()[..16]);
    cut
}
