//! What carries messages, and addresses that change.

use rapprochement_core::time::Duration;

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::ProtocolConfig;
use crate::units::Span;

/// More often is a slip of the unit, and a run that gets nowhere.
const LEAST: Span = Span(Duration::from_millis(1));

pub(super) fn transport(s: &Scenario, c: &mut Checker) {
    if let Some(change) = s.network.address_change {
        if change.every < LEAST {
            let message = format!("an address that changes every {}", change.every);
            c.report(&["network.address_change.every"], message, format!("use at least {LEAST}"));
        }
        if change.nodes > s.nodes {
            let message = format!("{} of {} nodes change their address", change.nodes, s.nodes);
            c.report(&["network.address_change.nodes", "nodes"], message, format!("use at most {}", s.nodes));
        }
        if s.transport.is_datagram() {
            let message = "without a transport nobody notices that an address has changed";
            c.report(&["network.address_change", "transport"], message, "name a transport, or leave it out");
        }
    }
    if s.transport.is_datagram() {
        return;
    }
    c.take(s.transport.problems(&s.network.packet));
    let carried = matches!(s.protocol, ProtocolConfig::Calls(_) | ProtocolConfig::Workflow(_));
    if !s.protocol.keeps_stores() && !carried {
        let help = "leave `transport` out, or use a synchroniser, protocol.calls or protocol.workflow";
        c.report(&["transport", "protocol"], "the messages of this protocol go as datagrams", help);
    }
    if s.hostile.is_some() {
        c.report(&["hostile", "transport"], "hostile nodes speak in datagrams", "leave one of them out");
    }
    if s.encode_messages {
        let help = "leave `encode_messages` out";
        c.report(&["encode_messages", "transport"], "packets of a transport are not read back from their bytes", help);
    }
}
