//! The listeners: accepting connections, serving HTTP/1.1 on them, and the way out: a stop ends the accepting at once and lets requests finish that are
//! under way.
//!
//! | module | holds |
//! |---|---|
//! | [`limit`] | how many connections there may be, and what happens to the next one |
//! | [`activity`] | what a connection is doing, and how long it may |
//! | [`connection`], [`stream`], [`body`] | one connection, its bytes, its bodies |

mod activity;
mod body;
mod connection;
mod limit;
mod stream;

pub use activity::Timeouts;
pub use body::Unreadable;
pub use connection::{Connection, Surplus};
pub use limit::{ConnectionLimit, ConnectionMetrics, Limits};

use axum::Router;
use connection::{Serving, converse, until_stopped};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// Connections that may wait to be accepted; the system may allow fewer. A sale opens with a crowd: beyond it the first packet is dropped, and its sender
/// waits a second before it sends another.
const BACKLOG: u32 = 4_096;

/// How long accepting rests when the system has no descriptor or no memory for a connection: it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection beyond the limit may say nothing when there are too many even of those.
const SILENCE_MAX: Duration = Duration::from_millis(50);
/// What happens to strangers' connections is logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Listens at `address`.
///
/// # Errors
/// When the system refuses: the address is taken, or not ours.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: a restart is not kept out by connections of the last one that linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `listener` until `stopping` turns true and the last request is answered. Each request is answered by what `routers` holds when it comes.
/// When the returned future is dropped, so are all of its connections.
pub async fn serve(
    listener: TcpListener,
    routers: watch::Receiver<Router>,
    limit: Arc<ConnectionLimit>,
    stopping: watch::Receiver<bool>,
) {
    let (mut stopped, mut rested) = (stopping.clone(), stopping.clone());
    let mut crowd = Crowd {
        serving: Serving { routers, limit, stopping },
        connections: JoinSet::new(),
        surplus: VecDeque::new(),
        failed: Seldom::default(),
        turned_away: Seldom::default(),
    };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => crowd.welcome(stream, peer).await,
                Err(error) => {
                    crowd.note_failure(&error);
                    // A client that is gone again is no reason to wait.
                    if !is_of_one_client(&error) {
                        let _ = tokio::time::timeout(ACCEPT_PAUSE, until_stopped(&mut rested)).await;
                    }
                }
            },
            // Those that are done are taken out.
            Some(_) = crowd.connections.join_next() => {}
            () = until_stopped(&mut stopped) => break,
        }
    }
    drop(listener);
    while crowd.connections.join_next().await.is_some() {}
}

/// The connections of one listener.
struct Crowd {
    serving: Serving,
    connections: JoinSet<()>,
    /// Those beyond the limit, the oldest first, and since when. Some of them are done.
    surplus: VecDeque<(Instant, AbortHandle)>,
    failed: Seldom,
    turned_away: Seldom,
}

impl Crowd {
    async fn welcome(&mut self, stream: TcpStream, peer: SocketAddr) {
        let mut admission = self.serving.limit.admit();
        if admission.is_none() {
            self.make_room_for_surplus().await;
            admission = self.serving.limit.admit();
        }
        let is_surplus = admission.is_none();
        if is_surplus {
            self.serving.limit.note_turned_away();
            if let Some(others) = self.turned_away.due() {
                tracing::warn!(%peer, others, "more connections than HTTP_CONNECTIONS_MAX: answered with 503 and closed");
            }
        }
        let task = self.connections.spawn(converse(stream, peer, admission, self.serving.clone()));
        if is_surplus {
            self.surplus.push_back((Instant::now(), task));
        }
    }

    /// Returns when there is room for one more connection beyond the limit. One that asks for something is done within milliseconds; one that says nothing
    /// gives way after a moment, for it must not keep a health probe out.
    async fn make_room_for_surplus(&mut self) {
        let most = self.serving.limit.surplus().max(1);
        loop {
            self.surplus.retain(|(_, task)| !task.is_finished());
            let Some((since, oldest)) = self.surplus.front().filter(|_| self.surplus.len() >= most) else { return };
            // Ends with the moment, or when a connection is done.
            if tokio::time::timeout_at(*since + SILENCE_MAX, self.connections.join_next()).await.is_err() {
                oldest.abort();
                self.surplus.pop_front();
            }
        }
    }

    fn note_failure(&mut self, error: &std::io::Error) {
        self.serving.limit.note_accept_failure();
        if let Some(others) = self.failed.due() {
            tracing::warn!(%error, others, "connection not accepted");
        }
    }
}

fn is_of_one_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Lets a log line through once a second.
#[derive(Debug, Default)]
struct Seldom {
    last: Option<Instant>,
    others: u64,
}

impl Seldom {
    /// Whether it is time for a line, and of how many more that line speaks.
    fn due(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < LOG_EVERY) {
            self.others += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{extract, overload};
    use axum::routing::{get, post};
    use axum::{Extension, middleware};
    use prometheus::Registry;
    use std::io::{Read, Write};
    use tokio::task::spawn_blocking;

    const SHORT: Duration = Duration::from_millis(50);

    /// A server, its limits, and what stops it.
    struct Server {
        address: SocketAddr,
        registry: Registry,
        stop: watch::Sender<bool>,
        task: JoinSet<()>,
    }

    fn start(router: Router, limits: Limits) -> Server {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let registry = Registry::new();
        let limit = ConnectionLimit::new(limits, ConnectionMetrics::register(&registry).unwrap());
        let mut task = JoinSet::new();
        task.spawn(serve(listener, watch::channel(router).1, limit, stopping));
        Server { address, registry, stop, task }
    }

    /// Clients may take this long, and for the rest as long as usual.
    fn impatient(change: impl FnOnce(&mut Timeouts)) -> Limits {
        let mut limits = Limits::new(100, 10);
        change(&mut limits.usual);
        limits
    }

    impl Server {
        /// The answers to these bytes, until the server closes the connection.
        async fn told(&self, bytes: &'static [u8]) -> String {
            let address = self.address;
            spawn_blocking(move || told(address, bytes)).await.unwrap()
        }

        /// The sum of a metric over the series that contain `label`.
        fn metric(&self, name: &str, label: &str) -> f64 {
            let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
            let series = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
            series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
        }

        async fn until_metric(&self, name: &str, label: &str, value: f64) {
            let mut look = tokio::time::interval(Duration::from_millis(5));
            while self.metric(name, label) < value {
                look.tick().await;
            }
        }
    }

    fn told(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        read_all(stream)
    }

    /// What the server sends until it closes the connection, however it does that.
    fn read_all(mut stream: std::net::TcpStream) -> String {
        let (mut all, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(1..) = stream.read(&mut piece).inspect(|n| all.extend_from_slice(&piece[..*n])) {}
        String::from_utf8(all).unwrap()
    }

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const ASK_ONCE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const PROBE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    /// The system completes connections until as many wait as it was told, and drops what comes after. Nobody accepts here; the usual backlog is 128.
    #[tokio::test]
    async fn a_crowd_may_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let waiting = (0..300).map(connect).collect::<Result<Vec<_>, _>>();
        assert_eq!(waiting.unwrap().len(), 300);
    }

    #[tokio::test]
    async fn a_request_knows_its_connection() {
        let show = async |Extension(Connection { local, peer }): Extension<Connection>| format!("{local} {peer}");
        let server = start(Router::new().route("/", get(show)), Limits::new(10, 10));
        let address = server.address;
        let (ours, answer) = spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(ASK_ONCE).unwrap();
            (stream.local_addr().unwrap(), read_all(stream))
        })
        .await
        .unwrap();
        assert!(answer.ends_with(&format!("{address} {ours}")), "{answer}");
    }

    /// The request that is under way is answered, what has not become a request is closed, and nobody new is let in.
    #[tokio::test]
    async fn a_stop_lets_requests_finish_and_ends_the_rest() {
        let (begun, mut has_begun) = watch::channel(false);
        let (go_on, may_go_on) = watch::channel(false);
        let slow = move || {
            let (begun, mut may_go_on) = (begun.clone(), may_go_on.clone());
            async move {
                begun.send_replace(true);
                until_stopped(&mut may_go_on).await;
                "done"
            }
        };
        let mut server = start(Router::new().route("/", get(slow)), Limits::new(10, 10));
        let address = server.address;
        let mut half = std::net::TcpStream::connect(address).unwrap();
        half.write_all(b"GET / HT").unwrap();
        let asking = spawn_blocking(move || told(address, ASK));
        until_stopped(&mut has_begun).await;
        server.until_metric("holdfast_http_connections ", "", 2.0).await;
        server.stop.send_replace(true);
        assert_eq!(spawn_blocking(move || read_all(half)).await.unwrap(), "");
        go_on.send_replace(true);
        assert!(asking.await.unwrap().ends_with("done"));
        server.task.join_next().await.unwrap().unwrap();
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[tokio::test]
    async fn half_a_head_and_silence_are_not_waited_for() {
        let server = start(Router::new(), impatient(|timeouts| timeouts.head = SHORT));
        for begun in [&b""[..], b"G", b"GET / HTTP/1.1\r\nhost: x\r\n"] {
            assert_eq!(server.told(begun).await, "");
        }
        assert!((server.metric("holdfast_http_timeouts_total", "head") - 3.0).abs() < 0.1);
    }

    #[tokio::test]
    async fn half_a_body_is_answered_with_408_and_the_connection_closed() {
        let read = async |body: extract::Body| format!("{} bytes", body.0.len());
        let router = Router::new().route("/", post(read));
        for change in [|t: &mut Timeouts| t.body = SHORT, |t: &mut Timeouts| t.body_pause = SHORT] {
            let server = start(router.clone(), impatient(change));
            let answer = server.told(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhalf").await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!((server.metric("holdfast_http_timeouts_total", "body") - 1.0).abs() < 0.1);
            let whole = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nwhole";
            assert!(server.told(whole).await.ends_with("5 bytes"));
        }
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_any_client_and_then_the_connection_is_kept_for_a_while() {
        let slow = async || {
            let _ = tokio::time::timeout(SHORT * 6, std::future::pending::<()>()).await;
            "waited"
        };
        let router = Router::new().route("/", get(slow));
        let all = |t: &mut Timeouts| {
            *t = Timeouts { head: SHORT, body: SHORT, body_pause: SHORT, answer_pause: SHORT, idle: SHORT }
        };
        let server = start(router, impatient(all));
        let answer = server.told(ASK).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("waited"), "{answer}");
        server.until_metric("holdfast_http_timeouts_total", "idle", 1.0).await;
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_not_kept() {
        let large = async || "x".repeat(32 << 20);
        let server = start(Router::new().route("/", get(large)), impatient(|t| t.answer_pause = SHORT));
        let mut deaf = std::net::TcpStream::connect(server.address).unwrap();
        deaf.write_all(ASK).unwrap();
        server.until_metric("holdfast_http_timeouts_total", "answer", 1.0).await;
    }

    #[tokio::test]
    async fn a_refusal_is_heard_by_a_client_that_still_sends() {
        let server = start(Router::new(), Limits::new(10, 10));
        let address = server.address;
        let answer = spawn_blocking(move || {
            let mut all =
                b"POST /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 8388608\r\n\r\n".to_vec();
            all.resize(all.len() + (8 << 20), b'x');
            told(address, &all)
        });
        assert!(answer.await.unwrap().starts_with("HTTP/1.1 404 "));
    }

    fn crowded(connections: usize, surplus: usize) -> Server {
        let router = Router::new().route("/health/live", get(async || "up")).route("/", get(async || "served"));
        start(router.layer(middleware::from_fn(overload::turn_away)), Limits::new(connections, surplus))
    }

    #[tokio::test]
    async fn beyond_the_limit_one_hears_that_there_are_too_many_and_probes_are_served() {
        let server = crowded(2, 10);
        let guests = [(); 2].map(|()| std::net::TcpStream::connect(server.address).unwrap());
        server.until_metric("holdfast_http_connections ", "", 2.0).await;
        let answer = server.told(ASK).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("connection: close"), "{answer}");
        assert!(server.told(PROBE).await.starts_with("HTTP/1.1 200 "));
        assert!((server.metric("holdfast_http_connections_turned_away_total", "") - 2.0).abs() < 0.1);
        drop(guests);
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while !server.told(ASK_ONCE).await.ends_with("served") {
            look.tick().await;
        }
    }

    #[tokio::test]
    async fn silent_connections_beyond_the_limit_make_room_for_the_next() {
        let server = crowded(1, 3);
        let mut silent: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(server.address).unwrap()).collect();
        server.until_metric("holdfast_http_connections_turned_away_total", "", 19.0).await;
        assert!(server.told(PROBE).await.starts_with("HTTP/1.1 200 "));
        let oldest = silent.remove(1);
        assert_eq!(spawn_blocking(move || read_all(oldest)).await.unwrap(), "");
    }

    #[test]
    fn what_happens_often_is_told_seldom() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.due(), Some(0));
        assert_eq!((seldom.due(), seldom.due(), seldom.others), (None, None, 2));
        seldom.last = seldom.last.map(|last| last - LOG_EVERY);
        assert_eq!((seldom.due(), seldom.due()), (Some(2), None));
    }
}
