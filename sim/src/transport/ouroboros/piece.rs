//! What a packet carries of a message in a simulation: a length, and with the last piece the message itself. Where packets are
//! encoded for real, the bytes are those of the message, and what is read from them is put together and decoded again.

use std::sync::Arc;

use rapprochement_core::flow::packet::Body;
use rapprochement_core::wire::Message;

/// A piece of a message.
#[derive(Clone, Debug)]
pub enum Piece<M> {
    /// So many bytes of this message, from this one on.
    Of {
        /// The message.
        message: Arc<M>,
        /// The first byte.
        from: u32,
        /// How many.
        length: u32,
    },
    /// Bytes as they were read.
    Read(Box<[u8]>),
}

impl<M: Message> Body for Piece<M> {
    type Sdu = Arc<M>;

    fn cut(message: Arc<M>, most: usize) -> Vec<Self> {
        let (bytes, most) = (message.encoded_len() as u32, most.max(1) as u32);
        (0..bytes.div_ceil(most).max(1))
            .map(|piece| {
                let from = piece * most;
                Self::Of { message: Arc::clone(&message), from, length: most.min(bytes - from) }
            })
            .collect()
    }

    fn join(parts: Vec<Self>) -> Option<Arc<M>> {
        if let Some(Self::Of { message, .. }) = parts.first() {
            return Some(Arc::clone(message));
        }
        let bytes = parts.iter().flat_map(|part| match part {
            Self::Read(bytes) => bytes.iter().copied(),
            Self::Of { .. } => [].iter().copied(),
        });
        M::decode(&bytes.collect::<Vec<u8>>()).ok().map(Arc::new)
    }

    fn length(&self) -> usize {
        match self {
            Self::Of { length, .. } => *length as usize,
            Self::Read(bytes) => bytes.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Of { message, from, length } => {
                let mut bytes = Vec::with_capacity(message.encoded_len());
                message.encode(&mut bytes);
                out.extend_from_slice(&bytes[*from as usize..(*from + *length) as usize]);
            }
            Self::Read(bytes) => out.extend_from_slice(bytes),
        }
    }

    fn read(bytes: &[u8]) -> Self {
        Self::Read(bytes.into())
    }
}
