//! Passing a tuple on to random peers.

use alloc::vec::Vec;

use crate::overlay::Sampler;
use crate::protocol::Context;
use crate::reconcile::Synchroniser;
use crate::reconcile::message::SyncMessage;

/// Up to this fan-out, the drawn peers stand on the stack.
const STACK_FANOUT: usize = 16;

/// Sends a rumour to so many different peers, or to as many as there are.
pub(super) fn spread<Y, S, C>(sampler: &mut S, fanout: u32, rumour: SyncMessage, context: &mut C)
where
    Y: Synchroniser<Message = SyncMessage>,
    S: Sampler<Y::Peer>,
    C: Context<Y>,
{
    let fanout = fanout as usize;
    if fanout > STACK_FANOUT {
        let mut peers = Vec::new();
        sampler.sample_many(fanout, context.rng(), &mut peers);
        return context.send_many(&peers, rumour);
    }
    let mut peers = [context.me(); STACK_FANOUT];
    let mut drawn = 0;
    // The same bound on effort as [`Sampler::sample_many`].
    for _ in 0..4 * fanout + 16 {
        if drawn == fanout {
            break;
        }
        match sampler.sample(context.rng()) {
            Some(peer) if !peers[..drawn].contains(&peer) => {
                peers[drawn] = peer;
                drawn += 1;
            }
            Some(_) => {}
            None => break,
        }
    }
    if drawn > 0 {
        context.send_many(&peers[..drawn], rumour);
    }
}
