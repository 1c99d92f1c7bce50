//! HTTP: thin. A route takes what it needs from the request, asks one question or appends one record, and shows the answer. Every refusal stands in
//! [`error`]'s table; every decision stands in a topology.
//!
//! | module | holds |
//! |---|---|
//! | [`server`] | listening, and the way out; connections and what they may take |
//! | [`starting`] | what a listener answers before the API exists |
//! | [`finish`], [`overload`], [`error`], [`language`], [`extract`] | what all routes share: metrics, problems and their language, reading requests |
//! | [`kept_body`] | bodies: read late, kept, bounded |
//! | [`admin`], [`origin`] | which requests may administer, and where a request comes from |
//! | [`door`], [`location`] | what a request must be before a route looks at it; paths of what has an id |
//! | [`misfit`] | what is said of a value of the wrong kind |
//! | [`execute`] | the one way of a request: a command is decided and answered, or a place is asked |
//! | [`intake`], [`accepted`], [`under_way`], [`idempotency`] | what it is made of: requests, appends and waits; what is in the log and undecided; keys |
//! | [`position`] | where a request lies in its inbox, as clients carry it |
//! | [`peer`], [`handover`], [`scatter`] | asking the replica that owns the place, through its moves; asking all of them |
//! | [`signature`] | how a replica knows the requests of another one |
//! | [`fields`] | what the fields of a request must look like |
//! | [`feature`] | the list of features: each is a folder and a line there |
//! | [`coupons`] | the coupon routes |
//! | [`reservations`], [`payments`], [`points`] | seats, what is paid for them, and from what |
//! | [`timesales`] | the time-sale routes |
//! | [`queue`] | the waiting rooms |
//! | [`notifications`] | what users were told, prefer, and can be reached by |
//! | [`data_platform`] | what became of deliveries |
//! | [`rankings`] | what sells most, and what was sold out fastest |
//! | [`dlq`] | dead letters, for admins |
//! | [`health`], [`lag`], [`alerts`], [`places`], [`metrics`], [`openapi`] | for operators and programs |
//! | [`web`], [`live`] | the pages for operators and buyers, and what they are told once a second |

pub mod accepted;
pub mod admin;
pub mod alerts;
pub mod asyncapi;
pub mod coupons;
pub mod data_platform;
pub mod dlq;
mod door;
pub mod error;
mod etag;
pub mod execute;
pub mod extract;
pub mod feature;
pub mod fields;
mod finish;
pub mod guards;
pub mod handover;
pub mod health;
pub mod idempotency;
pub mod intake;
pub mod kept_body;
pub mod lag;
pub mod language;
mod live;
pub mod location;
pub mod metrics;
mod misfit;
pub mod notifications;
pub mod openapi;
pub mod origin;
mod overload;
mod page;
pub mod payments;
pub mod peer;
pub mod places;
pub mod points;
pub mod position;
pub mod queue;
pub mod rankings;
pub mod reservations;
pub mod scatter;
pub mod server;
pub mod signature;
pub mod starting;
#[cfg(test)]
mod tests;
pub mod timesales;
pub mod under_way;
mod web;

use crate::alerts::board::AlertBoard;
use crate::alerts::expiries::ExpiryBoard;
use crate::config::Secret;
use crate::dead_letters::DeadLetters;
use crate::lag::LagBoard;
use crate::unconfirmed::UnconfirmedBoard;
use crate::worker::Role;
use crate::worker::topic_watch::TopicBoard;
use accepted::Accepted;
use axum::body::Bytes;
use axum::routing::{get, post};
use axum::{Router, middleware};
use error::ApiError;
use feature::FEATURES;
use holdfast_engine::inspect::{Queries, Status};
use holdfast_engine::prelude::Topology;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Appender, Health, Log};
use holdfast_ports::membership::{Owner, PeerSecret};
use holdfast_ports::place::place_of;
use kept_body::BodyMemory;
use metrics::HttpMetrics;
use parking_lot::RwLock;
use position::Ends;
use prometheus::Registry;
use queue::lobby::Lobby;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use under_way::UnderWay;

/// Largest body that is read. What a request may come to in the log is [`ApiSettings::record_bytes_max`].
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Settings of the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The app.
    pub app: String,
    /// Number of places.
    pub places: u32,
    /// Largest value that is appended: `RECORD_BYTES_MAX`.
    pub record_bytes_max: usize,
    /// How peers reach this replica: what its claims say.
    pub endpoint: String,
    /// Bearer token of admin routes.
    pub admin_token: Option<Secret>,
    /// What the claims of this process say that peers sign with.
    pub secret: PeerSecret,
    /// What this process takes part in.
    pub role: Role,
    /// Requests that may be passed on to peers at a time.
    pub peer_connections_max: usize,
    /// Streams of events that there may be: each holds a connection for as long as its client likes.
    pub streams_max: usize,
    /// Whether the sample data is loaded: pages then offer to play with it.
    pub sample: bool,
}

/// Claims of places as a worker without a stream thread has read them. Elsewhere it stays empty.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<RwLock<Vec<Option<Owner>>>>);

impl Claims {
    /// Notes who claims `place`.
    pub fn set(&self, place: usize, owner: Option<Owner>) {
        let mut claims = self.0.write();
        if claims.len() <= place {
            claims.resize(place + 1, None);
        }
        if let Some(claim) = claims.get_mut(place) {
            *claim = owner;
        }
    }

    /// Who claims `place`.
    #[must_use]
    pub fn of(&self, place: u32) -> Option<Owner> {
        self.0.read().get(place as usize).cloned().flatten()
    }
}

/// Who claims which place, whoever in this worker knows it.
#[derive(Debug, Clone)]
pub struct Owners {
    status: Status,
    claims: Claims,
}

impl Owners {
    /// The last claim of `place`, unless it is released.
    #[must_use]
    pub fn of(&self, place: u32) -> Option<Owner> {
        self.status.owner_of(place).or_else(|| self.claims.of(place))
    }

    /// Where the owner of `place` listens.
    #[must_use]
    pub fn endpoint_of(&self, place: u32) -> Option<String> {
        self.of(place).map(|owner| owner.endpoint)
    }
}

/// What the API is made of.
pub struct Parts {
    /// Its settings.
    pub settings: ApiSettings,
    /// What runs here.
    pub topologies: Vec<Topology>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The log, for its health.
    pub log: Arc<dyn Log>,
    /// The way into it.
    pub appender: Arc<dyn Appender>,
    /// The committed views.
    pub queries: Arc<Queries>,
    /// What the stream thread is doing.
    pub status: Status,
    /// Who owns what, when there is no stream thread that knows.
    pub claims: Claims,
    /// How far behind it is.
    pub lag: LagBoard,
    /// What operators are told.
    pub alerts: AlertBoard,
    /// Holds that have ended.
    pub expiries: ExpiryBoard,
    /// What `/metrics` shows.
    pub registry: Registry,
    /// What the API itself counts.
    pub metrics: HttpMetrics,
    /// Whether everything is there that the command line asked to be there before the worker is ready.
    pub loaded: Arc<AtomicBool>,
    /// Which topics are not as decisions need them.
    pub topics: TopicBoard,
    /// Turns true when the worker is asked to stop.
    pub stopping: watch::Receiver<bool>,
}

/// The API as its handlers see it. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    /// Whether requests come in through a loopback address.
    pub loopback: bool,
}

/// What all listeners share.
pub struct Shared {
    parts: Parts,
    /// Accepted, perhaps undecided requests.
    pub accepted: Accepted,
    /// Requests with a key that may not be decided yet.
    pub under_way: UnderWay,
    /// Who claims what.
    pub owners: Owners,
    /// Where inboxes end.
    pub ends: Ends,
    /// What the bodies of requests may take.
    pub body_memory: BodyMemory,
    /// What could not be processed.
    pub dead_letters: Arc<DeadLetters>,
    /// Redrives of dead letters that run here.
    pub redrives: dlq::Jobs,
    /// What is kept in memory of the waiting rooms.
    pub lobby: Lobby,
    peers: peer::Peers,
    /// Payments without a confirmation, as far as they have been counted.
    pub unconfirmed: UnconfirmedBoard,
    unverified: signature::Lines,
    openapi: Bytes,
    asyncapi: Bytes,
    live: live::hub::Hub,
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Api {
    /// Puts it together.
    ///
    /// # Errors
    /// When the registry has metrics of its names already.
    pub fn new(parts: Parts) -> Result<Self, prometheus::Error> {
        let lobby = Lobby::new(parts.settings.streams_max, &parts.queries, &parts.registry)?;
        let peer_connections_max = parts.settings.peer_connections_max;
        let owners = Owners { status: parts.status.clone(), claims: parts.claims.clone() };
        let peers = peer::Peers::new(owners.clone(), parts.clock.clone(), peer_connections_max);
        let ends = Ends::new(&parts.topologies, parts.settings.places);
        let (app, clock) = (parts.settings.app.as_str(), parts.clock.clone());
        let live = live::hub::Hub::new(clock.monotonic_us());
        let dead_letters = DeadLetters::of(app, parts.log.clone(), clock, parts.topologies.clone());
        let shared = Shared {
            parts,
            ends,
            dead_letters: Arc::new(dead_letters),
            redrives: dlq::Jobs::default(),
            lobby,
            accepted: Accepted::default(),
            under_way: UnderWay::default(),
            body_memory: BodyMemory::default(),
            peers,
            unconfirmed: UnconfirmedBoard::default(),
            unverified: signature::Lines::default(),
            owners,
            openapi: openapi::document().into(),
            asyncapi: asyncapi::document().into(),
            live,
        };
        Ok(Self { shared: Arc::new(shared), loopback: false })
    }

    /// The same API behind the listener at `local`.
    #[must_use]
    pub fn listening_on(&self, local: SocketAddr) -> Self {
        Self { shared: self.shared.clone(), loopback: local.ip().is_loopback() }
    }

    /// Whether every place of the app has an owner, and those that are ours run and have been looked at.
    #[must_use]
    pub fn every_place_runs(&self) -> bool {
        let snapshot = self.status.snapshot();
        let owned = (0..self.settings.places).all(|place| self.has_owner(place));
        let ours = self.settings.role == Role::Api || snapshot.is_ready() && self.lag.has_seen(&snapshot);
        owned && ours
    }

    fn has_owner(&self, place: u32) -> bool {
        self.status.owns(place) || self.owners.of(place).is_some()
    }

    /// The place of whatever has this id: a user, a schedule, a sale.
    #[must_use]
    pub fn place_of(&self, id: &str) -> u32 {
        place_of(id.as_bytes(), self.settings.places)
    }

    /// Whether the worker is asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    fn log_is_up(&self) -> bool {
        self.log.health() == Health::Up
    }
}

/// All routes.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/asyncapi.json", get(asyncapi::asyncapi))
        .route("/api/lag", get(lag::lag))
        .route("/api/alerts", get(alerts::alerts))
        .route("/api/live", get(live::live))
        .route("/api/places", get(places::places))
        .route("/api/dlq", get(dlq::list))
        .route("/api/dlq/{id}", get(dlq::show))
        .route("/api/dlq/redrive", post(dlq::redrive))
        .route("/api/dlq/redrives/{id}", get(dlq::look).delete(dlq::stop))
        .merge(web::router())
        .merge(FEATURES.iter().fold(Router::new(), |router, feature| router.merge((feature.router)())))
        .fallback(async || ApiError::NoSuchRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        // Inside the routes: each turn is one for its handler, and `finish` sees the last one.
        .route_layer(middleware::from_fn_with_state(api.clone(), handover::through))
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;
            tracing::error!("a handler has panicked");
            ApiError::Internal.into_response()
        }))
        .layer(middleware::from_fn(door::strict))
        .layer(middleware::from_fn(overload::turn_away))
        .layer(middleware::from_fn_with_state(api.clone(), finish::finish))
        .with_state(api)
}
