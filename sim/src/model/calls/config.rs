//! `[protocol.calls]`: nodes that call each other. Data only.

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::config::Distribution;
use crate::units::{Share, Size, Span};

/// Nodes that send each other requests, and answer them, over whatever transport the scenario names. The first nodes call, the
/// others are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallsSettings {
    /// Nodes that call: those with the lowest numbers. The others are called, each caller going round them.
    pub callers: u32,
    /// Calls of each caller.
    pub calls: u32,
    /// Time between two calls of a caller; the first is made when the warm-up ends.
    pub gap: Distribution,
    /// Bytes of a request.
    pub request: Request,
    /// Bytes of a reply; none is sent where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Size>,
    /// What becomes of the connection behind a call.
    pub connection: Connection,
    /// How long a caller waits for a reply before it counts the call as lost; without replies, how late a request may arrive.
    pub patience: Span,
}

impl Default for CallsSettings {
    fn default() -> Self {
        Self {
            callers: 1,
            calls: 1,
            gap: Distribution::Constant(Span(Duration::from_secs(1))),
            request: Request::Constant(Size(100)),
            reply: None,
            connection: Connection::Pooled,
            patience: Span(Duration::from_secs(60)),
        }
    }
}

/// Bytes of a request. One has at least 13, which say which it is and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Always the same.
    Constant(Size),
    /// Small ones among large ones: what waits behind what.
    Mixed {
        /// Bytes of a small one.
        small: Size,
        /// Bytes of a large one.
        large: Size,
        /// Share of large ones, drawn for each call.
        large_share: Share,
    },
}

/// What becomes of the connection behind a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It is kept for the next call.
    Pooled,
    /// The caller gives it up when the reply is there, so that every call begins with a handshake. It needs replies.
    PerCall,
}
