//! Packets as a capture file that Wireshark reads: pcapng (IETF draft-ietf-opsawg-pcapng), little-endian, one interface with
//! nanoseconds. The headers are made up around what the nodes said: Ethernet addresses 02:00 and the node's number, IPv4
//! addresses 10.0.0.0 plus the node's number (RFC 791), and UDP (RFC 768) without a checksum, from and to port 7000
//! plus the number of the message's class, so that `udp.port == 7001` shows one class.

use crate::measure::results::CapturedPacket;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const ETHERNET: u16 = 1;
const PORT: u16 = 7000;
/// Ethernet, IPv4 and UDP.
const HEADERS: u32 = 14 + 20 + 8;

/// The capture file of these packets.
pub(super) fn file(packets: &[CapturedPacket]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend([1, 0, 0, 0]);
    body.extend((-1i64).to_le_bytes());
    block(&mut out, SECTION, &body);
    body.clear();
    body.extend(u32::from(ETHERNET).to_le_bytes());
    // Frames of any length, and time in units of 10^-9 s (option 9, one byte and three of padding), the end of options.
    body.extend(0u32.to_le_bytes());
    body.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(&mut out, INTERFACE, &body);
    for (number, packet) in packets.iter().enumerate() {
        let frame = frame(packet, number as u16);
        let time = packet.time.as_nanos();
        body.clear();
        for word in [0, (time >> 32) as u32, time as u32, frame.len() as u32, HEADERS + packet.length] {
            body.extend(word.to_le_bytes());
        }
        body.extend(&frame);
        block(&mut out, ENHANCED_PACKET, &body);
    }
    out
}

/// A block: its type, its length before and behind, and its body padded to words.
fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len().next_multiple_of(4) + 12) as u32;
    out.extend(kind.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(body);
    out.extend(std::iter::repeat_n(0, length as usize - 12 - body.len()));
    out.extend(length.to_le_bytes());
}

/// Headers, and as much of the payload as was kept.
fn frame(packet: &CapturedPacket, identification: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADERS as usize + packet.payload.len());
    for node in [packet.to, packet.from] {
        out.extend([2, 0]);
        out.extend(node.to_be_bytes());
    }
    out.extend([0x08, 0x00]);
    let whole = |beside: u32| u16::try_from(packet.length.saturating_add(beside)).unwrap_or(u16::MAX).to_be_bytes();
    let mut ip = vec![0x45, 0];
    ip.extend(whole(28));
    ip.extend(identification.to_be_bytes());
    // Do not fragment; 64 hops; UDP; the checksum comes later.
    ip.extend([0x40, 0, 64, 17, 0, 0]);
    for node in [packet.from, packet.to] {
        ip.extend((10 << 24 | node & 0x00ff_ffff).to_be_bytes());
    }
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    out.extend(ip);
    let port = PORT.saturating_add(u16::from(packet.class)).to_be_bytes();
    out.extend([port, port, whole(8), [0, 0]].concat());
    out.extend(&packet.payload);
    out
}

/// The internet checksum (RFC 1071) of whole words.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use rapprochement_core::time::Instant;

    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// Reads the file block by block as the draft says: what comes back is what went in.
    #[test]
    fn a_capture_reads_back() {
        let packet = |time, from, payload: &[u8], length| CapturedPacket {
            time: Instant::from_nanos(time),
            from,
            to: 0x0003_0201,
            class: 2,
            length,
            payload: payload.to_vec(),
        };
        let packets = [packet(1, 5, b"whole", 5), packet(5_000_000_000_123, 6, b"cut", 1000), packet(7, 8, b"", 0)];
        let bytes = file(&packets);
        let (mut at, mut kinds, mut seen) = (0, Vec::new(), Vec::new());
        while at < bytes.len() {
            let length = word(&bytes, at + 4) as usize;
            assert_eq!((length % 4, word(&bytes, at + length - 4) as usize), (0, length));
            kinds.push(word(&bytes, at));
            if word(&bytes, at) == ENHANCED_PACKET {
                let (kept, whole) = (word(&bytes, at + 20) as usize, word(&bytes, at + 24));
                let time = u64::from(word(&bytes, at + 12)) << 32 | u64::from(word(&bytes, at + 16));
                seen.push((time, whole, bytes[at + 28..at + 28 + kept].to_vec()));
            }
            at += length;
        }
        assert_eq!(kinds, [SECTION, INTERFACE, 6, 6, 6]);
        for ((time, whole, frame), packet) in seen.iter().zip(&packets) {
            assert_eq!((*time, *whole), (packet.time.as_nanos(), packet.length + 42));
            assert_eq!(frame[..12], [2, 0, 0, 3, 2, 1, 2, 0, 0, 0, 0, packet.from as u8]);
            let ip = &frame[14..34];
            // A header that holds its checksum sums to all ones.
            assert_eq!(checksum(ip), 0);
            assert_eq!(
                (ip[0], ip[9], &ip[12..16], &ip[16..20]),
                (0x45, 17, &[10, 0, 0, packet.from as u8][..], &[10, 3, 2, 1][..])
            );
            assert_eq!(u32::from(ip[2]) << 8 | u32::from(ip[3]), packet.length + 28);
            assert_eq!(frame[34..38], [0x1b, 0x5a, 0x1b, 0x5a]);
            assert_eq!(frame[42..], packet.payload);
        }
    }
}
