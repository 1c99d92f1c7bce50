//! Bodies as the server hands them on: of a request, in time or not at all; of an answer, so that its end is seen.

use super::activity::{Activity, Late};
use super::limit::ConnectionLimit;
use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// As much of a body that nobody wants is read and thrown away, and for so long. A client that is cut off while it sends may never read the answer that
/// tells it why.
const DISCARDED_BYTES_MAX: usize = 32 << 20;
const DISCARDED_TIME_MAX: Duration = Duration::from_secs(5);

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The client sends it too slowly: see [`Timeouts`](super::Timeouts).
    #[error("the body did not arrive in time")]
    Late,
    /// The connection broke, or what came is no HTTP.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// The body of a request. What its reader leaves is thrown away.
pub(super) struct Upload {
    incoming: Option<Incoming>,
    activity: Arc<Activity>,
    limit: Arc<ConnectionLimit>,
    /// The client waits to be told to send it.
    is_held_back: bool,
}

impl Upload {
    pub(super) fn new(
        incoming: Incoming,
        is_held_back: bool,
        activity: Arc<Activity>,
        limit: Arc<ConnectionLimit>,
    ) -> Self {
        Self { incoming: Some(incoming), is_held_back, activity, limit }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Unreadable;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unreadable>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Pending if self.activity.waits_for_body(self.limit.timeouts()) => {
                self.incoming = None;
                self.limit.note_late(Late::Body);
                Poll::Ready(Some(Err(Unreadable::Late)))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.activity.has_body_piece();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(ended) => {
                self.incoming = None;
                self.activity.has_body();
                Poll::Ready(ended.map(|frame| frame.map_err(Unreadable::Broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.activity.has_body();
        let rest = self.incoming.take().filter(|rest| !self.is_held_back && !rest.is_end_stream());
        // Without a runtime the connection is gone, too.
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DISCARDED_TIME_MAX, discard(rest)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await
        && seen <= DISCARDED_BYTES_MAX
    {
        seen += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// The body of an answer. When it is dropped, all of it was handed to the connection, or will never be.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) activity: Arc<Activity>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.activity.has_answered();
    }
}
