//! What one stream still has to say, and the body that says it. There is room for one piece of text: a client that reads slowly misses what has been
//! overtaken meanwhile, and costs no memory for it.

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use prometheus::IntGauge;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::OwnedSemaphorePermit;

/// The hub's end of a stream.
#[derive(Debug, Default)]
pub(super) struct Outlet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is to be sent next; a new text takes the place of one that was not sent.
    text: Option<Bytes>,
    /// Nothing comes after that text.
    is_over: bool,
    /// The client has gone.
    is_left: bool,
    waker: Option<Waker>,
}

impl Outlet {
    /// A stream that begins with `text`.
    pub(super) fn new(text: Bytes) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { text: Some(text), ..State::default() })))
    }

    /// Says `text` instead of whatever was not sent.
    pub(super) fn say(&self, text: Bytes) {
        self.change(|state| state.text = Some(text));
    }

    /// Says `text` if there is nothing else to be sent: a sign that the stream is alive.
    pub(super) fn murmur(&self, text: Bytes) {
        self.change(|state| {
            state.text.get_or_insert(text);
        });
    }

    /// Says `text` after whatever was not sent, and ends.
    pub(super) fn end(&self, text: &[u8]) {
        self.change(|state| {
            let before = state.text.take().unwrap_or_default();
            state.text = Some([&before, text].concat().into()).filter(|text: &Bytes| !text.is_empty());
            state.is_over = true;
        });
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_left(&self) -> bool {
        self.0.lock().is_left
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.0.lock();
            if state.is_over {
                return;
            }
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.0.lock();
        if let Some(text) = state.text.take() {
            return Poll::Ready(Some(text));
        }
        if state.is_over {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// The body of the answer: the client's end of a stream. While it exists, the stream counts.
#[derive(Debug)]
pub(super) struct Events {
    outlet: Arc<Outlet>,
    open: IntGauge,
    _room: OwnedSemaphorePermit,
}

impl Events {
    /// The other end of `outlet`, which takes `room` and counts in `open`.
    pub(super) fn new(outlet: Arc<Outlet>, room: OwnedSemaphorePermit, open: IntGauge) -> Self {
        open.inc();
        Self { outlet, open, _room: room }
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.outlet.poll(cx).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.outlet.0.lock().is_left = true;
        self.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(outlet: &Outlet) -> Poll<Option<Bytes>> {
        outlet.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn text(said: &'static str) -> Poll<Option<Bytes>> {
        Poll::Ready(Some(Bytes::from_static(said.as_bytes())))
    }

    #[test]
    fn a_slow_client_reads_the_newest() {
        let outlet = Outlet::new("a".into());
        outlet.say("b".into());
        outlet.murmur(":".into());
        assert_eq!(read(&outlet), text("b"));
        assert_eq!(read(&outlet), Poll::Pending);
        outlet.murmur(":".into());
        assert_eq!(read(&outlet), text(":"));
    }

    #[test]
    fn an_end_follows_what_was_not_sent_and_nothing_follows_it() {
        let outlet = Outlet::new("a".into());
        outlet.end(b"z");
        outlet.say("later".into());
        assert_eq!(read(&outlet), text("az"));
        assert_eq!(read(&outlet), Poll::Ready(None));
        let silent = Outlet::default();
        silent.end(b"");
        assert_eq!(read(&silent), Poll::Ready(None));
    }

    #[test]
    fn a_stream_counts_until_its_body_is_dropped() {
        let room = Arc::new(tokio::sync::Semaphore::new(1));
        let open = IntGauge::new("open", "open").unwrap();
        let outlet = Outlet::new("a".into());
        let events = Events::new(outlet.clone(), room.clone().try_acquire_owned().unwrap(), open.clone());
        assert_eq!((open.get(), room.available_permits(), outlet.is_left()), (1, 0, false));
        drop(events);
        assert_eq!((open.get(), room.available_permits(), outlet.is_left()), (0, 1, true));
    }
}
