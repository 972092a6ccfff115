//! A message as one UDP datagram, cut at the MTU as IP fragments are, with one simplification: every fragment carries
//! the full headers, where IP (RFC 791, section 3.2) repeats its own 20 bytes and leaves the 8 bytes of UDP (RFC 768)
//! to the first. The receiver has the message only once it has every fragment.

use crate::network::config::Packet;
use crate::problem::Problem;
use crate::units::Size;

/// The largest IP packet.
const PACKET_MAX: Size = Size(65_535);

/// How payloads are cut into packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagrams {
    headers: u64,
    /// Payload bytes of a full fragment; at least 1.
    capacity: u64,
}

/// What one message takes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packets {
    /// How many fragments; at least 1, since an empty message still has headers.
    pub fragments: u32,
    /// Bytes with the headers of every fragment.
    pub wire_bytes: u32,
}

impl Datagrams {
    /// Takes the sizes from the scenario.
    ///
    /// # Errors
    /// The headers leave no room for payload, or the MTU exceeds the 65,535 bytes of an IP packet.
    pub fn build(config: &Packet) -> Result<Self, Vec<Problem>> {
        let problems = Self::problems(config);
        let (mtu, headers) = (config.mtu.0, config.headers.0);
        if problems.is_empty() { Ok(Self { headers, capacity: mtu - headers }) } else { Err(problems) }
    }

    /// What is wrong with the sizes of a scenario.
    pub fn problems(config: &Packet) -> Vec<Problem> {
        let mut problems = Vec::new();
        if config.mtu <= config.headers {
            let message = format!("packets of {} have no room beside headers of {}", config.mtu, config.headers);
            let problem = Problem::new("network.packet.mtu", message, "an MTU is usually \"1500 B\"");
            problems.push(problem.resting_on(["network.packet.headers"]));
        }
        if config.mtu > PACKET_MAX {
            problems.push(Problem::new("network.packet.mtu", format!("an IP packet has at most {PACKET_MAX}"), ""));
        }
        problems
    }

    /// The fragments of a payload and their bytes; sizes beyond 32 bits saturate.
    #[inline]
    pub fn split(&self, payload: usize) -> Packets {
        let payload = payload as u64;
        let fragments = if payload <= self.capacity { 1 } else { payload.div_ceil(self.capacity) };
        let wire = payload.saturating_add(fragments.saturating_mul(self.headers));
        Packets {
            fragments: u32::try_from(fragments).unwrap_or(u32::MAX),
            wire_bytes: u32::try_from(wire).unwrap_or(u32::MAX),
        }
    }

    /// Payload bytes of a full fragment; at least 1.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The bytes of one fragment of a payload, headers included; all but the last are full.
    #[inline]
    pub fn packet_bytes(&self, payload: usize, is_last: bool) -> u32 {
        let payload = payload as u64;
        let rest = if payload == 0 { 0 } else { (payload - 1) % self.capacity + 1 };
        u32::try_from(self.headers + if is_last { rest } else { self.capacity }).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fragment_pays_its_headers() {
        let datagrams = Datagrams::build(&Packet::default()).unwrap();
        for (payload, fragments, wire) in
            [(0, 1, 28), (1, 1, 29), (1472, 1, 1500), (1473, 2, 1529), (2944, 2, 3000), (2945, 3, 3029)]
        {
            assert_eq!(datagrams.split(payload), Packets { fragments, wire_bytes: wire });
            let full = (fragments - 1) * datagrams.packet_bytes(payload, false);
            assert_eq!(full + datagrams.packet_bytes(payload, true), wire);
        }
    }

    #[test]
    fn packets_without_room_are_a_problem() {
        let sizes = |mtu, headers| Datagrams::build(&Packet { mtu: Size(mtu), headers: Size(headers) });
        assert!(sizes(28, 28).is_err());
        assert!(sizes(29, 28).is_ok());
        assert!(sizes(65_536, 28).is_err());
    }
}
