//! Fields that the messages of samplers share: peers as their 32-byte ids, and lists of them.

use alloc::vec::Vec;

use crate::overlay::sampling::config::PEERS_MAX;
use crate::overlay::sampling::view::Descriptor;
use crate::peer::{Peer, PeerId};
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

pub(super) fn put_peer<P: Peer>(out: &mut Vec<u8>, peer: P) {
    out.extend_from_slice(&peer.id().0);
}

pub(super) fn read_peer<P: Peer>(reader: &mut Reader<'_>) -> Result<P, DecodeError> {
    P::from_id(PeerId(reader.array()?)).ok_or(DecodeError::NotCanonical)
}

pub(super) const fn peers_len(count: usize) -> usize {
    varint_len(count as u64) + count * PeerId::LEN
}

pub(super) fn put_peers<P: Peer>(out: &mut Vec<u8>, peers: &[P]) {
    put_varint(out, peers.len() as u64);
    peers.iter().for_each(|&peer| put_peer(out, peer));
}

pub(super) fn read_peers<P: Peer>(reader: &mut Reader<'_>) -> Result<Vec<P>, DecodeError> {
    let count = reader.count(PEERS_MAX)?;
    (0..count).map(|_| read_peer(reader)).collect()
}

pub(super) fn descriptors_len<P>(descriptors: &[Descriptor<P>]) -> usize {
    let ages: usize = descriptors.iter().map(|descriptor| varint_len(descriptor.age.into())).sum();
    peers_len(descriptors.len()) + ages
}

pub(super) fn put_descriptors<P: Peer>(out: &mut Vec<u8>, descriptors: &[Descriptor<P>]) {
    put_varint(out, descriptors.len() as u64);
    for descriptor in descriptors {
        put_peer(out, descriptor.peer);
        put_varint(out, descriptor.age.into());
    }
}

pub(super) fn read_descriptors<P: Peer>(reader: &mut Reader<'_>) -> Result<Vec<Descriptor<P>>, DecodeError> {
    let count = reader.count(PEERS_MAX)?;
    let mut descriptors = Vec::new();
    for _ in 0..count {
        let peer = read_peer(reader)?;
        let age = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
        descriptors.push(Descriptor { peer, age });
    }
    Ok(descriptors)
}

/// A number by which an answer finds its question.
pub(super) fn put_number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Bytes of [`put_number`].
pub(super) const NUMBER_LEN: usize = 4;

pub(super) fn read_number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    reader.array().map(u32::from_le_bytes)
}
