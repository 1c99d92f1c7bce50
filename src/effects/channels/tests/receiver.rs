//! A receiver on this machine: it keeps what it got, and answers as it is told.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    replies: Mutex<VecDeque<Reply>>,
}

/// The receiver. It ends with the test.
pub(super) struct Receiver {
    /// `http://127.0.0.1:<port>`.
    pub(super) url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// One that answers with `replies`, in this order, and with an empty 200 after that.
    pub(super) async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let shared = Arc::new(Shared { replies: Mutex::new(replies.into_iter().collect()), ..Shared::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(any(answer)).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, serving }
    }

    /// A URL at which nobody listens.
    pub(super) async fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    /// Answers with `reply` next.
    pub(super) fn then(&self, reply: Reply) {
        self.shared.replies.lock().push_back(reply);
    }

    /// What came since the last time.
    pub(super) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut *self.shared.got.lock())
    }

    /// The one request that came since the last time.
    pub(super) fn only(&self) -> Got {
        let mut got = self.take();
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    shared.got.lock().push(Got { method, path: uri.to_string(), headers, body });
    let reply = shared.replies.lock().pop_front().unwrap_or_else(|| Reply::new(200, ""));
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
