//! The waitlist of a sold-out schedule through the router, on the embedded log.

use super::seats::{keyed, post};
use super::{Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};

const PATH: &str = "/api/schedules/small/waitlist";

async fn delete(worker: &Worker, uri: &str, body: &str) -> (Response<Body>, Value) {
    let request = Request::delete(uri).header("content-type", "application/json").body(Body::from(body.to_owned()));
    worker.ask(request.unwrap()).await
}

fn user(id: &str) -> Value {
    json!({"userId": id})
}

/// A schedule of one seat, which is held; the reservation's id.
async fn sold_out(worker: &Worker) -> String {
    let small = json!({"scheduleId": "small", "concertTitle": "t", "seats": {"count": 1, "price": 1_000}, "waitlist": "OFFER", "waitlistNotify": 3});
    let (response, json) = post(worker, "/api/schedules", small).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let (response, json) = post(worker, PATH, user("a")).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "SEATS_AVAILABLE");
    let wish = json!({"userId": "owner", "scheduleId": "small", "seatNo": 1});
    let (_, json) = post(worker, "/reservations", wish).await;
    json["reservationId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_joins_looks_and_leaves() {
    let worker = running().await;
    let held = sold_out(&worker).await;
    let (response, first) = keyed(&worker, "k", PATH, user("a")).await;
    assert_eq!(
        (response.status(), &response.headers()["location"]),
        (answer::CREATED, &"/api/schedules/small/waitlist?userId=a".parse().unwrap())
    );
    assert_eq!(first, json!({"scheduleId": "small", "userId": "a", "position": 1, "status": "WAITING"}));
    let (response, json) = post(&worker, PATH, user("b")).await;
    assert_eq!((response.status(), &json["position"]), (answer::CREATED, &json!(2)));
    let (response, json) = post(&worker, PATH, user("b")).await;
    assert_eq!((response.status(), &json["position"]), (answer::OK, &json!(2)));
    let (response, json) = worker.get(&format!("{PATH}?userId=b")).await;
    assert_eq!((response.status(), &json["position"], &json["status"]), (answer::OK, &json!(2), &json!("WAITING")));

    // Given back, it is a's: the click is answered as the first time, a new one as it is now.
    let (response, _) = delete(&worker, &format!("/reservations/{held}?userId=owner"), "").await;
    assert_eq!(response.status(), answer::OK);
    let (response, json) = keyed(&worker, "k", PATH, user("a")).await;
    assert_eq!((response.status(), &json), (answer::CREATED, &first));
    let (response, json) = post(&worker, PATH, user("a")).await;
    assert_eq!((response.status(), &json["position"], &json["status"]), (answer::OK, &json!(0), &json!("OFFERED")));
    let (_, shown) = worker.get(&format!("{PATH}?userId=a")).await;
    assert_eq!(shown, json);
    let id = shown["reservationId"].as_str().unwrap();
    let (_, reservation) = worker.get(&format!("/reservations/{id}?userId=a")).await;
    assert_eq!((&reservation["status"], &reservation["expiresAt"]), (&json!("HELD"), &shown["expiresAt"]));
    let (response, json) = delete(&worker, &format!("{PATH}?userId=a"), "").await;
    is_problem(&response, &json, StatusCode::CONFLICT, "WAITLIST_OFFER_OPEN");

    let (response, json) = delete(&worker, PATH, &user("b").to_string()).await;
    assert_eq!(
        (response.status(), json),
        (answer::OK, json!({"scheduleId": "small", "userId": "b", "status": "LEFT"}))
    );
    let (response, json) = delete(&worker, PATH, &user("b").to_string()).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "WAITLIST_ENTRY_NOT_FOUND");
    let (response, json) = worker.get(&format!("{PATH}?userId=b")).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "WAITLIST_ENTRY_NOT_FOUND");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_and_says_why() {
    let worker = running().await;
    sold_out(&worker).await;
    for body in [json!({}), json!({"userId": ""}), json!({"userId": null})] {
        let (response, json) = post(&worker, PATH, body).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
        assert_eq!(json["errors"][0]["field"], "userId", "{json}");
    }
    let (response, json) = worker.get(PATH).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    let (response, json) = delete(&worker, &format!("{PATH}?userId=a"), r#"{"userId":"b"}"#).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    let nowhere = "/api/schedules/nowhere/waitlist";
    let (response, json) = post(&worker, nowhere, user("a")).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SCHEDULE_NOT_FOUND");
    let (response, json) = worker.get(&format!("{nowhere}?userId=a")).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "SCHEDULE_NOT_FOUND");
    let bad = json!({"scheduleId": "bad", "concertTitle": "t", "seats": {"count": 1, "price": 1}, "waitlist": "SOON", "waitlistNotify": 0});
    let (response, json) = post(&worker, "/api/schedules", bad).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "INVALID_WAITLIST");
    assert_eq!(
        (&json["errors"][0]["field"], &json["errors"][1]["field"]),
        (&json!("waitlist"), &json!("waitlistNotify"))
    );
    let (_, json) = post(&worker, PATH, user("a")).await;
    assert_eq!(json["position"], 1);
    let (response, _) = post(&worker, "/api/schedules/small/cancel", json!({})).await;
    assert_eq!(response.status(), answer::OK);
    for answer in [post(&worker, PATH, user("b")).await, worker.get(&format!("{PATH}?userId=a")).await] {
        is_problem(&answer.0, &answer.1, StatusCode::GONE, "SCHEDULE_CANCELLED");
    }
    worker.stop().await;
}
