//! What peers send each other. An encoding is a tag byte and the fields of that variant; peers go as their ids.
//!
//! An attempt at a swap is named by a number that its initiator chose, together with who sends: whoever asks for a lock, and
//! whoever is asked for one, knows the other by the transport.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::peer::{Peer, PeerId};
use crate::wire::{DecodeError, Message, Reader, put_varint, varint_len};

/// The most neighbours that a peer may have.
pub const DEGREE_MAX: usize = 64;
/// The most hops that a search for a place may take.
pub const HOPS_MAX: u8 = 16;

/// A message of PeerSwap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapMessage<P> {
    /// The clock of our edge rang: swap places with me.
    Propose {
        /// The attempt.
        number: u32,
    },
    /// LOCK_REQUEST: keep your list of neighbours as it is, until I say what became of the attempt.
    LockRequest {
        /// The attempt.
        number: u32,
        /// With whom the sender swaps.
        partner: P,
    },
    /// Answers a lock request.
    LockReply {
        /// The attempt.
        number: u32,
        /// Whether the lock is granted.
        answer: Answer,
    },
    /// The attempt came to nothing: the lock is free.
    Unlock {
        /// The attempt.
        number: u32,
    },
    /// SWAP_FAIL, to the partner.
    Fail {
        /// The attempt.
        number: u32,
        /// Why.
        reason: Reason,
    },
    /// All neighbours agreed. From the initiator it is a vote, from its partner the decision.
    Swap {
        /// The attempt.
        number: u32,
        /// The sender's neighbours, without repeats, at most [`DEGREE_MAX`].
        neighbours: Box<[P]>,
    },
    /// The swap took place: where you have me, have my partner.
    Replace {
        /// The attempt.
        number: u32,
        /// The version of the receiver's link to the sender, as it was when the lock was granted.
        link: u32,
        /// Who takes the sender's place.
        partner: P,
    },
    /// From a neighbour that granted a lock and has not heard since: what became of the attempt?
    Query {
        /// The attempt.
        number: u32,
    },
    /// I hold you as a neighbour. Also asks who has a place free to hold the sender in turn.
    Check {
        /// The version of the sender's list.
        version: u32,
    },
    /// Answers a check: I do not hold you.
    NotHeld {
        /// The version that the check had.
        version: u32,
    },
    /// Somebody has places free.
    Seek {
        /// Who; named, since a search goes from peer to peer.
        origin: P,
        /// Who takes the other end of an edge that is split for them: the origin itself if it has two places free, a neighbour of
        /// the origin that has one, or nobody so far.
        other: Option<P>,
        /// Hops that are left, at most [`HOPS_MAX`].
        hops: u8,
    },
    /// To one who searches: I have a place free.
    Offer,
    /// To one who searches: I would split an edge.
    OfferSplit {
        /// The neighbour that the sender would give up.
        given: P,
        /// Who would take the other end of the edge.
        end: P,
    },
    /// Accepts the offer of a split.
    Claim {
        /// As in the offer.
        given: P,
        /// As in the offer.
        end: P,
    },
    /// I gave up our edge to make room: where you have me, have this peer.
    Splice {
        /// Who takes the sender's place.
        other: P,
    },
}

/// The answer to a lock request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The sender is locked for this attempt.
    Accepted {
        /// The version of its link to the receiver.
        link: u32,
    },
    /// Both swapping peers are its neighbours: nothing changes for it, and it is not locked.
    Adjacent,
    /// It is locked for another attempt, or does not hold the receiver.
    Refused,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The partner was locked when the clock rang.
    Busy,
    /// A neighbour refused.
    Refused,
    /// The partner does not hold the initiator, does not know the attempt any more, or gave up waiting.
    Gone,
}

const PROPOSE: u8 = 0;
const LOCK_REQUEST: u8 = 1;
const ACCEPTED: u8 = 2;
const ADJACENT: u8 = 3;
const REFUSED: u8 = 4;
const UNLOCK: u8 = 5;
const FAIL: u8 = 6;
const SWAP: u8 = 7;
const REPLACE: u8 = 8;
const QUERY: u8 = 9;
const CHECK: u8 = 10;
const NOT_HELD: u8 = 11;
const SEEK: u8 = 12;
const SEEK_PAIR: u8 = 13;
const SPLICE: u8 = 14;
const OFFER: u8 = 15;
const OFFER_SPLIT: u8 = 16;
const CLAIM: u8 = 17;

const _: () = assert!(size_of::<SwapMessage<u32>>() <= 24);

impl<P: Peer> Message for SwapMessage<P> {
    const CLASSES: &'static [&'static str] = &["lock", "swap", "check", "seek"];

    fn class(&self) -> usize {
        match self {
            Self::Propose { .. } | Self::LockRequest { .. } | Self::LockReply { .. } => 0,
            Self::Unlock { .. } | Self::Fail { .. } | Self::Query { .. } => 0,
            Self::Swap { .. } | Self::Replace { .. } => 1,
            Self::Check { .. } | Self::NotHeld { .. } => 2,
            Self::Seek { .. } | Self::Offer | Self::OfferSplit { .. } | Self::Claim { .. } | Self::Splice { .. } => 3,
        }
    }

    fn encoded_len(&self) -> usize {
        let int = |value: u32| varint_len(u64::from(value));
        1 + match self {
            Self::LockReply { number, answer: Answer::Accepted { link } } => int(*number) + int(*link),
            Self::Propose { number } | Self::LockReply { number, .. } => int(*number),
            Self::Unlock { number } | Self::Query { number } => int(*number),
            Self::Fail { number, .. } => int(*number) + 1,
            Self::LockRequest { number, .. } => int(*number) + PeerId::LEN,
            Self::Swap { number, neighbours } => {
                int(*number) + varint_len(neighbours.len() as u64) + neighbours.len() * PeerId::LEN
            }
            Self::Replace { number, link, .. } => int(*number) + int(*link) + PeerId::LEN,
            Self::Check { version } | Self::NotHeld { version } => int(*version),
            Self::Seek { other, .. } => 1 + PeerId::LEN * (1 + usize::from(other.is_some())),
            Self::Offer => 0,
            Self::OfferSplit { .. } | Self::Claim { .. } => 2 * PeerId::LEN,
            Self::Splice { .. } => PeerId::LEN,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Propose { number } => put::<P>(out, PROPOSE, &[*number], &[]),
            Self::LockRequest { number, partner } => put::<P>(out, LOCK_REQUEST, &[*number], &[*partner]),
            Self::LockReply { number, answer: Answer::Accepted { link } } => {
                put::<P>(out, ACCEPTED, &[*number, *link], &[])
            }
            Self::LockReply { number, answer: Answer::Adjacent } => put::<P>(out, ADJACENT, &[*number], &[]),
            Self::LockReply { number, answer: Answer::Refused } => put::<P>(out, REFUSED, &[*number], &[]),
            Self::Unlock { number } => put::<P>(out, UNLOCK, &[*number], &[]),
            Self::Fail { number, reason } => {
                put::<P>(out, FAIL, &[*number], &[]);
                out.push(*reason as u8);
            }
            Self::Swap { number, neighbours } => put::<P>(out, SWAP, &[*number, neighbours.len() as u32], neighbours),
            Self::Replace { number, link, partner } => put::<P>(out, REPLACE, &[*number, *link], &[*partner]),
            Self::Query { number } => put::<P>(out, QUERY, &[*number], &[]),
            Self::Check { version } => put::<P>(out, CHECK, &[*version], &[]),
            Self::NotHeld { version } => put::<P>(out, NOT_HELD, &[*version], &[]),
            Self::Seek { origin, other, hops } => {
                put::<P>(out, if other.is_some() { SEEK_PAIR } else { SEEK }, &[], &[]);
                out.push(*hops);
                put_peers(out, &[*origin]);
                put_peers(out, other.as_slice());
            }
            Self::Offer => put::<P>(out, OFFER, &[], &[]),
            Self::OfferSplit { given, end } => put::<P>(out, OFFER_SPLIT, &[], &[*given, *end]),
            Self::Claim { given, end } => put::<P>(out, CLAIM, &[], &[*given, *end]),
            Self::Splice { other } => put::<P>(out, SPLICE, &[], &[*other]),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = read(&mut reader)?;
        reader.finish()?;
        Ok(message)
    }
}

fn put<P: Peer>(out: &mut Vec<u8>, tag: u8, numbers: &[u32], peers: &[P]) {
    out.push(tag);
    numbers.iter().for_each(|&number| put_varint(out, u64::from(number)));
    put_peers(out, peers);
}

fn put_peers<P: Peer>(out: &mut Vec<u8>, peers: &[P]) {
    peers.iter().for_each(|peer| out.extend_from_slice(&peer.id().0));
}

fn read<P: Peer>(reader: &mut Reader<'_>) -> Result<SwapMessage<P>, DecodeError> {
    let tag = reader.byte()?;
    Ok(match tag {
        PROPOSE => SwapMessage::Propose { number: int(reader)? },
        LOCK_REQUEST => SwapMessage::LockRequest { number: int(reader)?, partner: peer(reader)? },
        ACCEPTED => SwapMessage::LockReply { number: int(reader)?, answer: Answer::Accepted { link: int(reader)? } },
        ADJACENT => SwapMessage::LockReply { number: int(reader)?, answer: Answer::Adjacent },
        REFUSED => SwapMessage::LockReply { number: int(reader)?, answer: Answer::Refused },
        UNLOCK => SwapMessage::Unlock { number: int(reader)? },
        FAIL => SwapMessage::Fail { number: int(reader)?, reason: reason(reader)? },
        SWAP => SwapMessage::Swap { number: int(reader)?, neighbours: peers(reader)? },
        REPLACE => SwapMessage::Replace { number: int(reader)?, link: int(reader)?, partner: peer(reader)? },
        QUERY => SwapMessage::Query { number: int(reader)? },
        CHECK => SwapMessage::Check { version: int(reader)? },
        NOT_HELD => SwapMessage::NotHeld { version: int(reader)? },
        SEEK | SEEK_PAIR => {
            let hops = Some(reader.byte()?).filter(|hops| *hops <= HOPS_MAX).ok_or(DecodeError::LimitExceeded)?;
            let origin = peer(reader)?;
            let other = if tag == SEEK_PAIR { Some(peer(reader)?) } else { None };
            SwapMessage::Seek { origin, other, hops }
        }
        OFFER => SwapMessage::Offer,
        OFFER_SPLIT => SwapMessage::OfferSplit { given: peer(reader)?, end: peer(reader)? },
        CLAIM => SwapMessage::Claim { given: peer(reader)?, end: peer(reader)? },
        SPLICE => SwapMessage::Splice { other: peer(reader)? },
        _ => return Err(DecodeError::UnknownTag),
    })
}

fn int(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::BadInteger)
}

fn peer<P: Peer>(reader: &mut Reader<'_>) -> Result<P, DecodeError> {
    P::from_id(PeerId(reader.array()?)).ok_or(DecodeError::NotCanonical)
}

fn peers<P: Peer>(reader: &mut Reader<'_>) -> Result<Box<[P]>, DecodeError> {
    let count = reader.count(DEGREE_MAX)?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let next = peer(reader)?;
        if list.contains(&next) {
            return Err(DecodeError::NotCanonical);
        }
        list.push(next);
    }
    Ok(list.into())
}

fn reason(reader: &mut Reader<'_>) -> Result<Reason, DecodeError> {
    match reader.byte()? {
        0 => Ok(Reason::Busy),
        1 => Ok(Reason::Refused),
        2 => Ok(Reason::Gone),
        _ => Err(DecodeError::UnknownTag),
    }
}
