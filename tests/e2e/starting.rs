//! A worker whose log is not there yet: it lives, it is not ready and says why, it accepts nothing, it stops when asked; and goes on once the log is there.

use crate::support::broker::Cluster;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::net::TcpListener;

/// Asked from the first moment on, as a prober does.
fn waits_for_its_log(worker: &Worker) {
    let alive = worker.get("/health/live");
    assert_eq!(alive.status(), 200);
    assert_eq!(alive.json::<Value>().unwrap(), json!({"status": "UP"}));

    let ready = worker.get("/health/ready");
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.headers()["retry-after"], "1");
    let said: Value = ready.json().unwrap();
    assert_eq!((&said["status"], &said["log"]["status"]), (&json!("NOT_READY"), &json!("DOWN")), "{said}");
    assert_eq!((&said["log"]["kind"], &said["placesTotal"]), (&json!("kafka"), &json!(3)), "{said}");
    assert!(said["reasons"][0].as_str().unwrap().starts_with("log: "), "{said}");

    let issue = json!({"policyId": "1", "userId": "1001"});
    for answer in
        [worker.post("/api/coupons/issue", &issue), worker.get("/api/coupons/policies"), worker.get("/metrics")]
    {
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["retry-after"], "2");
        let problem: Value = answer.json().unwrap();
        assert_eq!(problem["code"], "LOG_UNAVAILABLE", "{problem}");
        assert!(problem["requestId"].is_string(), "{problem}");
    }
}

/// The reason in `/health/ready` is one of the log's, not only that nothing was tried yet.
fn names_the_brokers(worker: &Worker, brokers: &str) {
    wait::until("the reason names the brokers", || {
        let said: Value = worker.get("/health/ready").json().unwrap();
        said["log"]["why"].as_str().unwrap().contains(brokers)
    });
}

#[test]
fn without_a_broker_a_worker_lives_and_stops_when_asked() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::launch(&Setup::kafka(data.path(), "127.0.0.1:1"));
    waits_for_its_log(&worker);
    names_the_brokers(&worker, "127.0.0.1:1");
    waits_for_its_log(&worker);
    assert!(worker.terminate().success());
}

/// Connections are made and nothing is answered, as with a broker that stands still or a firewall that swallows.
#[test]
fn with_a_silent_broker_a_worker_lives_and_stops_when_asked() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::kafka(data.path(), &address);
    setup.args = ["run", "--role", "api"].map(str::to_owned).to_vec();
    let worker = Worker::launch(&setup);
    waits_for_its_log(&worker);
    names_the_brokers(&worker, &address);
    assert!(worker.terminate().success());
}

/// The same connection, the same listener: only the answer changes.
#[test]
fn once_the_broker_is_there_the_worker_goes_on() {
    let cluster = Cluster::start(1);
    cluster.to_broker("kill", 1);
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::launch(&Setup::kafka(data.path(), &cluster.brokers));
    waits_for_its_log(&worker);
    cluster.to_broker("start", 1);
    wait::until("it is ready", || worker.get("/health/ready").status() == 200);
    assert_eq!(worker.policy("1")["totalQuantity"], 100);
    // Routes have their names in the metrics, not that of the router around them.
    assert!(worker.metric("holdfast_http_requests_total", "route=\"/health/ready\"") > 0.0);
    assert!(worker.terminate().success());
}

#[test]
fn a_port_that_is_taken_ends_the_worker_before_it_waits_for_a_broker() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let output = Setup::kafka(data.path(), "127.0.0.1:1").with("HTTP_ADDR", &address).command().output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("HTTP_ADDR") && said.contains(&address), "{said}");
}
