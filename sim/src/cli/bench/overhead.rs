//! What the rateless codes need by themselves: cells taken one by one until the decoder is complete. What both sides have
//! leaves no trace in a difference of cells, so the items that differ are enough to know its cells exactly.

use std::slice;

use rapprochement_core::reconcile::coding::keyed::{FormA, FormB, LongFormA, LongFormB};
use rapprochement_core::reconcile::coding::{CELLS_MAX, Code, Decoder, Limits, PeelError, Prefix, Riblt};
use rapprochement_core::reconcile::session::{Index, Item, MethodKind};
use rapprochement_core::store::Store;

use super::trial::Trial;
use crate::model::preload::Write;

/// How many cells the decoder of the answering side needs; nothing for a method that has none.
///
/// # Errors
/// The decoder refused the cells or found something else than what differs: the trial is wrong.
pub(super) fn cells_needed(kind: MethodKind, trial: &Trial) -> Option<Result<usize, Mistaken>> {
    match kind {
        MethodKind::Riblt => Some(count(&Riblt::new(trial.salt), differing(kind, trial, Item::pair), None)),
        MethodKind::KeyedRiblt => {
            Some(count(&FormA::new(trial.salt), differing(kind, trial, Item::entry), Some(trial.writes.len())))
        }
        MethodKind::VersionedRiblt => {
            Some(count(&FormB::new(trial.salt), differing(kind, trial, Item::entry), Some(trial.writes.len())))
        }
        MethodKind::KeyedRibltLong => {
            Some(count(&LongFormA::new(trial.salt), differing(kind, trial, Item::entry), Some(trial.writes.len())))
        }
        MethodKind::VersionedRibltLong => {
            Some(count(&LongFormB::new(trial.salt), differing(kind, trial, Item::entry), Some(trial.writes.len())))
        }
        _ => None,
    }
}

/// The decoder did not find what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mistaken;

impl From<PeelError> for Mistaken {
    fn from(_: PeelError) -> Self {
        Self
    }
}

/// The items of each side that the other side does not have.
fn differing<T>(kind: MethodKind, trial: &Trial, item: impl Fn(&Item) -> T) -> [Vec<T>; 2] {
    let empty = Index::with_ids(&Store::default(), trial.salt, kind.ids());
    [0, 1].map(|side| {
        let tuple = |write: &Write| if write.holder == side { Some(write.tuple.clone()) } else { write.older.clone() };
        trial.writes.iter().filter_map(tuple).map(|tuple| item(&empty.item(&tuple))).collect()
    })
}

/// `expected` is the number of differences that there are; where it is not given, every item is one.
fn count<C: Code>(code: &C, items: [Vec<C::Item>; 2], expected: Option<usize>) -> Result<usize, Mistaken>
where
    C::Item: Copy,
{
    let all = items[0].len() + items[1].len();
    let mut len = 2 * all + 8;
    let mut prefixes = items.each_ref().map(|items| Prefix::build(code.clone(), len, items.iter().copied()));
    let mut decoder = Decoder::new(code.clone(), Limits { cells: CELLS_MAX, differences: CELLS_MAX });
    while len <= CELLS_MAX {
        let [remote, local] = prefixes.each_ref().map(Prefix::cells);
        for cell in &remote[decoder.cells_taken()..] {
            if decoder.push(slice::from_ref(cell), local)? {
                let found = decoder.differences().len();
                return if found == expected.unwrap_or(all) { Ok(decoder.cells_taken()) } else { Err(Mistaken) };
            }
        }
        len *= 2;
        for (prefix, items) in prefixes.iter_mut().zip(&items) {
            let mut places = prefix.places(items.iter().copied()).map_err(|_| Mistaken)?;
            prefix.extend(len, &mut places);
        }
    }
    Err(Mistaken)
}
