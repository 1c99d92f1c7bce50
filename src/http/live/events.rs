//! The body of an answer that goes on for as long as its sender does.

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Pieces come one at a time: what a slow client has not taken is not piled up.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(1)
}

/// It ends when the sender is dropped, and the sender hears when the client is gone.
pub(super) struct Events(mpsc::Receiver<Bytes>);

impl Events {
    pub(super) fn new(told: mpsc::Receiver<Bytes>) -> Self {
        Self(told)
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
