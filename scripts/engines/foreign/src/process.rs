//! A node of PHOLD, as in sim/src/model/phold.rs: it hashes what it is told, draws a target and a delay.

use std::convert::Infallible;

use rand_core::{Rng, TryRng};
use rapprochement_core::time::Duration;

use crate::exponential::Exponential;

/// 32 bytes of state.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Process {
    key: u64,
    draws: u32,
    sequence: u32,
    hash: u64,
    handled: u32,
}

impl Process {
    pub fn new(node: u32) -> Self {
        Self { key: u64::from(node + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), ..Self::default() }
    }

    /// Takes in a value; returns whom to tell, after how long, and what.
    pub fn handle(&mut self, value: u32, nodes: u32, exponential: &Exponential) -> (u32, Duration, u32) {
        self.handled = self.handled.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        self.hash = (self.hash ^ u64::from(value)).rotate_left(5).wrapping_mul(0x517c_c1b7_2722_0a95);
        let target = ((u64::from(self.next_u32()) * u64::from(nodes)) >> 32) as u32;
        (target, self.delay(exponential), self.hash as u32)
    }

    /// 0.1 s and an exponential span with a mean of 0.9 s.
    pub fn delay(&mut self, exponential: &Exponential) -> Duration {
        Duration::from_millis(100) + exponential.sample(Duration::from_millis(900), self)
    }
}

impl TryRng for Process {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.draws = self.draws.wrapping_add(1);
        let counter = u64::from(self.draws).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let product = u128::from(counter ^ self.key) * u128::from(self.key.rotate_left(32) | 1);
        let folded = product as u64 ^ (product >> 64) as u64;
        Ok((folded ^ (folded >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
