//! Packets per second of the QUIC stack against those of a bare loop around two endpoints of `quinn-proto`, on the same
//! link, with the same settings, in turns; and the memory that an idle connection takes. Run it in a release build:
//!
//! ```text
//! cargo run --release -p rapprochement-sim --example quic_speed [MB] [rounds]
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant as Clock;

use bytes::{Bytes, BytesMut};
use quinn_proto::{Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, Event, StreamEvent, StreamId};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::{DecodeError, Message};
use rapprochement_sim::transport::quic::config::Crypto;
use rapprochement_sim::transport::quic::{Datagram, QuicConfig, QuicStack, bare, to_std};
use rapprochement_sim::transport::stack::{Output, Stack};

/// 1 Gbit/s and 5 ms.
const NANOS_PER_BYTE: u64 = 8;
const DELAY: u64 = 5_000_000;
const MESSAGE: usize = 1_000_000;

/// A message that is its bytes.
#[derive(Clone, Debug)]
struct Blob(Vec<u8>);

impl Message for Blob {
    const CLASSES: &'static [&'static str] = &["blob"];

    fn class(&self) -> usize {
        0
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(bytes.to_vec()))
    }
}

/// One end of the link.
trait Node {
    type Packet;
    fn receive(&mut self, now: Instant, packet: Self::Packet);
    fn expire(&mut self, now: Instant);
    /// The next packet and its length.
    fn poll(&mut self, now: Instant) -> Option<(Self::Packet, usize)>;
    fn deadline(&mut self) -> Option<Instant>;
    /// Bytes of the application that have arrived.
    fn arrived(&self) -> usize;
}

/// Runs two nodes until the second has all bytes; packets that crossed the link.
fn run<N: Node>(nodes: &mut [N; 2], bytes: usize) -> u64 {
    let mut pipes: [VecDeque<(u64, N::Packet)>; 2] = [VecDeque::new(), VecDeque::new()];
    let (mut free, mut packets, mut now) = ([0; 2], 0, 0);
    loop {
        for (from, node) in nodes.iter_mut().enumerate() {
            while let Some((packet, len)) = node.poll(Instant::from_nanos(now)) {
                free[from] = now.max(free[from]) + len as u64 * NANOS_PER_BYTE;
                pipes[1 - from].push_back((free[from] + DELAY, packet));
                packets += 1;
            }
        }
        if nodes[1].arrived() >= bytes {
            return packets;
        }
        let arrival = (0..2).filter_map(|to| pipes[to].front().map(|(at, _)| (*at, to))).min();
        let timer = nodes.iter_mut().filter_map(Node::deadline).min().map(Instant::as_nanos);
        now = now.max(arrival.map(|(at, _)| at).into_iter().chain(timer).min().unwrap_or(u64::MAX));
        match arrival {
            Some((at, to)) if at <= now => {
                if let Some((_, packet)) = pipes[to].pop_front() {
                    nodes[to].receive(Instant::from_nanos(now), packet);
                }
            }
            _ => nodes.iter_mut().for_each(|node| node.expire(Instant::from_nanos(now))),
        }
    }
}

/// The stack under test.
struct Stacked {
    stack: QuicStack<Blob>,
    other: SimPeer,
    arrived: usize,
}

impl Node for Stacked {
    type Packet = Datagram;

    fn receive(&mut self, now: Instant, packet: Datagram) {
        self.stack.receive(now, self.other, now, &packet);
    }

    fn expire(&mut self, now: Instant) {
        self.stack.expire(now);
    }

    fn poll(&mut self, now: Instant) -> Option<(Datagram, usize)> {
        loop {
            match self.stack.poll(now)? {
                Output::Transmit { packet, .. } => {
                    let len = packet.encoded_len();
                    return Some((packet, len));
                }
                Output::Deliver { message, .. } => self.arrived += message.0.len(),
                Output::Up(_) | Output::Down(_) => {}
            }
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.stack.deadline()
    }

    fn arrived(&self) -> usize {
        self.arrived
    }
}

/// An endpoint with one connection and one stream, and nothing else.
struct Bare {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    other: SocketAddr,
    left: usize,
    stream: Option<StreamId>,
    arrived: usize,
    scratch: Vec<u8>,
    piece: Bytes,
}

impl Bare {
    fn write(&mut self) {
        let Some((_, connection)) = self.connection.as_mut() else { return };
        self.stream = self.stream.or_else(|| connection.streams().open(Dir::Uni));
        let Some(id) = self.stream else { return };
        while self.left > 0 {
            let piece = self.piece.slice(..self.piece.len().min(self.left));
            let Ok(written) = connection.send_stream(id).write_chunks(&mut [piece]) else { return };
            self.left -= written.bytes;
        }
    }

    fn read(&mut self, id: StreamId) {
        let Some((_, connection)) = self.connection.as_mut() else { return };
        let mut stream = connection.recv_stream(id);
        if let Ok(mut chunks) = stream.read(true) {
            while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
                self.arrived += chunk.bytes.len();
            }
            let _ = chunks.finalize();
        };
    }

    fn events(&mut self) {
        while let Some((handle, connection)) = self.connection.as_mut() {
            if let Some(event) = connection.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
                continue;
            }
            match connection.poll() {
                Some(Event::Connected | Event::Stream(StreamEvent::Writable { .. })) => self.write(),
                Some(Event::Stream(StreamEvent::Opened { dir })) => {
                    while let Some(id) = self.connection.as_mut().and_then(|(_, c)| c.streams().accept(dir)) {
                        self.read(id);
                    }
                }
                Some(Event::Stream(StreamEvent::Readable { id })) => self.read(id),
                Some(_) => {}
                None => return,
            }
        }
    }
}

impl Node for Bare {
    type Packet = BytesMut;

    fn receive(&mut self, now: Instant, packet: BytesMut) {
        let now = to_std(now);
        self.scratch.clear();
        match self.endpoint.handle(now, self.other, None, None, packet, &mut self.scratch) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = self.connection.as_mut() {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.connection = self.endpoint.accept(incoming, now, &mut self.scratch, None).ok();
            }
            _ => {}
        }
    }

    fn expire(&mut self, now: Instant) {
        if let Some((_, connection)) = self.connection.as_mut() {
            connection.handle_timeout(to_std(now));
        }
    }

    fn poll(&mut self, now: Instant) -> Option<(BytesMut, usize)> {
        self.events();
        self.scratch.clear();
        let (_, connection) = self.connection.as_mut()?;
        let transmit = connection.poll_transmit(to_std(now), 1, &mut self.scratch)?;
        Some((BytesMut::from(&self.scratch[..]), transmit.size))
    }

    fn deadline(&mut self) -> Option<Instant> {
        let at = self.connection.as_mut()?.1.poll_timeout()?;
        let nanos = at.saturating_duration_since(to_std(Instant::ZERO)).as_nanos();
        Some(Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn arrived(&self) -> usize {
        self.arrived
    }
}

fn stacked(config: &QuicConfig, messages: usize) -> [Stacked; 2] {
    let node = |i| {
        let stack = QuicStack::new(config, SimPeer(i), 1).expect("the default configuration is sound");
        Stacked { stack, other: SimPeer(1 - i), arrived: 0 }
    };
    let mut nodes = [node(0), node(1)];
    let message = Arc::new(Blob(vec![7; MESSAGE]));
    (0..messages).for_each(|_| nodes[0].stack.send(Instant::ZERO, SimPeer(1), message.clone()));
    nodes
}

fn bared(config: &QuicConfig, bytes: usize) -> [Bare; 2] {
    let address = |i| SocketAddr::from(([10, 0, 0, i], 4433));
    let node = |i: u8| {
        let (endpoint, client) = bare(config, u64::from(i)).expect("the default configuration is sound");
        let node = Bare {
            endpoint,
            connection: None,
            other: address(3 - i),
            left: if i == 1 { bytes } else { 0 },
            stream: None,
            arrived: 0,
            scratch: Vec::new(),
            piece: Bytes::from(vec![7; 16 << 10]),
        };
        (node, client)
    };
    let ((mut client, config), (server, _)) = (node(1), node(2));
    let name = "00000001.node.test";
    client.connection = client.endpoint.connect(to_std(Instant::ZERO), config, address(2), name).ok();
    [client, server]
}

/// Kilobytes of memory that the process holds, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// Memory per side of a connection that has carried one small message.
fn idle_memory(config: &QuicConfig) {
    const PAIRS: u64 = 1_000;
    let before = resident();
    let pairs: Vec<_> = (0..PAIRS)
        .map(|_| {
            let mut nodes = stacked(config, 0);
            nodes[0].stack.send(Instant::ZERO, SimPeer(1), Arc::new(Blob(vec![7; 10])));
            run(&mut nodes, 10);
            nodes
        })
        .collect();
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{} bytes per node with one idle connection", (after.saturating_sub(before) << 10) / (2 * PAIRS));
    }
    drop(pairs);
}

#[allow(clippy::disallowed_methods, reason = "measures the machine")]
fn timed(body: impl FnOnce() -> u64) -> f64 {
    let start = Clock::now();
    let packets = body();
    packets as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let argument = |i: usize, default| std::env::args().nth(i).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (megabytes, rounds) = (argument(1, 100_usize), argument(2, 5_usize).max(1));
    // First, before the allocator keeps what the transfers have needed.
    idle_memory(&QuicConfig::default());
    let cryptos = [(Crypto::Null, "null"), (Crypto::Rustls, "rustls")];
    for (crypto, name) in cryptos.into_iter().filter(|(crypto, _)| *crypto == Crypto::Null || cfg!(feature = "rustls"))
    {
        let config = QuicConfig { crypto, ..QuicConfig::default() };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs.push(timed(|| run(&mut bared(&config, megabytes * MESSAGE), megabytes * MESSAGE)));
            ours.push(timed(|| run(&mut stacked(&config, megabytes), megabytes * MESSAGE)));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{name}: stack {ours:.0} packets/s, bare loop {theirs:.0} packets/s, {:.1} %", 100.0 * ours / theirs);
    }
}
