//! What the nodes of a workflow send each other. Data is not random: a message that carries so many bytes of it is that much longer,
//! and they are zeros. Commands and replies of Redis are as long as their RESP text (redis.io, "Redis serialization protocol
//! specification"), with two bytes of a connection's number in it, which ports would tell.

use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::wire::{DecodeError, MESSAGE_LEN_MAX, Message, Reader, put_varint, varint_len};

/// Addresses in one message at most.
const ADDRESSES_MAX: usize = MESSAGE_LEN_MAX / PeerId::LEN;

/// An instance of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// Number of the run.
    pub run: u32,
    /// Number of the instance.
    pub task: u32,
}

/// Data of one sender that is on its way over a link to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Number of the run.
    pub run: u32,
    /// Number of the link.
    pub link: u32,
    /// Whose data it is.
    pub from: u32,
    /// Who gets it now, to keep or to pass on.
    pub to: u32,
}

/// Someone below in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The instance.
    pub task: u32,
    /// Where it runs.
    pub host: SimPeer,
}

/// Under what something is kept in Redis or in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Number of the run.
    pub run: u32,
    /// Number of the link.
    pub link: u32,
    /// The receiver; [`Key::ALL`] where all read the same.
    pub to: u32,
    /// Whose data; [`Key::ALL`] where one key serves all.
    pub from: u32,
    /// Which of its pieces.
    pub index: u32,
}

impl Key {
    /// Anybody.
    pub const ALL: u32 = u32::MAX;
    /// Bytes of a key's text in commands: fixed, so that lengths do not depend on numbers.
    pub const LEN: u64 = 24;
}

/// What a client asks of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Command {
    /// SET key value.
    Set,
    /// GET key.
    Get,
    /// RPUSH key value.
    Push,
    /// BLPOP key 0.
    Pop,
    /// XADD key * d value.
    Add,
    /// XREAD COUNT 1 BLOCK 0 STREAMS key id.
    Read,
    /// PUBLISH channel value.
    Publish,
    /// SUBSCRIBE channel.
    Subscribe,
    /// PUBSUB NUMSUB channel.
    Subscribers,
}

impl Command {
    const ALL: [Self; 9] = [
        Self::Set,
        Self::Get,
        Self::Push,
        Self::Pop,
        Self::Add,
        Self::Read,
        Self::Publish,
        Self::Subscribe,
        Self::Subscribers,
    ];

    /// Bytes of the command's text with a value of so many bytes.
    pub fn length(self, bytes: u64) -> u64 {
        let arguments: &[u64] = match self {
            Self::Set => &[3, Key::LEN, bytes],
            Self::Get => &[3, Key::LEN],
            Self::Push => &[5, Key::LEN, bytes],
            Self::Pop => &[5, Key::LEN, 1],
            Self::Add => &[4, Key::LEN, 1, 1, bytes],
            Self::Read => &[5, 5, 1, 5, 1, 7, Key::LEN, ID],
            Self::Publish => &[7, Key::LEN, bytes],
            Self::Subscribe => &[9, Key::LEN],
            Self::Subscribers => &[6, 6, Key::LEN],
        };
        array(arguments)
    }
}

/// Bytes of a stream's id, "1700000000000-0".
const ID: u64 = 15;

/// Bytes of a bulk string.
fn bulk(bytes: u64) -> u64 {
    bytes.saturating_add(5 + digits(bytes))
}

/// Bytes of an array of bulk strings.
fn array(lengths: &[u64]) -> u64 {
    lengths.iter().map(|bytes| bulk(*bytes)).fold(3 + digits(lengths.len() as u64), u64::saturating_add)
}

fn digits(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

/// What Redis answers, or tells of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reply {
    /// Done.
    Done,
    /// So many: the length of a list, or who has heard.
    Count,
    /// Not there.
    Nothing,
    /// A value.
    Value,
    /// A value that was taken off a list.
    Popped,
    /// An entry of a stream.
    Entry,
    /// A message of a channel.
    Heard,
    /// The subscription holds.
    Subscribed,
}

impl Reply {
    const ALL: [Self; 8] =
        [Self::Done, Self::Count, Self::Nothing, Self::Value, Self::Popped, Self::Entry, Self::Heard, Self::Subscribed];

    /// Bytes of the reply's text, whose value has so many bytes; a count is that number.
    pub fn length(self, bytes: u64) -> u64 {
        match self {
            Self::Done | Self::Nothing => 5,
            // Its text is ":7\r\n"; a byte more holds its number here.
            Self::Count => 4 + digits(bytes).max(varint_len(bytes) as u64),
            Self::Value => bulk(bytes),
            Self::Popped => array(&[Key::LEN, bytes]),
            // An array of one stream: its name and an array of one entry: its id and an array of field and value.
            Self::Entry => 4 + 4 + bulk(Key::LEN) + 4 + 4 + bulk(ID) + array(&[1, bytes]),
            Self::Heard => array(&[7, Key::LEN, bytes]),
            Self::Subscribed => 4 + bulk(9) + bulk(Key::LEN) + 4,
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkflowMessage {
    /// To the coordinator: the instance has computed; where does its data go?
    Ready(Task),
    /// To the coordinator: the instance has nothing more to do.
    Done(Task),
    /// From the coordinator: where receivers run, link by link.
    Placed(Task, Vec<SimPeer>),
    /// From the coordinator: run this. Where its data goes, if that is known.
    Invoke(Task, Vec<SimPeer>),
    /// Have part in a group, with those below. The second is the instance above.
    Join(Route, u32, Vec<Member>),
    /// All of us have.
    Joined(Route),
    /// A piece of data; the first one names those below, where nothing has been set up.
    Piece {
        /// Whose, and for whom.
        route: Route,
        /// Which one.
        index: u32,
        /// Bytes of data.
        bytes: u32,
        /// Those below.
        members: Vec<Member>,
    },
    /// To Redis.
    Command {
        /// The client's connection.
        connection: u16,
        /// What.
        command: Command,
        /// Of what.
        key: Key,
        /// Bytes of the value; entries to pass over, in a reading.
        bytes: u32,
        /// It does not wait for the reply to the one before.
        pipelined: bool,
    },
    /// From Redis.
    Reply {
        /// The client's connection.
        connection: u16,
        /// What.
        reply: Reply,
        /// Bytes of the value, or the count.
        bytes: u32,
    },
    /// To the store: keep this.
    Put(Key, u32),
    /// From the store: it is kept.
    Kept(Key),
    /// To the store: give me that.
    Get(Key),
    /// From the store: here it is.
    Object(Key, u32),
    /// From the store: it is not there.
    Missing(Key),
    /// From a front end of the store to the others: this is there.
    Visible(Key, u32),
}

/// Bytes of the heads of HTTP, requests and responses alike: what S3 clients send is some hundred bytes.
const HTTP_HEAD: u64 = 300;

impl WorkflowMessage {
    /// The fields, without what fills the message up.
    fn fields(&self, out: &mut Vec<u8>) {
        let mut numbers = |tag: u8, numbers: &[u32]| {
            out.push(tag);
            numbers.iter().for_each(|number| put_varint(out, u64::from(*number)));
        };
        let of = |Task { run, task }: Task| [run, task];
        let route = |Route { run, link, from, to }: Route| [run, link, from, to];
        match self {
            Self::Ready(task) => numbers(0, &of(*task)),
            Self::Done(task) => numbers(1, &of(*task)),
            Self::Placed(task, hosts) | Self::Invoke(task, hosts) => {
                let tag = if matches!(self, Self::Placed(..)) { 2 } else { 3 };
                numbers(tag, &of(*task));
                put_varint(out, hosts.len() as u64);
                hosts.iter().for_each(|host| out.extend_from_slice(&host.id().0));
            }
            Self::Join(to, above, members) => {
                numbers(4, &route(*to));
                put_varint(out, u64::from(*above));
                put_members(out, members);
            }
            Self::Joined(to) => numbers(5, &route(*to)),
            Self::Piece { route: to, index, bytes, members } => {
                numbers(6, &route(*to));
                put_varint(out, u64::from(*index));
                put_varint(out, u64::from(*bytes));
                put_members(out, members);
            }
            Self::Command { connection, command, key, bytes, pipelined } => {
                out.extend([7, *command as u8 * 2 + u8::from(*pipelined)]);
                out.extend(connection.to_le_bytes());
                put_key(out, *key);
                put_varint(out, u64::from(*bytes));
            }
            Self::Reply { connection, reply, bytes } => {
                out.push(8 + *reply as u8);
                out.extend(connection.to_le_bytes());
                if !matches!(reply, Reply::Done | Reply::Nothing | Reply::Subscribed) {
                    put_varint(out, u64::from(*bytes));
                }
            }
            Self::Put(key, bytes) | Self::Object(key, bytes) | Self::Visible(key, bytes) => {
                out.push(if matches!(self, Self::Put(..)) {
                    16
                } else if matches!(self, Self::Object(..)) {
                    17
                } else {
                    18
                });
                put_key(out, *key);
                put_varint(out, u64::from(*bytes));
            }
            Self::Kept(key) | Self::Get(key) | Self::Missing(key) => {
                out.push(if matches!(self, Self::Kept(_)) {
                    19
                } else if matches!(self, Self::Get(_)) {
                    20
                } else {
                    21
                });
                put_key(out, *key);
            }
        }
    }

    /// Bytes of the whole message, given those of its fields.
    fn full(&self, fields: usize) -> usize {
        let bytes = match self {
            Self::Piece { bytes, .. } => fields as u64 + u64::from(*bytes),
            Self::Command { command, bytes, .. } => {
                let value = if *command == Command::Read { 0 } else { u64::from(*bytes) };
                command.length(value)
            }
            Self::Reply { reply, bytes, .. } => reply.length(u64::from(*bytes)),
            Self::Put(_, bytes) | Self::Object(_, bytes) => HTTP_HEAD + u64::from(*bytes),
            Self::Kept(_) | Self::Get(_) | Self::Missing(_) => HTTP_HEAD,
            _ => fields as u64,
        };
        (bytes as usize).max(fields)
    }
}

fn put_members(out: &mut Vec<u8>, members: &[Member]) {
    put_varint(out, members.len() as u64);
    for member in members {
        put_varint(out, u64::from(member.task));
        out.extend_from_slice(&member.host.id().0);
    }
}

/// Bytes of a key as it stands here: no more than its text takes in a command.
fn put_key(out: &mut Vec<u8>, key: Key) {
    [key.run, key.link, key.to, key.from, key.index].iter().for_each(|part| out.extend(part.to_le_bytes()));
}

fn key_of(reader: &mut Reader<'_>) -> Result<Key, DecodeError> {
    let mut part = || Ok(u32::from_le_bytes(reader.array()?));
    Ok(Key { run: part()?, link: part()?, to: part()?, from: part()?, index: part()? })
}

fn number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::BadInteger)
}

fn task_of(reader: &mut Reader<'_>) -> Result<Task, DecodeError> {
    Ok(Task { run: number(reader)?, task: number(reader)? })
}

fn route_of(reader: &mut Reader<'_>) -> Result<Route, DecodeError> {
    Ok(Route { run: number(reader)?, link: number(reader)?, from: number(reader)?, to: number(reader)? })
}

fn host_of(reader: &mut Reader<'_>) -> Result<SimPeer, DecodeError> {
    SimPeer::from_id(PeerId(reader.array()?)).ok_or(DecodeError::NotCanonical)
}

fn hosts_of(reader: &mut Reader<'_>) -> Result<Vec<SimPeer>, DecodeError> {
    let count = reader.count(ADDRESSES_MAX)?;
    (0..count).map(|_| host_of(reader)).collect()
}

fn members_of(reader: &mut Reader<'_>) -> Result<Vec<Member>, DecodeError> {
    let count = reader.count(ADDRESSES_MAX)?;
    (0..count).map(|_| Ok(Member { task: number(reader)?, host: host_of(reader)? })).collect()
}

fn reply_of(tag: u8, reader: &mut Reader<'_>) -> Result<WorkflowMessage, DecodeError> {
    let reply = *Reply::ALL.get(usize::from(tag)).ok_or(DecodeError::UnknownTag)?;
    let connection = u16::from_le_bytes(reader.array()?);
    let short = matches!(reply, Reply::Done | Reply::Nothing | Reply::Subscribed);
    let bytes = if short { 0 } else { number(reader)? };
    Ok(WorkflowMessage::Reply { connection, reply, bytes })
}

fn command_of(reader: &mut Reader<'_>) -> Result<WorkflowMessage, DecodeError> {
    let kind = reader.byte()?;
    let command = *Command::ALL.get(usize::from(kind / 2)).ok_or(DecodeError::UnknownTag)?;
    let connection = u16::from_le_bytes(reader.array()?);
    let (key, bytes) = (key_of(reader)?, number(reader)?);
    Ok(WorkflowMessage::Command { connection, command, key, bytes, pipelined: kind % 2 == 1 })
}

impl Message for WorkflowMessage {
    const CLASSES: &'static [&'static str] = &["control", "group", "data", "redis", "store"];

    fn class(&self) -> usize {
        match self {
            Self::Ready(_) | Self::Done(_) | Self::Placed(..) | Self::Invoke(..) => 0,
            Self::Join(..) | Self::Joined(_) => 1,
            Self::Piece { .. } => 2,
            Self::Command { .. } | Self::Reply { .. } => 3,
            Self::Put(..) | Self::Kept(_) | Self::Get(_) | Self::Object(..) | Self::Missing(_) | Self::Visible(..) => 4,
        }
    }

    fn encoded_len(&self) -> usize {
        let ids = |members: &[Member]| {
            let tasks: usize = members.iter().map(|member| varint_len(member.task.into()) + PeerId::LEN).sum();
            varint_len(members.len() as u64) + tasks
        };
        let sum = |numbers: &[u32]| 1 + numbers.iter().map(|number| varint_len(u64::from(*number))).sum::<usize>();
        let route = |Route { run, link, from, to }: &Route| sum(&[*run, *link, *from, *to]);
        let key = 20;
        let value = |bytes: &u32| varint_len(u64::from(*bytes));
        let fields = match self {
            Self::Ready(task) | Self::Done(task) => sum(&[task.run, task.task]),
            Self::Placed(task, hosts) | Self::Invoke(task, hosts) => {
                sum(&[task.run, task.task]) + varint_len(hosts.len() as u64) + hosts.len() * PeerId::LEN
            }
            Self::Join(to, above, members) => route(to) + value(above) + ids(members),
            Self::Joined(to) => route(to),
            Self::Piece { route: to, index, bytes, members } => route(to) + value(index) + value(bytes) + ids(members),
            Self::Command { bytes, .. } => 4 + key + value(bytes),
            Self::Reply { reply: Reply::Done | Reply::Nothing | Reply::Subscribed, .. } => 3,
            Self::Reply { bytes, .. } => 3 + value(bytes),
            Self::Put(_, bytes) | Self::Object(_, bytes) | Self::Visible(_, bytes) => 1 + key + value(bytes),
            Self::Kept(_) | Self::Get(_) | Self::Missing(_) => 1 + key,
        };
        self.full(fields)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.fields(out);
        let length = self.full(out.len() - start);
        out.resize(start + length, 0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = match reader.byte()? {
            0 => Self::Ready(task_of(&mut reader)?),
            1 => Self::Done(task_of(&mut reader)?),
            2 => Self::Placed(task_of(&mut reader)?, hosts_of(&mut reader)?),
            3 => Self::Invoke(task_of(&mut reader)?, hosts_of(&mut reader)?),
            4 => Self::Join(route_of(&mut reader)?, number(&mut reader)?, members_of(&mut reader)?),
            5 => Self::Joined(route_of(&mut reader)?),
            6 => Self::Piece {
                route: route_of(&mut reader)?,
                index: number(&mut reader)?,
                bytes: number(&mut reader)?,
                members: members_of(&mut reader)?,
            },
            7 => command_of(&mut reader)?,
            tag @ 8..=15 => reply_of(tag - 8, &mut reader)?,
            16 => Self::Put(key_of(&mut reader)?, number(&mut reader)?),
            17 => Self::Object(key_of(&mut reader)?, number(&mut reader)?),
            18 => Self::Visible(key_of(&mut reader)?, number(&mut reader)?),
            19 => Self::Kept(key_of(&mut reader)?),
            20 => Self::Get(key_of(&mut reader)?),
            21 => Self::Missing(key_of(&mut reader)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        // What is left is the filling, no more and no less.
        let expected = message.encoded_len();
        match bytes.len().cmp(&expected) {
            std::cmp::Ordering::Less => return Err(DecodeError::Truncated),
            std::cmp::Ordering::Greater => return Err(DecodeError::TrailingBytes),
            std::cmp::Ordering::Equal => {}
        }
        let mut again = Vec::with_capacity(bytes.len());
        message.encode(&mut again);
        if again == bytes { Ok(message) } else { Err(DecodeError::NotCanonical) }
    }
}
