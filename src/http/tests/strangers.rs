//! What a stranger learns and does: a request that knows an id and not the user.

use super::seats::{held, keyed, post};
use super::{Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

async fn ask(worker: &Worker, method: Method, uri: &str, body: &Value) -> (Response<Body>, Value) {
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    worker.ask(request.body(Body::from(body.to_string())).unwrap()).await
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Holds a seat and pays for it; returns the ids of both.
async fn bought(worker: &Worker, user: &str, seat_no: u64) -> (String, String) {
    let id = held(worker, user, seat_no).await;
    let (response, json) = post(worker, "/payments", json!({"reservationId": id, "amount": 50_000})).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    (id, json["paymentId"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_frees_a_seat_or_moves_money_back_names_its_user() {
    let worker = running().await;
    let (id, payment) = bought(&worker, "user_123", 1).await;
    let acts = [
        (Method::DELETE, format!("/reservations/{id}"), "/reservations/res_0_0".to_owned(), "RESERVATION_NOT_FOUND"),
        (
            Method::POST,
            format!("/reservations/{id}/extend"),
            "/reservations/res_0_0/extend".to_owned(),
            "RESERVATION_NOT_FOUND",
        ),
        (
            Method::POST,
            format!("/payments/{payment}/refund"),
            "/payments/pay_0_none/refund".to_owned(),
            "PAYMENT_NOT_FOUND",
        ),
    ];
    for (method, uri, unknown, code) in &acts {
        let (response, json) = ask(&worker, method.clone(), uri, &json!({})).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
        assert_eq!(fields(&json), ["userId"], "{uri}");
        let both =
            ask(&worker, method.clone(), &format!("{uri}?userId=user_test"), &json!({"userId": "user_123"})).await;
        assert_eq!((both.0.status(), fields(&both.1)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["userId"]), "{uri}");
        for (query, body) in [("?userId=user_test", json!({})), ("", json!({"userId": "user_test"}))] {
            let (response, another) = ask(&worker, method.clone(), &format!("{uri}{query}"), &body).await;
            is_problem(&response, &another, StatusCode::NOT_FOUND, code);
            let (response, none) = ask(&worker, method.clone(), &format!("{unknown}{query}"), &body).await;
            is_problem(&response, &none, StatusCode::NOT_FOUND, code);
            for told in ["status", "code", "title", "detail", "errors", "paymentId"] {
                assert_eq!(another[told], none[told], "{uri}: another user's is answered like one that is not there");
            }
        }
    }
    let (_, json) = worker.get(&format!("/reservations/{id}")).await;
    assert_eq!(json["status"], "CONFIRMED", "nothing has happened");
    let uri = format!("/payments/{payment}/refund?userId=user_123");
    let (response, json) = ask(&worker, Method::POST, &uri, &json!({})).await;
    assert_eq!((response.status(), &json["refunded"]), (answer::OK, &true.into()), "{json}");
    let second = held(&worker, "user_123", 2).await;
    let uri = format!("/reservations/{second}");
    let (response, json) = ask(&worker, Method::DELETE, &uri, &json!({"userId": "user_123"})).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("CANCELLED")), "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_cannot_be_counted_up() {
    let worker = running().await;
    let mut secrets = std::collections::BTreeSet::new();
    for seat_no in 1..=4 {
        let (id, payment) = bought(&worker, "user_123", seat_no).await;
        let [kind, place, rest] = id.splitn(3, '_').collect::<Vec<_>>().try_into().unwrap();
        assert!(kind == "res" && place.parse::<u32>().is_ok() && rest.len() == 32, "it routes itself: {id}");
        let secret = rest.get(12..).unwrap().to_owned();
        assert!(!payment.contains(&secret), "a payment's id is not made of its reservation's: {id} {payment}");
        assert!(secrets.insert(secret), "{id}");
        // One that is like it is nobody's.
        let last = if id.ends_with('0') { '1' } else { '0' };
        let near = format!("{}{last}", id.get(..id.len() - 1).unwrap());
        let (response, json) = worker.get(&format!("/reservations/{near}")).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "RESERVATION_NOT_FOUND");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reads_the_state_of_a_reservation_and_nothing_else() {
    let worker = running().await;
    let (id, payment) = bought(&worker, "user_123", 1).await;
    for uri in [format!("/reservations/{id}"), format!("/reservations/{id}?userId=user_test")] {
        let (response, json) = worker.get(&uri).await;
        assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("CONFIRMED")), "{json}");
        let shown: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(
            shown,
            ["changedAt", "expiresAt", "heldAt", "reservationId", "scheduleId", "seatNo", "status"],
            "{uri}"
        );
    }
    let (_, json) = worker.get(&format!("/reservations/{id}?userId=user_123")).await;
    assert_eq!(
        (&json["userId"], &json["paymentId"], &json["price"]),
        (&json!("user_123"), &json!(payment), &json!(50_000)),
        "its user reads all of it"
    );
    // A second payment is refused; by whom the first was made is told to the reservation's user alone.
    for (user, told) in [(Value::Null, Value::Null), (json!("user_123"), json!(payment))] {
        let body = json!({"reservationId": id, "amount": 50_000, "userId": user});
        let (response, json) = keyed(&worker, &format!("again {user}"), "/payments", body).await;
        is_problem(&response, &json, StatusCode::CONFLICT, "PAYMENT_CONFLICT");
        assert_eq!(json["paymentId"], told);
    }
    worker.stop().await;
}
