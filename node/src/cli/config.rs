//! The configuration of a node: a TOML file whose `[protocol]` is that of a scenario, key by key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rapprochement_sim::model::config::ProtocolConfig;
use rapprochement_sim::scenario::parse::settings;
use rapprochement_sim::units::{Rate, Share, Size, Span};
use serde::Deserialize;

use super::{peer, unhex};
use crate::network::config::{Limits, Link, NetworkConfig};

/// The file, key by key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The secret: a file of 64 hexadecimal digits.
    key: PathBuf,
    /// Where to listen.
    listen: String,
    /// Where tuples are kept; in memory where it is left out.
    #[serde(default)]
    store: Option<PathBuf>,
    /// The local socket by which the other verbs reach the node.
    control: PathBuf,
    /// Whether iroh's public relays and address lookup are used.
    #[serde(default)]
    public: bool,
    #[serde(default)]
    metrics: Option<MetricsFile>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    link: LinkFile,
    #[serde(default)]
    peer: Vec<PeerFile>,
    protocol: ProtocolConfig,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerFile {
    id: String,
    address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsFile {
    connections: Option<u32>,
    message: Option<Size>,
    streams: Option<u32>,
    window: Option<Size>,
    datagrams: Option<Size>,
    messages_per_s: Option<u32>,
    queue: Option<u32>,
    connect: Option<Span>,
    read: Option<Span>,
    ban: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinkFile {
    delay: Option<Span>,
    loss: Option<Share>,
    rate: Option<Rate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsFile {
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    every: Option<Span>,
    #[serde(default)]
    prometheus: Option<String>,
}

/// A configuration that makes sense.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its network.
    pub network: NetworkConfig,
    /// Where tuples are kept; in memory where there is none.
    pub store: Option<PathBuf>,
    /// The local socket.
    pub control: PathBuf,
    /// What the node runs.
    pub protocol: ProtocolConfig,
    /// Where and how often metrics are written.
    pub metrics: Metrics,
}

/// Where and how often metrics are written.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// A table in the form of the simulator's `series.csv`.
    pub file: Option<PathBuf>,
    /// How often.
    pub every: std::time::Duration,
    /// Where Prometheus finds them.
    pub prometheus: Option<SocketAddr>,
}

/// Reads a configuration; files in it are relative to its folder.
///
/// # Errors
/// What is wrong with it, with the place and the mend.
pub fn load(path: &Path) -> Result<Config, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let file: File = settings(&name, &text).map_err(|wrong| wrong.to_string())?;
    let base = path.parent().unwrap_or(Path::new(""));
    let secret = secret(&base.join(&file.key))?;
    let spoken = spoken(&file.protocol).ok_or_else(|| {
        format!("{name}: `protocol`: a node runs full_push, eager_push, scuttlebutt, reconcile or rtt_service, and this is another one")
    })?;
    let network = NetworkConfig {
        secret,
        listen: socket(&name, "listen", &file.listen)?,
        peers: peers(&name, &file.peer)?,
        protocol: spoken.to_owned(),
        public: file.public,
        limits: limits(&name, &file.limits)?,
        link: link(&file.link),
    };
    let metrics = metrics(&name, base, file.metrics)?;
    let store = file.store.map(|store| base.join(store));
    Ok(Config { network, store, control: base.join(file.control), protocol: file.protocol, metrics })
}

/// The name and version of what peers have to speak too.
fn spoken(protocol: &ProtocolConfig) -> Option<&'static str> {
    Some(match protocol {
        ProtocolConfig::FullPush { .. } => "full_push/1",
        ProtocolConfig::EagerPush { .. } => "eager_push/1",
        ProtocolConfig::Scuttlebutt { .. } => "scuttlebutt/1",
        ProtocolConfig::Reconcile { .. } => "reconcile/1",
        ProtocolConfig::RttService(_) => "rtt_service/1",
        _ => return None,
    })
}

fn secret(path: &Path) -> Result<[u8; 32], String> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("`key`: cannot read {name}: {error}; `rapnode key {name}` makes one"))?;
    unhex(&text).ok_or_else(|| format!("`key`: {name} is no key: 64 hexadecimal digits, as `rapnode key` writes them"))
}

fn socket(name: &str, key: &str, text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{name}: `{key}`: {text:?} is no address and port, such as \"127.0.0.1:4000\""))
}

fn peers(name: &str, list: &[PeerFile]) -> Result<BTreeMap<rapprochement_core::peer::PeerId, SocketAddr>, String> {
    let mut peers = BTreeMap::new();
    for entry in list {
        let id = peer(&entry.id).map_err(|wrong| format!("{name}: `peer.id`: {wrong}"))?;
        if peers.insert(id, socket(name, "peer.address", &entry.address)?).is_some() {
            return Err(format!("{name}: `peer.id`: {} is there twice", entry.id));
        }
    }
    Ok(peers)
}

fn limits(name: &str, file: &LimitsFile) -> Result<Limits, String> {
    let core = Limits::default();
    let time = |span: Option<Span>, or| span.map_or(or, |span| std::time::Duration::from_nanos(span.0.as_nanos()));
    let count = |value: Option<u32>, or: usize| value.map_or(or, |value| value as usize);
    let bytes = |value: Option<Size>, or: usize| value.map_or(or, |size| usize::try_from(size.0).unwrap_or(usize::MAX));
    let limits = Limits {
        connections: count(file.connections, core.connections),
        message: bytes(file.message, core.message).min(rapprochement_core::wire::MESSAGE_LEN_MAX),
        streams: file.streams.unwrap_or(core.streams),
        window: u32::try_from(bytes(file.window, core.window as usize)).unwrap_or(u32::MAX).min(1 << 30),
        datagrams: bytes(file.datagrams, core.datagrams),
        rate: file.messages_per_s.unwrap_or(core.rate),
        queue: count(file.queue, core.queue),
        connect: time(file.connect, core.connect),
        read: time(file.read, core.read),
        ban: time(file.ban, core.ban),
    };
    let least = [limits.connections, limits.message, limits.streams as usize, limits.rate as usize, limits.queue];
    if least.contains(&0) || limits.window < 2_400 || limits.connect.is_zero() || limits.read.is_zero() {
        return Err(format!(
            "{name}: `limits`: with a limit of nothing, or a window below 2,400 bytes, no message ever arrives"
        ));
    }
    Ok(limits)
}

fn link(file: &LinkFile) -> Link {
    Link {
        delay: file.delay.map_or_else(Default::default, |span| std::time::Duration::from_nanos(span.0.as_nanos())),
        loss: file.loss.map_or(0.0, |share| share.0),
        rate: file.rate.map_or(0, |rate| (rate.0 / 8).max(1)),
    }
}

fn metrics(name: &str, base: &Path, file: Option<MetricsFile>) -> Result<Metrics, String> {
    let every = std::time::Duration::from_secs(10);
    let Some(file) = file else { return Ok(Metrics { file: None, every, prometheus: None }) };
    let every = file.every.map_or(every, |span| std::time::Duration::from_nanos(span.0.as_nanos()));
    if every < std::time::Duration::from_millis(10) {
        return Err(format!("{name}: `metrics.every`: at least 10 ms"));
    }
    let prometheus = file.prometheus.map(|text| socket(name, "metrics.prometheus", &text)).transpose()?;
    Ok(Metrics { file: file.file.map(|file| base.join(file)), every, prometheus })
}
