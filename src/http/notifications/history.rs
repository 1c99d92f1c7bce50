//! What a user was told, and what became of it on each channel.

use crate::http::error::{ApiError, answer};
use crate::http::extract::{Params, Query};
use crate::http::fields::id;
use crate::http::intake::Asked;
use crate::http::{Api, openapi, page};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::notification::NAME;
use holdfast_model::notification::problem::UNKNOWN_NOTIFICATION;
use holdfast_topologies::notification::view::{self, Cursor, DeliveryView, Filter, Page, STATUSES};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Notifications of a page when the client does not say.
const PAGE: usize = 20;
/// Most notifications of a page.
const PAGE_MAX: usize = 100;

/// Query of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct HistoryQuery {
    /// Whose.
    #[param(required = true)]
    user_id: Option<String>,
    /// `nextCursor` of the page before; missing = from the newest.
    cursor: Option<String>,
    /// Notifications of a page, 1 to 100. One that went through several channels is an item for each.
    #[param(default = 20)]
    limit: Option<usize>,
    /// Only this type.
    #[serde(rename = "type")]
    #[param(rename = "type", example = "PAYMENT_CONFIRMED")]
    kind: Option<String>,
    /// Only what is in this state: `QUEUED`, `SENDING`, `RETRY`, `SENT`, `DEAD`, `SUPPRESSED` or `STALE`.
    status: Option<String>,
    /// Only what is about this reservation.
    reservation_id: Option<String>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    after: Option<String>,
}

/// Query of one notification.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct UserQuery {
    /// Whose.
    #[param(required = true)]
    user_id: Option<String>,
}

/// What a user was told, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NotificationHistory {
    /// With a filter there may be few or none although there is a next page.
    items: Vec<DeliveryView>,
    /// For the next page; missing = this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a user was told, page by page: a notification with what became of it on each of its channels.
#[utoipa::path(get, path = "/api/notifications", tag = "notifications",
    params(HistoryQuery),
    responses(
        (status = 200, description = "A page; `nextCursor` leads to the next", body = NotificationHistory),
        (status = 422, description = "Nobody is named, a cursor, limit or status that is none, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the user is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(query): Query<HistoryQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let cursor = page::cursor(query.cursor.as_deref(), Cursor::parse)?;
    let limit = page::limit(query.limit, PAGE, PAGE_MAX)?;
    if query.status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
        let known = STATUSES.join(", ");
        let allowed = (format!("다음 중 하나여야 합니다: {known}"), format!("must be one of: {known}"));
        return Err(ApiError::field("status", allowed));
    }
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| {
        let filter = Filter {
            kind: query.kind.as_deref(),
            status: query.status.as_deref(),
            reservation_id: query.reservation_id.as_deref(),
        };
        let Page { items, next } = view::history(view, &user_id, &filter, cursor.as_ref(), limit)?;
        Ok(answer::current(&NotificationHistory { items, next_cursor: next.map(|next| next.to_text()) }))
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// A notification, as it went through each of its channels.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NotificationLedger {
    /// In the order in which its channels were chosen.
    items: Vec<DeliveryView>,
}

/// What became of one notification on each of its channels.
#[utoipa::path(get, path = "/api/notifications/{notificationId}", tag = "notifications",
    params(("notificationId" = String, Path), UserQuery),
    responses(
        (status = 200, description = "Each of its channels", body = NotificationLedger),
        (status = 404, description = "This user has no such notification, or it is not kept any more (`NOTIFICATION_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Nobody is named", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the user is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(notification_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| match view::ledger(view, &notification_id)? {
        Some((owner, items)) if owner == user_id => Ok(answer::current(&NotificationLedger { items })),
        _ => Err(ApiError::refused(&UNKNOWN_NOTIFICATION, None)),
    };
    api.read(NAME, place, asked, None, look).await
}
