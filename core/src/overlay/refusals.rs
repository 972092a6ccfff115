//! What the overlay refused, by kind: a service emits the counts as metrics. Nothing that a peer does is worth more than a count.

/// Why something from a peer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The record's key did not sign it.
    BadSignature,
    /// The record says that it was made later than clocks may differ.
    FutureRecord,
    /// The record's lifetime is over.
    ExpiredRecord,
    /// A second record with the same key and sequence number says something else; the first is kept.
    Equivocation,
    /// The record's key can be no peer of this host.
    UnknownKey,
    /// A peer presented itself with somebody else's record.
    ForeignRecord,
    /// A peer asked for introductions more often than its allowance.
    AskFlood,
    /// An answer that was not asked for, from this peer, under this number, in time.
    Unasked,
    /// An answer brings more introductions than were asked for.
    Oversized,
    /// A pong whose nonce belongs to no probe that is under way: forged, repeated or too late.
    UnknownNonce,
    /// A pong with a right nonce from another peer than was probed.
    WrongSender,
    /// A ping beyond the peer's allowance.
    PingFlood,
    /// A candidate with a rank or an uptime that is not a number in range.
    BadScore,
    /// An opinion that is malformed, of the future, or about nobody.
    BadOpinion,
    /// An author's opinion of itself.
    SelfOpinion,
    /// An opinion about a peer for whom the ranking has no room.
    RankingFull,
}

impl Refusal {
    /// All kinds, in the order of their counts.
    pub const ALL: [Self; 16] = [
        Self::BadSignature,
        Self::FutureRecord,
        Self::ExpiredRecord,
        Self::Equivocation,
        Self::UnknownKey,
        Self::ForeignRecord,
        Self::AskFlood,
        Self::Unasked,
        Self::Oversized,
        Self::UnknownNonce,
        Self::WrongSender,
        Self::PingFlood,
        Self::BadScore,
        Self::BadOpinion,
        Self::SelfOpinion,
        Self::RankingFull,
    ];

    /// Whether no honest peer gives cause for it. Late answers, floods of a small network, and what an honest peer passes on of
    /// others' records and opinions do not tell against who said it.
    pub const fn is_misdeed(self) -> bool {
        matches!(self, Self::BadSignature | Self::ForeignRecord | Self::Oversized | Self::WrongSender)
    }

    /// The kind's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::FutureRecord => "future_record",
            Self::ExpiredRecord => "expired_record",
            Self::Equivocation => "equivocation",
            Self::UnknownKey => "unknown_key",
            Self::ForeignRecord => "foreign_record",
            Self::AskFlood => "ask_flood",
            Self::Unasked => "unasked",
            Self::Oversized => "oversized",
            Self::UnknownNonce => "unknown_nonce",
            Self::WrongSender => "wrong_sender",
            Self::PingFlood => "ping_flood",
            Self::BadScore => "bad_score",
            Self::BadOpinion => "bad_opinion",
            Self::SelfOpinion => "self_opinion",
            Self::RankingFull => "ranking_full",
        }
    }
}

/// How often each kind occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Refusal::ALL.len()]);

impl Counters {
    /// Counts one.
    pub fn count(&mut self, refusal: Refusal) {
        let slot = &mut self.0[refusal as usize];
        *slot = slot.saturating_add(1);
    }

    /// How often this kind occurred.
    pub fn of(&self, refusal: Refusal) -> u64 {
        self.0[refusal as usize]
    }

    /// How often no honest peer could have been the cause.
    pub fn misdeeds(&self) -> u64 {
        self.iter().filter(|(refusal, _)| refusal.is_misdeed()).map(|(_, count)| count).sum()
    }

    /// How often any occurred.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Every kind with its count, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.iter().map(|refusal| (*refusal, self.of(*refusal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_count() {
        let mut counters = Counters::default();
        for (index, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, index);
            (0..=index).for_each(|_| counters.count(refusal));
        }
        assert!(counters.iter().zip(1..).all(|((_, count), expected)| count == expected));
        let kinds = Refusal::ALL.len() as u64;
        assert_eq!(counters.total(), kinds * (kinds + 1) / 2);
    }
}
