//! Position tokens: taken where they belong, refused at once elsewhere.

use super::seats::{keyed, post, seat};
use super::{PLACES, Worker, idle, is_problem, running};
use crate::http::error::answer;
use axum::http::StatusCode;
use holdfast_model::coupon;
use holdfast_ports::log::{Cleanup, TopicSpec};
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use serde_json::json;

/// Every route that documents `after`, with the topology and the place that answer.
fn routes() -> Vec<(String, &'static str, u32)> {
    let place = |key: &str| place_of(key.as_bytes(), PLACES);
    vec![
        ("/api/coupons/requests/req_1_never".to_owned(), "coupon", 1),
        ("/reservations/requests/req_1_never".to_owned(), "reservation", 1),
        ("/payments/pay_1_never".to_owned(), "reservation", 1),
        ("/api/points/charges/req_1_never".to_owned(), "payment", 1),
        ("/api/coupons/policies/1".to_owned(), "coupon", place("coupon-1")),
        ("/api/concerts/c".to_owned(), "reservation", place("c")),
        ("/api/schedules/schedule_456".to_owned(), "reservation", place("schedule_456")),
        ("/api/schedules/schedule_456/seats".to_owned(), "reservation", place("schedule_456")),
        ("/reservations/res_2_1".to_owned(), "reservation", 2),
        ("/api/points/balance?userId=user_123".to_owned(), "payment", place("user_123")),
        ("/api/points/statement?userId=user_123".to_owned(), "payment", place("user_123")),
    ]
}

async fn is_refused(worker: &Worker, uri: &str, token: &str, code: &str) -> String {
    let mark = if uri.contains('?') { '&' } else { '?' };
    let (response, json) = worker.get(&format!("{uri}{mark}after={token}&waitMs=20000")).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, code);
    json["detail"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nothing_can_come_of_is_refused_on_every_route() {
    let worker = running().await;
    for (uri, topology, place) in routes() {
        let far = [format!("{topology}-{place}-1000000"), format!("{topology}-{place}-{}", i64::MAX)];
        let other = (place + 1) % PLACES;
        let elsewhere = [format!("{topology}-{other}-0"), format!("{topology}-{PLACES}-0"), format!("{topology}-7-0")];
        let unnamed = [format!("{place}-{}", i64::MAX), format!("{other}-0"), format!("{PLACES}-0")];
        for token in far.iter().chain(&elsewhere).chain(&unnamed) {
            is_refused(&worker, &uri, token, "INVALID_POSITION").await;
        }
        for foreign in
            ["coupon", "reservation", "payment", "expiration", "nothing"].into_iter().filter(|f| *f != topology)
        {
            let detail = is_refused(&worker, &uri, &format!("{foreign}-{place}-0"), "INVALID_POSITION").await;
            assert!(detail.contains(&format!("{foreign}의")) && detail.contains(topology), "{uri}: {detail}");
        }
        for nonsense in ["soon".to_owned(), format!("{topology}-{place}"), format!("{topology}-{place}-{}", u64::MAX)] {
            is_refused(&worker, &uri, &nonsense, "VALIDATION_FAILED").await;
        }
    }
    worker.stop().await;
}

/// A request under an id that names no place may have been decided in any; the token is checked as far as that goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_beside_an_id_of_other_producers_is_checked() {
    let worker = running().await;
    let uri = "/api/coupons/requests/evt-1";
    for token in ["payment-0-0", "coupon-7-0"] {
        is_refused(&worker, uri, token, "INVALID_POSITION").await;
    }
    let (response, json) = worker.get(&format!("{uri}?after=coupon-0-0")).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_an_answer_is_good_where_its_place_answers() {
    let worker = running().await;
    let policy = json!({"policyId": "p", "title": "t", "totalQuantity": 1});
    let (response, json) = post(&worker, "/api/coupons/policies", policy).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let read = |uri: String, response: &axum::http::Response<axum::body::Body>| {
        let token = response.headers()["holdfast-position"].to_str().unwrap().to_owned();
        (format!("{uri}?after={token}"), token)
    };
    let (uri, token) = read("/api/coupons/policies/p".to_owned(), &response);
    assert!(token.starts_with(&format!("coupon-{}-", place_of(b"coupon-p", PLACES))), "{token}");
    assert_eq!(worker.get(&uri).await.0.status(), answer::OK, "{uri}");

    let (response, json) = post(&worker, "/reservations", seat("user_123", 3)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let id = json["reservationId"].as_str().unwrap().to_owned();
    let (uri, _) = read(format!("/reservations/{id}"), &response);
    assert_eq!(worker.get(&uri).await.0.status(), answer::OK, "{uri}");

    let pay = json!({"reservationId": id, "amount": 50_000, "userId": "user_123"});
    let (response, json) = keyed(&worker, "p", "/payments", pay).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    let (uri, token) = read(format!("/payments/{}", json["paymentId"].as_str().unwrap()), &response);
    assert_eq!(worker.get(&uri).await.0.status(), answer::OK, "{uri}");
    // The wallet has another inbox: it says so instead of waiting for it.
    is_refused(&worker, "/api/points/balance?userId=user_123", &token, "INVALID_POSITION").await;
    // A version before this one did not name the topology.
    let unnamed = uri.replace("reservation-", "");
    assert_eq!(worker.get(&unnamed).await.0.status(), answer::OK, "{unnamed}");

    let (response, json) = post(&worker, "/api/points/charge", json!({"userId": "user_123", "amount": 1_000})).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    let token = response.headers()["holdfast-position"].to_str().unwrap();
    let (response, json) = worker.get(&format!("/api/points/balance?userId=user_123&after={token}")).await;
    assert_eq!((response.status(), &json["balance"]), (answer::OK, &951_000.into()), "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_in_the_inbox_undecided_is_pending_and_counted() {
    let worker = running().await;
    let next = worker.api.queries.task("coupon", 1).unwrap().next_offset();
    worker.api.ends.note(coupon::INBOX, 1, next + 9);
    let (response, json) = worker.get(&format!("/api/coupons/requests/req_1_x?after=coupon-1-{}", next + 9)).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("PENDING")), "{json}");
    assert_eq!(json["queuePosition"], 10);
    worker.stop().await;
}

/// What another replica has appended is known only to the log: it is asked, and again when more is wanted than it said.
#[tokio::test]
async fn the_log_says_where_an_inbox_ends() {
    let worker = idle(None);
    let (api, topic) = (&worker.api, coupon::INBOX);
    assert!(!api.lies_ahead("coupon", 1, 0).await, "there is no such topic: nothing is known");
    let cleanup = Cleanup::Delete { retention_ms: 86_400_000 };
    let spec = TopicSpec { name: topic.to_owned(), partitions: PLACES, replication: None, cleanup };
    api.log.create_topics(&[spec]).unwrap();
    for offset in 0..3 {
        assert!(api.lies_ahead("coupon", 1, offset).await, "{offset}");
        let (tell, told) = tokio::sync::oneshot::channel();
        let record = NewRecord { topic, partition: 1, key: None, value: Some(b"{}"), headers: &[] };
        api.appender.append(record, Box::new(move |appended| tell.send(appended).unwrap()));
        assert_eq!(told.await.unwrap().unwrap().offset, offset);
        assert!(!api.lies_ahead("coupon", 1, offset).await, "{offset}");
        assert!(api.lies_ahead("coupon", 0, offset).await, "another place");
    }
}
