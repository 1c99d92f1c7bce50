//! The coupon routes. What they say yes and no to is decided in `topologies/src/coupon`.

pub mod holders;
pub mod issue;
pub mod policies;
pub mod requests;

use super::Api;
use super::error::{ApiError, FieldError, Refused};
use super::idempotency;
use super::intake::{Asked, Command, DECISION_MAX, Waited};
use crate::unique;
use axum::Router;
use axum::routing::{get, post};
use holdfast_engine::ports::place::place_of;
use holdfast_engine::queries::TaskView;
use holdfast_topologies::coupon::command_outcome::{CommandRefusal, CommandStatus};
use holdfast_topologies::coupon::message::{Command as CouponCommand, ID_BYTES_MAX};
use holdfast_topologies::coupon::outcome::{Refusal, Status};
use holdfast_topologies::coupon::{COMMANDS, INBOX, inbox_key};
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

/// An id as a request brings it: not blank, not longer than the topology takes.
fn id(field: &'static str, given: Option<String>) -> Result<String, ApiError> {
    match given {
        Some(id) if id.trim().is_empty() => Err(ApiError::field(field, "비어 있을 수 없습니다.")),
        Some(id) if id.len() > ID_BYTES_MAX => Err(ApiError::field(field, "너무 깁니다.")),
        Some(id) => Ok(id),
        None => Err(ApiError::field(field, "필수 값입니다.")),
    }
}

/// Collects what is wrong with several fields, so that the client hears all of it at once.
fn both<A, B>(a: Result<A, ApiError>, b: Result<B, ApiError>) -> Result<(A, B), ApiError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(ApiError::Invalid(mut errors)), Err(ApiError::Invalid(more))) => {
            errors.extend::<Vec<FieldError>>(more);
            Err(ApiError::Invalid(errors))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// What a request is refused for at the intake.
fn refused(refusal: Refusal) -> ApiError {
    let kind = match refusal {
        Refusal::UnknownPolicy => Refused::NotFound,
        Refusal::NoUser => Refused::Invalid,
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
    },
    /// It is in the log and not decided in time.
    Undecided,
}

/// Answer of a command that is in the log and not decided in time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Undecided<'a> {
    status: &'static str,
    request_id: &'a str,
}

/// Who commands and under which identity. The route is method and template, as the key's scope wants it.
struct Identity<'a> {
    principal: &'a str,
    route: &'static str,
    key: Option<&'a str>,
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
    let id = match identity.key {
        Some(key) => format!("cmd_{}", idempotency::derive(identity.principal, identity.route, key)),
        None => format!("cmd_{}", unique::name(&*api.clock)),
    };
    let command = make(id.clone());
    let outcome = |replayed| -> Result<Option<Carried>, ApiError> {
        let Some(row) = view.get(&COMMANDS, &id)? else { return Ok(None) };
        if row.fingerprint != command.fingerprint() {
            return Err(ApiError::IdempotencyKeyReused);
        }
        match row.refused {
            Some(refusal) => Err(command_refused(refusal, &id)),
            None => Ok(Some(Carried::Done { replayed })),
        }
    };
    if identity.key.is_some()
        && let Some(known) = outcome(true)?
    {
        return Ok((id, known));
    }
    let value = command.to_json();
    let record =
        Command { topic: INBOX, place: view.place(), key: record_key, value: &value, id: &id, kind: "coupon.command" };
    let appended = api.append(&record, asked).await?;
    match api.wait_decision(view, appended.offset, DECISION_MAX).await {
        Waited::Late => Ok((id, Carried::Undecided)),
        // A record without a row is one that could not be read; we wrote it, so that is ours.
        Waited::Committed => match outcome(false)? {
            Some(carried) => Ok((id, carried)),
            None => Err(ApiError::Internal),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let Err(ApiError::Invalid(errors)) = both(id("policyId", None), id("userId", Some(" ".to_owned()))) else {
            panic!()
        };
        assert_eq!(errors.iter().map(|e| &*e.field).collect::<Vec<_>>(), ["policyId", "userId"]);
        assert!(both(id("policyId", Some("1".to_owned())), id("userId", Some("쿠폰".to_owned()))).is_ok());
        assert!(id("userId", Some("x".repeat(ID_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn a_duplicate_is_known_by_the_outcomes_name() {
        let ApiError::Refused { code, kind, .. } = refused(Refusal::AlreadyIssued) else { panic!() };
        assert_eq!((code, kind), ("DUPLICATE_REQUEST", Refused::Conflict));
    }
}
