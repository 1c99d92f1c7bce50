//! A proxy between a worker and a broker that does to requests what networks do: it holds them up, loses them, loses their answers, and, worst,
//! delivers them long after the sender has given the connection up and sent them again on another. And it does what a leader does that moves while it
//! waits for its followers: it answers with an error although the records are in the log.
//!
//! It reads as much of Kafka's protocol as that takes:
//!
//! ```text
//!  request   size: i32 │ api key: i16 │ api version: i16 │ correlation id: i32 │ …
//!  answer    size: i32 │ correlation id: i32 │ …
//! ```

use crate::support::wait;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that a transaction consists of, by its api key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Produce = 0,
    /// Before the first record of a partition. Only librdkafka sends it, like the next: in the newer protocol the broker itself adds what it meets.
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
}

/// What happens to a request. Each ends the connection, except the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is held up for so many ms, and what comes after it on its connection too.
    Delay(u64),
    /// The broker never sees it.
    Lost,
    /// The broker does it, and its answer is lost.
    Unanswered,
    /// The client loses the connection at once; the broker gets the request so many ms later.
    Late(u64),
    /// The broker does it, and its answer says this error of every partition. Only for [`Api::Produce`].
    DoneBut(i16),
}

/// One proxy, before one broker; gone when dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Port of the broker behind it; 0 while nobody is.
    broker: AtomicU16,
    /// What the next request of this kind suffers.
    armed: Arc<Mutex<Option<(Api, Fault)>>>,
    done: AtomicBool,
    /// To end them all when the proxy goes.
    connections: Mutex<Vec<TcpStream>>,
}

/// The proxies of a cluster: whichever of them sees the request strikes.
pub(crate) struct Proxies(pub(crate) Vec<Proxy>);

impl Proxies {
    pub(crate) fn new(count: usize) -> Self {
        let armed = Arc::default();
        Self((0..count).map(|_| Proxy::listen(&armed)).collect())
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.0.iter().map(|proxy| proxy.port).collect()
    }

    /// Bootstrap servers for those who go through the proxies.
    pub(crate) fn brokers(&self) -> String {
        self.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// Lets the next request of `api` suffer `fault`.
    pub(crate) fn arm(&self, api: Api, fault: Fault) {
        *self.0[0].shared.armed.lock().unwrap() = Some((api, fault));
    }

    /// Whether it has.
    pub(crate) fn has_struck(&self) -> bool {
        self.0[0].shared.armed.lock().unwrap().is_none()
    }
}

impl Proxy {
    fn listen(armed: &Arc<Mutex<Option<(Api, Fault)>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { armed: armed.clone(), ..Shared::default() });
        let theirs = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if theirs.done.load(Ordering::SeqCst) {
                    return;
                }
                theirs.connect(client);
            }
        });
        Self { port, shared }
    }

    /// Names the broker behind it.
    pub(crate) fn lead_to(&self, port: u16) {
        self.shared.broker.store(port, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::SeqCst);
        for connection in &*self.shared.connections.lock().unwrap() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        // No broker, no connection: the client sees it closed.
        let Ok(broker) = TcpStream::connect(("127.0.0.1", self.broker.load(Ordering::SeqCst))) else { return };
        for stream in [&client, &broker] {
            stream.set_nodelay(true).unwrap();
            self.connections.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let pair = Pair { client, broker, unanswered: Mutex::new(None), twisted: Mutex::new(None) };
        let (shared, pair) = (self.clone(), Arc::new(pair));
        let back = pair.clone();
        std::thread::spawn(move || {
            if pair.requests(&shared) == Then::End {
                pair.end();
            }
        });
        std::thread::spawn(move || {
            back.answers();
            back.end();
        });
    }

    /// The fault that a request of `api_key` suffers; each strikes once.
    fn strikes(&self, api_key: i16) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let (_, fault) = armed.filter(|(api, _)| *api as i16 == api_key)?;
        *armed = None;
        Some(fault)
    }
}

/// What the end of the requests means for the other direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    /// An answer is still to come, and ends it.
    Listen,
}

/// A client's connection and the one to the broker that belongs to it.
struct Pair {
    client: TcpStream,
    broker: TcpStream,
    /// Correlation id of the answer that is lost.
    unanswered: Mutex<Option<i32>>,
    /// The answer that says something else than the broker does.
    twisted: Mutex<Option<Twisted>>,
}

/// An answer to a Produce request that says `error`.
#[derive(Clone, Copy)]
struct Twisted {
    id: i32,
    version: i16,
    error: i16,
}

impl Twisted {
    fn twist(self, frame: &[u8]) -> Vec<u8> {
        let head_version = ApiKey::Produce.response_header_version(self.version);
        let mut from = Bytes::copy_from_slice(&frame[4..]);
        let head = ResponseHeader::decode(&mut from, head_version).unwrap();
        let mut answer = ProduceResponse::decode(&mut from, self.version).unwrap();
        assert!(!from.has_remaining(), "the whole answer");
        for partition in answer.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
            partition.error_code = self.error;
        }
        let mut to = BytesMut::new();
        head.encode(&mut to, head_version).unwrap();
        answer.encode(&mut to, self.version).unwrap();
        let size = u32::try_from(to.len()).unwrap().to_be_bytes();
        [&size, &to[..]].concat()
    }
}

impl Pair {
    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }

    fn requests(&self, shared: &Shared) -> Then {
        let (mut client, mut broker) = (&self.client, &self.broker);
        while let Some(frame) = frame(&mut client) {
            let api_key = i16::from_be_bytes([frame[4], frame[5]]);
            let id = i32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
            match shared.strikes(api_key) {
                None => {}
                Some(Fault::Delay(ms)) => wait::pass(Duration::from_millis(ms)),
                Some(Fault::Lost) => return Then::End,
                Some(Fault::Unanswered) => *self.unanswered.lock().unwrap() = Some(id),
                Some(Fault::DoneBut(error)) => {
                    let version = i16::from_be_bytes([frame[6], frame[7]]);
                    *self.twisted.lock().unwrap() = Some(Twisted { id, version, error });
                }
                Some(Fault::Late(ms)) => {
                    *self.unanswered.lock().unwrap() = Some(id);
                    let _ = self.client.shutdown(Shutdown::Both);
                    wait::pass(Duration::from_millis(ms));
                    // A broker that has closed the connection meanwhile ends the other direction.
                    let _ = broker.write_all(&frame);
                    return Then::Listen;
                }
            }
            if broker.write_all(&frame).is_err() {
                break;
            }
        }
        Then::End
    }

    fn answers(&self) {
        let (mut client, mut broker) = (&self.client, &self.broker);
        while let Some(mut frame) = frame(&mut broker) {
            let id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
            if let Some(twisted) = self.twisted.lock().unwrap().take_if(|twisted| twisted.id == id) {
                frame = twisted.twist(&frame);
            }
            let unanswered = *self.unanswered.lock().unwrap();
            // A client that is gone misses its answers; one of them may still be waited for.
            if unanswered == Some(id) || client.write_all(&frame).is_err() && unanswered.is_none() {
                return;
            }
        }
    }
}

/// The next frame, its size included; `None` at the end of the connection.
fn frame(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut size = [0; 4];
    from.read_exact(&mut size).ok()?;
    let length = usize::try_from(i32::from_be_bytes(size)).ok()?;
    let mut frame = vec![0; 4 + length];
    frame[..4].copy_from_slice(&size);
    from.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}
