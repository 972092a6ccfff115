//! False opinions. The shapes are those of B. Nasrulin, G. Ishmaev and J. Pouwelse, "MeritRank: Sybil tolerant reputation for
//! merit-based tokenomics", BRAINS 2022: one in ten of the hostile nodes works as honest ones do, and is rated for it; when the plot
//! begins its Sybils appear, and all its opinions are of them.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::service::opinion::WEIGHT_MAX;
use rapprochement_core::time::Instant;

use super::plot::{Plot, Verdict, verdict};
use super::{Deeds, SimService};
use crate::model::hostile::config::Behaviour;

/// So many hostile nodes have one worker among them.
const PER_WORKER: usize = 10;

/// The place of the worker for whom the member at this place is a Sybil; its own for a worker.
pub(super) fn worker(plot: &Plot, place: usize) -> usize {
    place % (plot.members.len() / PER_WORKER).max(1)
}

/// A worker or a Sybil: its opinions are of members alone, always the same, and as good as can be.
#[derive(Debug)]
pub(super) struct Sybil {
    friends: Vec<SimPeer>,
}

impl Sybil {
    pub(super) fn new(shape: Behaviour, plot: Arc<Plot>, place: usize) -> Self {
        let mine = worker(&plot, place);
        let group: Vec<usize> = (0..plot.members.len()).filter(|other| worker(&plot, *other) == mine).collect();
        let at = group.iter().position(|other| *other == place).unwrap_or(0);
        let friends = match shape {
            Behaviour::SybilPath => group[at + 1..].iter().take(1),
            Behaviour::SybilCycle if at > 0 => group[..1].iter().take(1),
            _ if at == 0 => group[1..].iter().take(usize::MAX),
            _ => [].iter().take(0),
        };
        Self { friends: friends.map(|place| plot.members[*place]).collect() }
    }
}

impl Deeds for Sybil {
    fn opinions(&mut self, now: Instant, _: &SimService) -> Option<Vec<Verdict>> {
        Some(self.friends.iter().map(|peer| verdict(*peer, WEIGHT_MAX, now)).collect())
    }
}

/// Rates all other members as high as can be, and does nothing else.
#[derive(Debug)]
pub(super) struct Friend {
    plot: Arc<Plot>,
    me: SimPeer,
}

impl Friend {
    pub(super) const fn new(plot: Arc<Plot>, me: SimPeer) -> Self {
        Self { plot, me }
    }
}

impl Deeds for Friend {
    fn opinions(&mut self, now: Instant, _: &SimService) -> Option<Vec<Verdict>> {
        Some(self.plot.praise(now, self.me))
    }
}

#[cfg(test)]
mod tests {
    use rapprochement_core::overlay::sampling::{CyclonConfig, SamplingConfig};

    use super::*;

    /// Twenty-two members make two groups of eleven; who rates whom in each is the shape.
    #[test]
    fn each_shape_has_its_edges() {
        let plot = Arc::new(Plot {
            members: (100..122).map(SimPeer).collect(),
            records: Vec::new(),
            victim: None,
            start: Instant::ZERO,
            sampling: SamplingConfig::Cyclon(CyclonConfig::default()),
        });
        let friends = |shape, place| Sybil::new(shape, Arc::clone(&plot), place).friends;
        let group: Vec<SimPeer> = (102..122).step_by(2).map(SimPeer).collect();
        assert_eq!(friends(Behaviour::SybilPath, 0), [SimPeer(102)]);
        assert_eq!(friends(Behaviour::SybilPath, 2), [SimPeer(104)]);
        assert_eq!(friends(Behaviour::SybilPath, 20), []);
        for shape in [Behaviour::SybilParallel, Behaviour::SybilCycle] {
            assert_eq!(friends(shape, 0), group);
        }
        assert_eq!(friends(Behaviour::SybilParallel, 4), []);
        assert_eq!(friends(Behaviour::SybilCycle, 4), [SimPeer(100)]);
        assert_eq!(friends(Behaviour::SybilCycle, 5), [SimPeer(101)]);
    }
}
