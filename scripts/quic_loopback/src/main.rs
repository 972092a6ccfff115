//! The real `quinn` on real sockets, as a check of the simulator that shares none of its code: one megabyte from a client
//! to a server over a relay on the loopback interface that delays every datagram as the simulated link does (100 Mbit/s,
//! 50 ms one way, 66 bytes of headers and framing, a queue of 1.5 MB). Prints the times beside 803.575 ms.
//!
//! `cargo run --release --manifest-path scripts/quic_loopback/Cargo.toml [rounds]`
//!
//! The relay sleeps, and so is late by what the machine's scheduler makes of it: on a busy machine the times mean nothing.
//! `quinn-proto` skips packet numbers at random, which moves the time by up to 1 % in either direction.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use quinn::{ClientConfig, Endpoint, ServerConfig, TransportConfig, VarInt};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const BYTES: usize = 1_000_000;
const MEASURED_MS: f64 = 803.575;
const DELAY: Duration = Duration::from_millis(50);
const NANOS_PER_BYTE: u64 = 80;
const OVERHEAD: u64 = 66;
const QUEUE_BYTES: u64 = 1_500_000;
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Datagrams on their way, each with the time at which it arrives.
#[derive(Default)]
struct Pipe {
    queue: Mutex<VecDeque<(Instant, Vec<u8>)>>,
    filled: Condvar,
}

impl Pipe {
    fn push(&self, at: Instant, bytes: Vec<u8>) {
        self.queue.lock().expect("no thread panics").push_back((at, bytes));
        self.filled.notify_one();
    }

    /// Waits for the next datagram, and then until it is due.
    fn pop(&self) -> Vec<u8> {
        let mut queue = self.queue.lock().expect("no thread panics");
        while queue.is_empty() {
            queue = self.filled.wait(queue).expect("no thread panics");
        }
        let (at, bytes) = queue.pop_front().expect("it is not empty");
        drop(queue);
        // Sleeps most of the time and spins for the rest.
        let early = Duration::from_micros(200);
        thread::sleep(at.saturating_duration_since(Instant::now()).saturating_sub(early));
        while Instant::now() < at {
            std::hint::spin_loop();
        }
        bytes
    }
}

/// One direction: what `from` receives leaves `to` for the address that `target` knows, late.
fn relay(
    from: UdpSocket,
    to: UdpSocket,
    target: impl Fn() -> Option<SocketAddr> + Send + 'static,
    seen: Arc<Mutex<Option<SocketAddr>>>,
) {
    let pipe = Arc::new(Pipe::default());
    let inlet = pipe.clone();
    thread::spawn(move || {
        let mut buffer = [0; 65_536];
        let mut free = Instant::now();
        while let Ok((len, sender)) = from.recv_from(&mut buffer) {
            let now = Instant::now();
            *seen.lock().expect("no thread panics") = Some(sender);
            let size = len as u64 + OVERHEAD;
            let start = free.max(now);
            let backlog = start.duration_since(now).as_nanos() as u64 / NANOS_PER_BYTE;
            if backlog + size <= QUEUE_BYTES {
                free = start + Duration::from_nanos(size * NANOS_PER_BYTE);
                inlet.push(free + DELAY, buffer[..len].to_vec());
            }
        }
    });
    thread::spawn(move || {
        loop {
            let bytes = pipe.pop();
            if let Some(target) = target() {
                let _ = to.send_to(&bytes, target);
            }
        }
    });
}

/// A link to a server; the address that clients connect to. Its threads last as long as the process.
fn link(server: SocketAddr) -> Result<SocketAddr, Failure> {
    let (near, far) = (UdpSocket::bind(LOCAL)?, UdpSocket::bind(LOCAL)?);
    let address = near.local_addr()?;
    let client = Arc::new(Mutex::new(None));
    relay(near.try_clone()?, far.try_clone()?, move || Some(server), client.clone());
    relay(far, near, move || *client.lock().expect("no thread panics"), Arc::default());
    Ok(address)
}

/// The settings of the simulated measurement.
fn transport() -> Arc<TransportConfig> {
    let window = VarInt::from_u32(16 << 20);
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(window)
        .receive_window(window)
        .send_window(16 << 20)
        .initial_mtu(1452)
        .min_mtu(1452)
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false);
    Arc::new(transport)
}

fn configurations() -> Result<(ServerConfig, ClientConfig), Failure> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()])?.self_signed(&key)?;
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = ServerConfig::with_single_cert(vec![certificate.der().clone()], secret)?;
    server.transport_config(transport());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone())?;
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots))?;
    client.transport_config(transport());
    Ok((server, client))
}

/// One connection and one stream; the times of the handshake and of the last byte at the server, in ms.
async fn transfer() -> Result<(f64, f64), Failure> {
    let (server_config, client_config) = configurations()?;
    let server = Endpoint::server(server_config, LOCAL)?;
    let address = link(server.local_addr()?)?;
    let receiver = tokio::spawn(async move {
        let connection = server.accept().await.ok_or("the server is gone")?.await?;
        let mut stream = connection.accept_uni().await?;
        let mut len = 0;
        while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
            len += chunk.bytes.len();
        }
        let done = Instant::now();
        connection.close(0_u32.into(), b"");
        Ok::<_, Failure>((len, done))
    });
    let mut client = Endpoint::client(LOCAL)?;
    client.set_default_client_config(client_config);
    let start = Instant::now();
    let connection = client.connect(address, "localhost")?.await?;
    let connected = start.elapsed();
    let mut stream = connection.open_uni().await?;
    for piece in vec![1; BYTES].chunks(16 << 10) {
        stream.write_all(piece).await?;
    }
    stream.finish()?;
    let (len, done) = receiver.await??;
    if len != BYTES {
        return Err(format!("{len} bytes arrived").into());
    }
    Ok((connected.as_secs_f64() * 1e3, done.duration_since(start).as_secs_f64() * 1e3))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(11).max(1);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let (connected, done) = transfer().await?;
        println!("handshake {connected:.2} ms, 1 MB {done:.2} ms");
        times.push(done);
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let difference = 100.0 * (median / MEASURED_MS - 1.0);
    println!("least {:.2} ms, median {median:.2} ms; simulated {MEASURED_MS} ms, {difference:+.2} %", times[0]);
    Ok(())
}
