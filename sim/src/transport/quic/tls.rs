//! The real TLS 1.3 of `rustls` and `ring`, for runs that must not rest on stand-in cryptography. Keys and random values
//! differ from run to run, sizes do not: the certificate is fixed and signed with Ed25519, whose signatures all have 64
//! bytes (those of ECDSA vary). So two runs exchange packets of the same sizes at the same times, but not the same bytes.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::ring::{default_provider, sign::any_eddsa_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::ServerSessionMemoryCache;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};

use super::security::{DOMAIN, Security, TICKETS_MAX};

/// A clock that stands still, in the middle of 2026: tickets do not age, and the certificate does not expire.
#[derive(Debug)]
struct StandingClock;

impl TimeProvider for StandingClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_782_864_000)))
    }
}

/// Both sides of `rustls` for one node, with its memory of sessions.
///
/// # Errors
/// What `rustls` has against the certificate or the settings.
pub(super) fn security(zero_rtt: bool) -> Result<Security, rustls::Error> {
    let provider = Arc::new(default_provider());
    let (certificate, key) = certificate()?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;

    let versions: &[_] = &[&rustls::version::TLS13];
    let builder = ClientConfig::builder_with_details(provider.clone(), Arc::new(StandingClock));
    let mut client = builder.with_protocol_versions(versions)?.with_root_certificates(roots).with_no_client_auth();
    client.enable_early_data = zero_rtt;
    client.resumption = Resumption::in_memory_sessions(TICKETS_MAX);

    let builder = ServerConfig::builder_with_details(provider, Arc::new(StandingClock));
    let builder = builder.with_protocol_versions(versions)?.with_no_client_auth();
    let mut server = builder.with_single_cert(vec![certificate], key)?;
    server.max_early_data_size = if zero_rtt { u32::MAX } else { 0 };
    server.session_storage = ServerSessionMemoryCache::new(TICKETS_MAX);

    let no_suite = |_| rustls::Error::General("no initial cipher suite".into());
    Ok(Security {
        client: Arc::new(QuicClientConfig::try_from(client).map_err(no_suite)?),
        server: Arc::new(QuicServerConfig::try_from(server).map_err(no_suite)?),
    })
}

/// A self-signed certificate (RFC 5280) for all names below [`DOMAIN`], with a published key: it protects nothing.
fn certificate() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rustls::Error> {
    // RFC 8410, section 7: version, Ed25519, and the 32 bytes of the private key in two octet strings.
    let mut key = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    key.extend_from_slice(&[42; 32]);
    let key = PrivatePkcs8KeyDer::from(key);
    let signer = any_eddsa_type(&key)?;
    let public = signer.public_key().ok_or_else(|| rustls::Error::General("no public key".into()))?;

    let algorithm = der(0x30, &[&[6, 3, 0x2b, 0x65, 0x70]]);
    let common_name = der(0x30, &[&[6, 3, 0x55, 4, 3], &der(0x0c, &[DOMAIN.as_bytes()])]);
    let name = der(0x30, &[&der(0x31, &[&common_name])]);
    let validity = der(0x30, &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])]);
    let alternative = der(0x30, &[&der(0x82, &[b"*.", DOMAIN.as_bytes()])]);
    let extension = der(0x30, &[&[6, 3, 0x55, 0x1d, 0x11], &der(4, &[&alternative])]);
    let extensions = der(0xa3, &[&der(0x30, &[&extension])]);
    let version_and_serial: &[u8] = &[0xa0, 3, 2, 1, 2, 2, 1, 1];
    let to_be_signed =
        der(0x30, &[version_and_serial, &algorithm, &name, &validity, &name, public.as_ref(), &extensions]);

    let scheme = signer.choose_scheme(&[SignatureScheme::ED25519]);
    let scheme = scheme.ok_or_else(|| rustls::Error::General("no Ed25519".into()))?;
    let signature = scheme.sign(&to_be_signed)?;
    let certificate = der(0x30, &[&to_be_signed, &algorithm, &der(3, &[&[0], &signature])]);
    Ok((CertificateDer::from(certificate), PrivateKeyDer::from(key)))
}

/// One element of the distinguished encoding rules (X.690): tag, length, content; up to 64 KiB.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = (content.len() as u16).to_be_bytes();
    let mut out = vec![tag];
    match content.len() {
        0..0x80 => out.push(low),
        0x80..0x100 => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}
