//! What a node does without being asked: it looks up parts of the key space that were not looked up for long, sends values on, and
//! joins again when it knows nobody (P. Maymounkov and D. Mazières, IPTPS 2002, sections 2.3 and 2.5).
//!
//! The paper refreshes every bucket. With buckets of several bits there are hundreds of them; here a part of the key space is what shares
//! so many leading bits with the node's id, whatever the buckets, so that the effort is a lookup for each bit of the network's size.

use rand_core::Rng;

use crate::kademlia::contract::KademliaEvent;
use crate::kademlia::distance::Distance;
use crate::kademlia::node::{Goal, Kademlia, KademliaTimer};
use crate::peer::{Peer, PeerId};
use crate::protocol::Context;
use crate::time::{Duration, Instant};

/// Deeper than any network of random ids: who shares more bits with this node has chosen its id so.
const DEEPEST: u32 = 63;

impl<P: Peer> Kademlia<P> {
    /// The time between two looks at what is due: an eighth of the shortest period.
    pub(super) fn upkeep_interval(&self) -> Duration {
        Duration::from_nanos(self.config.refresh.min(self.config.replicate).as_nanos() / 8)
    }

    pub(super) fn upkeep<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        context.set_timer(self.upkeep_interval(), KademliaTimer::Upkeep);
        self.values.expire(now);
        if self.table.is_empty() {
            self.join(now, context);
            return;
        }
        self.refresh(now, self.config.refresh, context);
        // What finds no room among the lookups stays due.
        let room = self.config.lookups_max.saturating_sub(self.lookups.len());
        for (key, value, lifetime) in self.values.due(now, room, &self.config) {
            self.look_up(now, key, Goal::Store { value, lifetime, tells: false }, context);
        }
    }

    /// The lookup of this node's own id has ended.
    pub(super) fn joined<C: Context<Self>>(&mut self, now: Instant, messages: u32, took: Duration, context: &mut C) {
        if self.table.is_empty() {
            context.set_timer(self.config.timeout, KademliaTimer::Rejoin);
            return;
        }
        context.emit(KademliaEvent::Joined { contacts: self.table.len(), messages, took });
        self.refresh(now, Duration::ZERO, context);
    }

    /// Looks up a random id of every part of the key space, up to the closest contact's, that was not looked up for `age`.
    fn refresh<C: Context<Self>>(&mut self, now: Instant, age: Duration, context: &mut C) {
        let Some(deepest) = self.table.deepest() else { return };
        for bits in 0..=deepest.min(DEEPEST) {
            let last = self.looked_up.get(bits as usize).copied().unwrap_or(Instant::ZERO);
            if now.since(last) >= age {
                let target = id_sharing(self.me.id(), bits, context.rng());
                if !self.look_up(now, target, Goal::Refresh, context) {
                    return;
                }
            }
        }
    }

    /// Remembers that this part of the key space was looked up.
    pub(super) fn note_look_up(&mut self, now: Instant, target: PeerId) {
        let bits = Distance::between(self.me.id(), target).shared_bits();
        if bits <= DEEPEST {
            let at = bits as usize;
            self.looked_up.resize(self.looked_up.len().max(at + 1), Instant::ZERO);
            self.looked_up[at] = now;
        }
    }
}

/// A random id that shares exactly so many leading bits, less than all, with this one.
fn id_sharing<R: Rng + ?Sized>(id: PeerId, bits: u32, rng: &mut R) -> PeerId {
    let mut random = [0; PeerId::LEN];
    rng.fill_bytes(&mut random);
    for (at, byte) in random.iter_mut().enumerate() {
        let kept = bits.saturating_sub(8 * at as u32).min(8);
        let mask = (0xff00u16 >> kept) as u8;
        *byte = (id.0[at] & mask) | (*byte & !mask);
    }
    let (at, bit) = ((bits / 8) as usize, 0x80u8 >> (bits % 8));
    random[at] = (random[at] & !bit) | (!id.0[at] & bit);
    PeerId(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kademlia::distance::ID_BITS;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn random_ids_share_exactly_the_bits_that_they_should() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for bits in 0..ID_BITS {
            let mut id = PeerId::default();
            rng.fill_bytes(&mut id.0);
            let other = id_sharing(id, bits, &mut rng);
            assert_eq!(Distance::between(id, other).shared_bits(), bits);
        }
    }
}
