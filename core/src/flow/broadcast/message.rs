//! What members of a broadcast layer send each other. Every packet rides on a raw flow between two neighbours and has its data
//! transfer header; a broadcast layer adds nothing to data, so that there is no filter of duplicates and no detection of loops.
//! Sizes of requests and replies are those of flow allocation; those of connection, enrolment and repair are ours: a tag and the fields.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::packet::{ALLOCATION_LEN, Body, DT_LEN, HASH_LEN};
use crate::peer::{Peer, PeerId};
use crate::wire::{DecodeError, Message, Reader};

/// The most members that a path from the root names.
pub const PATH_MAX: usize = 64;
/// Bytes of a connection's request or reply: names of the component and the protocol, version and syntax, as a round number.
pub const CONNECT_LEN: usize = 64;

/// A packet of a broadcast layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerMessage<P, B> {
    /// FLOW_REQ to the layer's name.
    Request,
    /// FLOW_REPLY; where the member is full or not enrolled itself, the flow is refused.
    Reply {
        /// Whether the flow is there.
        accepted: bool,
        /// Where a full member sends the joining one: a child of its own.
        instead: Option<P>,
    },
    /// Asks for a connection of the enrolment components (CEP).
    Connect,
    /// Answers it.
    Connected,
    /// Enrolment, the joining member's request.
    Enrol,
    /// Enrolment, the answer: the members from the root down to the sender, without the sender.
    Admit(Box<[P]>),
    /// Enrolment, the joining member's acknowledgement.
    Enrolled,
    /// The sender's path from the root has changed.
    Path(Box<[P]>),
    /// The sender leaves. Its children go to its parent, if it has one.
    Leave,
    /// Data of the layer's user.
    Data(B),
}

const REQUEST: u8 = 0;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;
const INSTEAD: u8 = 3;
const CONNECT: u8 = 4;
const CONNECTED: u8 = 5;
const ENROL: u8 = 6;
const ADMIT: u8 = 7;
const ENROLLED: u8 = 8;
const PATH: u8 = 9;
const LEAVE: u8 = 10;
const DATA: u8 = 11;

impl<P: Peer, B: Body> LayerMessage<P, B> {
    /// The tag, which stands in the place of the header's class, and bytes behind the header.
    fn shape(&self) -> (u8, usize) {
        match self {
            Self::Request => (REQUEST, ALLOCATION_LEN + HASH_LEN),
            Self::Reply { accepted: true, .. } => (ACCEPTED, ALLOCATION_LEN),
            Self::Reply { instead: None, .. } => (REFUSED, ALLOCATION_LEN),
            Self::Reply { instead: Some(_), .. } => (INSTEAD, ALLOCATION_LEN),
            Self::Connect => (CONNECT, CONNECT_LEN),
            Self::Connected => (CONNECTED, CONNECT_LEN),
            Self::Enrol => (ENROL, 1),
            Self::Admit(path) => (ADMIT, 1 + path.len() * PeerId::LEN),
            Self::Enrolled => (ENROLLED, 1),
            Self::Path(path) => (PATH, 1 + path.len() * PeerId::LEN),
            Self::Leave => (LEAVE, 1),
            Self::Data(body) => (DATA, body.length()),
        }
    }
}

impl<P: Peer, B: Body> Message for LayerMessage<P, B> {
    const CLASSES: &'static [&'static str] = &["join", "repair", "data"];

    fn class(&self) -> usize {
        match self {
            Self::Data(_) => 2,
            Self::Path(_) | Self::Leave => 1,
            _ => 0,
        }
    }

    fn encoded_len(&self) -> usize {
        DT_LEN + self.shape().1
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (tag, length) = self.shape();
        let end = out.len() + DT_LEN + length;
        out.push(tag);
        out.resize(end - length, 0);
        match self {
            Self::Reply { instead: Some(peer), .. } => out.extend_from_slice(&peer.id().0),
            Self::Admit(path) | Self::Path(path) => {
                out.push(path.len() as u8);
                path.iter().for_each(|peer| out.extend_from_slice(&peer.id().0));
            }
            Self::Data(body) => body.write(out),
            _ => {}
        }
        out.resize(end, 0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let header: [u8; DT_LEN] = reader.array()?;
        let rest = &bytes[DT_LEN..];
        let message = match header[0] {
            REQUEST => Self::Request,
            ACCEPTED => Self::Reply { accepted: true, instead: None },
            REFUSED => Self::Reply { accepted: false, instead: None },
            INSTEAD => Self::Reply { accepted: false, instead: Some(peer(&mut reader)?) },
            CONNECT => Self::Connect,
            CONNECTED => Self::Connected,
            ENROL => Self::Enrol,
            ADMIT => Self::Admit(path(&mut reader)?),
            ENROLLED => Self::Enrolled,
            PATH => Self::Path(path(&mut reader)?),
            LEAVE => Self::Leave,
            DATA => Self::Data(B::read(rest)),
            _ => return Err(DecodeError::UnknownTag),
        };
        // Whatever is not a field is zero.
        let mut again = Vec::with_capacity(message.encoded_len());
        message.encode(&mut again);
        if again == bytes { Ok(message) } else { Err(DecodeError::NotCanonical) }
    }
}

fn peer<P: Peer>(reader: &mut Reader<'_>) -> Result<P, DecodeError> {
    P::from_id(PeerId(reader.array()?)).ok_or(DecodeError::NotCanonical)
}

fn path<P: Peer>(reader: &mut Reader<'_>) -> Result<Box<[P]>, DecodeError> {
    let length = usize::from(reader.byte()?);
    if length > PATH_MAX {
        return Err(DecodeError::LimitExceeded);
    }
    (0..length).map(|_| peer(reader)).collect()
}
