//! One idempotency key for two places: what is seen is refused, what is not seen is another request.

use super::seats::{keyed, post, seat};
use super::{PLACES, Worker, is_problem, running};
use crate::http::error::answer;
use crate::lag::Lag;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use holdfast_ports::place::place_of;
use serde_json::{Value, json};

/// An id of another place than this one's.
fn elsewhere(id: &str, key: impl Fn(&str) -> String) -> String {
    let place = |id: &str| place_of(key(id).as_bytes(), PLACES);
    (0..).map(|n| format!("far-{n}")).find(|far| place(far) != place(id)).unwrap()
}

/// A schedule and a policy that live in other places than the ones of the samples.
async fn on_sale_elsewhere(worker: &Worker) -> (String, String) {
    let schedule = elsewhere("schedule_456", str::to_owned);
    let seats = json!({"scheduleId": schedule, "concertTitle": "t", "seats": {"count": 2, "price": 1}});
    assert_eq!(post(worker, "/api/schedules", seats).await.0.status(), answer::CREATED);
    let policy = elsewhere("1", |id| format!("coupon-{id}"));
    let coupons = json!({"policyId": policy, "title": "t", "totalQuantity": 2});
    assert_eq!(post(worker, "/api/coupons/policies", coupons).await.0.status(), answer::CREATED);
    (schedule, policy)
}

/// Nothing spans two places: requests under one key that pass each other there are both carried out, once, and each stays what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_in_two_places_at_once_is_two_requests() {
    let worker = running().await;
    let (schedule, policy) = on_sale_elsewhere(&worker).await;
    let far_seat = |seat_no| json!({"userId": "a", "scheduleId": schedule, "seatNo": seat_no});
    let coupon = |policy: &str| json!({"userId": "a", "policyId": policy});
    for (uri, id, near, far, others) in [
        ("/reservations", "reservationId", seat("a", 1), far_seat(1), vec![seat("a", 2), far_seat(2)]),
        ("/api/coupons/issue?strategy=v1", "couponId", coupon("1"), coupon(&policy), vec![coupon("third")]),
    ] {
        let request = Request::post(uri).header("content-type", "application/json").header("idempotency-key", "k");
        worker.ask_before_next_append(request.body(Body::from(far.to_string())).unwrap());
        let (response, told) = keyed(&worker, "k", uri, near.clone()).await;
        assert!(response.status().is_success() && told[id].is_string(), "{told}");
        let (response, again) = keyed(&worker, "k", uri, near).await;
        assert!(response.status().is_success() && again == told, "{again} after {told}");
        assert_eq!(response.headers()["idempotent-replayed"], "true");
        let (response, there) = keyed(&worker, "k", uri, far.clone()).await;
        assert!(response.status().is_success() && there[id] != told[id], "{there}");
        assert_eq!(response.headers()["idempotent-replayed"], "true");
        assert_eq!(keyed(&worker, "k", uri, far).await.1, there);
        for other in others {
            let (response, json) = keyed(&worker, "k", uri, other).await;
            is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
        }
    }
    worker.stop().await;
}

/// A request is asked again before it is decided, and another place knows its key: it is a repetition all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_of_what_is_under_way_is_not_refused() {
    let worker = running().await;
    let (schedule, policy) = on_sale_elsewhere(&worker).await;
    let far_seat = json!({"userId": "a", "scheduleId": schedule, "seatNo": 1});
    let coupon = |policy: &str| json!({"userId": "a", "policyId": policy});
    let concert = |id: &str| json!({"concertId": id, "title": "t"});
    for (uri, near, far) in [
        ("/reservations", seat("a", 1), far_seat),
        ("/api/coupons/issue?strategy=v1", coupon("1"), coupon(&policy)),
        ("/api/concerts", concert("near"), concert(&elsewhere("near", str::to_owned))),
    ] {
        let request = |body: &Value| {
            let request = Request::post(uri).header("content-type", "application/json").header("idempotency-key", "k");
            request.body(Body::from(body.to_string())).unwrap()
        };
        // The first is on its way into the log when another place comes to know the key, and then it is asked again.
        worker.ask_all_before_next_append(vec![request(&far), request(&near)]);
        let (response, told) = keyed(&worker, "k", uri, near.clone()).await;
        assert!(response.status().is_success(), "{uri}: {told}");
        assert_eq!(keyed(&worker, "k", uri, near).await.1, told, "{uri}");
    }
    worker.stop().await;
}

/// Whoever had the place before may have appended the first request, and nobody here has read that far: it is not said that it is another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_not_refused_while_its_place_may_hold_its_request() {
    let mut worker = running().await;
    let schedule = elsewhere("schedule_456", str::to_owned);
    let seats = json!({"scheduleId": schedule, "concertTitle": "t", "seats": {"count": 1, "price": 1}});
    assert_eq!(post(&worker, "/api/schedules", seats).await.0.status(), answer::CREATED);
    let far = json!({"userId": "a", "scheduleId": schedule, "seatNo": 1});
    for key in ["k", "l"] {
        assert!(keyed(&worker, key, "/reservations", far.clone()).await.0.status().is_success());
    }
    // Nobody else looks any more.
    worker.stop_observing().await;
    let place = place_of(b"schedule_456", PLACES);
    let next = worker.api.queries.task("reservation", place).unwrap().next_offset();
    let undecided = |records: u64| {
        let lag = Lag {
            topology: "reservation".to_owned(),
            group: String::new(),
            topic: "reservation.requests".to_owned(),
            place,
            position: next,
            end: next + 1,
            records,
            ms: None,
            watched: false,
            oldest_ms: None,
        };
        worker.api.lag.show(vec![lag], 0);
    };
    undecided(0);
    let (response, json) = keyed(&worker, "l", "/reservations", seat("a", 2)).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    undecided(1);
    let (response, json) = keyed(&worker, "k", "/reservations", seat("a", 2)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_for_another_place_is_refused_where_it_is_seen() {
    let worker = running().await;
    let other = elsewhere("here", str::to_owned);
    let schedule = |id: &str| json!({"scheduleId": id, "concertTitle": "t", "seats": {"count": 2, "price": 1}});
    let policy = |id: &str| json!({"policyId": id, "title": "t", "totalQuantity": 2});
    let far = elsewhere("near", |id| format!("coupon-{id}"));
    for (uri, one, another) in [
        ("/api/schedules", schedule("here"), schedule(&other)),
        ("/api/coupons/policies", policy("near"), policy(&far)),
    ] {
        let (response, json) = keyed(&worker, "k", uri, one.clone()).await;
        assert_eq!(response.status(), answer::CREATED, "{json}");
        let (response, json) = keyed(&worker, "k", uri, another).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(keyed(&worker, "k", uri, one).await.0.headers()["idempotent-replayed"], "true");
    }
    assert_eq!(worker.get(&format!("/api/schedules/{other}")).await.0.status(), StatusCode::NOT_FOUND);
    assert_eq!(worker.get(&format!("/api/coupons/policies/{far}")).await.0.status(), StatusCode::NOT_FOUND);
    worker.stop().await;
}
