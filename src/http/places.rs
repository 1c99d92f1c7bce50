//! Who owns which place, and what it is doing there.

use super::Api;
use super::error::answer;
use super::health::RestoreHealth;
use super::intake::Asked;
use super::peer::Peers;
use crate::worker::Role;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use utoipa::ToSchema;

/// How long a peer is waited for, to hear of its places.
const PEER_MAX: Duration = Duration::from_secs(1);

/// One place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceView {
    pub(super) place: u32,
    /// Where its owner listens; missing while nobody claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    /// Its owner: `WORKER_ID`, or the name of this run of a worker without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worker: Option<String>,
    /// Of the place, at its owner: `running`, `restoring`, `claiming`, `unowned`, or `unknown` when the owner does not say.
    state: String,
    /// Whether it is owned by the replica that answers.
    here: bool,
    /// Each topology in it, as its owner says.
    tasks: Vec<PlaceTask>,
}

/// A topology in a place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceTask {
    topology: String,
    /// `created`, `warming` (beside the owner, until the place is asked for), `restoring`, `running`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore: Option<RestoreHealth>,
}

/// Answer of `/api/places`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Places {
    app: String,
    /// `all`, `api` or `processor`: what the replica that answers takes part in.
    role: String,
    places: Vec<PlaceView>,
}

/// Who owns which place and what it is doing there, as this replica knows it and its peers tell it.
#[utoipa::path(get, path = "/api/places", tag = "operations", responses((status = 200, description = "The claims, and the owners' words", body = Places)))]
pub(super) async fn places(State(api): State<Api>, asked: Asked) -> Response {
    let mut places = known_here(&api, &api.status.snapshot());
    if !asked.is_forwarded() {
        let told = ask_owners(&api.peers, &places).await;
        for view in &mut places {
            if let Some(theirs) = told.get(&view.place).filter(|_| !view.here) {
                view.state.clone_from(&theirs.state);
                view.tasks.clone_from(&theirs.tasks);
            }
        }
    }
    let role = match api.settings.role {
        Role::All => "all",
        Role::Api => "api",
        Role::Processor => "processor",
    };
    (answer::OK, axum::Json(Places { app: api.settings.app.clone(), role: role.to_owned(), places })).into_response()
}

/// What this replica knows of all places without asking others.
pub(super) fn known_here(api: &Api, snapshot: &Snapshot) -> Vec<PlaceView> {
    let view = |place| {
        let owner = api.owners.of(place);
        let here = snapshot.places.contains(&place);
        let tasks: Vec<PlaceTask> = snapshot
            .tasks
            .iter()
            .filter(|(task, _)| task.place == place)
            .map(|(task, seen)| PlaceTask {
                topology: task.topology.to_string(),
                state: seen.state.name().to_owned(),
                restore: seen.restore.map(RestoreHealth::from),
            })
            .collect();
        let state = if snapshot.unclaimed.contains(&place) {
            "claiming"
        } else if here {
            if tasks.iter().all(|task| task.state == "running") { "running" } else { "restoring" }
        } else if owner.is_some() {
            "unknown"
        } else {
            "unowned"
        };
        let worker = owner.as_ref().map(|owner| worker_of(&owner.writer, &api.settings.app));
        PlaceView { place, endpoint: owner.map(|owner| owner.endpoint), worker, state: state.to_owned(), here, tasks }
    };
    (0..api.settings.places).map(view).collect()
}

/// What the owners say of their own places. Who does not answer in time says nothing.
async fn ask_owners(peers: &Peers, places: &[PlaceView]) -> BTreeMap<u32, PlaceView> {
    let mut owners: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for view in places.iter().filter(|view| !view.here) {
        if let Some(endpoint) = &view.endpoint {
            owners.entry(endpoint).or_default().push(view.place);
        }
    }
    let mut asking = JoinSet::new();
    for (endpoint, places) in owners {
        let (peers, endpoint) = (peers.clone(), endpoint.to_owned());
        asking.spawn(async move {
            tokio::time::timeout(PEER_MAX, peers.read(&endpoint, &places, "/api/places")).await.ok()?.ok()?
        });
    }
    let mut told = BTreeMap::new();
    while let Some(answered) = asking.join_next().await {
        let Ok(Some(body)) = answered else { continue };
        let Ok(theirs) = serde_json::from_slice::<Places>(&body) else { continue };
        told.extend(theirs.places.into_iter().filter(|view| view.here).map(|view| (view.place, view)));
    }
    told
}

/// The worker's part of a writer's name: `<app>-<worker>-<thread>`.
fn worker_of(writer: &str, app: &str) -> String {
    let name = writer.strip_prefix(app).and_then(|rest| rest.strip_prefix('-')).unwrap_or(writer);
    name.rsplit_once('-').map_or(name, |(worker, _)| worker).to_owned()
}

#[cfg(test)]
mod tests {
    use super::worker_of;

    #[test]
    fn a_worker_is_known_by_its_writer() {
        assert_eq!(worker_of("holdfast-w-1-0", "holdfast"), "w-1");
        assert_eq!(worker_of("a-b-w-0", "a-b"), "w");
        assert_eq!(worker_of("other", "holdfast"), "other");
    }
}
