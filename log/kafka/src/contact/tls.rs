//! The handshake as librdkafka does it: the same library, the same files, the same rules for the host's name. What differs is that the reason comes out.

use super::{ConnectError, Obstacle, Server, refused};
use crate::config::{Security, Setting};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{HandshakeError, Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::{X509, X509NameRef, X509Ref, X509StoreContextRef};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

/// OpenSSL's numbers for what is wrong with a certificate (`x509_vfy.h`).
mod verify {
    pub(super) const NOT_YET_VALID: i32 = 9;
    pub(super) const EXPIRED: i32 = 10;
    pub(super) const HOST_MISMATCH: i32 = 62;
    pub(super) const ADDRESS_MISMATCH: i32 = 64;
    /// No issuer, self-signed (alone and in the chain), no way to check the leaf; signed with another key of that name.
    pub(super) const UNKNOWN_AUTHORITY: [i32; 6] = [2, 7, 18, 19, 20, 21];
}

/// OpenSSL's reason for an alert of the other end is this much more than the alert's number in TLS.
const ALERT: i32 = 1_000;
/// Alerts about the certificate that we have shown or have not shown: bad, unsupported, revoked, expired, unknown; unknown authority, access denied; required.
const ALERTS_ABOUT_OURS: [i32; 8] = [42, 43, 44, 45, 46, 48, 49, 116];

/// What a handshake needs, made once.
pub(super) struct Tls {
    context: SslContext,
    flaw: Arc<Mutex<Option<Flaw>>>,
}

/// Why a handshake did not succeed.
pub(super) enum Failed {
    /// Nobody answers.
    Silent,
    /// The broker's certificate is not good.
    Certificate(Box<Flaw>),
    /// Anything else.
    Other(Option<io::Error>),
}

/// What is wrong with a certificate of the broker's chain.
#[derive(Debug, Clone)]
pub(super) struct Flaw {
    code: i32,
    says: String,
    /// 0 is the broker's own.
    depth: u32,
    subject: String,
    issuer: String,
    /// The hosts it is made for.
    names: Vec<String>,
    not_before: String,
    not_after: String,
}

impl Tls {
    pub(super) fn of(security: &Security) -> Result<Self, ConnectError> {
        let mut context = client().map_err(|error| refused(Setting::Protocol, error.to_string()))?;
        trust(&mut context, security)?;
        show(&mut context, security)?;
        let flaw = Arc::new(Mutex::new(None));
        let found = Arc::clone(&flaw);
        context.set_verify_callback(SslVerifyMode::PEER, move |is_good, chain| {
            if !is_good {
                found.lock().get_or_insert_with(|| Flaw::of(chain));
            }
            is_good
        });
        Ok(Self { context: context.build(), flaw })
    }

    /// Shakes hands, and looks at the broker's certificate.
    pub(super) fn greet(&self, stream: TcpStream, host: &str) -> Result<SslStream<TcpStream>, Failed> {
        *self.flaw.lock() = None;
        let ssl = named(&self.context, host).map_err(|error| Failed::Other(Some(error.into())))?;
        ssl.connect(stream).map_err(|failed| match failed {
            HandshakeError::WouldBlock(_) => Failed::Silent,
            HandshakeError::SetupFailure(error) => Failed::Other(Some(error.into())),
            HandshakeError::Failure(failed) => match self.flaw.lock().take() {
                Some(flaw) => Failed::Certificate(Box::new(flaw)),
                None => Failed::Other(
                    failed.into_error().into_io_error().map_or_else(|error| Some(io::Error::other(error)), Some),
                ),
            },
        })
    }
}

/// Whether what is at the other end speaks TLS, whatever its certificate.
pub(super) fn is_spoken_by(stream: TcpStream, host: &str) -> bool {
    let Ok(mut context) = client() else { return false };
    context.set_verify(SslVerifyMode::NONE);
    let Ok(ssl) = named(&context.build(), host) else { return false };
    match ssl.connect(stream) {
        Ok(_) => true,
        // It has introduced itself and then refused us, for want of a certificate of ours say.
        Err(HandshakeError::Failure(failed) | HandshakeError::WouldBlock(failed)) => {
            failed.ssl().peer_certificate().is_some()
        }
        Err(HandshakeError::SetupFailure(_)) => false,
    }
}

fn client() -> Result<SslContextBuilder, ErrorStack> {
    SslContext::builder(SslMethod::tls_client())
}

fn named(context: &SslContext, host: &str) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    match host.parse::<IpAddr>() {
        Ok(address) => ssl.param_mut().set_ip(address)?,
        Err(_) => {
            ssl.set_hostname(host)?;
            ssl.param_mut().set_host(host)?;
        }
    }
    Ok(ssl)
}

/// Whom we believe.
fn trust(context: &mut SslContextBuilder, security: &Security) -> Result<(), ConnectError> {
    let trusted = match &security.ca {
        None => context.set_default_verify_paths(),
        Some(pem) if pem.contains("-----BEGIN") => X509::stack_from_pem(pem.as_bytes())
            .and_then(|authorities| authorities.into_iter().try_for_each(|one| context.cert_store_mut().add_cert(one))),
        Some(file) => context.set_ca_file(file),
    };
    trusted.map_err(|error| {
        let file = security.ca.as_deref().unwrap_or("the system's authorities");
        refused(Setting::Ca, format!("{file:?} holds no certificate in PEM form ({})", reason(&error)))
    })
}

/// Who we are.
fn show(context: &mut SslContextBuilder, security: &Security) -> Result<(), ConnectError> {
    if let Some(file) = &security.certificate {
        context.set_certificate_chain_file(file).map_err(|error| {
            refused(
                Setting::Certificate,
                format!("{file:?} holds no certificate in PEM form that can be used ({})", reason(&error)),
            )
        })?;
    }
    if let Some(file) = &security.key {
        let key = private_key(file, security.key_password.as_deref())?;
        context.set_private_key(&key).and_then(|()| context.check_private_key()).map_err(|error| {
            refused(
                Setting::Key,
                format!(
                    "{file:?} is not the key of the certificate in KAFKA_SECURITY_CERTIFICATE ({})",
                    reason(&error)
                ),
            )
        })?;
    }
    Ok(())
}

fn private_key(file: &str, password: Option<&str>) -> Result<PKey<Private>, ConnectError> {
    let pem =
        std::fs::read(file).map_err(|error| refused(Setting::Key, format!("{file:?} cannot be read: {error}")))?;
    let mut is_encrypted = false;
    // Without this OpenSSL asks the terminal.
    let read = PKey::private_key_from_pem_callback(&pem, |into| {
        is_encrypted = true;
        let password = password.unwrap_or_default().as_bytes();
        let length = password.len().min(into.len());
        into[..length].copy_from_slice(&password[..length]);
        Ok(length)
    });
    read.map_err(|error| match (is_encrypted, password) {
        (true, None) => refused(Setting::KeyPassword, format!("must be set: the key in {file:?} is encrypted")),
        (true, Some(_)) => refused(Setting::KeyPassword, format!("is not the password of the key in {file:?}")),
        (false, _) => refused(Setting::Key, format!("{file:?} holds no private key in PEM form ({})", reason(&error))),
    })
}

/// What the broker's alert says about our certificate, if it says something.
pub(super) fn refusal_of_ours(error: &io::Error, security: &Security, name: &str) -> Option<ConnectError> {
    let stack = error.get_ref()?.downcast_ref::<openssl::ssl::Error>()?.ssl_error()?;
    let alert = stack.errors().iter().find(|error| ALERTS_ABOUT_OURS.contains(&(error.reason_code() - ALERT)))?;
    Some(match &security.certificate {
        None => refused(
            Setting::Certificate,
            format!("is not set, and {name} asks for a certificate (mutual TLS): set it and KAFKA_SECURITY_KEY"),
        ),
        Some(file) => refused(
            Setting::Certificate,
            format!(
                "{name} does not accept the certificate in {file:?}: {}",
                alert.reason().unwrap_or("no reason is given")
            ),
        ),
    })
}

/// Whether it means that nothing came in time.
pub(super) fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn reason(error: &ErrorStack) -> String {
    let first = error.errors().first();
    first.and_then(|error| error.reason()).unwrap_or("OpenSSL gives no reason").to_owned()
}

impl Flaw {
    fn of(chain: &X509StoreContextRef) -> Self {
        let certificate = chain.current_cert();
        let of = |get: fn(&X509Ref) -> String| certificate.map(get).unwrap_or_default();
        let names = certificate.and_then(X509Ref::subject_alt_names).map_or_else(Vec::new, |names| {
            let name = |name: &openssl::x509::GeneralNameRef| match (name.dnsname(), name.ipaddress()) {
                (Some(host), _) => Some(host.to_owned()),
                (None, Some(bytes)) => address(bytes),
                (None, None) => None,
            };
            names.iter().filter_map(name).collect()
        });
        Self {
            code: chain.error().as_raw(),
            says: chain.error().error_string().to_owned(),
            depth: chain.error_depth(),
            subject: of(|certificate| shown(certificate.subject_name())),
            issuer: of(|certificate| shown(certificate.issuer_name())),
            names,
            not_before: of(|certificate| certificate.not_before().to_string()),
            not_after: of(|certificate| certificate.not_after().to_string()),
        }
    }

    pub(super) fn obstacle(&self, security: &Security, server: &Server<'_>) -> Obstacle {
        let (name, subject) = (server.name, &self.subject);
        let (setting, why) = match self.code {
            // Time heals it, or the operator the clock.
            verify::NOT_YET_VALID => {
                return Obstacle::Now(format!(
                    "its certificate is not valid before {}: is the clock of this machine right?",
                    self.not_before
                ));
            }
            verify::EXPIRED if self.depth == 0 => (
                Setting::Brokers,
                format!(
                    "the certificate of {name} has expired, on {}: a new one has to be given to the broker",
                    self.not_after
                ),
            ),
            verify::EXPIRED => (
                Setting::Ca,
                format!(
                    "the authority ({subject}) that signed the certificate of {name} has expired, on {}",
                    self.not_after
                ),
            ),
            verify::HOST_MISMATCH | verify::ADDRESS_MISMATCH => (
                Setting::Brokers,
                format!(
                    "the certificate of {name} is for {}, not for {:?}: name the broker as its certificate does, or have this name put into the certificate",
                    if self.names.is_empty() { subject.clone() } else { self.names.join(", ") },
                    server.host,
                ),
            ),
            code if verify::UNKNOWN_AUTHORITY.contains(&code) => (
                Setting::Ca,
                match &security.ca {
                    None => format!(
                        "is not set, and the certificate of {name} is signed by none of the system's authorities: set it to a file with the certificate of {}",
                        self.issuer
                    ),
                    Some(_) => {
                        format!("holds no authority that signed the certificate of {name}: that was {}", self.issuer)
                    }
                },
            ),
            _ => (Setting::Ca, format!("the certificate of {name} ({subject}) is refused: {}", self.says)),
        };
        Obstacle::Never(refused(setting, why))
    }
}

/// `CN=kafka,O=shop`.
fn shown(name: &X509NameRef) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let key = entry.object().nid().short_name().unwrap_or("?").to_owned();
        format!("{key}={}", String::from_utf8_lossy(entry.data().as_slice()))
    };
    name.entries().map(part).collect::<Vec<_>>().join(",")
}

/// An address as a certificate holds it.
fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::from(bytes).to_string());
    four.ok().or_else(|| Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()))
}
