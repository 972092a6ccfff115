//! Every message has one encoding of the length that it says, and whatever is none of them is refused.

use proptest::prelude::*;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::wire::Message;

use super::message::{Command, Key, Member, Reply, Route, Task, WorkflowMessage};

fn task() -> impl Strategy<Value = Task> {
    (any::<u32>(), any::<u32>()).prop_map(|(run, task)| Task { run, task })
}

fn route() -> impl Strategy<Value = Route> {
    any::<[u32; 4]>().prop_map(|[run, link, from, to]| Route { run, link, from, to })
}

fn key() -> impl Strategy<Value = Key> {
    any::<[u32; 5]>().prop_map(|[run, link, to, from, index]| Key { run, link, to, from, index })
}

fn hosts() -> impl Strategy<Value = Vec<SimPeer>> {
    prop::collection::vec(any::<u32>().prop_map(SimPeer), 0..5)
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (any::<u32>(), any::<u32>()).prop_map(|(task, host)| Member { task, host: SimPeer(host) });
    prop::collection::vec(member, 0..5)
}

fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::Set,
        Command::Get,
        Command::Push,
        Command::Pop,
        Command::Add,
        Command::Read,
        Command::Publish,
        Command::Subscribe,
        Command::Subscribers,
    ])
}

fn reply() -> impl Strategy<Value = WorkflowMessage> {
    let empty = prop::sample::select(vec![Reply::Done, Reply::Nothing, Reply::Subscribed]);
    let full = prop::sample::select(vec![Reply::Count, Reply::Value, Reply::Popped, Reply::Entry, Reply::Heard]);
    prop_oneof![
        (any::<u16>(), empty).prop_map(|(connection, reply)| WorkflowMessage::Reply { connection, reply, bytes: 0 }),
        (any::<u16>(), full, 0u32..20_000).prop_map(|(connection, reply, bytes)| WorkflowMessage::Reply {
            connection,
            reply,
            bytes
        }),
    ]
}

fn message() -> impl Strategy<Value = WorkflowMessage> {
    let bytes = || 0u32..20_000;
    prop_oneof![
        task().prop_map(WorkflowMessage::Ready),
        task().prop_map(WorkflowMessage::Done),
        (task(), hosts()).prop_map(|(task, hosts)| WorkflowMessage::Placed(task, hosts)),
        (task(), hosts()).prop_map(|(task, hosts)| WorkflowMessage::Invoke(task, hosts)),
        (route(), any::<u32>(), members()).prop_map(|(route, above, below)| WorkflowMessage::Join(route, above, below)),
        route().prop_map(WorkflowMessage::Joined),
        (route(), any::<u32>(), bytes(), members()).prop_map(|(route, index, bytes, members)| WorkflowMessage::Piece {
            route,
            index,
            bytes,
            members
        }),
        (any::<u16>(), command(), key(), bytes(), any::<bool>()).prop_map(
            |(connection, command, key, bytes, pipelined)| WorkflowMessage::Command {
                connection,
                command,
                key,
                bytes,
                pipelined
            }
        ),
        reply(),
        (key(), bytes()).prop_map(|(key, bytes)| WorkflowMessage::Put(key, bytes)),
        key().prop_map(WorkflowMessage::Kept),
        key().prop_map(WorkflowMessage::Get),
        (key(), bytes()).prop_map(|(key, bytes)| WorkflowMessage::Object(key, bytes)),
        key().prop_map(WorkflowMessage::Missing),
        (key(), bytes()).prop_map(|(key, bytes)| WorkflowMessage::Visible(key, bytes)),
    ]
}

proptest! {
    #[test]
    fn messages_are_as_long_as_they_say_and_come_back(message in message()) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(WorkflowMessage::decode(&bytes), Ok(message));
    }

    /// A changed byte gives another message or none, never the same; cut or lengthened it gives none.
    #[test]
    fn no_message_has_two_encodings(message in message(), place in any::<prop::sample::Index>(), change in 1u8..) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        bytes.push(0);
        prop_assert!(WorkflowMessage::decode(&bytes).is_err());
        bytes.truncate(bytes.len() - 2);
        prop_assert!(WorkflowMessage::decode(&bytes).is_err());
        bytes.clear();
        message.encode(&mut bytes);
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        if let Ok(other) = WorkflowMessage::decode(&bytes) {
            prop_assert_ne!(&other, &message);
            let mut again = Vec::new();
            other.encode(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), tag in 0u8..24) {
        let _ = WorkflowMessage::decode(&bytes);
        let mut tagged = vec![tag];
        tagged.extend(&bytes);
        let _ = WorkflowMessage::decode(&tagged);
    }
}

/// Commands and replies as Redis clients write them, with a key of 24 bytes and a value of 5.
#[test]
fn lengths_are_those_of_the_protocol_of_redis() {
    let key = "k".repeat(24);
    let command = |parts: &[&str]| {
        let text: String = parts.iter().map(|part| format!("${}\r\n{part}\r\n", part.len())).collect();
        format!("*{}\r\n{text}", parts.len())
    };
    let value = "value";
    for (kind, bytes, text) in [
        (Command::Set, 5, command(&["SET", &key, value])),
        (Command::Get, 0, command(&["GET", &key])),
        (Command::Push, 5, command(&["RPUSH", &key, value])),
        (Command::Pop, 0, command(&["BLPOP", &key, "0"])),
        (Command::Add, 5, command(&["XADD", &key, "*", "d", value])),
        (Command::Read, 0, command(&["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", &key, "1700000000000-0"])),
        (Command::Publish, 5, command(&["PUBLISH", &key, value])),
        (Command::Subscribe, 0, command(&["SUBSCRIBE", &key])),
        (Command::Subscribers, 0, command(&["PUBSUB", "NUMSUB", &key])),
    ] {
        assert_eq!(kind.length(bytes), text.len() as u64, "{text:?}");
    }
    let entry = format!("*1\r\n*2\r\n$24\r\n{key}\r\n*1\r\n*2\r\n$15\r\n1700000000000-0\r\n{}", command(&["d", value]));
    for (reply, text) in [
        (Reply::Done, "+OK\r\n".to_owned()),
        (Reply::Nothing, "$-1\r\n".into()),
        (Reply::Value, "$5\r\nvalue\r\n".into()),
        (Reply::Popped, command(&[&key, value])),
        (Reply::Entry, entry),
        (Reply::Heard, command(&["message", &key, value])),
        (Reply::Subscribed, format!("*3\r\n$9\r\nsubscribe\r\n$24\r\n{key}\r\n:1\r\n")),
    ] {
        assert_eq!(reply.length(5), text.len() as u64, "{text:?}");
    }
}
