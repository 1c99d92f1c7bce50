//! Outcomes are kept for a time. After it their status routes say so, and not that there was never such a request.

use super::{Worker, idle_of, is_problem, running_as};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::time::Duration;

/// How long outcomes are kept here, in ms. The setting itself does not go below a day.
const KEPT_MS: i64 = 1_000;

async fn running() -> Worker {
    let kept = format!(r#"{{"outcomeRetentionMs":{KEPT_MS}}}"#);
    let topologies = holdfast_topologies::features::topologies(|name| (name == "coupon").then_some(&*kept)).unwrap();
    running_as(idle_of(None, topologies)).await
}

async fn issued(worker: &Worker, user: &str, key: Option<&str>) -> String {
    let body = json!({"policyId": "1", "userId": user, "requestId": key}).to_string();
    let (response, json) = worker.post("/api/coupons/issue?strategy=v1", &[], &body).await;
    assert_eq!(response.status(), StatusCode::OK, "{json}");
    json["requestId"].as_str().unwrap().to_owned()
}

async fn asked(worker: &Worker, id: &str) -> (Response, Value) {
    worker.get(&format!("/api/coupons/requests/{id}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_not_kept_any_more_is_gone_and_not_unknown() {
    let worker = running().await;
    let never = format!("req_0_{}", crate::unique::name(&*worker.api.clock));
    let (response, json) = asked(&worker, &never).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    let random = issued(&worker, "1001", None).await;
    let derived = issued(&worker, "1002", Some("k-1")).await;
    assert_eq!(asked(&worker, &random).await.1["status"], "SUCCESS");
    // Rows end by the time of the log, which moves with what is decided.
    let mut look = tokio::time::interval(Duration::from_millis(50));
    for user in 2_000..2_090 {
        look.tick().await;
        issued(&worker, &user.to_string(), None).await;
        if asked(&worker, &derived).await.0.status() != StatusCode::OK {
            break;
        }
    }
    let (response, json) = asked(&worker, &random).await;
    is_problem(&response, &json, StatusCode::GONE, "OUTCOME_EXPIRED");
    // The id of a key tells no time: whether there ever was such a request nobody knows.
    let (response, json) = asked(&worker, &derived).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    let never = format!("req_0_{}", crate::unique::name(&*worker.api.clock));
    let (response, json) = asked(&worker, &never).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    // The coupon itself is no outcome.
    let (response, json) = worker.get("/api/coupons/users/1001").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(json["coupons"][0]["couponId"], "cpn_0_1_1", "{json}");
    worker.stop().await;
}
