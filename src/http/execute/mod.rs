//! The one way of a request that writes: extract → command → execute → outcome → answer.
//!
//! A route extracts, names a command ([`Order`]) and where it goes ([`Call`]), and calls [`Api::execute`]. Everything that all commands have in common
//! happens here, once:
//!
//! ```text
//!   owner of the place ── a peer ───────────► the peer is asked, with the request as it came
//!        │ this worker
//!   its id: of an earlier turn, of the Idempotency-Key, or a new one
//!        │
//!   is the key known? ── in another place ──► 422
//!        │       └────── its request ───────► that request's outcome, `Idempotent-Replayed: true`
//!   a look at the committed view ── hopeless, or guarded by a queue that has not let the user in ──► refused
//!        │
//!   append ── Form::AtOnce ─────────────────► 202
//!        │
//!   wait for the decision ── late, or moved ──► 202
//!        │
//!   outcome, from the committed view ───────► the answer
//! ```
//! What is in the log is never called a failure: it is done, or refused, or not known yet. A read goes its own way through [`query`]: place, look, answer.

mod command;
mod order;
mod outcomes;
pub mod query;
mod reuse;

pub use command::{Command, CommandOrder};
pub use order::{At, Call, Form, Inbox, Kept, Order, PENDING, Principal, RETRY_AFTER, Undecided, accepted};

use super::Api;
use super::accepted::Entry;
use super::error::ApiError;
use super::idempotency;
use super::intake::{self, Asked, DECISION_MAX, Owner, Waited};
use super::position::{POSITION, PositionToken};
use crate::unique;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;

/// How far a command has come.
enum Progress<T> {
    /// It is decided; where its record lies was not looked up.
    Decided(T),
    /// It is in the inbox, at this offset.
    InLog(i64),
}

/// A request whose place is here.
struct Run<'a> {
    api: &'a Api,
    view: &'a TaskView,
    asked: &'a Asked,
    call: &'a Call,
    /// Id of the command.
    id: &'a String,
    /// Whether its id is the same when it is asked again.
    keyed: bool,
}

impl Api {
    /// Has a command decided by the place of `call` and answers with its outcome. `order` makes the command once the place is known to be here, from
    /// what the committed view says.
    ///
    /// # Errors
    /// Of the place, the key, `order` and the append; what the order's own functions return.
    pub async fn execute<O: Order>(
        &self,
        principal: Principal,
        asked: Asked,
        call: Call,
        order: impl FnOnce(&TaskView) -> Result<O, ApiError> + Send,
    ) -> Result<Response, ApiError> {
        let view = match self.owner(O::INBOX.topology, call.place, &asked)? {
            Owner::Here(view) => view,
            Owner::There(endpoint) => return self.peers.ask(&endpoint, call.place, asked).await,
        };
        let key = idempotency::key(&asked.headers, call.request_id.as_deref())?;
        let mut order = order(&view)?;
        let resumed = asked.resumed();
        let unique = match (&resumed, key) {
            (Some(_), _) => String::new(),
            (None, Some(key)) => idempotency::derive(principal.scope(order.user()), call.route, key),
            (None, None) => unique::name(&*self.clock),
        };
        let (id, resumed) = match resumed {
            Some(resumed) => (resumed.id, Some(resumed.offset)),
            None => (O::id(call.place, &unique), None),
        };
        order.name(&id);
        let (known, replayed) = match (resumed, key) {
            // An earlier turn has put it into the log: only its decision is waited for.
            (Some(offset), _) => (Some(Progress::InLog(offset)), false),
            (None, Some(_)) => {
                self.refuse_reuse(&order, &view, &id, &unique).await?;
                let earlier = self.earlier(&order, &view, &id)?;
                let replayed = earlier.is_some();
                (earlier, replayed)
            }
            (None, None) => (None, false),
        };
        let run = Run { api: self, view: &view, asked: &asked, call: &call, id: &id, keyed: key.is_some() };
        let begun_us = self.clock.monotonic_us();
        let progress = match known {
            Some(known) => known,
            None => run.begin(&mut order).await?,
        };
        let offset = match &progress {
            Progress::InLog(offset) => Some(*offset),
            Progress::Decided(_) => None,
        };
        let at = At { api: self, view: &view, id: &id, offset, keyed: run.keyed, begun_us };
        let response = match (order.form(), progress) {
            (Form::AtOnce, _) => order.accepted(&at),
            (Form::Decision, Progress::Decided(outcome)) => order.answer(&at, outcome).await?,
            (Form::Decision, Progress::InLog(offset)) => run.decision(&order, &at, offset).await?,
        };
        Ok(marked(response, &view, offset, replayed))
    }

    /// What is known of an earlier request under the same key.
    fn earlier<O: Order>(
        &self,
        order: &O,
        view: &TaskView,
        id: &String,
    ) -> Result<Option<Progress<O::Outcome>>, ApiError> {
        if let Some(outcome) = order.outcome(view, id)? {
            return Ok(Some(Progress::Decided(outcome)));
        }
        let Some(kept) = order.kept() else { return Ok(None) };
        match self.accepted.get(O::INBOX.topology, id) {
            Some(entry) if kept.is(&entry) => Ok(Some(Progress::InLog(entry.offset))),
            Some(_) => Err(ApiError::IdempotencyKeyReused),
            None => Ok(None),
        }
    }
}

impl Run<'_> {
    /// Appends the command, unless the committed view tells its outcome.
    async fn begin<O: Order>(&self, order: &mut O) -> Result<Progress<O::Outcome>, ApiError> {
        if let Some(guarded) = order.guarded() {
            self.api.look_for_admission(self.view, &guarded, &self.asked.headers).await?;
        }
        let now_ms = self.api.clock.now_ms();
        if let Some(outcome) = order.foresee(self.view, now_ms)? {
            return Ok(Progress::Decided(outcome));
        }
        let value = order.value(self.id, now_ms);
        let record = intake::Record {
            topic: O::INBOX.topic,
            place: self.call.place,
            key: order.key(),
            value: Some(&value),
            id: self.id,
            kind: O::INBOX.kind,
        };
        if self.keyed {
            // Before the append: a repetition that comes meanwhile is known for one.
            self.api.under_way.note(self.id);
        }
        let appended = self.api.append(&record, self.asked).await;
        if self.keyed && matches!(appended, Err(ApiError::LogUnavailable | ApiError::Internal)) {
            // It is not in the log.
            self.api.under_way.forget(self.id);
        }
        let offset = appended?.offset;
        if let Some(kept) = order.kept() {
            self.keep(kept.at(O::INBOX.topology, self.call.place, offset));
        }
        Ok(Progress::InLog(offset))
    }

    /// Notes that the request is in the log, for the route that tells its place in the queue.
    fn keep(&self, entry: Entry) {
        self.api.accepted.note(self.id, entry, |entry| match entry.is_of(self.view.topology(), self.view.place()) {
            true => self.view.next_offset() > entry.offset,
            // A place that is not here any more cannot be asked: its entries are of no use either.
            false => {
                let other = self.api.queries.task(entry.topology, entry.place);
                other.map_or(true, |other| other.next_offset() > entry.offset)
            }
        });
        if self.keyed {
            self.api.under_way.forget(self.id);
        }
    }

    /// Waits for the decision of the record at `offset` and answers with it. In time or not, the request has been accepted.
    async fn decision<O: Order>(&self, order: &O, at: &At<'_>, offset: i64) -> Result<Response, ApiError> {
        let decided = async {
            match self.api.wait_position(self.view, offset, DECISION_MAX).await? {
                Waited::Late => Ok(order.accepted(at)),
                Waited::Committed => {
                    // A record without a row is one that could not be read. This worker has written it, so that is its mistake.
                    let outcome = order.outcome(self.view, self.id)?.ok_or(ApiError::Internal)?;
                    if self.keyed {
                        self.api.under_way.forget(self.id);
                    }
                    order.answer(at, outcome).await
                }
            }
        };
        match decided.await {
            Ok(response) => Ok(response),
            Err(error) => match error.after_append(self.id, self.call.place, offset) {
                // It is waited for where the place went. Should no replica take the place in time, this answer stands.
                moved @ ApiError::Moved { .. } if O::IS_SHOWN => {
                    let mut response = order.accepted(at);
                    response.extensions_mut().insert(moved);
                    Ok(response)
                }
                error => Err(error),
            },
        }
    }
}

/// Notes in an answer where its request lies in the inbox of `view`, and whether it is a repetition.
fn marked(mut response: Response, view: &TaskView, offset: Option<i64>, replayed: bool) -> Response {
    if let Some(position) = offset.and_then(|offset| PositionToken::of(view, offset).header()) {
        response.headers_mut().insert(POSITION, position);
    }
    if replayed {
        response.headers_mut().insert(idempotency::REPLAYED, idempotency::YES);
    }
    response
}
