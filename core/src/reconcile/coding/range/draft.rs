//! A message of range-based reconciliation in the making, which never outgrows its frame.

use alloc::vec::Vec;
use core::mem;

use super::message::{Body, Bound, FINGERPRINT_LEN, FRAME_MAX, ID_LEN, RANGES_MAX, Range, RangeMessage};
use crate::wire::varint_len;

/// Kind, order and id.
const HEAD_LEN_MAX: usize = 1 + 10 + ID_LEN;
/// The count, and a range that is skipped and a fingerprint of all that is left, which can always follow.
const RESERVE: usize = varint_len(RANGES_MAX as u64) + HEAD_LEN_MAX + 1 + FINGERPRINT_LEN;

/// A message in the making, which never outgrows its frame.
pub(super) struct Draft {
    message: RangeMessage,
    len: usize,
    frame: usize,
    /// A range behind the last one that is skipped, should another one follow, and how many items stand before its end.
    skipped: Option<(Bound, usize)>,
    /// How many items stand before the end of the last range.
    covered: usize,
}

impl Draft {
    pub(super) fn new(frame: usize) -> Self {
        Self { message: RangeMessage { ranges: Vec::new() }, len: 0, frame, skipped: None, covered: 0 }
    }

    /// Nothing is open up to here.
    pub(super) fn skip(&mut self, end: Bound, upper: usize) {
        self.skipped = Some((end, upper));
    }

    /// Appends a range; false, and nothing done, where it does not fit.
    pub(super) fn push(&mut self, range: Range, upper: usize) -> bool {
        let (ranges, len) = (self.message.ranges.len(), self.len);
        if let Some((end, _)) = self.skipped {
            self.append(Range { end, body: Body::Skip });
        }
        self.append(range);
        if self.len + RESERVE > self.frame || self.message.ranges.len() + 2 > RANGES_MAX {
            self.message.ranges.truncate(ranges);
            self.len = len;
            return false;
        }
        (self.skipped, self.covered) = (None, upper);
        true
    }

    /// Ends a message that is full with a fingerprint of everything behind it.
    pub(super) fn leave_rest(&mut self, fingerprint_from: impl Fn(usize) -> [u8; FINGERPRINT_LEN]) {
        if let Some((end, upper)) = mem::take(&mut self.skipped) {
            self.append(Range { end, body: Body::Skip });
            self.covered = upper;
        }
        self.append(Range { end: Bound::End, body: Body::Fingerprint(fingerprint_from(self.covered)) });
    }

    /// How many ids fit, with prefixes of others, into a range that is appended now; a few more might.
    pub(super) fn room_for_ids(&self, others: usize) -> usize {
        let taken = self.len + 2 * HEAD_LEN_MAX + 3 + varint_len(FRAME_MAX as u64) + others * ID_LEN + RESERVE;
        self.frame.saturating_sub(taken) / ID_LEN
    }

    /// The message, which has no ranges where nothing is open.
    pub(super) fn finish(self) -> RangeMessage {
        self.message
    }

    fn append(&mut self, range: Range) {
        let order = self.message.ranges.last().map_or(0, |last| last.end.order());
        self.len += range.encoded_len(order);
        self.message.ranges.push(range);
    }
}
