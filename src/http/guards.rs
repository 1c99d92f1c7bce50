//! Subjects that a queue guards, at the door: who brings no token of an admission that is live is refused before anything is appended. The log decides
//! once more, by the time of the record.
//!
//! The admission comes to the subject's place through the log, a moment after the queue's own place shows it. A client that has just read `ACTIVE` may be
//! faster: a token that is right is waited for.

use super::Api;
use super::error::ApiError;
use super::intake::Seen;
use axum::http::HeaderMap;
use holdfast_engine::inspect::TaskView;
use holdfast_engine::prelude::{EndingTable, Table};
use holdfast_model::guard::row::{AdmissionRow, GuardsRow};
use holdfast_model::guard::{AdmissionKey, QUEUE_NOT_ACTIVE, TOKEN_HEADER};
use holdfast_model::queue::token::{self, Token};
use std::time::Duration;
use utoipa::IntoParams;

/// How long an admission is waited for whose token is right: a commit or two. A user who still waits in the queue holds a request for so long.
const ADMISSION_MAX: Duration = Duration::from_secs(1);

/// The token, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct QueueToken {
    /// The token of `POST /api/queue/token`, while its status is `ACTIVE`. Needed where a queue guards what is asked for; else it is not looked at.
    #[expect(dead_code, reason = "read by the derive, for the document")]
    #[param(rename = "X-Queue-Token", required = false)]
    token: Option<String>,
}

/// What a command wants of a subject that a queue may guard.
pub struct Guarded<'a> {
    /// The queues that guard a subject.
    pub guards: &'static Table<String, GuardsRow>,
    /// The admissions to it.
    pub admissions: &'static EndingTable<AdmissionKey, AdmissionRow>,
    /// The subject's id.
    pub subject_id: &'a String,
    /// The user that wants something of it.
    pub user_id: &'a str,
}

impl Api {
    /// Looks whether the user of `guarded` has been let in, where a queue guards the subject: by the token in `headers`, as `view` tells.
    ///
    /// # Errors
    /// `QUEUE_NOT_ACTIVE` (403) when not; when the view cannot be read.
    pub(super) async fn look_for_admission(
        &self,
        view: &TaskView,
        guarded: &Guarded<'_>,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        let Some(guards) = view.get(guarded.guards, guarded.subject_id)? else { return Ok(()) };
        let refused = || ApiError::refused(&QUEUE_NOT_ACTIVE, None);
        let token = token_of(headers).ok_or_else(refused)?;
        let queue = guards.queues.iter().find(|queue| queue.queue_id == token.queue_id).ok_or_else(refused)?;
        if !token.is_genuine(&queue.key, guarded.user_id) {
            return Err(refused());
        }
        let key = AdmissionKey {
            subject_id: guarded.subject_id.clone(),
            queue_id: queue.queue_id.clone(),
            user_id: guarded.user_id.to_owned(),
        };
        let look = || {
            Ok(match view.get_kept(guarded.admissions, &key)? {
                Some(row) if row.ticket == token.ticket => Seen::Decided(row.is_live(self.clock.now_ms())),
                // The user has another ticket meanwhile, and its token.
                Some(row) if row.ticket > token.ticket => Seen::Decided(false),
                Some(_) | None => Seen::Pending(false),
            })
        };
        match self.watch_row(view, guarded.admissions.stored(), &key, ADMISSION_MAX, look).await? {
            true => Ok(()),
            false => Err(refused()),
        }
    }
}

/// The token that a request brings: one, and in its shape.
fn token_of(headers: &HeaderMap) -> Option<Token> {
    let mut values = headers.get_all(TOKEN_HEADER).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    token::parse(value.to_str().ok()?.trim())
}
