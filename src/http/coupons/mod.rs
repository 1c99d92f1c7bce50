//! The coupon routes. What they say yes and no to is decided in `topologies/src/coupon`.

mod faults;
pub mod holders;
pub mod issue;
pub mod policies;
pub mod requests;

use super::Api;
use super::carry::{self, Identity};
use super::error::{ApiError, Refused, answer};
use super::intake::{Asked, Command};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::command_outcome::{CommandRefusal, CommandStatus};
use holdfast_model::coupon::message::Command as CouponCommand;
use holdfast_model::coupon::outcome::{Refusal, Status};
use holdfast_model::coupon::{COMMANDS, INBOX, NAME, inbox_key};
use holdfast_ports::place::place_of;
use holdfast_topologies::coupon::view::PENDING;
use serde::Serialize;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/coupons/policies", post(policies::create).get(policies::list))
        .route("/api/coupons/policies/{policyId}", get(policies::show))
        .route("/api/coupons/policies/{policyId}/stock", post(policies::adjust))
        .route("/api/coupons/issue", post(issue::issue))
        .route("/api/coupons/{couponId}/issue", post(issue::issue_by_path))
        .route("/api/coupons/requests/{requestId}", get(requests::show))
        .route("/api/coupons/users/{userId}", get(holders::coupons_of_user))
        .route("/api/coupons/{couponId}/use", post(holders::use_coupon))
}

/// The place that decides about a policy.
fn place_of_policy(api: &Api, policy_id: &str) -> u32 {
    place_of(inbox_key(policy_id).as_bytes(), api.settings.places)
}

/// What a request is refused for at the intake.
fn refused(refusal: Refusal) -> ApiError {
    let kind = match refusal {
        Refusal::UnknownPolicy => Refused::NotFound,
        Refusal::NoUser | Refusal::BadUser => Refused::Invalid,
        Refusal::System => Refused::Fault,
        Refusal::OutsideWindow | Refusal::AlreadyIssued | Refusal::SoldOut => Refused::Conflict,
    };
    // Clients know the duplicate by the outcome's own name.
    let code = if refusal.status() == Status::DuplicateRequest { refusal.status().as_str() } else { refusal.code() };
    ApiError::Refused { kind, code, detail: refusal.reason(), request_id: None }
}

fn command_refused(refusal: CommandRefusal, id: &str) -> ApiError {
    let kind = match refusal.status() {
        CommandStatus::ValidationFailed => Refused::Invalid,
        CommandStatus::NotFound => Refused::NotFound,
        CommandStatus::Success | CommandStatus::Conflict => Refused::Conflict,
        CommandStatus::SystemError => Refused::Fault,
    };
    ApiError::Refused { kind, code: refusal.code(), detail: refusal.reason(), request_id: Some(id.to_owned()) }
}

/// What became of a command.
enum Carried {
    /// It is done and in view.
    Done {
        /// Whether it was an earlier request with the same key that did it.
        replayed: bool,
        /// Where it lies in its inbox; none = it was not looked up again.
        offset: Option<i64>,
    },
    /// It is in the log and not decided in time.
    Undecided {
        /// Where it lies in its inbox.
        offset: i64,
    },
}

/// Answer of a command that is in the log and not decided in time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Undecided<'a> {
    status: &'static str,
    request_id: &'a str,
}

/// 202 for a command that is in the log and not decided in time.
fn undecided(view: &TaskView, command_id: &str, offset: i64) -> Response {
    let body = Undecided { status: PENDING, request_id: command_id };
    carry::marked((answer::ACCEPTED, axum::Json(body)).into_response(), view, Some(offset), false)
}

/// Has a command carried out by the place that decides: append, wait, read what became of it.
async fn carry_out(
    api: &Api,
    view: &TaskView,
    asked: &Asked,
    record_key: &str,
    identity: &Identity<'_>,
    make: impl FnOnce(String) -> CouponCommand,
) -> Result<(String, Carried), ApiError> {
    let id = asked.resumed().map_or_else(|| format!("cmd_{}", identity.unique(api)), |resumed| resumed.id);
    if identity.key.is_some() && asked.resumed().is_none() {
        api.refuse_reuse(NAME, view, &id, |task| Ok(task.get(&COMMANDS, &id)?.is_some())).await?;
    }
    let command = make(id.clone());
    let value = command.to_json();
    let record =
        Command { topic: INBOX, place: view.place(), key: record_key, value: &value, id: &id, kind: "coupon.command" };
    let outcome = || -> Result<Option<()>, ApiError> {
        let Some(row) = view.get(&COMMANDS, &id)? else { return Ok(None) };
        if row.fingerprint != command.fingerprint() {
            return Err(ApiError::IdempotencyKeyReused);
        }
        let why = |refusal| command_refused(refusal, &id).because_of(faults::of(&command, refusal));
        row.refused.map_or(Ok(Some(())), |refusal| Err(why(refusal)))
    };
    match api.carry_out(view, asked, &record, identity.key.is_some(), outcome).await? {
        carry::Carried::Decided { replayed, offset, .. } => Ok((id, Carried::Done { replayed, offset })),
        carry::Carried::Undecided { moved: None, offset } => Ok((id, Carried::Undecided { offset })),
        carry::Carried::Undecided { moved: Some(moved), .. } => Err(moved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_known_by_the_outcomes_name() {
        let ApiError::Refused { code, kind, .. } = refused(Refusal::AlreadyIssued) else { panic!() };
        assert_eq!((code, kind), ("DUPLICATE_REQUEST", Refused::Conflict));
    }
}
