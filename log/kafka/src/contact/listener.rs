//! The requests that a listener answers before a client has authenticated: which versions it speaks, whether it knows a mechanism of SASL, and where it has
//! no SASL, at which addresses the cluster is reached.

use std::io::{self, Read, Write};

/// An answer to one of these requests is short; more than this comes from no broker.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;

/// "Unsupported SASL mechanism": the listener has SASL, and says which mechanisms it knows.
const UNSUPPORTED_MECHANISM: i16 = 33;
/// "Illegal SASL state": the listener has no SASL.
const ILLEGAL_STATE: i16 = 34;

/// A mechanism that no broker knows: asked for where none is set, to hear which there are.
const NO_MECHANISM: &str = "NONE";

/// What a listener says about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) sasl: Sasl,
    /// `host:port` of each broker, as it wants to be reached; none where it was not told.
    pub(super) advertised: Vec<String>,
}

/// What a listener does about users and passwords.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sasl {
    /// It wants them, by one of these mechanisms.
    Offers(Vec<String>),
    /// It takes none.
    Refused,
    /// It does not say.
    Unknown,
}

/// Asks a listener what it is. An error: nothing on the other end speaks Kafka to us.
pub(super) fn ask(stream: &mut (impl Read + Write), client_id: &str, mechanism: Option<&str>) -> io::Result<Listener> {
    request(stream, API_VERSIONS, 0, 1, client_id, &[])?;
    answer(stream, 1)?;
    // It speaks Kafka. Whatever happens from here on says no more than that.
    let asked = request(stream, SASL_HANDSHAKE, 1, 2, client_id, &text(mechanism.unwrap_or(NO_MECHANISM)));
    let sasl = match asked.and_then(|()| answer(stream, 2)) {
        Ok(answer) => read_handshake(&answer).unwrap_or(Sasl::Unknown),
        Err(_) => Sasl::Unknown,
    };
    let mut advertised = None;
    if sasl == Sasl::Refused {
        // Of no topics.
        let asked = request(stream, METADATA, 1, 3, client_id, &0_i32.to_be_bytes());
        advertised = asked.and_then(|()| answer(stream, 3)).ok().and_then(|answer| read_brokers(&answer));
    }
    Ok(Listener { sasl, advertised: advertised.unwrap_or_default() })
}

fn request(to: &mut impl Write, key: i16, version: i16, number: i32, client_id: &str, body: &[u8]) -> io::Result<()> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&text(client_id));
    frame.extend_from_slice(body);
    let length = i32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&[&length.to_be_bytes(), frame.as_slice()].concat())?;
    to.flush()
}

/// The answer to request `number`, without its head.
fn answer(from: &mut impl Read, number: i32) -> io::Result<Vec<u8>> {
    let no_broker = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no Kafka broker");
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|n| (4..=ANSWER_BYTES_MAX).contains(n));
    let mut answer = vec![0; length.ok_or_else(no_broker)?];
    from.read_exact(&mut answer)?;
    let body = answer.split_off(4);
    if answer == number.to_be_bytes() { Ok(body) } else { Err(no_broker()) }
}

/// `error code: i16 │ mechanisms: [text]`. `None` where it ends too early.
fn read_handshake(answer: &[u8]) -> Option<Sasl> {
    let mut from = answer;
    let code = i16::from_be_bytes(*take(&mut from)?);
    let mut mechanisms = Vec::new();
    for _ in 0..i32::from_be_bytes(*take(&mut from)?) {
        mechanisms.push(take_text(&mut from)?);
    }
    Some(match code {
        0 | UNSUPPORTED_MECHANISM => Sasl::Offers(mechanisms),
        ILLEGAL_STATE => Sasl::Refused,
        _ => Sasl::Unknown,
    })
}

/// `brokers: [node: i32 │ host: text │ port: i32 │ rack: text] │ …`.
fn read_brokers(answer: &[u8]) -> Option<Vec<String>> {
    let mut from = answer;
    let mut brokers = Vec::new();
    for _ in 0..i32::from_be_bytes(*take(&mut from)?) {
        take::<4>(&mut from)?;
        let host = take_text(&mut from)?;
        let port = i32::from_be_bytes(*take(&mut from)?);
        take_text(&mut from)?;
        brokers.push(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") });
    }
    Some(brokers)
}

fn take<'a, const N: usize>(from: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(taken)
}

/// A text that is not there is an empty one.
fn take_text(from: &mut &[u8]) -> Option<String> {
    let length = i16::from_be_bytes(*take(from)?);
    let (text, rest) = from.split_at_checked(usize::try_from(length).unwrap_or(0))?;
    *from = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// A text as the older versions of requests write it. Settings are short.
fn text(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    let bytes = text.as_bytes().iter().take(length.unsigned_abs().into());
    length.to_be_bytes().iter().chain(bytes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// What a broker says, and where it hears us.
    struct Peer {
        says: Cursor<Vec<u8>>,
        heard: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.says.read(into)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn frame(number: i32, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap();
        [&length.to_be_bytes(), &number.to_be_bytes(), body].concat()
    }

    fn asked(answers: &[Vec<u8>]) -> (io::Result<Listener>, Vec<u8>) {
        let mut peer = Peer { says: Cursor::new(answers.concat()), heard: Vec::new() };
        let listener = ask(&mut peer, "me", Some("PLAIN"));
        (listener, peer.heard)
    }

    #[test]
    fn a_listener_tells_what_it_wants() {
        let versions = frame(1, &[0; 6]);
        let offers = frame(2, b"\x00\x21\x00\x00\x00\x02\x00\x05PLAIN\x00\x0dSCRAM-SHA-256");
        let (listener, heard) = asked(&[versions.clone(), offers]);
        assert_eq!(listener.unwrap().sasl, Sasl::Offers(vec!["PLAIN".to_owned(), "SCRAM-SHA-256".to_owned()]));
        assert_eq!(heard, b"\x00\x00\x00\x0c\x00\x12\x00\x00\x00\x00\x00\x01\x00\x02me\x00\x00\x00\x13\x00\x11\x00\x01\x00\x00\x00\x02\x00\x02me\x00\x05PLAIN");
        let refuses = frame(2, b"\x00\x22\x00\x00\x00\x00");
        let (listener, _) = asked(&[versions.clone(), refuses.clone()]);
        assert_eq!(listener.unwrap(), Listener { sasl: Sasl::Refused, advertised: Vec::new() });
        let brokers = b"\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01a\x00\x00\x23\x84\xff\xff\x00\x00\x00\x02\x00\x03::1\x00\x00\x23\x85\x00\x01r";
        let (listener, _) = asked(&[versions.clone(), refuses, frame(3, brokers)]);
        assert_eq!(listener.unwrap().advertised, ["a:9092", "[::1]:9093"]);
        // It hangs up, or says something else: nothing is concluded from it.
        for answers in [
            vec![versions.clone()],
            vec![versions.clone(), frame(2, b"\x00\x23\x00\x00\x00\x00")],
            vec![versions, frame(2, b"\x00")],
        ] {
            assert_eq!(asked(&answers).0.unwrap().sasl, Sasl::Unknown);
        }
    }

    #[test]
    fn what_is_no_broker_is_an_error() {
        for answer in [
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            b"\x15\x03\x03\x00\x02\x02\x50".to_vec(),
            frame(7, &[0; 6]),
            Vec::new(),
        ] {
            assert!(asked(&[answer]).0.is_err());
        }
    }
}
