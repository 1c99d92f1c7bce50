//! What a repetition is told: what its request came to, whatever has become of it since.

use super::seats::{held, keyed, post, seat};
use super::{Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use holdfast_model::rfc3339;
use serde_json::{Value, json};

async fn delete(worker: &Worker, key: &str, uri: &str) -> (Response<Body>, Value) {
    worker.ask(Request::delete(uri).header("idempotency-key", key).body(Body::empty()).unwrap()).await
}

fn is_replayed(response: &Response<Body>) -> bool {
    response.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_requests_of_one_user_for_one_seat_one_has_made_the_hold() {
    let worker = running().await;
    for (seat_no, is_keyed) in [(1, false), (2, true)] {
        let key = |n: usize| format!("{seat_no}-{n}");
        let mut answers = Vec::new();
        let all: Vec<_> = (0..30)
            .map(|n| {
                let (api, key) = (worker.api.clone(), key(n));
                let mut request = Request::post("/reservations").header("content-type", "application/json");
                if is_keyed {
                    request = request.header("idempotency-key", key);
                }
                let request = request.body(Body::from(seat("user_123", seat_no).to_string())).unwrap();
                tokio::spawn(async move { super::answered(&api, request).await })
            })
            .collect();
        for asked in all {
            answers.push(asked.await.unwrap());
        }
        let made: Vec<_> = answers.iter().filter(|(status, _)| *status == answer::CREATED).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        for (status, told) in &answers {
            assert!(*status == answer::CREATED || *status == answer::OK, "{status} {told}");
            assert_eq!(told, &made[0].1, "all are told of the same hold");
        }
        // Each is told the same again, whatever the others were told.
        for (n, (status, told)) in answers.iter().enumerate().filter(|_| is_keyed) {
            let (response, again) = keyed(&worker, &key(n), "/reservations", seat("user_123", seat_no)).await;
            assert_eq!((response.status(), &again, is_replayed(&response)), (*status, told, true));
        }
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_is_told_what_its_request_came_to() {
    let worker = running().await;
    let (response, hold) = keyed(&worker, "h", "/reservations", seat("user_123", 1)).await;
    assert_eq!(response.status(), answer::CREATED);
    let (response, same) = keyed(&worker, "s", "/reservations", seat("user_123", 1)).await;
    assert_eq!((response.status(), &same), (answer::OK, &hold));
    let id = hold["reservationId"].as_str().unwrap();
    let pay = json!({"reservationId": id, "amount": 50_000});
    let (_, paid) = keyed(&worker, "p", "/payments", pay.clone()).await;
    assert_eq!(paid["status"], "SUCCESS", "{paid}");
    let uri = format!("/reservations/{id}?userId=user_123");
    let (response, given_back) = delete(&worker, "d", &uri).await;
    assert_eq!((response.status(), given_back["status"].as_str()), (answer::OK, Some("CANCELLED")), "{given_back}");
    let mut look = tokio::time::interval(std::time::Duration::from_millis(5));
    while worker.get(&uri).await.1["status"] != "REFUNDED" {
        look.tick().await;
    }
    let (response, after) = delete(&worker, "e", &uri).await;
    assert_eq!((response.status(), after["status"].as_str()), (answer::OK, Some("REFUNDED")), "{after}");
    let refund = format!("/payments/{}/refund?userId=user_123", paid["paymentId"].as_str().unwrap());
    let (_, refunded) = keyed(&worker, "r", &refund, json!({})).await;
    assert_eq!(refunded["refunded"], true, "{refunded}");

    for (key, status, first) in [("h", answer::CREATED, &hold), ("s", answer::OK, &hold)] {
        let (response, again) = keyed(&worker, key, "/reservations", seat("user_123", 1)).await;
        assert_eq!((response.status(), &again, is_replayed(&response)), (status, first, true), "{key}");
    }
    let (response, again) = keyed(&worker, "p", "/payments", pay).await;
    assert_eq!((response.status(), &again, is_replayed(&response)), (answer::OK, &paid, true));
    for (key, first) in [("d", &given_back), ("e", &after)] {
        let (response, again) = delete(&worker, key, &uri).await;
        assert_eq!((response.status(), &again, is_replayed(&response)), (answer::OK, first, true), "{key}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_under_a_key_is_a_repetition_and_of_another_payment_it_is_refused() {
    let worker = running().await;
    let mut refunds = Vec::new();
    for seat_no in [1, 2] {
        let id = held(&worker, "user_123", seat_no).await;
        let (_, paid) = post(&worker, "/payments", json!({"reservationId": id, "amount": 50_000})).await;
        refunds.push(format!("/payments/{}/refund?userId=user_123", paid["paymentId"].as_str().unwrap()));
    }
    let (response, first) = keyed(&worker, "r", &refunds[0], json!({})).await;
    assert_eq!((response.status(), &first["refunded"], is_replayed(&response)), (answer::OK, &json!(true), false));
    let (response, again) = keyed(&worker, "r", &refunds[0], json!({})).await;
    assert_eq!((response.status(), &again, is_replayed(&response)), (answer::OK, &first, true));
    let (response, json) = keyed(&worker, "r", &refunds[1], json!({})).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_begun_is_neither_held_nor_paid() {
    let worker = running().await;
    let now_ms = worker.api.clock.now_ms();
    let schedule = |id: &str, starts_ms: i64| json!({"scheduleId": id, "concertTitle": "t", "seats": {"count": 5, "price": 1_000}, "startsAt": rfc3339::to_string(starts_ms)});
    // It began three days ago.
    let (response, json) = post(&worker, "/api/schedules", schedule("past", now_ms - 3 * 86_400_000)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let wish = |id: &str| json!({"userId": "user_123", "scheduleId": id, "seatNo": 1});
    let (response, json) = post(&worker, "/reservations", wish("past")).await;
    is_problem(&response, &json, StatusCode::GONE, "SHOW_ALREADY_STARTED");
    // It begins while the seat is held.
    let (response, json) = post(&worker, "/api/schedules", schedule("soon", now_ms + 2_000)).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let (response, json) = post(&worker, "/reservations", wish("soon")).await;
    if response.status() == answer::CREATED {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        while worker.api.clock.now_ms() < now_ms + 2_010 {
            look.tick().await;
        }
        let pay = json!({"reservationId": json["reservationId"], "amount": 1_000});
        let (response, json) = post(&worker, "/payments", pay).await;
        is_problem(&response, &json, StatusCode::GONE, "SHOW_ALREADY_STARTED");
    } else {
        // A machine that was busy for two seconds.
        is_problem(&response, &json, StatusCode::GONE, "SHOW_ALREADY_STARTED");
    }
    let mut late = schedule("late", now_ms + 10_000_000);
    late["saleEnd"] = json!(rfc3339::to_string(now_ms + 10_000_001));
    let (response, json) = post(&worker, "/api/schedules", late).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "SALE_AFTER_SHOW_START");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_nobody_meant_are_refused_with_their_fields() {
    let worker = running().await;
    let fields = |json: &Value| -> Vec<String> {
        json["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned()).collect()
    };
    for time in [json!("2027-01-01T12:30:60Z"), json!(1_773_572_400), json!("1773572400"), json!("tomorrow")] {
        let schedule = json!({"scheduleId": "s", "concertTitle": "t", "seats": {"count": 5, "price": 1_000},
            "startsAt": time, "saleStart": time, "saleEnd": time});
        let (response, json) = post(&worker, "/api/schedules", schedule).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "INVALID_TIME");
        assert_eq!(fields(&json), ["startsAt", "saleStart", "saleEnd"], "{time}");
        let policy = json!({"policyId": "x", "title": "t", "totalQuantity": 1, "startTime": time, "endTime": time});
        let (response, json) = post(&worker, "/api/coupons/policies", policy).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "INVALID_TIME");
        assert_eq!(fields(&json), ["startTime", "endTime"], "{time}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_that_takes_nothing_off_stays_usable() {
    let worker = running().await;
    let policy =
        json!({"policyId": "tiny", "title": "t", "totalQuantity": 5, "discountType": "PERCENTAGE", "discountValue": 1});
    post(&worker, "/api/coupons/policies", policy).await;
    let seats = json!([{"seatNo": 1, "price": 99}, {"seatNo": 2, "price": 100}]);
    post(&worker, "/api/schedules", json!({"scheduleId": "cheap", "concertTitle": "t", "seats": seats})).await;
    let issue = json!({"policyId": "tiny", "userId": "user_123"});
    let (_, json) = post(&worker, "/api/coupons/issue?strategy=v1", issue).await;
    let coupon = json["couponId"].clone();
    let mut answers = Vec::new();
    for (seat_no, amount) in [(1, 99), (2, 99)] {
        let (_, json) =
            post(&worker, "/reservations", json!({"userId": "user_123", "scheduleId": "cheap", "seatNo": seat_no}))
                .await;
        let pay = json!({"reservationId": json["reservationId"], "amount": amount, "couponId": coupon});
        answers.push(post(&worker, "/payments", pay).await);
        let (_, held) = worker.get("/api/coupons/users/user_123").await;
        let status = if seat_no == 1 { "ISSUED" } else { "USED" };
        assert_eq!(held["coupons"][0]["status"], status, "{held}");
    }
    is_problem(&answers[0].0, &answers[0].1, StatusCode::CONFLICT, "COUPON_WITHOUT_EFFECT");
    assert_eq!((answers[1].0.status(), answers[1].1["status"].as_str()), (answer::OK, Some("SUCCESS")));
    worker.stop().await;
}
