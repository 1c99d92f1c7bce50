//! The sink's HTTP side.
//!
//! | route | does |
//! |---|---|
//! | `POST /control` | takes a rule, or a list of rules, in place of those before |
//! | `POST /control/down` `{"ms": 3000}` | closes all connections and takes none for so long: connecting is refused |
//! | `DELETE /received` | forgets what was received; the file keeps it |
//! | `GET /received` | what was received, oldest first |
//! | `GET /counts` | how many, by status, and how many keys were delivered how often |
//! | any other | is received |

use crate::record::{Ledger, Received};
use crate::rule::{Rule, answer};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::RwLock;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Headers of the connection, which say nothing about the request.
const OF_THE_CONNECTION: [&str; 4] = ["host", "accept", "content-length", "connection"];

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) rules: RwLock<Vec<Rule>>,
    pub(crate) ledger: Ledger,
    /// Whether connections are taken.
    pub(crate) up: watch::Sender<bool>,
}

/// A connection is to be cut.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut as a rule says")
    }
}

impl std::error::Error for Cut {}

/// A listener at `address`, also right after an earlier one there was closed.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1_024)
}

/// Serves until the sink is dropped.
pub(crate) async fn serve(shared: Arc<Shared>, first: TcpListener, address: SocketAddr) {
    let mut up = shared.up.subscribe();
    let mut listener = Some(first);
    loop {
        // Down before it has served: then nothing may listen either.
        if !*up.borrow_and_update() {
            listener = None;
        }
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let taken = match listener.take() {
            Some(listener) => Ok(listener),
            None => listen(address),
        };
        let Ok(listener) = taken else {
            // Somebody else has the port for a moment.
            tokio::task::yield_now().await;
            continue;
        };
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                down = up.wait_for(|up| !*up) => match down {
                    Ok(_) => break,
                    Err(_) => return,
                },
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection(shared.clone(), TokioIo::new(stream)));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
        // Dropping the set cuts its connections.
    }
}

async fn connection(shared: Arc<Shared>, io: TokioIo<tokio::net::TcpStream>) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { handle(&shared, request).await }
    });
    // It ends with an error when it is cut, or the client has gone.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

async fn handle(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Err(Cut) };
    let body = body.to_bytes();
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/control") => return Ok(control(shared, &body)),
        (&Method::POST, "/control/down") => return Ok(go_down(shared, &body)),
        (&Method::GET, "/received") => return Ok(json(&shared.ledger.received())),
        (&Method::GET, "/counts") => return Ok(json(&shared.ledger.counts())),
        (&Method::DELETE, "/received") => {
            shared.ledger.forget();
            return Ok(Response::new(Full::default()));
        }
        _ => {}
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let key = parts.headers.get("idempotency-key").map(text);
    let answer = answer(&shared.rules.read(), parts.uri.path(), key.as_deref());
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    shared.ledger.add(Received {
        ms: now_ms(),
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        key,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        status: answer.status,
    });
    if answer.delay_ms > 0 {
        let after = tokio::time::Instant::now() + Duration::from_millis(answer.delay_ms);
        tokio::time::sleep_until(after).await;
    }
    let status = answer.status.ok_or(Cut)?;
    let mut response = Response::new(Full::from(answer.body.unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Cut)?;
    if let Some(after) = answer.retry_after.and_then(|after| HeaderValue::from_str(&after).ok()) {
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    Ok(response)
}

#[expect(clippy::disallowed_methods, reason = "a receiver outside has a clock of its own")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn control(shared: &Shared, body: &[u8]) -> Response<Full<Bytes>> {
    let rules =
        serde_json::from_slice::<Vec<Rule>>(body).or_else(|_| serde_json::from_slice(body).map(|rule| vec![rule]));
    match rules {
        Ok(rules) => {
            *shared.rules.write() = rules;
            Response::new(Full::default())
        }
        Err(error) => bad(&error.to_string()),
    }
}

fn go_down(shared: &Arc<Shared>, body: &[u8]) -> Response<Full<Bytes>> {
    #[derive(serde::Deserialize)]
    struct Down {
        ms: u64,
    }
    match serde_json::from_slice::<Down>(body) {
        Ok(Down { ms }) => {
            let shared = shared.clone();
            tokio::spawn(async move {
                // The answer to this request is written first.
                tokio::task::yield_now().await;
                shared.up.send_replace(false);
                tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(ms)).await;
                shared.up.send_replace(true);
            });
            Response::new(Full::default())
        }
        Err(error) => bad(&error.to_string()),
    }
}

fn bad(why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(why.to_owned()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::to_vec(value).unwrap_or_default()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
