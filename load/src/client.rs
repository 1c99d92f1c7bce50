//! HTTP as cheap as it can be had: the load shares the machine with what it measures, and what its client needs is missing there. Connections that are kept,
//! one request at a time on each, the one that was used last first.

use bytes::Bytes;
use holdfast_tools::Failure;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::http::{self, HeaderValue, Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::net::TcpStream;

const ANSWER_MAX: Duration = Duration::from_secs(60);

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Client {
    /// Host and port.
    address: String,
    host: HeaderValue,
    /// What stands before every path.
    base: String,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Nobody listens there.
    #[error("not connected: {0}")]
    NotConnected(String),
    /// It took longer than a minute.
    #[error("no answer in time")]
    Late,
    /// The connection ended before the answer did.
    #[error("broken off: {0}")]
    BrokenOff(String),
}

impl Unanswered {
    /// For counting.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "not connected",
            Self::Late => "no answer in time",
            Self::BrokenOff(_) => "broken off",
        }
    }
}

/// Status and body.
pub(crate) type Answered = (u16, Bytes);

impl Client {
    /// For the worker at this URL, which is asked once: an address that nobody listens on is told before any clock starts.
    ///
    /// # Errors
    /// When the URL is none, or nobody answers there.
    pub(crate) async fn reach(url: &str) -> Result<Self, Failure> {
        let failed = |why: String| Failure::Failed(format!("{url}: {why}"));
        let client = Self::new(url).map_err(failed)?;
        client.get("/health/live").await.map_err(|error| failed(error.to_string()))?;
        Ok(client)
    }

    fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("not a URL: {error}"))?;
        let authority = uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTP));
        let authority = authority.ok_or("not a URL of the form http://host:port")?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Ok(Self { address, host, base: uri.path().trim_end_matches('/').to_owned(), idle: Mutex::default() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answered, Unanswered> {
        self.ask(self.request(Method::GET, path, None, None)).await
    }

    /// Asks as the client that has this token.
    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Result<Answered, Unanswered> {
        self.ask(self.request(Method::GET, path, None, Some(bearer(token)))).await
    }

    /// An answer that has no end of its own, as the client that has this token: its status, and its body as it comes. It has a connection of its own.
    pub(crate) async fn listen_as(&self, path: &str, token: &str) -> Result<(u16, Incoming), Unanswered> {
        let request = self.request(Method::GET, path, None, Some(bearer(token)));
        let request = request.map_err(|error| Unanswered::BrokenOff(error.to_string()))?;
        let listening = async {
            let mut connection = self.connect().await?;
            let answer = connection.send_request(request).await;
            let answer = answer.map_err(|error| Unanswered::BrokenOff(error.to_string()))?;
            Ok((answer.status().as_u16(), answer.into_body()))
        };
        tokio::time::timeout(ANSWER_MAX, listening).await.unwrap_or(Err(Unanswered::Late))
    }

    /// Posts this JSON, under this key.
    pub(crate) async fn post(&self, path: &str, body: Vec<u8>, key: Option<&str>) -> Result<Answered, Unanswered> {
        let key = key.map(|key| ("idempotency-key", key.to_owned()));
        self.ask(self.request(Method::POST, path, Some(body), key)).await
    }

    async fn ask(&self, request: Result<Request<Full<Bytes>>, http::Error>) -> Result<Answered, Unanswered> {
        let request = request.map_err(|error| Unanswered::BrokenOff(error.to_string()))?;
        tokio::time::timeout(ANSWER_MAX, self.exchange(request)).await.unwrap_or(Err(Unanswered::Late))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        header: Option<(&'static str, String)>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let path: PathAndQuery = format!("{}{path}", self.base).parse()?;
        let mut request = Request::builder().method(method).uri(Uri::from(path)).header(header::HOST, &self.host);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body)),
            None => request.body(Full::default()),
        }
    }

    /// A connection that was closed while it lay idle has taken nothing: the request goes to another one.
    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Answered, Unanswered> {
        let broken_off = |error: hyper::Error| Unanswered::BrokenOff(error.to_string());
        loop {
            let mut connection = self.connection().await?;
            match connection.try_send_request(request).await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let body = answer.into_body().collect().await.map_err(broken_off)?.to_bytes();
                    self.idle.lock().push(connection);
                    return Ok((status, body));
                }
                Err(mut refused) => match refused.take_message() {
                    Some(untouched) => request = untouched,
                    None => return Err(broken_off(refused.into_error())),
                },
            }
        }
    }

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
        loop {
            let Some(mut connection) = self.idle.lock().pop() else { break };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
        let not_connected = |error: &dyn std::error::Error| Unanswered::NotConnected(error.to_string());
        let stream = TcpStream::connect(&self.address).await.map_err(|error| not_connected(&error))?;
        stream.set_nodelay(true).map_err(|error| not_connected(&error))?;
        let (connection, serving) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| not_connected(&error))?;
        // How it ends is told to whoever sends.
        tokio::spawn(async move { drop(serving.await) });
        Ok(connection)
    }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::Request as Asked;
    use axum::routing::{get, post};
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;
    use std::thread::JoinHandle;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    /// A server, and where it listens.
    async fn served(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }

    #[tokio::test]
    async fn what_is_sent_arrives_and_connections_are_kept() {
        let said = async |asked: Asked| {
            let (parts, body) = asked.into_parts();
            let header = |name: &str| parts.headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
            let body = body.collect().await.unwrap().to_bytes();
            let body = str::from_utf8(&body).unwrap();
            format!("{} {} {} {body}", parts.uri, header("content-type"), header("idempotency-key"))
        };
        let url = served(Router::new().route("/base/a", post(said).get(said))).await;
        let client = Client::new(&format!("{url}/base/")).unwrap();
        let posted = client.post("/a?b=c", b"{}".to_vec(), Some("k")).await.unwrap();
        assert_eq!(posted, (200, Bytes::from("/base/a?b=c application/json k {}")));
        assert_eq!(client.get("/a").await.unwrap(), (200, Bytes::from("/base/a - - ")));
        assert_eq!(client.get("/nothing").await.unwrap().0, 404);
        assert_eq!(client.idle.lock().len(), 1);
    }

    /// A server that takes so many requests, each on a connection of its own which it closes after `answer`; and where it listens.
    fn curt(requests: usize, answer: &'static [u8]) -> (JoinHandle<()>, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = move || {
            for _ in 0..requests {
                let (mut stream, _) = listener.accept().unwrap();
                // Read, or its end would be a reset.
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
                stream.write_all(answer).unwrap();
            }
        };
        (std::thread::spawn(answering), url)
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_while_idle_is_replaced() {
        let (answering, url) = curt(3, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        let client = Client::new(&url).unwrap();
        for _ in 0..3 {
            assert_eq!(client.get("/").await, Ok((200, Bytes::from("ok"))));
            // A request that crosses the end of its connection may have been taken: it is not sent again.
            while !client.idle.lock().iter().all(SendRequest::is_closed) {
                tokio::task::yield_now().await;
            }
        }
        answering.join().unwrap();
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_apart() {
        for url in ["", "127.0.0.1:80", "https://127.0.0.1", "http://", "/path"] {
            assert!(Client::new(url).is_err(), "{url}");
        }
        let (hanging_up, url) = curt(1, b"HTTP/1.1 200");
        let client = Client::new(&url).unwrap();
        assert_eq!(client.get("/").await.unwrap_err().kind(), "broken off");
        hanging_up.join().unwrap();
        assert_eq!(client.get("/").await.unwrap_err().kind(), "not connected");
    }

    #[tokio::test]
    async fn as_many_as_are_asked_at_once() {
        let client = Arc::new(Client::new(&served(Router::new().route("/", get(async || "ok"))).await).unwrap());
        for _ in 0..3 {
            let mut asked = JoinSet::new();
            for _ in 0..100 {
                let client = client.clone();
                asked.spawn(async move { client.get("/").await });
            }
            while let Some(answered) = asked.join_next().await {
                assert_eq!(answered.unwrap(), Ok((200, Bytes::from("ok"))));
            }
            assert!(client.idle.lock().len() <= 100);
        }
    }
}
