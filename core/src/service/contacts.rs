//! Whom reconciliation talks to: the neighbours, as the last review left them.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::random::below;

/// The neighbours of a node, each as likely to be drawn.
#[derive(Clone, Debug)]
pub struct Contacts<P>(Vec<P>);

impl<P> Default for Contacts<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P> Contacts<P> {
    pub(super) fn set(&mut self, peers: Vec<P>) {
        self.0 = peers;
    }
}

impl<P: Peer> Sampler<P> for Contacts<P> {
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        self.0.get(below(rng, u32::try_from(self.0.len()).unwrap_or(u32::MAX)) as usize).copied()
    }
}
