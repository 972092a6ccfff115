//! Any of the stacks, so that a protocol over a transport is one type whatever the transport.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::Message;

use super::config::TransportConfig;
use super::stack::{FlowRecord, Footprint, Output, Stack};
use crate::random::Streams;

/// One of the stacks.
#[derive(Debug)]
pub struct AnyStack<M>(std::marker::PhantomData<M>);

impl<M: Message + Send + Sync> AnyStack<M> {
    /// Builds.
    pub fn build(_config: &TransportConfig, _mtu: u64, _peer: SimPeer, _streams: &Streams) -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<M: Message + Send + Sync> Stack<M> for AnyStack<M> {
    type Packet = M;
    fn send(&mut self, _: Instant, _: SimPeer, _: Arc<M>) {}
    fn receive(&mut self, _: Instant, _: SimPeer, _: &M) {}
    fn expire(&mut self, _: Instant) {}
    fn close(&mut self, _: Instant, _: SimPeer) {}
    fn poll(&mut self, _: Instant) -> Option<Output<M, M>> {
        None
    }
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn rebind(&mut self, _: Instant) {}
    fn restart(&mut self) {}
    fn flows(&self) -> Vec<FlowRecord> {
        Vec::new()
    }
    fn footprint(&self) -> Footprint {
        Footprint::default()
    }
}
