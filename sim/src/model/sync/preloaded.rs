//! What nodes hold when a run begins.

use std::sync::Arc;

use rand_core::TryRng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::EPOCH;
use rapprochement_core::reconcile::cancellation::Cancellation;
use rapprochement_core::store::{Store, Tuple};

use crate::model::aside::Aside;
use crate::model::config::{Preload, ValueSize};
use crate::model::experiment::Experiment;
use crate::model::identity::SimKeys;
use crate::model::preload::{Size, World, Write};
use crate::model::workload::size_of_value;
use crate::network::churn::Churn;
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};

/// The stores of all nodes at the start.
pub(super) struct Preloaded {
    common: Store,
    /// What one node alone holds, in the order of the updates.
    pub(super) writes: Vec<Write>,
    /// Of each node the places of its writes; nothing for one that is away or not measured.
    held: Vec<Option<Vec<usize>>>,
}

impl Preloaded {
    /// Draws what a scenario asks for; it is the same for every protocol.
    ///
    /// # Errors
    /// A value that no tuple can have.
    pub(super) fn draw(
        experiment: &Experiment,
        churn: Option<&Churn>,
        aside: &Aside,
        streams: &Streams,
    ) -> Result<Option<Self>, Vec<Problem>> {
        let Some(preload) = &experiment.workload.preload else { return Ok(None) };
        let mut rng = streams.stream(Purpose::Workload, 2);
        let refuse = |error| vec![Problem::new("workload.preload", format!("{error}"), "")];
        let world =
            World::new(size(preload, experiment.nodes), Box::new(maker(experiment)), &mut rng).map_err(refuse)?;
        let present = |node| !aside.contains(node) && churn.is_none_or(|churn| churn.start(node).up);
        let holders: Vec<u32> = (0..experiment.nodes).filter(|node| present(*node)).collect();
        let mut writes = world.writes(holders.len() as u32, preload.holders, &mut rng).map_err(refuse)?;
        if let Some(cells) = preload.cancelled_cells {
            let make = maker(experiment);
            let authors = [0, 1].map(|behind| SimPeer(experiment.nodes.saturating_add(preload.authors + behind)));
            let hidden = hidden(cells, authors, |author, version| {
                make(author, version, &version.to_be_bytes(), &mut rng).map_err(refuse)
            })?;
            writes.extend(hidden);
        }
        let mut held: Vec<_> = (0..experiment.nodes).map(|node| present(node).then(Vec::new)).collect();
        for (place, write) in writes.iter_mut().enumerate() {
            // With nobody there, nobody holds anything.
            let Some(holder) = holders.get(write.holder as usize) else { break };
            write.holder = *holder;
            held[write.holder as usize].iter_mut().for_each(|held| held.push(place));
        }
        Ok(Some(Self { common: world.common().clone(), writes, held }))
    }

    /// The store of a measured node that is there when the run begins.
    pub(super) fn take(&mut self, node: u32) -> Option<Store> {
        let held = self.held.get_mut(node as usize)?.take()?;
        let mut store = self.common.clone();
        for place in held {
            store.insert_own(Arc::clone(&self.writes[place].tuple));
        }
        Some(store)
    }
}

/// A victim's tuple at the first of two holders, and an attacker's tuples at both that hide it in the first so many cells.
fn hidden(
    cells: u32,
    [victim, attacker]: [SimPeer; 2],
    mut make: impl FnMut(SimPeer, u64) -> Result<Arc<Tuple>, Vec<Problem>>,
) -> Result<Vec<Write>, Vec<Problem>> {
    let attack = Cancellation::new(EPOCH, cells);
    let mut version = 0;
    let victim = loop {
        version += 1;
        let tuple = make(victim, version)?;
        if attack.cells_of(&tuple) == [0] {
            break tuple;
        }
    };
    let mut failed = None;
    let signed = (1..).map_while(|version| make(attacker, version).map_err(|problems| failed = Some(problems)).ok());
    let halves = attack.halves(&victim, signed);
    if let Some(problems) = failed {
        return Err(problems);
    }
    let Some([with, without]) = halves else {
        let message = "no tuples of an attacker's hide the victim's";
        return Err(vec![Problem::new("workload.preload.cancelled_cells", message, "use another seed")]);
    };
    let write = |holder| move |tuple| Write { holder, tuple, older: None };
    Ok([victim].into_iter().chain(with).map(write(0)).chain(without.into_iter().map(write(1))).collect())
}

/// Authors are peers behind the last node.
fn size(preload: &Preload, nodes: u32) -> Size {
    let size = Size::new(preload.items, preload.differences, preload.updates.0, preload.authors);
    Size { first_author: nodes, ..size }
}

/// Signed tuples with random values.
fn maker(
    experiment: &Experiment,
) -> impl Fn(SimPeer, u64, &[u8], &mut Philox) -> Result<Arc<Tuple>, rapprochement_core::store::TupleError> {
    let (signatures, values): (_, ValueSize) = (experiment.signatures, experiment.workload.value);
    move |author, version, key, rng| {
        let mut value = vec![0; size_of_value(values, rng) as usize];
        let Ok(()) = rng.try_fill_bytes(&mut value);
        Tuple::sign(&SimKeys::new(author, signatures), version, key, Some(&value)).map(Arc::new)
    }
}
