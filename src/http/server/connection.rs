//! One connection, from its acceptance to its end.

use super::activity::{Activity, Late};
use super::body::{Answer, Upload};
use super::limit::{Admission, ConnectionLimit};
use super::stream::Watched;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::{Pending, pending, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Timeout, timeout_at};
use tower::ServiceExt;

/// Longest head of a request; also what is kept of a body that nobody reads yet. A browser with its cookies sends half of it.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How often it is looked whether the timeouts are others now.
const LOOK: Duration = Duration::from_secs(5);

/// The connection that a request came in on: every request carries it as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Our end: the address that the client reached.
    pub local: SocketAddr,
    /// The client's end, or that of the last proxy before us.
    pub peer: SocketAddr,
}

impl Connection {
    /// Whether both ends are addresses of this machine that nothing outside it can have.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        [self.peer, self.local].iter().all(|end| end.ip().to_canonical().is_loopback())
    }
}

/// Marks a request on a connection beyond the limit.
#[derive(Debug, Clone, Copy)]
pub struct Surplus;

/// What a connection is served with.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) routers: watch::Receiver<Router>,
    pub(super) limit: Arc<ConnectionLimit>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Why a connection is over.
enum End {
    Closed(hyper::Result<()>),
    Late(Late),
}

/// Ends when the worker is asked to stop, or is gone.
pub(super) async fn until_stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Serves one connection to its end. Without an admission it is one beyond the limit: it gets one answer.
pub(super) async fn converse(stream: TcpStream, peer: SocketAddr, admission: Option<Admission>, serving: Serving) {
    let Serving { routers, limit, mut stopping } = serving;
    // Answers are small: waiting to fill a packet would cost more than the packet. A socket that refuses is about to fail anyhow.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let connection = Connection { local, peer };
    let activity = Arc::new(Activity::new());
    let is_surplus = admission.is_none();
    let service = service_fn({
        let (activity, limit) = (activity.clone(), limit.clone());
        move |request: Request<Incoming>| {
            activity.has_request();
            let is_held_back = request.headers().contains_key(header::EXPECT);
            let upload = |incoming| Body::new(Upload::new(incoming, is_held_back, activity.clone(), limit.clone()));
            let mut request = request.map(upload);
            request.extensions_mut().insert(connection);
            if is_surplus {
                request.extensions_mut().insert(Surplus);
            }
            let (router, activity) = (routers.borrow().clone(), activity.clone());
            async move {
                let answer = router.oneshot(request).await?;
                Ok::<_, Infallible>(answer.map(|body| Answer { body, activity }))
            }
        }
    });
    let stream = TokioIo::new(Watched { stream, activity: activity.clone() });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX).header_read_timeout(None).keep_alive(!is_surplus);
    let mut conversation = pin!(http.serve_connection(stream, service));
    let mut watchdog = Watchdog::new();
    let ended = tokio::select! {
        ended = poll_fn(|cx| watchdog.watch(conversation.as_mut(), &activity, &limit, cx)) => ended,
        () = until_stopped(&mut stopping) => {
            if !activity.is_under_way() {
                return;
            }
            conversation.as_mut().graceful_shutdown();
            poll_fn(|cx| watchdog.watch(conversation.as_mut(), &activity, &limit, cx)).await
        }
    };
    match ended {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => tracing::debug!(%peer, %error, "connection broken off"),
        End::Late(late) => {
            // A body that is late is counted by its reader.
            if late != Late::Body {
                limit.note_late(late);
            }
            tracing::debug!(%peer, late = late.name(), "connection closed: the client was too slow");
        }
    }
}

/// Ends a conversation in which the client is too slow.
struct Watchdog {
    /// When it looks again.
    at: Instant,
    timer: Pin<Box<Timeout<Pending<()>>>>,
}

impl Watchdog {
    fn new() -> Self {
        let now = Instant::now();
        Self { at: now, timer: Box::pin(timeout_at(now, pending())) }
    }

    /// Lets the conversation go on as far as it can, and then looks whether something is late.
    fn watch<C: Future<Output = hyper::Result<()>>>(
        &mut self,
        mut conversation: Pin<&mut C>,
        activity: &Activity,
        limit: &ConnectionLimit,
        cx: &mut Context<'_>,
    ) -> Poll<End> {
        let mut reader_was_asked = false;
        loop {
            if let Poll::Ready(ended) = conversation.as_mut().poll(cx) {
                return Poll::Ready(End::Closed(ended));
            }
            let Some((due, late)) = activity.due(limit.timeouts()) else { return Poll::Pending };
            let now = Instant::now();
            if due <= now {
                if late != Late::Body || reader_was_asked {
                    return Poll::Ready(End::Late(late));
                }
                // The body's reader is polled once more, finds out, and answers 408.
                reader_was_asked = true;
                continue;
            }
            if self.is_pending_until(due.min(now + LOOK), now, cx) {
                return Poll::Pending;
            }
        }
    }

    /// Sets the timer to `at` unless it rings before, and asks it. A timer that rings too early costs less than one that is set for each request.
    fn is_pending_until(&mut self, at: Instant, now: Instant, cx: &mut Context<'_>) -> bool {
        if at < self.at || self.at <= now {
            self.at = at;
            self.timer.set(timeout_at(at, pending()));
        }
        self.timer.as_mut().poll(cx).is_pending()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_to_be_loopback() {
        let between = |peer: &str, local: &str| {
            Connection { peer: peer.parse().unwrap(), local: local.parse().unwrap() }.is_loopback()
        };
        assert!(between("127.0.0.1:5", "127.9.0.1:3000") && between("[::1]:5", "[::1]:3000"));
        assert!(between("[::ffff:127.0.0.1]:5", "[::ffff:127.0.0.1]:3000"));
        for (peer, local) in
            [("10.0.0.1:5", "127.0.0.1:3000"), ("127.0.0.1:5", "10.0.0.1:3000"), ("[::ffff:10.0.0.1]:5", "[::1]:3000")]
        {
            assert!(!between(peer, local), "{peer} {local}");
        }
    }
}
