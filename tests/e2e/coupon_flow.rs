//! Coupons over HTTP, the same on both logs.

use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_flow_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()));
    flow(&worker);
    assert!(worker.terminate().success());
}

#[test]
fn a_restart_on_the_embedded_log_remembers_everything() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    worker.create_policy("r", 3);
    let issued: Value =
        worker.decided("/api/coupons/issue?strategy=v1", &json!({"policyId": "r", "userId": "1"})).json().unwrap();
    let coupon = issued["couponId"].as_str().unwrap().to_owned();
    worker.kill9();
    let worker = Worker::start(&setup);
    assert_eq!(worker.policy("r")["remaining"], 2);
    let coupons: Value = worker.get("/api/coupons/users/1").json().unwrap();
    assert!(coupons.to_string().contains(&coupon), "{coupons}");
    assert!(worker.terminate().success());
    let worker = Worker::start(&setup);
    assert_eq!(worker.policy("r")["remaining"], 2);
}

pub(crate) fn flow(worker: &Worker) {
    policies(worker);
    outcomes(worker);
    idempotency(worker);
    using(worker);
    operators(worker);
}

fn policies(worker: &Worker) {
    let body = json!({"policyId": "p", "title": "봄 쿠폰", "totalQuantity": 2, "discountType": "FIXED_AMOUNT", "discountValue": 1000});
    let created = worker.decided("/api/coupons/policies", &body);
    assert_eq!(created.status(), 201);
    let again = worker.decided("/api/coupons/policies", &body);
    assert!(again.status().is_success(), "the same policy again is the same policy: {}", again.status());
    let other =
        worker.decided("/api/coupons/policies", &json!({"policyId": "p", "title": "봄 쿠폰", "totalQuantity": 3}));
    assert_eq!(other.status(), 409);
    let policy = worker.policy("p");
    assert_eq!((&policy["totalQuantity"], &policy["issued"], &policy["remaining"]), (&json!(2), &json!(0), &json!(2)));
    assert_eq!(worker.get("/api/coupons/policies/none").status(), 404);
    let negative =
        worker.decided("/api/coupons/policies", &json!({"policyId": "n", "title": "x", "totalQuantity": -1}));
    assert!(negative.status().is_client_error(), "{}", negative.status());
}

fn outcomes(worker: &Worker) {
    // The immediate answer is S4-6's, with an id to ask by.
    let accepted = worker.post("/api/coupons/issue?strategy=v3", &json!({"policyId": "p", "userId": "1001"}));
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = accepted.json().unwrap();
    assert_eq!(accepted["status"], "PENDING");
    assert_eq!(accepted["message"], "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요.");
    assert_eq!((&accepted["policyId"], &accepted["userId"]), (&json!("p"), &json!("1001")));
    let id = accepted["requestId"].as_str().unwrap();
    assert!(location.starts_with(&format!("/api/coupons/requests/{id}")), "{location}");
    let outcome = worker.outcome(id);
    assert_eq!(outcome["status"], "SUCCESS");
    assert!(outcome["couponId"].is_string());

    // S3's route is the same command.
    let accepted = worker.post("/api/coupons/p/issue?userId=1002", &json!({}));
    assert_eq!(accepted.status(), 202);
    let accepted: Value = accepted.json().unwrap();
    assert_eq!(accepted["success"], true);
    assert_eq!(worker.outcome(accepted["requestId"].as_str().unwrap())["status"], "SUCCESS");

    // Sold out: accepted, and told so. A user who has one already is told at once or in the outcome.
    let accepted: Value = worker.post("/api/coupons/issue", &json!({"policyId": "p", "userId": 1003})).json().unwrap();
    let outcome = worker.outcome(accepted["requestId"].as_str().unwrap());
    assert_eq!((&outcome["status"], &outcome["userId"]), (&json!("OUT_OF_STOCK"), &json!("1003")));
    assert_eq!(outcome["reason"], "쿠폰이 모두 소진되었습니다");
    let duplicate = worker.post("/api/coupons/issue", &json!({"policyId": "p", "userId": "1001"}));
    assert_eq!(duplicate.status(), 409);
    let problem: Value = duplicate.json().unwrap();
    assert_eq!(problem["code"], "DUPLICATE_REQUEST");

    // The synchronous forms answer with the decision.
    let decided = worker.decided("/api/coupons/issue?strategy=v2", &json!({"policyId": "p", "userId": "1004"}));
    assert_eq!(decided.status(), 200);
    assert_eq!(decided.json::<Value>().unwrap()["status"], "OUT_OF_STOCK");
    assert_eq!(worker.get("/api/coupons/requests/res_789").status(), 404);
    assert_eq!(worker.get("/api/coupons/requests/req_0_nobody").status(), 404);
}

fn idempotency(worker: &Worker) {
    worker.create_policy("i", 10);
    let body = json!({"policyId": "i", "userId": "7"});
    let first: Value = worker.try_post("/api/coupons/issue", "key-1", &body).unwrap().json().unwrap();
    let id = first["requestId"].as_str().unwrap();
    assert_eq!(worker.outcome(id)["status"], "SUCCESS");
    let retry = worker.try_post("/api/coupons/issue", "\"key-1\"", &body).unwrap();
    assert!(retry.status().is_success(), "{}", retry.status());
    assert_eq!(retry.headers()["idempotent-replayed"], "true");
    assert_eq!(retry.json::<Value>().unwrap()["requestId"], id);
    let other = worker.try_post("/api/coupons/issue", "key-1", &json!({"policyId": "p", "userId": "7"})).unwrap();
    assert_eq!(other.status(), 422);
    let long = worker.try_post("/api/coupons/issue", &"k".repeat(300), &body).unwrap();
    assert_eq!(long.status(), 400);
    assert_eq!(worker.policy("i")["issued"], 1);
}

fn using(worker: &Worker) {
    worker.create_policy("u", 1);
    let issued: Value =
        worker.decided("/api/coupons/issue?strategy=v1", &json!({"policyId": "u", "userId": "8"})).json().unwrap();
    let path = format!("/api/coupons/{}/use", issued["couponId"].as_str().unwrap());
    assert_eq!(
        worker.decided(&path, &json!({"userId": "9", "orderId": "o1"})).status().as_u16() / 100,
        4,
        "somebody else's coupon"
    );
    assert_eq!(worker.decided(&path, &json!({"userId": "8", "orderId": "o1"})).status(), 200);
    assert_eq!(
        worker.decided(&path, &json!({"userId": "8", "orderId": "o1"})).status(),
        200,
        "the same order again is a retry"
    );
    assert_eq!(worker.decided(&path, &json!({"userId": "8", "orderId": "o2"})).status(), 409);
    assert_eq!(worker.post("/api/coupons/cpn_0_nothing/use", &json!({"userId": "8", "orderId": "o2"})).status(), 404);
    let coupons: Value = worker.get("/api/coupons/users/8").json().unwrap();
    assert!(coupons.to_string().contains("USED"), "{coupons}");
}

fn operators(worker: &Worker) {
    assert_eq!(worker.get("/health/live").status(), 200);
    assert_eq!(worker.get("/health/ready").status(), 200);
    let metrics = worker.get("/metrics").text().unwrap();
    for name in
        ["holdfast_records_total", "holdfast_commit_seconds", "holdfast_log_commit_seconds", "holdfast_task_state"]
    {
        assert!(metrics.contains(name), "{name} is not among the metrics");
    }
    let openapi: Value = worker.get("/openapi.json").json().unwrap();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths: BTreeSet<&String> = openapi["paths"].as_object().unwrap().keys().collect();
    assert!(paths.iter().any(|p| p.as_str() == "/api/coupons/issue"), "{paths:?}");
    wait::until("lag is 0", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag.to_string().contains("\"coupon-issue-requests\"") && !lag.to_string().contains("null")
    });
    assert_eq!(worker.get("/nowhere").status(), 404);
}
