//! How a message becomes packets. TCP and QUIC join this room with the transport work; what stands here is the datagram.

pub mod datagram;
