//! A handshake with the shape of TLS 1.3 in QUIC (RFC 8446, section 2; RFC 9001, section 4) and nothing secret in it, at a
//! small part of the price of a real one. What it keeps of the real one: the flights and the levels they travel at, the
//! sizes of all messages, resumption by tickets that serve once, 0-RTT, the refusal of tickets from before a restart, and
//! keys that do not open each other's packets. What it drops: authentication and confidentiality.
//!
//! The sizes are those of `rustls` 0.23.46 with `ring` (AES-256-GCM with SHA-384, X25519) and of the certificate of 243
//! bytes in `tls.rs`; a test under the feature `rustls` compares both packet by packet.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use quinn_proto::crypto::{
    ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session,
    UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError, TransportErrorCode};
use rapprochement_core::wire::{DecodeError, Reader};

use super::null_keys::{Level, NullHeader, NullKey, fold, initial_keys, keys, pair};
use super::null_tickets::{NullClient, NullServer, Ticket};

/// The longest message that is accepted. Transport parameters are the only part that varies, and take some 150 bytes.
const MESSAGE_MAX: usize = 8192;
/// Tickets that a server sends after a handshake.
const TICKETS_SENT: u64 = 2;

/// Lengths of messages with their headers, and of what some of them hold besides; without transport parameters.
mod size {
    pub(super) const CLIENT_HELLO: usize = 192;
    /// The extension `pre_shared_key` with one ticket of 32 bytes.
    pub(super) const PRE_SHARED_KEY: usize = 95;
    /// The extension `early_data`, which is empty.
    pub(super) const EARLY_DATA: usize = 4;
    pub(super) const SERVER_HELLO: usize = 90;
    /// The extension `pre_shared_key` of a server, with a number.
    pub(super) const KEY_CHOSEN: usize = 6;
    pub(super) const ENCRYPTED_EXTENSIONS: usize = 10;
    /// The empty answer to the extension `server_name`.
    pub(super) const NAME_SEEN: usize = 4;
    pub(super) const CERTIFICATE: usize = 256;
    pub(super) const CERTIFICATE_VERIFY: usize = 72;
    pub(super) const FINISHED: usize = 52;
    pub(super) const NEW_SESSION_TICKET: usize = 81;
    /// The extension `early_data` of a ticket, with a number of bytes.
    pub(super) const EARLY_DATA_MAX: usize = 8;
}

/// Types of messages (RFC 8446, section 4), in the order in which a full handshake has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ClientHello = 1,
    ServerHello = 2,
    EncryptedExtensions = 8,
    Certificate = 11,
    CertificateVerify = 15,
    Finished = 20,
    NewSessionTicket = 4,
}

/// Which part of the configuration a session belongs to.
enum Role {
    Client { config: Arc<NullClient>, name: String, ticket: Option<Box<Ticket>> },
    Server { config: Arc<NullServer> },
}

/// One side of one handshake.
pub(super) struct NullSession {
    role: Role,
    /// Our transport parameters, encoded.
    params: Vec<u8>,
    peer: Option<TransportParameters>,
    /// Bytes of an unfinished message.
    input: Vec<u8>,
    /// What to write, each with the level that begins behind it.
    output: VecDeque<(Vec<u8>, Option<Level>)>,
    /// What has to come next; `NewSessionTicket` once the handshake is over.
    awaited: Kind,
    /// Our part of the secret, until it is whole.
    secret: u64,
    resumed: bool,
    /// The secret of 0-RTT data, once they were offered or accepted.
    early: Option<u64>,
    phase: u64,
}

impl NullSession {
    fn client(config: Arc<NullClient>, name: &str, params: &TransportParameters) -> Self {
        let ticket = config.take(name).map(Box::new);
        let early = ticket.as_ref().filter(|ticket| ticket.early).map(|ticket| ticket.secret);
        let role = Role::Client { config, name: name.to_owned(), ticket };
        let mut session = Self::new(role, params, Kind::ServerHello);
        session.early = early;
        let hello = session.client_hello();
        session.output.push_back((hello, None));
        session
    }

    fn new(role: Role, params: &TransportParameters, awaited: Kind) -> Self {
        let mut encoded = Vec::new();
        params.write(&mut encoded);
        // The parameters hold the connection id, which its endpoint never gives twice.
        let secret = fold(1, &encoded);
        let (input, output) = (Vec::new(), VecDeque::new());
        Self {
            role,
            params: encoded,
            peer: None,
            input,
            output,
            awaited,
            secret,
            resumed: false,
            early: None,
            phase: 0,
        }
    }

    fn side(&self) -> Side {
        match self.role {
            Role::Client { .. } => Side::Client,
            Role::Server { .. } => Side::Server,
        }
    }

    fn client_hello(&self) -> Vec<u8> {
        let mut body = self.secret.to_le_bytes().to_vec();
        let mut len = size::CLIENT_HELLO;
        if let Role::Client { ticket: Some(ticket), .. } = &self.role {
            body.push(1 + u8::from(ticket.early));
            body.extend(ticket.secret.to_le_bytes());
            body.extend(ticket.server.to_le_bytes());
            len += size::PRE_SHARED_KEY + if ticket.early { size::EARLY_DATA } else { 0 };
        } else {
            body.push(0);
        }
        message(Kind::ClientHello, len + self.params.len(), &[&body, &length(&self.params), &self.params])
    }

    /// A server reads the first message, and writes all that it has to say before the client's last one.
    fn on_client_hello(&mut self, config: &Arc<NullServer>, body: &mut Reader<'_>) -> Result<(), TransportError> {
        let theirs = u64::from_le_bytes(body.array().map_err(malformed)?);
        let offer = body.byte().map_err(malformed)?;
        if offer > 0 {
            let secret = u64::from_le_bytes(body.array().map_err(malformed)?);
            let issuer = u64::from_le_bytes(body.array().map_err(malformed)?);
            self.resumed = issuer == config.key;
            self.early = (self.resumed && offer == 2 && config.zero_rtt).then_some(secret);
        }
        self.peer = Some(transport_parameters(Side::Server, body)?);
        let ours = self.secret;
        self.secret = fold(ours, &theirs.to_le_bytes());

        let chosen = if self.resumed { size::KEY_CHOSEN } else { 0 };
        let hello = [&ours.to_le_bytes()[..], &[u8::from(self.resumed)]];
        let hello = message(Kind::ServerHello, size::SERVER_HELLO + chosen, &hello);
        self.output.push_back((hello, Some(Level::Handshake)));
        self.output.push_back((self.server_flight(), Some(Level::OneRtt)));
        self.awaited = Kind::Finished;
        Ok(())
    }

    fn server_flight(&self) -> Vec<u8> {
        let early = if self.early.is_some() { size::EARLY_DATA } else { 0 };
        let seen = if self.resumed { 0 } else { size::NAME_SEEN };
        let extensions = [&[u8::from(self.early.is_some())][..], &length(&self.params), &self.params];
        let len = size::ENCRYPTED_EXTENSIONS + early + seen + self.params.len();
        let mut flight = message(Kind::EncryptedExtensions, len, &extensions);
        if !self.resumed {
            flight.extend(message(Kind::Certificate, size::CERTIFICATE, &[]));
            flight.extend(message(Kind::CertificateVerify, size::CERTIFICATE_VERIFY, &[]));
        }
        flight.extend(self.finished());
        flight
    }

    fn finished(&self) -> Vec<u8> {
        message(Kind::Finished, size::FINISHED, &[&self.proof()])
    }

    fn proof(&self) -> [u8; 8] {
        fold(self.secret, b"finished").to_le_bytes()
    }

    fn on_server_hello(&mut self, body: &mut Reader<'_>) -> Result<(), TransportError> {
        let theirs = u64::from_le_bytes(body.array().map_err(malformed)?);
        self.resumed = body.byte().map_err(malformed)? == 1;
        self.secret = fold(theirs, &self.secret.to_le_bytes());
        self.output.push_back((Vec::new(), Some(Level::Handshake)));
        self.awaited = Kind::EncryptedExtensions;
        Ok(())
    }

    fn on_extensions(&mut self, body: &mut Reader<'_>) -> Result<(), TransportError> {
        if body.byte().map_err(malformed)? == 0 {
            self.early = None;
        }
        self.peer = Some(transport_parameters(Side::Client, body)?);
        self.awaited = if self.resumed { Kind::Finished } else { Kind::Certificate };
        Ok(())
    }

    fn on_finished(&mut self, body: &mut Reader<'_>) -> Result<(), TransportError> {
        if body.array().map_err(malformed)? != self.proof() {
            return Err(alert(51, "the peer's last message was made with another secret"));
        }
        self.awaited = Kind::NewSessionTicket;
        let (flight, level) = match &self.role {
            Role::Client { .. } => (self.finished(), Some(Level::OneRtt)),
            Role::Server { config } => (self.tickets(config), None),
        };
        self.output.push_back((flight, level));
        Ok(())
    }

    fn tickets(&self, config: &NullServer) -> Vec<u8> {
        let len = size::NEW_SESSION_TICKET + if config.zero_rtt { size::EARLY_DATA_MAX } else { 0 };
        let ticket = |i: u64| {
            let secret = fold(self.secret, &i.to_le_bytes()).to_le_bytes();
            message(Kind::NewSessionTicket, len, &[&secret, &config.key.to_le_bytes(), &[u8::from(config.zero_rtt)]])
        };
        (0..TICKETS_SENT).flat_map(ticket).collect()
    }

    fn on_ticket(&self, body: &mut Reader<'_>) -> Result<(), TransportError> {
        let (Role::Client { config, name, .. }, Some(params)) = (&self.role, self.peer) else {
            return Err(alert(10, "a ticket for a server"));
        };
        let secret = u64::from_le_bytes(body.array().map_err(malformed)?);
        let server = u64::from_le_bytes(body.array().map_err(malformed)?);
        let early = body.byte().map_err(malformed)? == 1 && config.zero_rtt;
        config.keep(name, Ticket { secret, server, early, params });
        Ok(())
    }

    fn on_message(&mut self, kind: u8, body: &[u8]) -> Result<(), TransportError> {
        if kind != self.awaited as u8 {
            return Err(alert(10, "not the message that has to come next"));
        }
        let mut body = Reader::new(body).map_err(malformed)?;
        match self.awaited {
            Kind::ClientHello => match &self.role {
                Role::Server { config } => self.on_client_hello(&config.clone(), &mut body),
                Role::Client { .. } => Ok(()),
            },
            Kind::ServerHello => self.on_server_hello(&mut body),
            Kind::EncryptedExtensions => self.on_extensions(&mut body),
            Kind::Certificate => {
                self.awaited = Kind::CertificateVerify;
                Ok(())
            }
            Kind::CertificateVerify => {
                self.awaited = Kind::Finished;
                Ok(())
            }
            Kind::Finished => self.on_finished(&mut body),
            Kind::NewSessionTicket => self.on_ticket(&mut body),
        }
    }

    /// Takes the first message off the input, once it is whole.
    fn next_message(&mut self) -> Result<Option<(u8, Vec<u8>)>, TransportError> {
        let Some(&[kind, high, middle, low]) = self.input.first_chunk() else {
            return Ok(None);
        };
        let end = 4 + u32::from_be_bytes([0, high, middle, low]) as usize;
        if end > MESSAGE_MAX {
            return Err(alert(50, "a message is too long"));
        }
        if end > self.input.len() {
            return Ok(None);
        }
        let rest = self.input.split_off(end);
        let message = std::mem::replace(&mut self.input, rest);
        Ok(Some((kind, message[4..].to_vec())))
    }
}

impl Session for NullSession {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        let key = NullKey::new(self.early?, Level::ZeroRtt, 0, Side::Client);
        Some((Box::new(NullHeader), Box::new(key)))
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.side().is_client().then_some(self.early.is_some())
    }

    fn is_handshaking(&self) -> bool {
        self.awaited != Kind::NewSessionTicket
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.input.extend_from_slice(buf);
        while let Some((kind, body)) = self.next_message()? {
            self.on_message(kind, &body)?;
        }
        Ok(false)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let remembered = match &self.role {
            Role::Client { ticket: Some(ticket), .. } => Some(ticket.params),
            _ => None,
        };
        Ok(self.peer.or(remembered))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let (flight, level) = self.output.pop_front()?;
        buf.extend(flight);
        Some(keys(self.secret, level?, self.side()))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.phase += 1;
        Some(pair(self.secret, Level::OneRtt, self.phase, self.side()))
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        payload.split_last_chunk::<16>().is_some_and(|(token, tag)| *tag == retry_tag(orig_dst_cid, &[header, token]))
    }

    fn export_keying_material(&self, _: &mut [u8], _: &[u8], _: &[u8]) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

impl ClientConfig for NullClient {
    fn start_session(
        self: Arc<Self>,
        _version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(NullSession::client(self, server_name, params)))
    }
}

impl ServerConfig for NullServer {
    fn initial_keys(&self, _version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        Ok(initial_keys(dst_cid, Side::Server))
    }

    fn retry_tag(&self, _version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        retry_tag(orig_dst_cid, &[packet])
    }

    fn start_session(self: Arc<Self>, _version: u32, params: &TransportParameters) -> Box<dyn Session> {
        Box::new(NullSession::new(Role::Server { config: self }, params, Kind::ClientHello))
    }
}

/// Stands for the integrity tag of a Retry packet (RFC 9001, section 5.8).
fn retry_tag(destination: &ConnectionId, packet: &[&[u8]]) -> [u8; 16] {
    let mut tag = [0; 16];
    tag[..8].copy_from_slice(&fold(fold(2, destination), &packet.concat()).to_le_bytes());
    tag
}

/// A message of exactly `len` bytes, header included: what it says and zeros.
fn message(kind: Kind, len: usize, parts: &[&[u8]]) -> Vec<u8> {
    let [_, high, middle, low] = (len as u32 - 4).to_be_bytes();
    let mut out = vec![kind as u8, high, middle, low];
    out.extend(parts.concat());
    debug_assert!(out.len() <= len, "the real message has more room than what it stands for takes");
    out.resize(len, 0);
    out
}

/// The length of encoded transport parameters, in two bytes.
fn length(params: &[u8]) -> [u8; 2] {
    (params.len() as u16).to_le_bytes()
}

/// The peer's transport parameters, behind their length; `side` is ours.
fn transport_parameters(side: Side, body: &mut Reader<'_>) -> Result<TransportParameters, TransportError> {
    let len = u16::from_le_bytes(body.array().map_err(malformed)?);
    let mut bytes = Vec::new();
    for _ in 0..len {
        bytes.push(body.byte().map_err(malformed)?);
    }
    Ok(TransportParameters::read(side, &mut bytes.as_slice())?)
}

fn malformed(_: DecodeError) -> TransportError {
    alert(50, "a message ends inside a field")
}

/// An alert of TLS (RFC 8446, section 6).
fn alert(code: u8, reason: &str) -> TransportError {
    TransportError { code: TransportErrorCode::crypto(code), frame: None, reason: reason.to_owned() }
}
