//! The records of a node's connections: as many as are kept, and how many there were beyond.

use super::stack::FlowRecord;

/// Records that a node keeps. Of connections beyond, which peers may open without end, only the number is known.
const RECORDS_MAX: usize = 1 << 20;

/// A row per connection, in the order of their beginnings; those of live connections are stale.
#[derive(Clone, Debug)]
pub(super) struct Records {
    rows: Vec<FlowRecord>,
    most: usize,
    beyond: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self { rows: Vec::new(), most: RECORDS_MAX, beyond: 0 }
    }
}

impl Records {
    /// Begins a row, where there is room, and says where it stands.
    pub(super) fn begin(&mut self, row: FlowRecord) -> Option<usize> {
        let place = self.rows.len();
        if place < self.most {
            self.rows.push(row);
            return Some(place);
        }
        self.beyond += 1;
        None
    }

    /// Writes a row anew, where there is one.
    pub(super) fn write(&mut self, place: Option<usize>, row: FlowRecord) {
        if let Some(old) = place.and_then(|place| self.rows.get_mut(place)) {
            *old = row;
        }
    }

    /// All rows, with those of live connections as they are now.
    pub(super) fn with(&self, live: impl Iterator<Item = (Option<usize>, FlowRecord)>) -> Vec<FlowRecord> {
        let mut all = self.clone();
        live.for_each(|(place, row)| all.write(place, row));
        all.rows
    }

    /// Connections without a row.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut records = Records { most: 2, ..Records::default() };
        let row = |peer| FlowRecord { peer, ..FlowRecord::default() };
        let places: Vec<_> = (0..5).map(|peer| records.begin(row(peer))).collect();
        assert_eq!((places, records.beyond()), (vec![Some(0), Some(1), None, None, None], 3));
        records.write(Some(0), row(7));
        records.write(None, row(8));
        let peers: Vec<u32> = records.with([(Some(1), row(9))].into_iter()).iter().map(|row| row.peer).collect();
        assert_eq!(peers, [7, 9]);
    }
}
