//! The waiting rooms: who joins gets a ticket, and a token that proves whose it is. What becomes of tickets is decided in `topologies/src/queue`.
//!
//! | module | holds |
//! |---|---|
//! | [`queues`] | queues: made and changed by admins, shown to everybody |
//! | [`tickets`] | tickets: taken, asked after, given back |
//! | [`bearer`] | the token of a request, on its way and verified |
//! | [`standing`], [`look`] | where a ticket stands, here or by the word of its owner |
//! | [`streams`] | the same, told as it changes |
//! | [`touches`], [`lobby`] | signs of life, and what else goes on beside the requests |
//!
//! Any client that names the user may ask for its token, as for everything in this shop. It tells nothing about others, and nothing else is taken in its place.

mod bearer;
mod command;
mod faults;
mod kept;
pub mod lobby;
mod look;
pub mod queues;
mod standing;
mod streams;
pub mod tickets;
mod touches;

use super::Api;
use super::error::ApiError;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
use holdfast_engine::prelude::place_of;
use holdfast_model::queue::command_outcome::CommandRefusal;
pub(super) use kept::KEPT;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["queueId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(queues::create, queues::change, queues::show, tickets::join, tickets::status, tickets::leave, streams::stream),
    modifiers(&TicketToken),
    tags((name = "waiting rooms", description = "Whose turn it is, in the order of arrival")),
)]
struct Document;

struct TicketToken;

impl Modify for TicketToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a ticket, as `POST /api/queue/token` has answered it"))
            .build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("ticket", SecurityScheme::Http(bearer));
    }
}

fn router() -> Router<Api> {
    Router::new()
        .route("/api/queues", post(queues::create))
        .route("/api/queues/{queueId}", get(queues::show).patch(queues::change))
        .route("/api/queue/token", post(tickets::join).delete(tickets::leave))
        .route("/api/queue/status", get(tickets::status))
        .route("/api/queue/stream", get(streams::stream))
        .route(look::STANDINGS, post(look::for_peers))
}

/// The place that decides about a queue.
fn place_of_queue(api: &Api, queue_id: &str) -> u32 {
    place_of(queue_id.as_bytes(), api.settings.places)
}

fn refused(refusal: CommandRefusal) -> ApiError {
    ApiError::refused(refusal.problem(), None)
}
