//! What nodes that run HyParView send each other.

use alloc::vec::Vec;

use crate::overlay::sampling::codec::{peers_len, put_peer, put_peers, read_peer, read_peers};
use crate::peer::{Peer, PeerId};
use crate::wire::{DecodeError, Message, Reader};

/// A message of HyParView.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HyParViewMessage<P> {
    /// The sender is new and wants a place in the active view.
    Join,
    /// Somebody is new; this walks on for `ttl` more hops.
    ForwardJoin {
        /// Who is new.
        peer: P,
        /// Hops that are left.
        ttl: u8,
    },
    /// The sender wants a place in the active view; with `high`, because its own is empty or it was asked to.
    Neighbour {
        /// Whether it is to be given one in any case.
        high: bool,
    },
    /// Whether the sender has given the receiver a place, after [`Self::Join`] or [`Self::Neighbour`].
    Answer {
        /// It has.
        accepted: bool,
    },
    /// The receiver has no place in the sender's active view.
    Disconnect {
        /// Whether the sender stays, and may be asked again.
        stays: bool,
    },
    /// Peers for the passive view of whoever this walk ends at.
    Shuffle {
        /// Who began it, and wants an answer.
        origin: P,
        /// Hops that are left.
        ttl: u8,
        /// At most [`crate::overlay::sampling::PEERS_MAX`].
        peers: Vec<P>,
    },
    /// Peers in return, straight to the origin.
    ShuffleReply(Vec<P>),
    /// The sender is there, and the receiver has a place in its active view.
    Alive,
}

impl<P: Peer> Message for HyParViewMessage<P> {
    const CLASSES: &'static [&'static str] = &[
        "join",
        "forward join",
        "neighbour",
        "neighbour answer",
        "disconnect",
        "shuffle request",
        "shuffle reply",
        "alive",
    ];

    fn class(&self) -> usize {
        match self {
            Self::Join => 0,
            Self::ForwardJoin { .. } => 1,
            Self::Neighbour { .. } => 2,
            Self::Answer { .. } => 3,
            Self::Disconnect { .. } => 4,
            Self::Shuffle { .. } => 5,
            Self::ShuffleReply(_) => 6,
            Self::Alive => 7,
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Join | Self::Alive => 0,
            Self::ForwardJoin { .. } => PeerId::LEN + 1,
            Self::Neighbour { .. } | Self::Answer { .. } | Self::Disconnect { .. } => 1,
            Self::Shuffle { peers, .. } => PeerId::LEN + 1 + peers_len(peers.len()),
            Self::ShuffleReply(peers) => peers_len(peers.len()),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class() as u8);
        match self {
            Self::Join | Self::Alive => {}
            Self::ForwardJoin { peer, ttl } => {
                put_peer(out, *peer);
                out.push(*ttl);
            }
            Self::Neighbour { high: flag } | Self::Answer { accepted: flag } | Self::Disconnect { stays: flag } => {
                out.push((*flag).into());
            }
            Self::Shuffle { origin, ttl, peers } => {
                put_peer(out, *origin);
                out.push(*ttl);
                put_peers(out, peers);
            }
            Self::ShuffleReply(peers) => put_peers(out, peers),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = match reader.byte()? {
            0 => Self::Join,
            1 => Self::ForwardJoin { peer: read_peer(&mut reader)?, ttl: reader.byte()? },
            2 => Self::Neighbour { high: read_flag(&mut reader)? },
            3 => Self::Answer { accepted: read_flag(&mut reader)? },
            4 => Self::Disconnect { stays: read_flag(&mut reader)? },
            5 => {
                let (origin, ttl) = (read_peer(&mut reader)?, reader.byte()?);
                Self::Shuffle { origin, ttl, peers: read_peers(&mut reader)? }
            }
            6 => Self::ShuffleReply(read_peers(&mut reader)?),
            7 => Self::Alive,
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }
}

fn read_flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::NotCanonical),
    }
}
