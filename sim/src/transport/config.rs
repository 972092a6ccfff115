//! `transport`: what carries messages over the network. Data only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What carries messages over the network: `transport = "datagram"`, or a table such as `transport.tcp = { congestion = "reno" }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransportConfig {
    /// Every message is a datagram, cut at the MTU; what is lost is lost.
    #[default]
    Datagram,
}

impl TransportConfig {
    /// Whether messages go without a transport.
    pub const fn is_datagram(&self) -> bool {
        matches!(self, Self::Datagram)
    }
}
