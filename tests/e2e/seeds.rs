//! The seeds' own scripts (S3-29 to S3-31, S4-5, S4-6, S4-30).

use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    // The ports of the seeds all lead to the same worker; here they are free ones.
    setup.env.insert("HTTP_ADDR".to_owned(), "127.0.0.1:0,127.0.0.1:0".to_owned());
    let mut worker = Worker::start(&setup);
    worker.url = worker.url.split(',').next().unwrap().to_owned();
    scripts(&worker);
}

pub(crate) fn scripts(worker: &Worker) {
    eleven_issued(worker);
    a_thousand_at_once(worker);
}

/// S3: one request, then ten at the same time, on 100 coupons: 11 issued, stock 89.
fn eleven_issued(worker: &Worker) {
    assert_eq!(worker.policy("1")["remaining"], 100);
    let first = worker.post("/api/coupons/1/issue?userId=16", &json!({}));
    assert_eq!(first.status(), 202);
    std::thread::scope(|scope| {
        for user in 17..=26 {
            scope.spawn(move || {
                assert_eq!(worker.post(&format!("/api/coupons/1/issue?userId={user}"), &json!({})).status(), 202)
            });
        }
    });
    wait::until("11 issued", || worker.policy("1")["issued"] == 11);
    assert_eq!(worker.policy("1")["remaining"], 89);
}

/// S4-30: a thousand users at once, a hundred at a time, each answered PENDING; the first get what is left.
fn a_thousand_at_once(worker: &Worker) {
    std::thread::scope(|scope| {
        for lane in 0..100 {
            scope.spawn(move || {
                for user in (1..=1000).skip(lane).step_by(100) {
                    let body = json!({"policyId": "1", "userId": format!("1{user:04}")});
                    let answer = worker.post("/api/coupons/issue?strategy=v3", &body);
                    assert_eq!(answer.status(), 202);
                    assert_eq!(answer.json::<Value>().unwrap()["status"], "PENDING");
                }
            });
        }
    });
    wait::until("sold out", || worker.policy("1")["remaining"] == 0);
    assert_eq!(worker.policy("1")["issued"], 100);
}
