//! Sorted, disjoint ranges of stream offsets: what has been selectively acknowledged, what has arrived out of order.

/// Ranges `[start, end)`, none of which touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    sorted: Vec<(u64, u64)>,
}

impl Ranges {
    /// The ranges, in order.
    pub(super) fn as_slice(&self) -> &[(u64, u64)] {
        &self.sorted
    }

    /// Nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The end of the last range.
    pub(super) fn highest(&self) -> Option<u64> {
        self.sorted.last().map(|&(_, end)| end)
    }

    /// Whether all of `[start, end)` is in it.
    pub(super) fn contains(&self, start: u64, end: u64) -> bool {
        let at = self.sorted.partition_point(|&(_, e)| e < end);
        self.sorted.get(at).is_some_and(|&(s, _)| s <= start)
    }

    /// Adds a range, and returns the one that it is part of now.
    pub(super) fn insert(&mut self, start: u64, end: u64) -> (u64, u64) {
        let first = self.sorted.partition_point(|&(_, e)| e < start);
        let after = self.sorted.partition_point(|&(s, _)| s <= end);
        let merged = match self.sorted.get(first..after) {
            Some([only]) => (only.0.min(start), only.1.max(end)),
            Some([head, .., tail]) => (head.0.min(start), tail.1.max(end)),
            _ => (start, end),
        };
        self.sorted.splice(first..after.max(first), [merged]);
        merged
    }

    /// The parts of `[start, end)` that are not in it, in order.
    pub(super) fn missing(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut parts = Vec::new();
        let mut from = start;
        let first = self.sorted.partition_point(|&(_, e)| e <= start);
        for &(s, e) in self.sorted[first..].iter().take_while(|&&(s, _)| s < end) {
            if s > from {
                parts.push((from, s));
            }
            from = from.max(e);
        }
        if from < end {
            parts.push((from, end));
        }
        parts
    }

    /// Forgets all below `offset`.
    pub(super) fn remove_below(&mut self, offset: u64) {
        let gone = self.sorted.partition_point(|&(_, e)| e <= offset);
        self.sorted.drain(..gone);
        if let Some(head) = self.sorted.first_mut() {
            head.0 = head.0.max(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain set of offsets.
        #[test]
        fn ranges_are_sets(inserts in prop::collection::vec((0u64..60, 1u64..9), 0..24), cut in 0u64..70, probe in (0u64..60, 1u64..12)) {
            let (mut ranges, mut set) = (Ranges::default(), std::collections::BTreeSet::new());
            for (start, len) in inserts {
                let (s, e) = ranges.insert(start, start + len);
                set.extend(start..start + len);
                prop_assert!(s <= start && start + len <= e && (s..e).all(|x| set.contains(&x)));
            }
            ranges.remove_below(cut);
            set.retain(|&x| x >= cut);
            let flat: Vec<u64> = ranges.as_slice().iter().flat_map(|&(s, e)| s..e).collect();
            prop_assert_eq!(flat, set.iter().copied().collect::<Vec<_>>());
            prop_assert!(ranges.as_slice().windows(2).all(|pair| pair[0].1 < pair[1].0));
            let (start, end) = (probe.0, probe.0 + probe.1);
            let missing: Vec<u64> = ranges.missing(start, end).into_iter().flat_map(|(s, e)| s..e).collect();
            prop_assert_eq!(&missing, &(start..end).filter(|x| !set.contains(x)).collect::<Vec<_>>());
            prop_assert_eq!(ranges.contains(start, end), missing.is_empty());
        }
    }
}
