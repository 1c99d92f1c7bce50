//! First contact: what is in the way of the settings is found out before a client of librdkafka is made, and told in a sentence that names the setting.
//!
//! librdkafka tells a wrong authority, an expired certificate and a wrong host name in one and the same text, and plaintext where TLS is wanted not at all: it
//! connects again for ever. So a bootstrap server is asked directly, in a connection of its own, for what its listener is: does it speak TLS, is its
//! certificate good, is ours, does it want SASL, and which mechanisms does it know (docs/decisions/0025).
//!
//! | module | holds |
//! |---|---|
//! | `listener` | the requests that a listener answers before a client has authenticated |
//! | `tls` | the handshake, and what is wrong with a certificate |

mod listener;
mod tls;

use crate::address::host_and_port;
use crate::config::{KafkaConfig, Security, Setting};
use holdfast_ports::log::LogError;
use listener::{Listener, Sasl};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;
use tls::Tls;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(2_000);
/// How long a listener may take to say something.
const PATIENCE: Duration = Duration::from_millis(5_000);

/// Why no log could be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings and the brokers do not go together: to try again makes no sense.
    #[error("{setting}: {why}")]
    Refused {
        /// The setting to look at first.
        setting: Setting,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// Anything else.
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(crate) fn refused(setting: Setting, why: impl Into<String>) -> ConnectError {
    ConnectError::Refused { setting, why: why.into() }
}

/// Why one server cannot be used.
#[derive(Debug)]
enum Obstacle {
    /// By these settings never.
    Never(ConnectError),
    /// Not now.
    Now(String),
}

impl From<ConnectError> for Obstacle {
    fn from(error: ConnectError) -> Self {
        Self::Never(error)
    }
}

/// A server as it stands in the list of brokers.
struct Server<'a> {
    /// For people.
    name: &'a str,
    host: String,
    port: u16,
}

/// Returns when one of the brokers named in the settings is there and nothing is known that would keep librdkafka from using it. What cannot be told for
/// certain is left to librdkafka.
///
/// # Errors
/// [`ConnectError::Refused`] when every broker that answers is one that these settings do not fit; [`LogError::Retry`] when none answers.
pub(crate) fn make(config: &KafkaConfig) -> Result<(), ConnectError> {
    let security = &config.security;
    let tls = if security.has_tls() { Some(Tls::of(security)?) } else { None };
    let named: Vec<&str> = config.brokers.split(',').map(str::trim).collect();
    let advertised = first_of(&named, config, tls.as_ref())?;
    let advertised: Vec<&str> = advertised.iter().map(String::as_str).collect();
    if advertised.iter().any(|address| named.contains(address)) {
        return Ok(());
    }
    // Everything but the first question goes there.
    let led = "; that is where the brokers named in KAFKA_BROKERS send their clients (advertised.listeners)";
    first_of(&advertised, config, tls.as_ref()).map(drop).map_err(|error| match error {
        ConnectError::Refused { setting, why } => refused(setting, why + led),
        ConnectError::Log(LogError::Retry(why)) => LogError::Retry(why + led).into(),
        other @ ConnectError::Log(_) => other,
    })
}

/// The addresses at which the cluster says that it is reached, as the first of `servers` tells them that can be used.
fn first_of(servers: &[&str], config: &KafkaConfig, tls: Option<&Tls>) -> Result<Vec<String>, ConnectError> {
    let mut never = None;
    let mut silent = Vec::new();
    for name in servers {
        // What cannot be read is librdkafka's to refuse.
        let Some((host, port)) = host_and_port(name) else { continue };
        match visit(&Server { name, host, port }, config, tls) {
            Ok(advertised) => return Ok(advertised),
            Err(Obstacle::Never(error)) => never = never.or(Some(error)),
            Err(Obstacle::Now(why)) => silent.push(format!("{name}: {why}")),
        }
    }
    match never {
        Some(error) => Err(error),
        None if silent.is_empty() => Ok(Vec::new()),
        None => Err(LogError::Retry(format!("no broker can be used yet ({})", silent.join("; "))).into()),
    }
}

/// The addresses at which the cluster says that it is reached; none where the server does not tell.
fn visit(server: &Server<'_>, config: &KafkaConfig, tls: Option<&Tls>) -> Result<Vec<String>, Obstacle> {
    let security = &config.security;
    let mechanism = security.mechanism.as_deref();
    let listener = match tls {
        Some(tls) => match tls.greet(server.connect()?, &server.host) {
            Ok(mut stream) => match listener::ask(&mut stream, &config.client_id, mechanism) {
                Ok(listener) => listener,
                // With TLS 1.3 the client's certificate is looked at after the handshake, as the client sees it.
                Err(error) => {
                    let refused = tls::refusal_of_ours(&error, security, server.name);
                    return refused.map_or(Ok(Vec::new()), |error| Err(error.into()));
                }
            },
            Err(tls::Failed::Silent) => return Err(Obstacle::Now(silence())),
            Err(tls::Failed::Certificate(flaw)) => return Err(flaw.obstacle(security, server)),
            Err(tls::Failed::Other(error)) => {
                return match error.as_ref().and_then(|e| tls::refusal_of_ours(e, security, server.name)) {
                    Some(refused) => Err(refused.into()),
                    None => plaintext_instead(server, config),
                };
            }
        },
        None => match listener::ask(&mut server.connect()?, &config.client_id, mechanism) {
            Ok(listener) => listener,
            Err(error) if tls::is_silence(&error) => return Err(Obstacle::Now(silence())),
            Err(error) => {
                return if tls::is_spoken_by(server.connect()?, &server.host) {
                    let with = if security.has_sasl() { "sasl_ssl" } else { "ssl" };
                    let is = security.protocol();
                    let why = format!(
                        "is {is}, but {} speaks TLS: set {with}, or name its plaintext port in KAFKA_BROKERS",
                        server.name
                    );
                    Err(refused(Setting::Protocol, why).into())
                } else {
                    Err(Obstacle::Now(error.to_string()))
                };
            }
        },
    };
    fits(&listener, security, server.name).map_or(Ok(listener.advertised), |error| Err(error.into()))
}

/// A server that does not speak TLS: does it speak Kafka without?
fn plaintext_instead(server: &Server<'_>, config: &KafkaConfig) -> Result<Vec<String>, Obstacle> {
    let security = &config.security;
    match listener::ask(&mut server.connect()?, &config.client_id, security.mechanism.as_deref()) {
        Ok(_) => {
            let with = if security.has_sasl() { "sasl_plaintext" } else { "plaintext" };
            let is = security.protocol();
            let why = format!(
                "is {is}, but {} speaks plaintext: name its TLS port in KAFKA_BROKERS, or set {with}",
                server.name
            );
            Err(refused(Setting::Protocol, why).into())
        }
        // Something else ails it.
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether what a listener wants of its clients is what the settings say.
fn fits(listener: &Listener, security: &Security, name: &str) -> Option<ConnectError> {
    let (is, tls) = (security.protocol(), security.has_tls());
    match (&listener.sasl, &security.mechanism) {
        (Sasl::Offers(mechanisms), Some(mechanism)) if security.has_sasl() => {
            let is_known = mechanisms.is_empty() || mechanisms.iter().any(|known| known == mechanism);
            (!is_known).then(|| {
                let why = format!("is {mechanism}, but {name} knows {} only", mechanisms.join(", "));
                refused(Setting::Mechanism, why)
            })
        }
        (Sasl::Offers(mechanisms), _) => {
            let with = if tls { "sasl_ssl" } else { "sasl_plaintext" };
            let why = format!(
                "is {is}, but {name} wants a user and a password (SASL {}): set {with}, KAFKA_SECURITY_MECHANISM, KAFKA_SECURITY_USERNAME and KAFKA_SECURITY_PASSWORD",
                mechanisms.join(", ")
            );
            Some(refused(Setting::Protocol, why))
        }
        (Sasl::Refused, _) if security.has_sasl() => {
            let with = if tls { "ssl" } else { "plaintext" };
            let why = format!(
                "is {is}, but {name} takes no user and password on this port: name its SASL port in KAFKA_BROKERS, or set {with}"
            );
            Some(refused(Setting::Protocol, why))
        }
        _ => None,
    }
}

fn silence() -> String {
    format!("no answer for {} s", PATIENCE.as_secs())
}

impl Server<'_> {
    /// Connects to the first of the host's addresses that answers.
    fn connect(&self) -> Result<TcpStream, Obstacle> {
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        let mut last = "the name has no address".to_owned();
        for address in addresses.map_err(|error| Obstacle::Now(error.to_string()))? {
            let connected = TcpStream::connect_timeout(&address, CONNECT).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            });
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Obstacle::Now(last))
    }
}
