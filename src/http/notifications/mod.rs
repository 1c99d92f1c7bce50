//! The notification routes: what a user was told, what a user prefers, and how a user can be reached. Everything about a user lies in the place of the
//! user's id; what is sent, when and how often is decided in `topologies/src/notification`.
//!
//! A contact goes in and is shown masked only: the shop has no accounts, so any client may ask about any user.

pub mod contacts;
mod faults;
pub mod history;
mod kept;
pub mod preferences;

use super::Api;
use super::feature::Feature;
use axum::Router;
use axum::routing::get;
pub(super) use kept::LEDGER;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["userId", "notificationId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(history::list, history::show, preferences::set, preferences::show, contacts::put, contacts::erase, contacts::show),
    tags((name = "notifications", description = "What users are told, and how they can be reached")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/notifications", get(history::list))
        .route("/api/notifications/{notificationId}", get(history::show))
        .route("/api/notifications/preferences", get(preferences::show).put(preferences::set))
        .route("/api/contacts/{userId}", get(contacts::show).put(contacts::put).delete(contacts::erase))
}
