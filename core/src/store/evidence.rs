//! Proof that an author signed two different contents under one version. One proof per author is enough to convict, so
//! no more is kept, and of no more than [`EVIDENCE_MAX`] authors. Which proof a node keeps depends on what reached it first,
//! so evidence enters no digest and is not reconciled: the cap has no effect on convergence.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::store::tuple::Tuple;

/// The most authors of whom a proof is kept; equivocation of further ones is still resolved, but not noted.
pub const EVIDENCE_MAX: usize = 1024;

/// Two authentic tuples of one author and one version that differ in content, the lesser digest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// The tuple with the lesser digest.
    pub lesser: Arc<Tuple>,
    /// The tuple with the greater digest, which wins where both are about one key.
    pub greater: Arc<Tuple>,
}

impl Equivocation {
    /// The author who is convicted.
    pub fn author(&self) -> PeerId {
        self.lesser.author()
    }
}

/// The proofs that a node holds, by author.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    proofs: Vec<Equivocation>,
}

impl Evidence {
    /// Where a proof against the author would go, or `None` where none is wanted: there is one, or no room.
    pub(crate) fn vacancy(&self, author: &PeerId) -> Option<usize> {
        if self.proofs.len() >= EVIDENCE_MAX {
            return None;
        }
        self.proofs.binary_search_by_key(author, Equivocation::author).err()
    }

    /// Keeps the proof at its [`Evidence::vacancy`].
    pub(crate) fn insert(&mut self, vacancy: usize, one: Arc<Tuple>, other: Arc<Tuple>) {
        let (lesser, greater) = if one.digest() < other.digest() { (one, other) } else { (other, one) };
        self.proofs.insert(vacancy, Equivocation { lesser, greater });
    }

    pub(crate) fn proofs(&self) -> &[Equivocation] {
        &self.proofs
    }
}
