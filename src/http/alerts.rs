//! `/api/alerts`: what operators are told by this replica, and how replicas hear of each other's alerts.

use super::Api;
use super::error::answer;
use crate::alerts::board::AlertView;
use crate::alerts::notice::State;
use crate::alerts::peers::{Asking, PeerAnswer, Peers};
use axum::extract;
use axum::response::{IntoResponse, Response};
use holdfast_model::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `/api/alerts`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Alerts {
    /// When this replica has looked at its lag last; missing before the first look.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    at: Option<String>,
    /// Alerts that are out, then those that are over for at most an hour, the latest first.
    items: Vec<AlertView>,
}

/// What operators are told by this replica: alerts that are out, and those that have been cleared within the last hour.
#[utoipa::path(get, path = "/api/alerts", tag = "operations", responses((status = 200, description = "Alerts of this replica", body = Alerts)))]
pub(super) async fn alerts(extract::State(api): extract::State<Api>) -> Response {
    let body = Alerts { at: api.lag.looked_ms().map(rfc3339::to_string), items: api.alerts.shown() };
    (answer::OK, axum::Json(body)).into_response()
}

impl Peers for Api {
    fn me(&self) -> &str {
        &self.settings.endpoint
    }

    fn owners(&self) -> Vec<Option<String>> {
        let owner = |place| {
            let is_here = self.status.owns(place);
            if is_here { Some(self.settings.endpoint.clone()) } else { self.owners.endpoint_of(place) }
        };
        (0..self.settings.places).map(owner).collect()
    }

    fn ask<'a>(&'a self, endpoint: &'a str, places: &'a [u32]) -> Asking<'a> {
        Box::pin(async move {
            let body = self.peers.read(endpoint, places, "/api/alerts").await.ok()?;
            // A replica of a version without alerts answers, and tells none: it is watched.
            let alerts: Alerts = serde_json::from_slice(&body?).ok()?;
            let firing = alerts.items.iter().filter(|item| item.state == State::Firing).map(AlertView::identity);
            Some(PeerAnswer { looked: alerts.at, firing: firing.collect() })
        })
    }
}
