//! `/openapi.json`: made of the routes themselves and of the types that they take and answer. What concerns all routes stands in [`common`], what a feature
//! has in its own folder.

mod common;

use super::error::Problem;
use super::feature::FEATURES;
use super::{Api, alerts, asyncapi, dlq, health, lag, live, metrics, places, web};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use common::CommonAnswers;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, Modify, OpenApi};

/// Header of every POST.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// Names the request, so that a retry is not a second one: 1 to 255 printable ASCII characters, quoted or not. Its scope is user (or admin), method
    /// and route. Valid for as long as outcomes are kept, at least 24 h from acceptance. The same key with another body is refused with 422
    /// (`IDEMPOTENCY_KEY_REUSED`); an answer to a repetition says `Idempotent-Replayed: true`. `requestId` in the body does the same.
    ///
    /// A repetition is told what its request came to: the status, the ids, the state and the deadline of the first answer, whatever has become of them since; or,
    /// where that was 202, what was decided then. What is true now is at `GET`. Counts of a schedule or a policy (`available`, `remaining`) are those of now.
    ///
    /// A key is known where its request was decided. Used again for another schedule, policy or reservation, it is refused with 422 where that is seen, and
    /// otherwise it is another request, carried out once and repeated for itself: so it is when another replica decides about that, or when both are asked
    /// for at the same moment. Make a new key for each wish, and use it for that wish only.
    #[expect(dead_code, reason = "read by the derive, for the document")]
    #[param(rename = "Idempotency-Key", required = false)]
    idempotency_key: Option<String>,
}

/// An RFC 9457 problem.
pub(crate) type ProblemBody = Problem<'static>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdfast",
        description = "First-come sales that never oversell. Errors are RFC 9457 problems with a stable `code`, in Korean, or in English for `Accept-Language: en`. Any route may answer 503 `OVERLOADED` (too many connections; nothing was done, `Retry-After` says when to ask again), and any that takes a body 408 `BODY_TIMEOUT` and 413 `BODY_TOO_LARGE`."
    ),
    paths(
            health::live, health::ready, lag::lag, alerts::alerts, places::places, dlq::list, dlq::show, dlq::redrive, dlq::look, dlq::stop, metrics::metrics, live::live, web::operators, web::shop, web::asset, openapi, asyncapi::asyncapi,
    ),
    components(schemas(ProblemBody)),
    tags((name = "operations", description = "For operators and programs"), (name = "pages", description = "For people, in a browser")),
)]
struct Document;

struct AdminToken;

impl Modify for AdminToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("ADMIN_TOKEN; while it is unset, admin routes answer without it to programs on the worker's machine, on a loopback listener and through no proxy"))
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("admin", SecurityScheme::Http(bearer));
        }
    }
}

/// What the problems of features tell besides.
struct ProblemMembers;

impl Modify for ProblemMembers {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let schemas = document.components.as_mut().map(|components| &mut components.schemas);
        let Some(RefOr::T(Schema::Object(problem))) = schemas.and_then(|schemas| schemas.get_mut("Problem")) else {
            return;
        };
        for (name, tells) in FEATURES.iter().flat_map(|feature| feature.problem_members) {
            let text = ObjectBuilder::new().schema_type(Type::String).description(Some(*tells));
            problem.properties.insert((*name).to_owned(), text.into());
        }
    }
}

/// The document as JSON.
#[must_use]
pub fn document() -> String {
    let mut document = Document::openapi();
    for feature in FEATURES {
        document.merge((feature.openapi)());
    }
    for modifier in [&AdminToken as &dyn Modify, &CommonAnswers, &ProblemMembers] {
        modifier.modify(&mut document);
    }
    // It is made of texts: it always encodes.
    document.to_json().unwrap_or_default()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, description = "OpenAPI 3.1", body = String, content_type = "application/json")))]
pub(super) async fn openapi(State(api): State<Api>) -> impl IntoResponse {
    // The same bytes for everybody: a crowd that asks for it and does not read it would be held in copies.
    ([(header::CONTENT_TYPE, "application/json")], api.openapi.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_names_every_route() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        for path in [
            "/",
            "/health/live",
            "/health/ready",
            "/metrics",
            "/openapi.json",
            "/asyncapi.json",
            "/api/lag",
            "/api/alerts",
            "/api/live",
            "/shop",
            "/assets/{path}",
            "/api/places",
            "/api/dlq",
            "/api/dlq/{id}",
            "/api/dlq/redrive",
            "/api/dlq/redrives/{id}",
            "/api/coupons/policies",
            "/api/coupons/policies/{policyId}",
            "/api/coupons/policies/{policyId}/stock",
            "/api/coupons/issue",
            "/api/coupons/{couponId}/issue",
            "/api/coupons/requests/{requestId}",
            "/api/coupons/users/{userId}",
            "/api/coupons/{couponId}/use",
            "/api/concerts",
            "/api/concerts/{concertId}",
            "/api/schedules",
            "/api/schedules/{scheduleId}",
            "/api/schedules/{scheduleId}/cancel",
            "/api/schedules/{scheduleId}/seats",
            "/reservations",
            "/reserve",
            "/reservations/{reservationId}",
            "/reservations/{reservationId}/extend",
            "/reservations/requests/{requestId}",
            "/payments",
            "/payments/{paymentId}",
            "/payments/{paymentId}/refund",
            "/api/points/charge",
            "/api/points/charges/{requestId}",
            "/api/points/balance",
            "/api/points/statement",
            "/api/queues",
            "/api/queues/{queueId}",
            "/api/queue/token",
            "/api/queue/status",
            "/api/queue/stream",
            "/api/notifications",
            "/api/notifications/{notificationId}",
            "/api/notifications/preferences",
            "/api/contacts/{userId}",
            "/api/data-platform/deliveries/{deliveryId}",
            "/api/data-platform/unconfirmed",
        ] {
            assert!(document["paths"][path].is_object(), "{path}");
        }
        for member in ["retryAfterMs", "errors", "paymentId"] {
            assert!(document["components"]["schemas"]["Problem"]["properties"][member].is_object(), "{member}");
        }
    }
}
