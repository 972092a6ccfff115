//! What callers and those they call send each other: a head that says which call it is, and a body of zeros.

use rapprochement_core::time::Instant;
use rapprochement_core::wire::{DecodeError, Message, Reader};

/// Bytes of the head: kind, number, time.
pub(super) const HEAD: usize = 13;
/// The longest message.
const LEN_MAX: u32 = 16 << 20;

/// A request or its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct CallMessage {
    /// Whether it is a reply.
    pub(super) reply: bool,
    /// The caller's number for the call.
    pub(super) call: u32,
    /// When the request was made, by the caller's clock.
    pub(super) issued: Instant,
    /// Bytes behind the head.
    pub(super) body: u32,
}

impl CallMessage {
    /// The body that makes a message of so many bytes, as near as the head allows.
    pub(super) fn body_for(bytes: u64) -> u32 {
        u32::try_from(bytes.saturating_sub(HEAD as u64)).unwrap_or(u32::MAX).min(LEN_MAX - HEAD as u32)
    }
}

impl Message for CallMessage {
    const CLASSES: &'static [&'static str] = &["request", "reply"];

    fn class(&self) -> usize {
        usize::from(self.reply)
    }

    fn encoded_len(&self) -> usize {
        HEAD + self.body as usize
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.reply));
        out.extend_from_slice(&self.call.to_be_bytes());
        out.extend_from_slice(&self.issued.as_nanos().to_be_bytes());
        out.resize(out.len() + self.body as usize, 0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let reply = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::UnknownTag),
        };
        let call = u32::from_be_bytes(reader.array()?);
        let issued = Instant::from_nanos(u64::from_be_bytes(reader.array()?));
        let body = &bytes[HEAD..];
        if body.iter().any(|byte| *byte != 0) {
            return Err(DecodeError::NotCanonical);
        }
        let body = u32::try_from(body.len()).map_err(|_| DecodeError::LimitExceeded)?;
        Ok(Self { reply, call, issued, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says_and_comes_back() {
        for body in [0, 1, 1_000] {
            let message = CallMessage { reply: body == 1, call: 7, issued: Instant::from_nanos(9), body };
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(bytes.len(), message.encoded_len());
            assert_eq!(CallMessage::decode(&bytes), Ok(message));
            *bytes.last_mut().unwrap() ^= 1;
            assert_ne!(CallMessage::decode(&bytes), Ok(message));
            assert!(CallMessage::decode(&bytes[..HEAD - 1]).is_err());
        }
    }

    #[test]
    fn sizes_below_the_head_are_the_head() {
        assert_eq!(CallMessage::body_for(1), 0);
        assert_eq!(CallMessage::body_for(100), 87);
    }
}
