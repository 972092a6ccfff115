//! What crosses the network: a UDP datagram with QUIC packets in it, and the addresses that it travels between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use quinn_proto::EcnCodepoint;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::wire::{DecodeError, Message};

/// The port that a node begins with; every rebinding takes the next one.
pub(super) const FIRST_PORT: u16 = 4433;

/// The longest payload of a UDP datagram over IPv6 without jumbograms.
const DATAGRAM_MAX: usize = 65_527;

/// One UDP datagram. Its encoding is its payload; the ports and the two bits of congestion notification belong to the
/// headers of UDP and IP, which the network charges. What only read the encoding has no ports: it is taken to come from
/// where the sender was last, and to go where the receiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub(super) payload: Bytes,
    /// Where it comes from; 0 where that is not known.
    pub(super) source: u16,
    /// Where it goes; 0 where that is not known.
    pub(super) destination: u16,
    pub(super) ecn: Option<EcnCodepoint>,
    /// The longest queue that it has met, in packets.
    pub(super) queued: u32,
}

impl Datagram {
    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The ports of source and destination, 0 where they are not known: what a capture file shows.
    pub fn ports(&self) -> (u16, u16) {
        (self.source, self.destination)
    }
}

impl Message for Datagram {
    /// By the first packet of the datagram (RFC 9000, section 17.2): a server's first datagram holds handshake packets, too.
    const CLASSES: &'static [&'static str] = &["initial", "zero_rtt", "handshake", "retry", "data"];

    fn class(&self) -> usize {
        match self.payload.first() {
            Some(first) if first & 0x80 != 0 => usize::from(first >> 4 & 0b11),
            _ => 4,
        }
    }

    fn encoded_len(&self) -> usize {
        self.payload.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.payload);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.len() {
            0 => Err(DecodeError::Truncated),
            1..=DATAGRAM_MAX => {
                let payload = Bytes::copy_from_slice(bytes);
                Ok(Self { payload, source: 0, destination: 0, ecn: None, queued: 0 })
            }
            _ => Err(DecodeError::LimitExceeded),
        }
    }

    fn queued(&mut self, packets: u32) {
        self.queued = self.queued.max(packets);
    }
}

/// The address of a node: its number in a unique local prefix (RFC 4193).
pub(super) fn address(peer: SimPeer, port: u16) -> SocketAddr {
    let [high, low] = [(peer.0 >> 16) as u16, peer.0 as u16];
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, high, low)), port)
}

/// The node at an address.
pub(super) fn node(address: SocketAddr) -> SimPeer {
    match address.ip() {
        IpAddr::V6(ip) => {
            let [.., high, low] = ip.segments();
            SimPeer(u32::from(high) << 16 | u32::from(low))
        }
        IpAddr::V4(ip) => SimPeer(ip.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_node() {
        for index in [0, 1, 0xffff, 0x1_0000, u32::MAX] {
            let address = address(SimPeer(index), FIRST_PORT);
            assert!(!address.ip().is_unspecified());
            assert_eq!(node(address), SimPeer(index));
        }
    }

    #[test]
    fn a_datagram_is_as_long_as_it_says_and_never_empty_nor_too_long() {
        let datagram = Datagram::decode(&[0xc0, 1, 2]).unwrap();
        let mut out = Vec::new();
        datagram.encode(&mut out);
        assert_eq!((out.as_slice(), datagram.encoded_len()), ([0xc0, 1, 2].as_slice(), 3));
        assert_eq!(Datagram::CLASSES[datagram.class()], "initial");
        assert_eq!(Datagram::CLASSES[Datagram::decode(&[0xef]).unwrap().class()], "handshake");
        assert_eq!(Datagram::CLASSES[Datagram::decode(&[0x40]).unwrap().class()], "data");
        assert_eq!(Datagram::decode(&[]), Err(DecodeError::Truncated));
        assert_eq!(Datagram::decode(&vec![0; DATAGRAM_MAX + 1]), Err(DecodeError::LimitExceeded));
    }
}
