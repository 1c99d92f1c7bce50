//! The one way of a request that reads: place → look → answer. Where a peer owns the place, the request goes there as it came.

use super::outcomes::{Outcomes, has_ended, wait_any};
use crate::http::Api;
use crate::http::accepted::Entry;
use crate::http::error::{ApiError, answer};
use crate::http::handover;
use crate::http::intake::{Asked, OutcomeQuery, Owner, Seen};
use crate::http::position::PositionToken;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use serde::Serialize;

/// A request whose outcome is asked for.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The topology that decides it.
    pub topology: &'static str,
    /// The place that decides it.
    pub place: u32,
    /// The tables in which its outcome may come to lie, by id.
    pub outcomes: &'a [&'a dyn Outcomes],
    /// Its id.
    pub id: &'a String,
    /// `waitMs` and `after`.
    pub query: &'a OutcomeQuery,
}

/// What is known of a request that is in the log and not decided.
#[derive(Debug)]
pub struct Waiting {
    /// What this replica has kept of it.
    pub entry: Option<Entry>,
    /// Its place in the queue of its partition, 1 is the next; `None`: where it lies is not known.
    pub queue_position: Option<u64>,
}

impl Api {
    /// Answers from the place of `topology` that `place` is, here or at a peer.
    ///
    /// # Errors
    /// 503 while nobody owns the place; what `answer` returns.
    pub async fn query<F>(
        &self,
        topology: &str,
        place: u32,
        asked: Asked,
        answer: impl FnOnce(TaskView, Asked) -> F + Send,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = Result<Response, ApiError>> + Send,
    {
        match self.owner(topology, place, &asked)? {
            Owner::Here(view) => answer(view, asked).await,
            Owner::There(endpoint) => self.peers.ask(&endpoint, place, asked).await,
        }
    }

    /// [`Api::query`] of rows that are there or not: with `after` the answer shows at least what was decided there.
    ///
    /// # Errors
    /// As [`Api::query`] and [`Api::read_after`].
    pub async fn read(
        &self,
        topology: &str,
        place: u32,
        asked: Asked,
        after: Option<&str>,
        look: impl FnOnce(&TaskView) -> Result<Response, ApiError> + Send,
    ) -> Result<Response, ApiError> {
        let answer = |view: TaskView, _| async move {
            self.read_after(&view, after).await?;
            look(&view)
        };
        self.query(topology, place, asked, answer).await
    }

    /// [`Api::query`] of what became of a request: `decided` looks for its outcome, `pending` shows a request that is in the log, or may be. Waits for as long
    /// as the query says.
    ///
    /// # Errors
    /// As [`Api::query`]; 422 for a position that is none; [`ApiError::RequestNotFound`] when nothing was accepted under the id,
    /// [`ApiError::OutcomeExpired`] when its outcome has ended.
    pub async fn outcome<T: Serialize + Send>(
        &self,
        asked: Asked,
        asking: Asking<'_>,
        decided: impl Fn(&TaskView) -> Result<Option<T>, ApiError> + Send + Sync,
        pending: impl Fn(Waiting) -> T + Send + Sync,
    ) -> Result<Response, ApiError> {
        let Asking { topology, place, outcomes, id, query } = asking;
        // Before a peer is asked, too: a token that is right may be replaced.
        self.token(topology, Some(place), query.after.as_deref())?;
        let view = match self.owner(topology, place, &asked)? {
            Owner::Here(view) => view,
            Owner::There(endpoint) => {
                // What this replica has appended, a new owner may not have looked at yet: it is told where the request lies.
                let entry = self.accepted.get(topology, id).filter(|entry| entry.place == place);
                let asked = entry.iter().fold(asked, at_entry);
                return self.peers.ask(&endpoint, place, asked).await;
            }
        };
        let after = self.position(&view, query.after.as_deref()).await?;
        let look = || {
            // Before the row: what is decided meanwhile has one.
            let waiting = self.waiting(&view, id, after);
            Ok(match decided(&view)? {
                Some(outcome) => Seen::Decided(outcome),
                None => match waiting {
                    Some(waiting) => Seen::Pending(pending(waiting)),
                    None if has_ended(outcomes, &view, id)? => return Err(ApiError::OutcomeExpired),
                    None => return Err(ApiError::RequestNotFound),
                },
            })
        };
        // Most have been decided by now: nothing needs to be registered for them.
        let shown = match look()? {
            Seen::Pending(_) if !query.wait().is_zero() => {
                let register = |wake| wait_any(outcomes, &view, id, wake);
                self.watch(&view, register, query.wait(), look).await?
            }
            seen => seen.into_inner(),
        };
        Ok(answer::current(&shown))
    }

    /// A request without a row, if it may be in the log: this replica has appended it, the client knows where it lies, or there are records that this worker
    /// has not looked at.
    fn waiting(&self, view: &TaskView, id: &str, after: Option<i64>) -> Option<Waiting> {
        let entry = self.accepted.get(view.topology(), id);
        let unseen = self.lag.may_hold_more(view.topology(), view.place(), view.next_offset());
        let next = view.next_offset();
        let offset = entry.as_ref().map(|entry| entry.offset).or(after).filter(|offset| *offset >= next);
        let queue_position = offset.and_then(|offset| u64::try_from(offset.checked_sub(next)?.checked_add(1)?).ok());
        (offset.is_some() || unseen).then_some(Waiting { entry, queue_position })
    }
}

/// The request with the position of `entry`.
fn at_entry(mut asked: Asked, entry: &Entry) -> Asked {
    let token = PositionToken { topology: Some(entry.topology), place: entry.place, offset: entry.offset };
    asked.uri = handover::with_query(&asked.uri, "after", &token.to_string()).unwrap_or(asked.uri);
    asked
}
