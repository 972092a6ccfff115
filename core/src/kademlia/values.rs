//! The values that a node keeps: those sent to it by others, those of its own, and those that its lookups found lately.
//!
//! What others sent expires, and is sent on by this node when nobody has sent it for a while; what is of its own is sent anew
//! some time before it would expire at the others (P. Maymounkov and D. Mazières, IPTPS 2002, section 2.5: whoever receives a store
//! takes it that the other closest nodes received it too). Withdrawing a value stops that; others keep it until it expires, since nobody
//! could tell an author's withdrawal from an enemy's.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::kademlia::config::KademliaConfig;
use crate::kademlia::message::Value;
use crate::peer::PeerId;
use crate::time::{Duration, Instant};

/// A node's values. At most `keys_max` keys of others, as many of its own and as many cached, with at most `values` of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    stored: BTreeMap<PeerId, Vec<Stored>>,
    own: BTreeMap<PeerId, Vec<Stored>>,
    cached: BTreeMap<PeerId, Cached>,
}

#[derive(Clone, Debug)]
struct Stored {
    value: Value,
    /// When it is forgotten; for a value of this node's own: when the others forget it.
    expires: Instant,
    /// When it was last sent to this node, or by it.
    sent: Instant,
}

#[derive(Clone, Debug)]
struct Cached {
    values: Vec<Value>,
    until: Instant,
}

/// Puts a value in, or prolongs it. Where there are `most`, the one that expires first gives way.
fn put(list: &mut Vec<Stored>, new: Stored, most: usize) {
    if let Some(known) = list.iter_mut().find(|known| known.value == new.value) {
        known.expires = known.expires.max(new.expires);
        known.sent = new.sent;
        return;
    }
    if list.len() >= most
        && let Some(first) = (0..list.len()).min_by_key(|at| list[*at].expires)
    {
        list.remove(first);
    }
    list.push(new);
}

impl Values {
    /// Keeps a value for others; `false` where there is no room for another key.
    pub(super) fn store(
        &mut self,
        now: Instant,
        key: PeerId,
        value: Value,
        lifetime: Duration,
        config: &KademliaConfig,
    ) -> bool {
        if !self.stored.contains_key(&key) && self.stored.len() >= config.keys_max {
            return false;
        }
        let expires = now + lifetime.min(config.expire);
        put(self.stored.entry(key).or_default(), Stored { value, expires, sent: now }, config.values);
        true
    }

    /// Keeps a value of this node's own; `false` where there is no room for another key.
    pub(super) fn publish(&mut self, now: Instant, key: PeerId, value: Value, config: &KademliaConfig) -> bool {
        if !self.own.contains_key(&key) && self.own.len() >= config.keys_max {
            return false;
        }
        put(self.own.entry(key).or_default(), Stored { value, expires: now + config.expire, sent: now }, config.values);
        true
    }

    /// Forgets what this node published under a key; whether there was anything.
    pub(super) fn withdraw(&mut self, key: PeerId) -> bool {
        self.cached.remove(&key);
        self.own.remove(&key).is_some()
    }

    /// Remembers what a lookup found.
    pub(super) fn cache(&mut self, now: Instant, key: PeerId, values: &[Value], config: &KademliaConfig) {
        if config.cache.is_zero() {
            return;
        }
        if self.cached.len() >= config.keys_max && !self.cached.contains_key(&key) {
            self.cached.retain(|_, cached| now < cached.until);
            if self.cached.len() >= config.keys_max {
                return;
            }
        }
        self.cached.insert(key, Cached { values: values.to_vec(), until: now + config.cache });
    }

    /// What this node answers others: values kept for others, and its own, at most `most`.
    pub(super) fn get(&self, now: Instant, key: PeerId, most: usize) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        let stored = self.stored.get(&key).into_iter().flatten().filter(|stored| now < stored.expires);
        for stored in stored.chain(self.own.get(&key).into_iter().flatten()) {
            if found.len() < most && !found.contains(&stored.value) {
                found.push(stored.value.clone());
            }
        }
        found
    }

    /// What its own lookups need not ask others for.
    pub(super) fn known(&self, now: Instant, key: PeerId, most: usize) -> Vec<Value> {
        let found = self.get(now, key, most);
        match self.cached.get(&key) {
            Some(cached) if found.is_empty() && now < cached.until => cached.values.clone(),
            _ => found,
        }
    }

    /// Drops what has expired.
    pub(super) fn expire(&mut self, now: Instant) {
        self.stored.retain(|_, list| {
            list.retain(|stored| now < stored.expires);
            !list.is_empty()
        });
        self.cached.retain(|_, cached| now < cached.until);
    }

    /// Values that have to be sent to the closest nodes, at most `most`, each with the lifetime that it has left; they count as sent
    /// from now on.
    pub(super) fn due(&mut self, now: Instant, most: usize, config: &KademliaConfig) -> Vec<(PeerId, Value, Duration)> {
        let margin = config.replicate.saturating_mul(config.republish.into());
        let rested = |stored: &Stored| now.since(stored.sent) >= config.replicate;
        let own = self.own.iter_mut().flat_map(|(key, list)| list.iter_mut().map(move |own| (*key, own)));
        let own = own.filter(|(_, own)| rested(own) && own.expires.since(now) < margin).map(|(key, own)| {
            own.expires = now + config.expire;
            (key, own)
        });
        let others = self.stored.iter_mut().flat_map(|(key, list)| list.iter_mut().map(move |stored| (*key, stored)));
        let others = others.filter(|(_, stored)| rested(stored) && now < stored.expires);
        let send = |(key, stored): (PeerId, &mut Stored)| {
            stored.sent = now;
            (key, stored.value.clone(), stored.expires.since(now))
        };
        own.chain(others).take(most).map(send).collect()
    }

    /// Keys kept for others.
    pub(super) fn len(&self) -> usize {
        self.stored.len()
    }
}
