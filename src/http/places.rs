//! Who owns which place.

use super::Api;
use super::error::answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// One place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceView {
    place: u32,
    /// Where its owner listens; missing while nobody claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// Whether it is owned by the replica that answers.
    here: bool,
}

/// Answer of `/api/places`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Places {
    app: String,
    places: Vec<PlaceView>,
}

/// Who owns which place, as this replica knows it.
#[utoipa::path(get, path = "/api/places", tag = "operations", responses((status = 200, description = "The claims", body = Places)))]
pub(super) async fn places(State(api): State<Api>) -> Response {
    let snapshot = api.status.snapshot();
    let places = (0..api.settings.places)
        .map(|place| PlaceView {
            place,
            endpoint: api.claimed(&snapshot, place),
            here: snapshot.places.contains(&place),
        })
        .collect();
    (answer::OK, axum::Json(Places { app: api.settings.app.clone(), places })).into_response()
}
