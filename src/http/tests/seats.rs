//! Seats and money through the router, on the embedded log.

use super::{Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn post(worker: &Worker, uri: &str, body: Value) -> (Response<Body>, Value) {
    worker.post(uri, &[], &body.to_string()).await
}

pub(super) async fn keyed(worker: &Worker, key: &str, uri: &str, body: Value) -> (Response<Body>, Value) {
    worker.post(uri, &[("idempotency-key", key)], &body.to_string()).await
}

pub(super) fn seat(user: &str, seat_no: u64) -> Value {
    json!({"userId": user, "scheduleId": "schedule_456", "seatNo": seat_no})
}

/// Holds a seat and returns the reservation's id.
pub(super) async fn held(worker: &Worker, user: &str, seat_no: u64) -> String {
    let (response, json) = post(worker, "/reservations", seat(user, seat_no)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    json["reservationId"].as_str().unwrap().to_owned()
}

async fn state(worker: &Worker, reservation: &str) -> String {
    let (_, json) = worker.get(&format!("/reservations/{reservation}")).await;
    json["status"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_held_once_and_the_same_user_is_told_so() {
    let worker = running().await;
    let (response, json) = post(&worker, "/reservations", seat("user_123", 1)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let id = json["reservationId"].as_str().unwrap().to_owned();
    assert_eq!(response.headers()["location"], format!("/reservations/{id}"));
    let expires_at = json["expiresAt"].as_str().unwrap().to_owned();
    assert!(expires_at.len() == 24 && expires_at.ends_with('Z'), "{expires_at}");
    let (_, json) = worker.get(&format!("/reservations/{id}?userId=user_123")).await;
    assert_eq!((json["status"].as_str(), &json["price"], &json["seatNo"]), (Some("HELD"), &50_000.into(), &1.into()));
    assert_eq!(json["expiresAt"], expires_at);

    for uri in ["/reservations", "/reserve"] {
        let (response, json) = post(&worker, uri, seat("user_123", 1)).await;
        assert_eq!((response.status(), json["reservationId"].as_str()), (answer::OK, Some(&*id)), "{json}");
        let (response, json) = post(&worker, uri, seat("user_test", 1)).await;
        is_problem(&response, &json, StatusCode::CONFLICT, "SEAT_ALREADY_RESERVED");
    }
    let (response, json) = post(&worker, "/reservations", seat("user_123", 51)).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SEAT_NOT_FOUND");
    let other = json!({"userId": "u", "scheduleId": "nowhere", "seatNo": 1});
    let (response, json) = post(&worker, "/reservations", other).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SCHEDULE_NOT_FOUND");
    let (response, json) = post(&worker, "/reservations", json!({"userId": 5})).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    let fields: Vec<_> = json["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["scheduleId", "seatNo"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_makes_a_retry_the_same_request() {
    let worker = running().await;
    let (response, first) = keyed(&worker, "k", "/reservations", seat("a", 1)).await;
    assert_eq!(response.status(), answer::CREATED);
    let (response, again) = keyed(&worker, "\"k\"", "/reserve", seat("a", 1)).await;
    assert_eq!((response.status(), &again), (answer::CREATED, &first), "as it was answered first");
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    let elsewhere = json!({"userId": "a", "scheduleId": "schedule_test", "seatNo": 1});
    for other in [seat("a", 2), elsewhere] {
        let (response, json) = keyed(&worker, "k", "/reservations", other).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    }
    // Somebody else's key is another key; and a refusal stays what it was, though the seat is free by now.
    let (response, json) = keyed(&worker, "k", "/reservations", seat("b", 1)).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "SEAT_ALREADY_RESERVED");
    let uri = format!("/reservations/{}?userId=a", first["reservationId"].as_str().unwrap());
    let (response, json) = worker.ask(Request::delete(uri).body(Body::empty()).unwrap()).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("CANCELLED")), "{json}");
    let (response, json) = keyed(&worker, "k", "/reservations", seat("b", 1)).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "SEAT_ALREADY_RESERVED");
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    held(&worker, "b", 1).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_paid_once() {
    let worker = running().await;
    let id = held(&worker, "user_123", 7).await;
    let pay = |amount: i64| json!({"reservationId": id, "amount": amount});
    for amount in [49_999, 0, -50_000] {
        let (response, json) = post(&worker, "/payments", pay(amount)).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "AMOUNT_MISMATCH");
    }
    let other = json!({"reservationId": id, "amount": 50_000, "userId": "user_test"});
    let (response, json) = post(&worker, "/payments", other).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "RESERVATION_NOT_FOUND");

    let (response, first) = keyed(&worker, "p", "/payments", pay(50_000)).await;
    assert_eq!((response.status(), first["status"].as_str()), (answer::OK, Some("SUCCESS")), "{first}");
    assert!(response.headers().contains_key("holdfast-position"));
    let payment = first["paymentId"].as_str().unwrap().to_owned();
    assert_eq!(state(&worker, &id).await, "CONFIRMED");
    let (response, again) = keyed(&worker, "p", "/payments", pay(50_000)).await;
    assert_eq!((response.status(), &again), (answer::OK, &first));
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    let (response, json) = keyed(&worker, "p", "/payments", pay(1)).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    for key in ["q", "r"] {
        let named = json!({"reservationId": id, "amount": 50_000, "userId": "user_123"});
        let (response, json) = keyed(&worker, key, "/payments", named).await;
        is_problem(&response, &json, StatusCode::CONFLICT, "PAYMENT_CONFLICT");
        assert_eq!(json["paymentId"], payment, "who comes second is told who was first");
    }
    let (_, json) = worker.get(&format!("/payments/{payment}?waitMs=1000")).await;
    assert_eq!((json["status"].as_str(), &json["amount"]), (Some("SUCCESS"), &50_000.into()), "{json}");
    let (_, json) = worker.get("/api/points/balance?userId=user_123").await;
    assert_eq!(json["balance"], 950_000);
    let (response, json) = post(&worker, &format!("/payments/{payment}/refund"), json!({"userId": "user_test"})).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "PAYMENT_NOT_FOUND");

    for _ in 0..2 {
        let (response, json) =
            post(&worker, &format!("/payments/{payment}/refund"), json!({"userId": "user_123"})).await;
        assert_eq!((response.status(), &json["refunded"]), (answer::OK, &true.into()), "{json}");
        assert_eq!((json["status"].as_str(), &json["refundAmount"]), (Some("CANCELLED"), &50_000.into()));
    }
    assert_eq!(state(&worker, &id).await, "REFUNDED");
    let (response, again) = keyed(&worker, "p", "/payments", pay(50_000)).await;
    assert_eq!((response.status(), &again), (answer::OK, &first), "as it was answered first");
    assert_eq!(
        worker.get(&format!("/payments/{payment}")).await.1["status"],
        "CANCELLED",
        "what is true now is at GET"
    );
    let (response, json) = post(&worker, "/payments", pay(50_000)).await;
    is_problem(&response, &json, StatusCode::GONE, "RESERVATION_CANCELLED");
    let (_, json) = worker.get("/api/points/statement?userId=user_123").await;
    let lines: Vec<_> = json["lines"].as_array().unwrap().iter().map(|l| (&l["type"], &l["balanceAfter"])).collect();
    assert_eq!(json!(lines), json!([["REFUND", 1_000_000], ["PAYMENT", 950_000], ["CHARGE", 1_000_000]]));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_too_little_keeps_his_hold_and_may_charge() {
    let worker = running().await;
    let id = held(&worker, "poor", 9).await;
    let (response, json) = post(&worker, "/payments", json!({"reservationId": id, "amount": 50_000})).await;
    is_problem(&response, &json, StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_POINTS");
    assert_eq!(json["detail"], "포인트 잔액이 부족합니다.");
    let failed = json["requestId"].as_str().unwrap().to_owned();
    assert_eq!(state(&worker, &id).await, "HELD");
    let (_, json) = worker.get(&format!("/payments/{failed}")).await;
    assert_eq!((json["status"].as_str(), json["code"].as_str()), (Some("FAILED"), Some("INSUFFICIENT_POINTS")));
    let (response, json) = post(&worker, &format!("/payments/{failed}/refund?userId=poor"), json!({})).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "PAYMENT_NOT_DEBITED");
    assert_eq!(state(&worker, &id).await, "HELD", "a refund of nothing gives no seat back");
    let (response, json) = keyed(&worker, "c", "/api/points/charge", json!({"userId": "poor", "amount": 50_000})).await;
    assert_eq!((response.status(), &json["balance"], &json["sequence"]), (answer::OK, &50_000.into(), &1.into()));
    let (response, json) = post(&worker, "/payments", json!({"reservationId": id, "amount": 50_000})).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("SUCCESS")), "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_are_charged_within_limits_and_shown_page_by_page() {
    let worker = running().await;
    let charge = |amount: Value| json!({"userId": "w", "amount": amount});
    for (amount, code) in [
        (json!(999), "CHARGE_BELOW_MINIMUM"),
        (json!(1_000_001), "CHARGE_ABOVE_MAXIMUM"),
        (json!(0), "CHARGE_NOT_POSITIVE"),
        (json!(i64::MIN), "CHARGE_NOT_POSITIVE"),
        (json!("1000"), "VALIDATION_FAILED"),
        (json!(1000.5), "VALIDATION_FAILED"),
        (json!(1e30), "VALIDATION_FAILED"),
        (Value::Null, "VALIDATION_FAILED"),
    ] {
        let (response, json) = post(&worker, "/api/points/charge", charge(amount)).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, code);
    }
    let mut request = String::new();
    for amount in [1_000, 1_000_000, 2_000] {
        let (response, json) = keyed(&worker, &amount.to_string(), "/api/points/charge", charge(json!(amount))).await;
        assert_eq!(response.status(), answer::OK, "{json}");
        request = json["requestId"].as_str().unwrap().to_owned();
    }
    let (response, json) = keyed(&worker, "2000", "/api/points/charge", charge(json!(2_000))).await;
    assert_eq!(
        (&response.headers()["idempotent-replayed"], &json["balance"]),
        (&"true".parse().unwrap(), &1_003_000.into())
    );
    let (response, json) = keyed(&worker, "2000", "/api/points/charge", charge(json!(3_000))).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    let (_, json) = worker.get(&format!("/api/points/charges/{request}")).await;
    assert_eq!((json["status"].as_str(), &json["amount"]), (Some("SUCCESS"), &2_000.into()));

    let (_, page) = worker.get("/api/points/statement?userId=w&limit=2").await;
    assert_eq!((&page["lines"][0]["sequence"], page["lines"].as_array().map(Vec::len)), (&3.into(), Some(2)));
    let next = page["nextCursor"].as_str().unwrap();
    let (_, page) = worker.get(&format!("/api/points/statement?userId=w&limit=2&cursor={next}")).await;
    assert_eq!((&page["lines"][0]["sequence"], page.get("nextCursor")), (&1.into(), None));
    for query in ["", "?userId=", "?userId=w&cursor=x", "?userId=w&limit=0", "?userId=w&limit=101", "?userId=w&limit=x"]
    {
        let (response, json) = worker.get(&format!("/api/points/statement{query}")).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    }
    assert_eq!(worker.get("/api/points/balance?userId=never").await.1["balance"], 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seat_map_is_sent_when_it_has_changed() {
    let worker = running().await;
    let uri = "/api/schedules/schedule_test/seats";
    let (response, map) = worker.get(uri).await;
    let tag = response.headers()["etag"].clone();
    assert_eq!((map["seats"].as_array().map(Vec::len), &map["available"]), (Some(50), &50.into()));
    let again = |tag| Request::get(uri).header("if-none-match", tag).body(Body::empty()).unwrap();
    let (response, _) = worker.ask(again(tag.clone())).await;
    assert_eq!((response.status(), &response.headers()["etag"]), (answer::UNCHANGED, &tag));
    let body = json!({"userId": "u", "scheduleId": "schedule_test", "seatNo": 2});
    let (response, _) = post(&worker, "/reservations", body).await;
    let position = response.headers()["holdfast-position"].to_str().unwrap().to_owned();
    let (response, map) = worker.ask(again(tag.clone())).await;
    assert_eq!((response.status(), map["seats"][1]["status"].as_str()), (answer::OK, Some("TEMPORARY_RESERVED")));
    assert_ne!(response.headers()["etag"], tag);
    let (_, map) = worker.get(&format!("{uri}?after={position}")).await;
    assert_eq!((&map["available"], &map["temporaryReserved"]), (&49.into(), &1.into()));
    let (response, json) = worker.get(&format!("{uri}?after=soon")).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    let (response, json) = worker.get("/api/schedules/none/seats").await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SCHEDULE_NOT_FOUND");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_created_sold_and_cancelled() {
    let worker = running().await;
    let concert = json!({"concertId": "c9", "title": "봄 콘서트", "date": "2027-05-01"});
    for _ in 0..2 {
        let (response, json) = post(&worker, "/api/concerts", concert.clone()).await;
        assert_eq!((response.status(), json["title"].as_str()), (answer::CREATED, Some("봄 콘서트")), "{json}");
        assert_eq!(response.headers()["location"], "/api/concerts/c9");
    }
    let (response, json) = post(&worker, "/api/concerts", json!({"concertId": "c9", "title": "다른"})).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "CONCERT_ALREADY_EXISTS");
    // The title is its concert's.
    let seats = json!([{"seatNo": 1, "price": 70_000}, {"seatNo": 5, "price": 0}]);
    let (response, json) =
        post(&worker, "/api/schedules", json!({"scheduleId": "s9", "concertId": "c9", "seats": seats})).await;
    assert_eq!((response.status(), json["concertTitle"].as_str()), (answer::CREATED, Some("봄 콘서트")), "{json}");
    for (body, status, code) in [
        (json!({"scheduleId": "s8", "concertId": "none", "seats": seats}), StatusCode::NOT_FOUND, "CONCERT_NOT_FOUND"),
        (json!({"scheduleId": "s8", "seats": seats}), StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED"),
        (
            json!({"scheduleId": "s8", "concertTitle": "t", "seats": []}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "INVALID_SEATS",
        ),
        (
            json!({"scheduleId": "s9", "concertTitle": "t", "seats": seats}),
            StatusCode::CONFLICT,
            "SCHEDULE_ALREADY_EXISTS",
        ),
    ] {
        let (response, json) = post(&worker, "/api/schedules", body).await;
        is_problem(&response, &json, status, code);
    }
    let (_, json) = worker.get("/api/schedules").await;
    assert_eq!(json["schedules"].as_array().map(Vec::len), Some(3));
    assert_eq!(worker.get("/api/concerts").await.1["concerts"].as_array().map(Vec::len), Some(2));

    // A seat for nothing is paid like any other.
    let (_, json) = post(&worker, "/reservations", json!({"userId": "u", "scheduleId": "s9", "seatNo": 5})).await;
    let free = json["reservationId"].as_str().unwrap().to_owned();
    let (response, json) = post(&worker, "/payments", json!({"reservationId": free, "amount": 0})).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    let (_, json) = post(&worker, "/reservations", json!({"userId": "v", "scheduleId": "s9", "seatNo": 1})).await;
    let unpaid = json["reservationId"].as_str().unwrap().to_owned();
    let (response, json) = worker.post("/api/schedules/s9/cancel", &[], "").await;
    assert_eq!((response.status(), &json["cancelled"]), (answer::OK, &true.into()), "{json}");
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while state(&worker, &free).await != "REFUNDED" {
        look.tick().await;
    }
    assert_eq!(state(&worker, &unpaid).await, "CANCELLED");
    let (response, json) =
        post(&worker, "/reservations", json!({"userId": "w", "scheduleId": "s9", "seatNo": 1})).await;
    is_problem(&response, &json, StatusCode::GONE, "SCHEDULE_CANCELLED");
    let (response, json) = worker.post("/api/schedules/none/cancel", &[], "").await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SCHEDULE_NOT_FOUND");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_is_changed_by_its_user_and_nobody_else() {
    let worker = running().await;
    let id = held(&worker, "u", 3).await;
    let delete = |uri: String| Request::delete(uri).body(Body::empty()).unwrap();
    let (response, json) = worker.ask(delete(format!("/reservations/{id}"))).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    let (response, json) = worker.ask(delete(format!("/reservations/{id}?userId=v"))).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "RESERVATION_NOT_FOUND");
    let (response, json) = post(&worker, &format!("/reservations/{id}/extend"), json!({"userId": "u"})).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "HOLD_NOT_EXTENDABLE");
    let body = Request::delete(format!("/reservations/{id}"))
        .header("content-type", "application/json")
        .body(Body::from(r#"{"userId":"u"}"#))
        .unwrap();
    let (response, json) = worker.ask(body).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("CANCELLED")), "{json}");
    let (response, _) = worker.ask(delete(format!("/reservations/{id}?userId=u"))).await;
    assert_eq!(response.status(), answer::OK, "the wish is the state");
    for id in ["res_789", "res_0_99999999", "res_9_1", "res_0_", "%20", "한글", "res_00_1"] {
        let (response, json) = worker.get(&format!("/reservations/{id}")).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "RESERVATION_NOT_FOUND");
        let pay = json!({"reservationId": id, "amount": 1});
        let (response, json) = post(&worker, "/payments", pay).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "RESERVATION_NOT_FOUND");
    }
    for id in ["pay_123", "pay_0_never", "pay_7_x", "nonsense", "%00"] {
        let (response, json) = worker.get(&format!("/payments/{id}")).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "PAYMENT_NOT_FOUND");
        let (response, json) = worker.post(&format!("/payments/{id}/refund?userId=u"), &[], "").await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "PAYMENT_NOT_FOUND");
    }
    for uri in ["/reservations/requests/req_0_never", "/reservations/requests/x", "/api/points/charges/req_1_never"] {
        let (response, json) = worker.get(uri).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    }
    worker.stop().await;
}

/// What is in the log will be decided, if not here: no client may be told "not now" about it, and ask a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_log_when_its_place_moves_is_accepted() {
    for (uri, location) in [
        ("/reservations", "/reservations/requests/req_"),
        ("/payments", "/payments/pay_"),
        ("/api/points/charge", "/api/points/charges/req_"),
    ] {
        let mut worker = running().await;
        let id = held(&worker, "user_123", 1).await;
        let body = match uri {
            "/reservations" => seat("user_123", 2),
            "/payments" => json!({"reservationId": id, "amount": 50_000}),
            _ => json!({"userId": "user_123", "amount": 1_000}),
        };
        worker.stop_before_next_append();
        let (response, json) = post(&worker, uri, body.clone()).await;
        assert_eq!((response.status(), json["status"].as_str()), (answer::ACCEPTED, Some("PENDING")), "{uri}: {json}");
        let told = response.headers()["location"].to_str().unwrap();
        let position = response.headers()["holdfast-position"].to_str().unwrap();
        assert!(told.starts_with(location) && told.ends_with(&format!("?after={position}")), "{told}");
        let (response, json) = post(&worker, uri, body).await;
        is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "PLACE_UNAVAILABLE");
        worker.stop().await;
    }
}
