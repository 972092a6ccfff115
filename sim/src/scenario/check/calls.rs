//! Calls between nodes.

use super::super::schema::Scenario;
use super::Checker;
use crate::model::calls::config::{CallsSettings, Connection, Request};
use crate::model::config::ProtocolConfig;
use crate::units::Size;

/// The longest message that a peer accepts.
const MAX_BYTES: Size = Size(16 << 20);
/// The time of every call is kept.
const MAX_CALLS: u64 = 10_000_000;

fn key(key: &str) -> String {
    format!("protocol.calls.{key}")
}

pub(super) fn calls(s: &Scenario, c: &mut Checker) {
    let ProtocolConfig::Calls(settings) = &s.protocol else { return };
    numbers(s, c, settings);
    let sizes = match settings.request {
        Request::Constant(size) => [size, size],
        Request::Mixed { small, large, .. } => [small, large],
    };
    for size in sizes {
        if size > MAX_BYTES {
            c.report(&[&key("request")], format!("a request of {size}"), format!("use at most {MAX_BYTES}"));
            break;
        }
    }
    if let Request::Mixed { small, large, .. } = settings.request
        && small >= large
    {
        c.report(&[&key("request")], format!("small requests of {small} among large ones of {large}"), "");
    }
    if let Some(size) = settings.reply.filter(|size| *size > MAX_BYTES) {
        c.report(&[&key("reply")], format!("a reply of {size}"), format!("use at most {MAX_BYTES}"));
    }
    if settings.connection == Connection::PerCall && settings.reply.is_none() {
        let help = "let calls have a reply, or keep connections";
        c.report(&[&key("connection"), &key("reply")], "without replies a caller does not know when it is done", help);
    }
}

fn numbers(s: &Scenario, c: &mut Checker, settings: &CallsSettings) {
    if settings.callers == 0 {
        c.report(&[&key("callers")], "nobody calls", "use at least 1");
    }
    if settings.callers >= s.nodes {
        let message = format!("{} callers among {} nodes leave nobody to be called", settings.callers, s.nodes);
        c.report(&[&key("callers"), "nodes"], message, format!("use at most {}", s.nodes.saturating_sub(1)));
    }
    let calls = u64::from(settings.callers) * u64::from(settings.calls);
    if calls == 0 && settings.callers > 0 {
        c.report(&[&key("calls")], "no call is made", "use at least 1");
    }
    if calls > MAX_CALLS {
        let message = format!("{calls} calls of all callers together");
        c.report(&[&key("calls"), &key("callers")], message, format!("use at most {MAX_CALLS}"));
    }
    c.take(settings.gap.validate(&key("gap")));
    c.positive(&key("patience"), settings.patience);
}
