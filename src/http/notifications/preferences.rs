//! What a user prefers. Set through the log, so that the preferences in force are decided in order with the requests that they concern.

use super::faults;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Inbox, Order, Principal, Undecided};
use crate::http::extract::{self, Query};
use crate::http::fields::id;
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::notification::preferences::SetPreferences;
use holdfast_model::notification::{INBOX, NAME};
use holdfast_topologies::notification::view::{self, PreferencesView};
use serde::Deserialize;
use utoipa::IntoParams;

/// For the scope of idempotency keys.
const ROUTE: &str = "PUT /api/notifications/preferences";

/// Query of the route that shows them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct PreferencesQuery {
    /// Whose.
    #[param(required = true)]
    user_id: Option<String>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    after: Option<String>,
}

/// What a user prefers: a channel or type that is not named is on. The defaults for a user that has set nothing.
#[utoipa::path(get, path = "/api/notifications/preferences", tag = "notifications",
    params(PreferencesQuery),
    responses(
        (status = 200, description = "The preferences", body = PreferencesView),
        (status = 422, description = "Nobody is named, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the user is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Query(query): Query<PreferencesQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| Ok(answer::current(&view::preferences(view, &user_id)?));
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// Sets all preferences of a user: what is left out is as if it had never been set.
#[utoipa::path(put, path = "/api/notifications/preferences", tag = "notifications",
    params(openapi::IdempotencyKey),
    request_body = SetPreferences,
    responses(
        (status = 200, description = "The preferences", body = PreferencesView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 422, description = "Wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn set(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let mut wanted: SetPreferences = extract::json(&asked.headers, &asked.body)?;
    wanted.user_id = id("userId", Some(wanted.user_id))?;
    wanted.row(0).map_err(|fault| faults::of_preferences(&fault))?;
    let place = api.place_of(&wanted.user_id);
    let call = Call { place, route: ROUTE, request_id: wanted.request_id.take() };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(PreferencesOrder(wanted))).await
}

/// Preferences to be set.
struct PreferencesOrder(SetPreferences);

impl Order for PreferencesOrder {
    type Outcome = ();

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "notification.preferences" };
    const IS_SHOWN: bool = false;

    fn user(&self) -> &str {
        &self.0.user_id
    }

    fn key(&self) -> &str {
        &self.0.user_id
    }

    fn id(_place: u32, unique: &str) -> String {
        format!("cmd_{unique}")
    }

    fn name(&mut self, id: &str) {
        self.0.request_id = Some(id.to_owned());
    }

    fn value(&mut self, _id: &str, _now_ms: i64) -> Vec<u8> {
        self.0.to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<()>, ApiError> {
        match view::command(view, id)? {
            Some(fingerprint) if fingerprint != self.0.fingerprint() => Err(ApiError::IdempotencyKeyReused),
            fingerprint => Ok(fingerprint.map(drop)),
        }
    }

    async fn answer(&self, at: &At<'_>, (): ()) -> Result<Response, ApiError> {
        Ok(answer::current(&view::preferences(at.view, &self.0.user_id)?))
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        (answer::ACCEPTED, axum::Json(Undecided::new(at.id))).into_response()
    }
}
