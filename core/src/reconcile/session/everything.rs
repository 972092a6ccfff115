//! Full push as a session: the answerer gives everything that it holds, and the opener gives back what was not among it.
//! The measure of all other methods: nothing is cheaper where most of two stores differs, nothing dearer where little does.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, KeyId};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::transfer::Findings;
use crate::store::{Store, Tuple};

/// That was everything.
const END: u8 = 0;
/// So many tuples are remembered at most; what a peer gives beyond is given back to it.
const HEARD_MAX: usize = 1 << 20;

/// One side of such a session.
#[derive(Debug, Default)]
pub(super) struct Everything {
    opener: bool,
    told: bool,
    /// Keys and states that the peer gave.
    heard: BTreeSet<(KeyId, u64)>,
}

impl Method for Everything {
    fn open(&mut self, _: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.opener = true;
        Vec::new()
    }

    fn hear(&mut self, tuples: &[Arc<Tuple>], index: &Index) {
        let items = tuples.iter().map(|tuple| index.item(tuple));
        let room = HEARD_MAX.saturating_sub(self.heard.len());
        self.heard.extend(items.take(room).map(|item| (item.key, item.state)));
    }

    fn handle(&mut self, index: &Index, _: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        match words {
            [] if !self.opener && !self.told => self.told = true,
            [END] if self.opener && !self.told => self.told = true,
            [END] if !self.opener && self.told => return Ok(Turn::done(Findings::default())),
            _ => return Err(SessionError::OutOfTurn),
        }
        let unheard = index.items().filter(|item| !self.heard.contains(&(item.key, item.state)));
        let found = Findings { give: unheard.map(|item| item.key).collect(), ..Findings::default() };
        Ok(Turn { found: Some(found), done: self.opener, then: Some(Vec::from([END])), ..Turn::default() })
    }
}
