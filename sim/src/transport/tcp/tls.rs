//! TLS 1.3 (RFC 8446) as bytes in the stream: the flights of a handshake and what records add. A full handshake costs one
//! round trip more than TCP alone; a resumed one sends messages behind its first flight (section 2.3), so that they arrive
//! after 1.5 round trips as without TLS. Nothing is encrypted and nobody computes.
//!
//! Sizes of flights are those of the traces of RFC 8448. Full (section 3): ClientHello 201; ServerHello 95 and the rest of
//! the server's flight 679; Finished 58. Resumed (section 4): ClientHello 517; ServerHello 101, EncryptedExtensions and
//! Finished 102; EndOfEarlyData 26 and Finished 58. A server answers early data at once; in a full handshake it
//! waits for the client's Finished. Tickets for later sessions are not sent.

use super::config::{Parameters, Tls};
use super::packet::PREFIX;

/// Plain bytes of a record.
const RECORD: u64 = 16 << 10;
/// Header, content type and tag of a record.
const RECORD_OVERHEAD: u64 = 5 + 1 + 16;

const HELLO: u64 = 201;
const FINISHED: u64 = 58;
const HELLO_RESUMED: u64 = 517;
const SERVER_RESUMED: u64 = 101 + 102;
const END_OF_EARLY_DATA: u64 = 26;

/// Bytes of the stream that a message of `plain` bytes takes.
pub(super) const fn in_records(tls: Tls, plain: u64) -> u64 {
    match tls {
        Tls::None => plain,
        Tls::Full | Tls::Resumed => plain.saturating_add(plain.div_ceil(RECORD).saturating_mul(RECORD_OVERHEAD)),
    }
}

/// Where the first byte of a message can be read that takes these bytes of the stream: behind its length and itself, and in TLS
/// behind the tag of its first record, before which nothing of it is authentic.
pub(super) fn readable_from(tls: Tls, start: u64, end: u64) -> u64 {
    let first = match tls {
        Tls::None => PREFIX + 1,
        Tls::Full | Tls::Resumed => RECORD + RECORD_OVERHEAD,
    };
    start.saturating_add(first).min(end)
}

/// One side of a handshake.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    tls: Tls,
    opener: bool,
    server_flight: u64,
    /// Flights of this side that were written.
    written: u8,
    /// Messages may be written.
    pub(super) ready: bool,
}

impl Handshake {
    pub(super) fn new(opener: bool, parameters: &Parameters) -> Self {
        Self { tls: parameters.tls, opener, server_flight: parameters.tls_server_flight, written: 0, ready: false }
    }

    /// Bytes that are to be written now, where the connection is open and `received` bytes have arrived in order.
    pub(super) fn advance(&mut self, received: u64) -> u64 {
        let (flight, ready) = match (self.tls, self.opener, self.written) {
            (Tls::None, ..) => (0, true),
            (Tls::Full, true, 0) => (HELLO, false),
            (Tls::Full, true, 1) if received >= self.server_flight => (FINISHED, true),
            (Tls::Full, false, 0) if received >= HELLO => (self.server_flight, false),
            (Tls::Full, false, 1) if received >= HELLO + FINISHED => (0, true),
            (Tls::Resumed, true, 0) => (HELLO_RESUMED, true),
            (Tls::Resumed, true, 1) if received >= SERVER_RESUMED => (END_OF_EARLY_DATA + FINISHED, true),
            (Tls::Resumed, false, 0) if received >= HELLO_RESUMED => (SERVER_RESUMED, true),
            _ => return 0,
        };
        self.ready |= ready;
        self.written += u8::from(flight > 0);
        flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_byte_is_behind_the_length_or_the_first_tag() {
        let of = |tls, plain| readable_from(tls, 100, 100 + in_records(tls, PREFIX + plain)) - 100;
        assert_eq!([0, 1, 20_000].map(|plain| of(Tls::None, plain)), [4, 5, 5]);
        assert_eq!([0, 1, 20_000].map(|plain| of(Tls::Full, plain)), [26, 27, 16_406]);
    }

    #[test]
    fn every_record_adds_22_bytes() {
        for (plain, wire) in [(0, 0), (1, 23), (16_384, 16_406), (16_385, 16_429)] {
            assert_eq!(in_records(Tls::Full, plain), wire);
            assert_eq!(in_records(Tls::None, plain), plain);
        }
    }
}
