//! One connection to one broker. After an error it is of no use: whoever holds it drops it.

use super::bytes::{Decoder, Encoder, Malformed};
use super::messages::{API_VERSIONS, Api};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// An answer is a few bytes for each partition; more than this is no Kafka broker.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The connection stands, and nothing comes.
    #[error("no answer for {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("an answer to another request")]
    OutOfTurn,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    client_id: String,
    /// Number of the next request, and of the next answer.
    sent: i32,
    answered: i32,
    frame: Vec<u8>,
}

impl Connection {
    /// Connects to the first of the host's addresses that answers, each within `timeout`.
    pub(super) fn open(host: &str, port: u16, client_id: &str, timeout: Duration) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self {
                        stream,
                        client_id: client_id.to_owned(),
                        sent: 0,
                        answered: 0,
                        frame: Vec::new(),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether the other end has neither closed it nor said something that nobody asked for.
    pub(super) fn is_open(&self) -> bool {
        let heard = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        let is_quiet = heard.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.stream.set_nonblocking(false).is_ok() && is_quiet
    }

    /// Asks and waits for the answer, at most `timeout` for each piece of it.
    pub(super) fn ask(&mut self, api: Api, body: &Encoder, timeout: Duration) -> Result<Vec<u8>, Broken> {
        self.send(api, body, timeout)?;
        self.receive(api, timeout)
    }

    /// Asks. Answers come in the order of the questions.
    pub(super) fn send(&mut self, api: Api, body: &Encoder, timeout: Duration) -> Result<(), Broken> {
        let mut head = Encoder::default();
        let id = self.client_id.as_bytes();
        head.i32(0).i16(api.key).i16(api.version).i32(self.sent).i16(id.len() as i16).raw(id).end();
        let length = head.0.len() - 4 + body.0.len();
        head.0[..4].copy_from_slice(&(length as i32).to_be_bytes());
        self.sent = self.sent.wrapping_add(1);
        self.frame.clear();
        self.frame.extend_from_slice(&head.0);
        self.frame.extend_from_slice(&body.0);
        self.stream.set_write_timeout(Some(at_least_a_moment(timeout)))?;
        self.stream.write_all(&self.frame)?;
        Ok(())
    }

    /// The answer to the oldest question that has none, without its head.
    pub(super) fn receive(&mut self, api: Api, timeout: Duration) -> Result<Vec<u8>, Broken> {
        self.stream.set_read_timeout(Some(at_least_a_moment(timeout)))?;
        let mut length = [0; 4];
        self.read(&mut length, timeout)?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(|_| Malformed)?;
        if length > ANSWER_BYTES_MAX {
            return Err(Malformed.into());
        }
        let mut answer = vec![0; length];
        self.read(&mut answer, timeout)?;
        let mut from = Decoder(&answer);
        let number = from.i32()?;
        // The one answer whose head is not flexible: who asks does not know yet what the broker speaks.
        if api != API_VERSIONS {
            from.end()?;
        }
        if number != self.answered {
            return Err(Broken::OutOfTurn);
        }
        self.answered = self.answered.wrapping_add(1);
        let head = answer.len() - from.0.len();
        answer.drain(..head);
        Ok(answer)
    }

    fn read(&mut self, into: &mut [u8], timeout: Duration) -> Result<(), Broken> {
        self.stream.read_exact(into).map_err(|error| match error.kind() {
            // Which of the two a timeout is called depends on the platform.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Broken::Silent(timeout),
            _ => Broken::Io(error),
        })
    }
}

/// A timeout of zero would mean none.
fn at_least_a_moment(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_broker_that_stands_still_is_told_from_one_that_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let moment = Duration::from_millis(20);
        let mut connection = Connection::open("127.0.0.1", port, "me", moment).unwrap();
        // The kernel has accepted it; nobody reads.
        let silent = connection.ask(API_VERSIONS, &Encoder::default(), moment).unwrap_err();
        assert_eq!(silent.to_string(), "no answer for 20 ms");
        drop(listener);
        let gone = connection.ask(API_VERSIONS, &Encoder::default(), moment).unwrap_err();
        assert!(matches!(gone, Broken::Io(_)), "{gone}");
    }
}
