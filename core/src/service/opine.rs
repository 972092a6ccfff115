//! Opinions: formed of neighbours, published as this node's tuples, and taken in from others as edges of the ranking.

use alloc::vec::Vec;

use super::opinion::Opinion;
use super::ranking::{Ranking, Taken};
use super::{Service, ServiceEvent, Told};
use crate::compose::give;
use crate::overlay::address::CLOCK_TOLERANCE;
use crate::overlay::probe::DOWN_AFTER;
use crate::overlay::refusals::Refusal;
use crate::peer::{Peer, PeerId};
use crate::protocol::{Context, Input};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser};
use crate::store::{Keys, Tuple};
use crate::time::Instant;

impl<P: Peer, K: Keys + Clone> Service<P, K> {
    /// Publishes what is new about neighbours and about whom there is an opinion already; withdraws opinions of peers that are gone,
    /// and the weakest ones where there are too many.
    pub(super) fn opine<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let mut published = self.published();
        let mut commands = Vec::new();
        let held = self.neighbours.held().iter().map(|neighbour| neighbour.peer);
        let mut about: Vec<P> = held.chain(published.iter().map(|(peer, _)| *peer)).collect();
        about.extend(self.misdeeds.keys().copied().filter(|peer| self.is_caught(*peer)));
        about.sort_unstable();
        about.dedup();
        for peer in about {
            let old = published.iter().position(|(known, _)| *known == peer);
            match (self.opinion_of(peer, now), old) {
                (Some(new), Some(at)) if new.differs(&published[at].1, self.config.change_min) => {
                    published[at].1 = new;
                    commands.push(write(peer, &new));
                }
                (Some(new), None) if published.len() < self.config.opinions => {
                    published.push((peer, new));
                    commands.push(write(peer, &new));
                }
                (Some(new), None) => self.replace_weakest(&mut published, peer, new, &mut commands),
                (None, Some(at)) => {
                    published.swap_remove(at);
                    commands.push(SyncCommand::Delete { key: peer.id().0.to_vec() });
                }
                _ => {}
            }
        }
        for command in commands {
            self.publish(now, command, context);
        }
    }

    /// Publishes what an application says that rates peers by something else: keys are ids of peers, values are opinions. It takes the
    /// place of what was published of the same peer; rounds of opinions go on beside it, unless
    /// [`opine_every`](super::config::ServiceConfig::opine_every) is zero. What is no opinion is spread all the same, and refused by
    /// every ranking.
    pub fn publish<C: Context<Self>>(&mut self, now: Instant, command: SyncCommand, context: &mut C) {
        let told = give::<Self, _, _>(&mut self.reconciler, now, Input::Command(command), context);
        self.learn(now, told, context);
    }

    /// What this node says of its peers by now.
    fn published(&self) -> Vec<(P, Opinion)> {
        let own = self.store().author(&self.me.id());
        let tuples = own.iter().flat_map(|author| author.tuples());
        let opinion = |tuple: &Tuple| Some((P::from_id(subject(tuple)?)?, Opinion::decode(tuple.value()?).ok()?));
        tuples.filter_map(|tuple| opinion(tuple)).collect()
    }

    /// What this node thinks of a peer: `None` of one that it does not know or that is away, which is no misdeed.
    fn opinion_of(&self, peer: P, now: Instant) -> Option<Opinion> {
        if self.is_caught(peer) {
            return Some(Opinion::of_misdeed(now));
        }
        let link = self.prober.link(peer)?;
        let known = link.answers() >= self.config.answers_min && link.missed() < DOWN_AFTER;
        if known { Opinion::of(link, self.config.reference, now) } else { None }
    }

    /// Puts a stronger opinion in the place of the weakest one.
    fn replace_weakest(&self, published: &mut [(P, Opinion)], peer: P, new: Opinion, commands: &mut Vec<SyncCommand>) {
        let strength = |opinion: &Opinion| opinion.weight.unsigned_abs();
        let Some(weakest) = published.iter_mut().min_by_key(|(peer, opinion)| (strength(opinion), *peer)) else {
            return;
        };
        if f64::from(strength(&new)) > f64::from(strength(&weakest.1)) * (1.0 + self.config.change_min) {
            commands.push(SyncCommand::Delete { key: weakest.0.id().0.to_vec() });
            commands.push(write(peer, &new));
            *weakest = (peer, new);
        }
    }

    /// Takes in what the synchroniser told.
    pub(super) fn learn<C: Context<Self>>(&mut self, now: Instant, told: Told<P>, context: &mut C) {
        for event in told {
            match event {
                SyncEvent::Wrote { tuple, .. } => {
                    self.rank(now, &tuple);
                    context.emit(ServiceEvent::Opined(tuple));
                }
                SyncEvent::Adopted { tuple, hops, .. } => {
                    self.rank(now, &tuple);
                    context.emit(ServiceEvent::Heard(tuple, hops));
                }
                SyncEvent::Rejected { .. } => {
                    self.counters.count(Refusal::BadSignature);
                    context.emit(ServiceEvent::Rejected);
                }
                SyncEvent::WriteRefused(_)
                | SyncEvent::Duplicate
                | SyncEvent::Stale
                | SyncEvent::Full
                | SyncEvent::Equivocation { .. } => {}
            }
        }
    }

    /// An opinion becomes an edge. One that cannot be is counted, and the edge that it replaces goes.
    fn rank(&mut self, now: Instant, tuple: &Tuple) {
        if let Err(refusal) = edge(&mut self.ranking, now, tuple) {
            self.counters.count(refusal);
        }
    }

    /// Ranks by what the store holds, and by nothing else.
    pub(super) fn rebuild_ranking(&mut self) {
        let Ok(mut ranking) = Ranking::new(self.config.walks, self.me.id(), self.config.ranked_max) else { return };
        for tuple in self.reconciler.store().iter() {
            // What could not be an edge was counted when it came.
            let _ = edge(&mut ranking, Instant::from_nanos(u64::MAX), tuple);
        }
        self.ranking = ranking;
    }
}

fn write<P: Peer>(peer: P, opinion: &Opinion) -> SyncCommand {
    SyncCommand::Write { key: peer.id().0.to_vec(), value: opinion.encode().to_vec() }
}

/// Whom an opinion is about.
fn subject(tuple: &Tuple) -> Option<PeerId> {
    tuple.key().try_into().ok().map(PeerId)
}

fn edge(ranking: &mut Ranking, now: Instant, tuple: &Tuple) -> Result<(), Refusal> {
    let subject = subject(tuple).ok_or(Refusal::BadOpinion)?;
    let author = tuple.author();
    if author == subject {
        return Err(Refusal::SelfOpinion);
    }
    let latest = (now + CLOCK_TOLERANCE).as_nanos() / 1000;
    let opinion = tuple.value().map(|value| Opinion::decode(value).ok().filter(|opinion| opinion.formed <= latest));
    let (weight, sound) = match opinion {
        None => (0.0, true),
        Some(Some(opinion)) => (f64::from(opinion.weight), true),
        Some(None) => (0.0, false),
    };
    match ranking.hear(&author, &subject, weight) {
        Taken::Edge if sound => Ok(()),
        Taken::Full => Err(Refusal::RankingFull),
        Taken::Edge | Taken::Refused => Err(Refusal::BadOpinion),
    }
}
