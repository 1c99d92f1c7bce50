//! Time sales: the seeds' order, both forms of it, early refusals, keys, cancellations and the stock.

use super::seats::{keyed, post};
use super::{PLACES, Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use holdfast_model::timesale;
use holdfast_ports::place::place_of;
use serde_json::{Value, json};

const ORDERS: &str = "/api/timesales/1/orders";

fn order(user: &str, quantity: i64) -> Value {
    json!({"userId": user, "quantity": quantity})
}

/// Orders and waits for the decision.
async fn decided(worker: &Worker, user: &str, quantity: i64) -> Value {
    let (response, json) = post(worker, "/api/timesales/1/orders?strategy=v1", order(user, quantity)).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    json
}

async fn cancel(worker: &Worker, order_id: &str, user: &str, key: Option<&str>) -> (Response<Body>, Value) {
    let mut request = Request::delete(format!("/api/timesales/orders/{order_id}?userId={user}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    worker.ask(request.body(Body::empty()).unwrap()).await
}

async fn stock(worker: &Worker) -> (u64, u64) {
    let (_, sale) = worker.get("/api/timesales/1").await;
    (sale["sold"].as_u64().unwrap(), sale["remaining"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seeds_order_is_queued_and_then_confirmed() {
    let worker = running().await;
    let (response, json) = post(&worker, "/api/timesales/1/orders?strategy=v3", order("1001", 1)).await;
    assert_eq!(response.status(), answer::ACCEPTED);
    let id = json["orderId"].as_str().unwrap().to_owned();
    assert_eq!(
        json,
        json!({
            "status": "QUEUED", "message": "주문 요청이 대기열에 등록되었습니다. 순차적으로 처리됩니다.", "timeSaleId": "1", "userId": "1001",
            "queuePosition": "Processing...", "orderId": id
        })
    );
    let place = place_of(b"1", PLACES);
    assert!(id.starts_with(&format!("ord_{place}_")), "{id}");
    assert_eq!(response.headers()["location"], format!("/api/timesales/orders/{id}"));
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(response.headers().contains_key("holdfast-position"));
    let (_, json) = worker.get(&format!("/api/timesales/orders/{id}?waitMs=5000")).await;
    assert_eq!(
        (json["status"].as_str(), json["unitPrice"].as_u64(), json["amount"].as_u64()),
        (Some("CONFIRMED"), Some(9_900), Some(9_900)),
        "{json}"
    );
    assert!(json.get("queuePosition").is_none(), "{json}");
    let (_, sale) = worker.get("/api/timesales/1").await;
    assert_eq!(
        (&sale["title"], &sale["totalQuantity"], &sale["sold"], &sale["remaining"], &sale["limitPerUser"]),
        (&json!("오늘의 타임세일"), &json!(100), &json!(1), &json!(99), &json!(5))
    );
    worker.stop().await;
}

/// The position is a number, made of offsets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_in_the_inbox_undecided_is_queued_and_counted() {
    let worker = running().await;
    let next = worker.api.queries.task(timesale::NAME, 1).unwrap().next_offset();
    worker.api.ends.note(timesale::INBOX, 1, next + 9);
    let (response, json) = worker.get(&format!("/api/timesales/orders/ord_1_x?after=timesale-1-{}", next + 9)).await;
    assert_eq!(
        (response.status(), &json),
        (answer::OK, &json!({"orderId": "ord_1_x", "status": "QUEUED", "queuePosition": 10}))
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_synchronous_forms_tell_the_outcome() {
    let worker = running().await;
    let confirmed = decided(&worker, "1001", 5).await;
    assert_eq!((&confirmed["status"], &confirmed["quantity"]), (&json!("CONFIRMED"), &json!(5)));
    // What the log decides by what the buyer has, or by what is left, is an outcome, not an error.
    let (response, refused) = post(&worker, "/api/timesales/1/orders?strategy=v2", order("1001", 1)).await;
    assert_eq!(
        (response.status(), &refused["status"], &refused["code"]),
        (answer::OK, &json!("FAILED"), &json!("LIMIT_EXCEEDED"))
    );
    let (response, json) = post(&worker, "/api/timesales/1/orders?strategy=v4", order("1001", 1)).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hopeless_is_refused_before_the_append() {
    let worker = running().await;
    for (id, window) in
        [("soon", json!({"startTime": "2999-01-01T00:00:00Z"})), ("past", json!({"endTime": "2001-01-01T00:00:00Z"}))]
    {
        let mut sale = json!({"timeSaleId": id, "title": "t", "discountPrice": 1, "totalQuantity": 5});
        sale.as_object_mut().unwrap().extend(window.as_object().unwrap().clone());
        let (response, json) = post(&worker, "/api/timesales", sale).await;
        assert_eq!(response.status(), answer::CREATED, "{json}");
        assert_eq!(response.headers()["location"], format!("/api/timesales/{id}"));
    }
    let (not_found, conflict, invalid) =
        (StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY);
    for (uri, body, status, code) in [
        ("/api/timesales/none/orders", order("u", 1), not_found, "TIMESALE_NOT_FOUND"),
        ("/api/timesales/soon/orders", order("u", 1), conflict, "TIMESALE_NOT_STARTED"),
        ("/api/timesales/past/orders", order("u", 1), conflict, "TIMESALE_ENDED"),
        (ORDERS, order("u", 0), invalid, "INVALID_ORDER_QUANTITY"),
        (ORDERS, order("u", -1), invalid, "INVALID_ORDER_QUANTITY"),
        (ORDERS, order("u", 6), invalid, "QUANTITY_ABOVE_LIMIT"),
        (ORDERS, json!({"userId": "u", "quantity": 1.5}), invalid, "VALIDATION_FAILED"),
        (ORDERS, json!({"userId": "u", "quantity": "1"}), invalid, "VALIDATION_FAILED"),
        (ORDERS, json!({"quantity": 1}), invalid, "VALIDATION_FAILED"),
    ] {
        let (response, json) = post(&worker, uri, body).await;
        is_problem(&response, &json, status, code);
    }
    let (_, json) = post(&worker, ORDERS, json!({})).await;
    let fields: Vec<_> = json["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["userId", "quantity"]);
    let (_, json) = post(&worker, ORDERS, order("u", 0)).await;
    assert_eq!(
        (&json["errors"][0]["field"], &json["detail"]),
        (&json!("quantity"), &json!("주문 수량은 1개 이상이어야 합니다"))
    );
    let (_, json) = worker.post(ORDERS, &[("accept-language", "en")], &order("u", 0).to_string()).await;
    assert_eq!(json["detail"], "An order must be for one unit or more.");
    for uri in [
        "/api/timesales/none",
        "/api/timesales/orders/ord_77_x",
        "/api/timesales/orders/abc",
        "/api/timesales/orders/ord_0_x",
    ] {
        let (response, json) = worker.get(uri).await;
        let code = if uri.contains("orders") { "ORDER_NOT_FOUND" } else { "TIMESALE_NOT_FOUND" };
        is_problem(&response, &json, not_found, code);
    }
    assert_eq!(stock(&worker).await, (0, 100));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_makes_a_retry_the_same_order_and_without_one_each_is_new() {
    let worker = running().await;
    for form in ["v1", "v3"] {
        let (uri, key) = (format!("{ORDERS}?strategy={form}"), format!("key-{form}"));
        let (response, first) = keyed(&worker, &key, &uri, order(form, 2)).await;
        assert!(response.status().is_success() && !response.headers().contains_key("idempotent-replayed"), "{first}");
        let id = first["orderId"].as_str().unwrap();
        let (_, json) = worker.get(&format!("/api/timesales/orders/{id}?waitMs=5000")).await;
        assert_eq!(json["status"], "CONFIRMED");
        let (response, again) = keyed(&worker, &key, &uri, order(form, 2)).await;
        assert_eq!((response.headers()["idempotent-replayed"].to_str().unwrap(), &again), ("true", &first));
        for other in [order(form, 1), order(&format!("not-{form}"), 2)] {
            let is_same_user = other["userId"] == form;
            let (response, json) = keyed(&worker, &key, &uri, other).await;
            if is_same_user {
                is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
            } else {
                // Another user's key is another key.
                assert!(response.status().is_success() && json["orderId"] != first["orderId"], "{json}");
            }
        }
    }
    let elsewhere = (0..)
        .map(|n| format!("far-{n}"))
        .find(|far| place_of(far.as_bytes(), PLACES) != place_of(b"1", PLACES))
        .unwrap();
    let sale = json!({"timeSaleId": elsewhere, "title": "t", "discountPrice": 1, "totalQuantity": 5});
    assert_eq!(post(&worker, "/api/timesales", sale).await.0.status(), answer::CREATED);
    let there = format!("/api/timesales/{elsewhere}/orders?strategy=v1");
    let (response, json) = keyed(&worker, "key-v1", &there, order("v1", 2)).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    let before = stock(&worker).await;
    let (one, two) = (decided(&worker, "fresh", 1).await, decided(&worker, "fresh", 1).await);
    assert_ne!(one["orderId"], two["orderId"]);
    assert_eq!(stock(&worker).await, (before.0 + 2, before.1 - 2));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_buyer_cancels_and_the_units_come_back_once() {
    let worker = running().await;
    let id = decided(&worker, "a", 5).await["orderId"].as_str().unwrap().to_owned();
    let refused = decided(&worker, "a", 1).await["orderId"].as_str().unwrap().to_owned();
    let (response, json) = cancel(&worker, &id, "b", None).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "ORDER_NOT_FOUND");
    let (response, json) = cancel(&worker, &refused, "a", None).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "ORDER_NOT_CONFIRMED");
    let nobody = Request::delete(format!("/api/timesales/orders/{id}")).body(Body::empty()).unwrap();
    let (response, json) = worker.ask(nobody).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    for unknown in ["ord_0_x", "ord_77_x", "abc"] {
        let (response, json) = cancel(&worker, unknown, "a", None).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "ORDER_NOT_FOUND");
    }
    assert_eq!(stock(&worker).await, (5, 95));

    let (response, first) = cancel(&worker, &id, "a", Some("k")).await;
    assert_eq!((response.status(), &first["status"], &first["quantity"]), (answer::OK, &json!("CANCELLED"), &json!(5)));
    let (response, again) = cancel(&worker, &id, "a", Some("k")).await;
    assert_eq!((response.headers()["idempotent-replayed"].to_str().unwrap(), &again), ("true", &first));
    assert_eq!(cancel(&worker, &id, "a", None).await.1, first, "asking again changes nothing");
    assert_eq!(stock(&worker).await, (0, 100));
    let (_, shown) = worker.get(&format!("/api/timesales/orders/{id}")).await;
    assert_eq!(shown, first);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_is_adjusted_and_never_below_what_is_sold() {
    let worker = running().await;
    decided(&worker, "a", 3).await;
    let uri = "/api/timesales/1/stock";
    let (response, sale) = keyed(&worker, "k", uri, json!({"by": 10})).await;
    assert_eq!((response.status(), &sale["totalQuantity"], &sale["remaining"]), (answer::OK, &json!(110), &json!(107)));
    let (response, again) = keyed(&worker, "k", uri, json!({"by": 10})).await;
    assert_eq!((response.headers()["idempotent-replayed"].to_str().unwrap(), &again), ("true", &sale));
    let (response, json) = post(&worker, uri, json!({"by": -108})).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "STOCK_BELOW_SOLD");
    let (response, json) = post(&worker, "/api/timesales/none/stock", json!({"by": 1})).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "TIMESALE_NOT_FOUND");
    let (response, json) = post(&worker, uri, json!({"by": 2_000_000_000})).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "INVALID_STOCK");
    assert_eq!(json["errors"][0]["field"], "by");
    let bad = json!({"timeSaleId": "x", "title": "t", "discountPrice": 5, "originalPrice": 4, "totalQuantity": 1});
    let (response, json) = post(&worker, "/api/timesales", bad).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "INVALID_PRICE");
    let other = json!({"timeSaleId": "1", "title": "t", "discountPrice": 5, "totalQuantity": 1});
    let (response, json) = post(&worker, "/api/timesales", other).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "TIMESALE_ALREADY_EXISTS");
    assert_eq!(stock(&worker).await, (3, 107));
    worker.stop().await;
}
