//! The body of a request: read when a handler asks for it and not before, so that a request which is refused by its head costs nothing; and kept then, since
//! a request that follows its place is handled again.

use super::BODY_BYTES_MAX;
use super::error::ApiError;
use super::server::Unreadable;
use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use std::error::Error;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What the bodies of all requests under way may take together, beyond the first block of each.
const BYTES_MAX: usize = 32 << 20;
/// Memory is given out in blocks of this many bytes. Nearly every body fits into its first one.
const BLOCK_BYTES: usize = 4 << 10;

/// The memory for bodies.
#[derive(Debug, Clone)]
pub struct BodyMemory(Arc<Semaphore>);

impl Default for BodyMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BYTES_MAX / BLOCK_BYTES)))
    }
}

/// Blocks that a body has.
#[derive(Debug)]
struct Blocks {
    memory: BodyMemory,
    more: Option<OwnedSemaphorePermit>,
}

impl Blocks {
    fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let wanted = bytes.saturating_sub(1) / BLOCK_BYTES;
        let missing = wanted.saturating_sub(self.more.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| ApiError::TooLarge)?;
        let got = self.memory.0.clone().try_acquire_many_owned(missing).map_err(|_| ApiError::Overloaded)?;
        match &mut self.more {
            Some(more) => more.merge(got),
            none => *none = Some(got),
        }
        Ok(())
    }
}

/// A body that is read at most once. Clones are the same body.
#[derive(Debug, Clone)]
pub struct KeptBody(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    Unread(Body, BodyMemory),
    /// A handler reads it. One that was dropped meanwhile leaves it so.
    InHand,
    Read(Result<Bytes, ApiError>, Blocks),
}

impl KeptBody {
    /// A body that nobody has read.
    #[must_use]
    pub fn new(body: Body, memory: &BodyMemory) -> Self {
        Self(Arc::new(Mutex::new(State::Unread(body, memory.clone()))))
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 when it is too large, without reading it if it says so; 408 when it comes too slowly; 400 when it breaks off; 503 when there are too many others.
    pub async fn read(&self) -> Result<Bytes, ApiError> {
        let taken = std::mem::replace(&mut *self.0.lock(), State::InHand);
        let (body, memory) = match taken {
            State::Unread(body, memory) => (body, memory),
            State::InHand => return Err(ApiError::BodyBroken),
            State::Read(outcome, blocks) => {
                *self.0.lock() = State::Read(outcome.clone(), blocks);
                return outcome;
            }
        };
        let mut blocks = Blocks { memory, more: None };
        let outcome = read(body, &mut blocks).await;
        *self.0.lock() = State::Read(outcome.clone(), blocks);
        outcome
    }
}

async fn read(mut body: Body, blocks: &mut Blocks) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(ApiError::TooLarge);
    }
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| unreadable(&error))?.into_data() else { continue };
        let bytes = kept.len() + data.len();
        if bytes > BODY_BYTES_MAX {
            return Err(ApiError::TooLarge);
        }
        blocks.grow_to(bytes)?;
        if kept.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept.freeze())
}

fn unreadable(error: &axum::Error) -> ApiError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(Unreadable::Late)) {
            return ApiError::BodyLate;
        }
        cause = error.source();
    }
    ApiError::BodyBroken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_once_and_kept() {
        let kept = KeptBody::new(Body::from("once"), &BodyMemory::default());
        assert_eq!(kept.read().await.unwrap(), "once");
        assert_eq!(kept.clone().read().await.unwrap(), "once");
    }

    #[tokio::test]
    async fn bodies_share_their_memory_and_give_it_back() {
        let memory = BodyMemory::default();
        let large = || KeptBody::new(Body::from(vec![0; BODY_BYTES_MAX]), &memory);
        let mut kept = Vec::new();
        let refused = loop {
            let next = large();
            match next.read().await {
                Ok(_) => kept.push(next),
                Err(error) => break error,
            }
        };
        assert_eq!((refused, kept.len()), (ApiError::Overloaded, BYTES_MAX / (BODY_BYTES_MAX - BLOCK_BYTES)));
        assert!(KeptBody::new(Body::from(vec![0; BLOCK_BYTES]), &memory).read().await.is_ok(), "small ones still come");
        drop(kept.pop());
        assert!(large().read().await.is_ok());
    }

    #[tokio::test]
    async fn what_says_to_be_too_large_is_not_read() {
        struct Announced;

        impl HttpBody for Announced {
            type Data = Bytes;
            type Error = axum::Error;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
                unreachable!("nobody reads it")
            }

            fn size_hint(&self) -> hyper::body::SizeHint {
                hyper::body::SizeHint::with_exact(BODY_BYTES_MAX as u64 + 1)
            }
        }

        let kept = KeptBody::new(Body::new(Announced), &BodyMemory::default());
        assert_eq!(kept.read().await, Err(ApiError::TooLarge));
    }
}
