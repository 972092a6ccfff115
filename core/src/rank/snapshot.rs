//! Snapshots. The walks are a function of the parameters and of the graph, so these are all that a snapshot holds.
//! One encoding is canonical:
//!
//! `version (1) | seed (8) | walks | continue_prob (8) | ego | nodes | for each node: slots | unless there are none:
//! span | bound (8) | for each slot: 0 if it is free, else target + 1 | weight (8)`
//!
//! Integers without a width are variable-length; those with one, and floating-point numbers, are little-endian. A
//! node's last slot is taken. Span and bound are those of the trials by which a step is chosen; they depend on the
//! past.

use alloc::vec::Vec;

use super::graph::{Edge, NODES_MAX, Row, Scale};
use super::{Config, Graph, RankError, WEIGHT_MAX, WEIGHT_MIN, Walks};
use crate::wire::{DecodeError, MESSAGE_LEN_MAX, Reader, put_varint};

const VERSION: u8 = 1;

impl Walks {
    /// Everything that decides this engine's walks, as bytes. What [`Walks::restore`] makes of them has no walks yet;
    /// once it is settled it equals this engine, when this one is settled, and from then on both answer alike.
    ///
    /// # Errors
    /// [`RankError::Size`] where the snapshot would be longer than [`MESSAGE_LEN_MAX`], which is more than a million
    /// edges.
    pub fn snapshot(&self) -> Result<Vec<u8>, RankError> {
        let Config { seed, walks, continue_prob } = self.config();
        let mut out = Vec::new();
        out.push(VERSION);
        out.extend_from_slice(&seed.to_le_bytes());
        put_varint(&mut out, u64::from(walks));
        out.extend_from_slice(&continue_prob.to_bits().to_le_bytes());
        put_varint(&mut out, u64::from(self.ego()));
        put_graph(&mut out, self.graph());
        if out.len() > MESSAGE_LEN_MAX { Err(RankError::Size) } else { Ok(out) }
    }

    /// An engine from a snapshot. Its walks are drawn in later polls, so that no call does unbounded work.
    ///
    /// # Errors
    /// The bytes are not a snapshot, or not the canonical one.
    pub fn restore(bytes: &[u8]) -> Result<Self, RankError> {
        let mut reader = Reader::new(bytes)?;
        if reader.byte()? != VERSION {
            return Err(DecodeError::UnknownTag.into());
        }
        let seed = u64::from_le_bytes(reader.array()?);
        let walks = index(&mut reader)?;
        let continue_prob = f64::from_bits(u64::from_le_bytes(reader.array()?));
        let ego = index(&mut reader)?;
        let graph = read_graph(&mut reader)?;
        reader.finish()?;
        Self::new(Config { seed, walks, continue_prob }, graph, ego)
    }
}

fn put_graph(out: &mut Vec<u8>, graph: &Graph) {
    put_varint(out, u64::from(graph.nodes()));
    for row in &graph.rows {
        put_varint(out, row.slots().len() as u64);
        if row.slots().is_empty() {
            continue;
        }
        put_varint(out, u64::from(row.scale.span));
        out.extend_from_slice(&row.scale.bound.to_bits().to_le_bytes());
        for edge in row.slots() {
            if edge.weight == 0.0 {
                put_varint(out, 0);
            } else {
                put_varint(out, u64::from(edge.target) + 1);
                out.extend_from_slice(&edge.weight.to_bits().to_le_bytes());
            }
        }
    }
}

fn read_graph(reader: &mut Reader<'_>) -> Result<Graph, DecodeError> {
    let nodes = reader.count(NODES_MAX)?;
    let mut graph = Graph::default();
    for from in 0..nodes {
        let slots = reader.count(NODES_MAX)?;
        let mut scale = Scale::default();
        if slots > 0 {
            scale = Scale { span: index(reader)?, bound: f64::from_bits(u64::from_le_bytes(reader.array()?)) };
        }
        let slots = (0..slots).map(|_| read_slot(reader, from, nodes)).collect::<Result<Vec<Edge>, _>>()?;
        let mut targets: Vec<u32> = slots.iter().filter(|edge| edge.weight != 0.0).map(|edge| edge.target).collect();
        targets.sort_unstable();
        let repeats = targets.windows(2).any(|pair| pair[0] == pair[1]);
        if repeats || slots.last().is_some_and(|edge| edge.weight == 0.0) {
            return Err(DecodeError::NotCanonical);
        }
        let row = Row::from_slots(slots, scale);
        if !scale.suits(row.slots().len(), row.largest()) {
            return Err(DecodeError::NotCanonical);
        }
        graph.rows.push(row);
    }
    Ok(graph)
}

fn read_slot(reader: &mut Reader<'_>, from: usize, nodes: usize) -> Result<Edge, DecodeError> {
    let Some(target) = index(reader)?.checked_sub(1) else { return Ok(Edge::FREE) };
    let weight = f64::from_bits(u64::from_le_bytes(reader.array()?));
    let valid =
        target as usize != from && (target as usize) < nodes && (WEIGHT_MIN..=WEIGHT_MAX).contains(&weight.abs());
    if valid { Ok(Edge::new(target, weight)) } else { Err(DecodeError::NotCanonical) }
}

fn index(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)
}
