//! Topics that an operator has made or altered so that decisions on them would be wrong, or lost.

use crate::support::broker::Cluster;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::Value;

const INBOX: &str = "reservation.requests";
const CHANGELOG: &str = "holdfast-reservation-changelog";

fn alter(cluster: &Cluster, topic: &str, setting: &str) {
    let told = cluster.tool(&[
        "configs",
        "--alter",
        "--entity-type",
        "topics",
        "--entity-name",
        topic,
        "--add-config",
        setting,
    ]);
    assert!(told.contains("Completed updating config"), "{told}");
}

/// The worker does not start, with code 2 and one line that names `words`.
fn refuses(setup: &Setup, words: &[&str]) {
    let output = setup.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.trim().lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(last.contains(word), "{word} is not in {last}");
    }
}

fn reasons(worker: &Worker) -> String {
    let health: Value = worker.get("/health/ready").json().unwrap();
    health["reasons"].to_string()
}

#[test]
fn a_topic_that_would_make_decisions_wrong_is_refused_at_the_start_and_noticed_while_running() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    assert!(Worker::start(&setup).terminate().success());

    alter(&cluster, INBOX, "message.timestamp.type=CreateTime");
    refuses(&setup, &[INBOX, "message.timestamp.type", "CreateTime", "ALLOW_UNSAFE_TOPICS"]);
    assert!(Worker::start(&setup.clone().with("ALLOW_UNSAFE_TOPICS", "1")).terminate().success());
    alter(&cluster, INBOX, "message.timestamp.type=LogAppendTime");

    alter(&cluster, CHANGELOG, "cleanup.policy=delete");
    refuses(&setup, &[CHANGELOG, "cleanup.policy", "delete", "ALLOW_UNSAFE_TOPICS"]);
    alter(&cluster, CHANGELOG, "cleanup.policy=compact");

    let worker = Worker::start(&setup);
    assert_eq!(worker.get("/health/ready").status(), 200);
    alter(&cluster, INBOX, "cleanup.policy=compact");
    wait::until("the altered inbox is noticed", || worker.get("/health/ready").status() == 503);
    let said = reasons(&worker);
    assert!(said.contains(INBOX) && said.contains("cleanup.policy"), "{said}");
    alter(&cluster, INBOX, "cleanup.policy=delete");
    wait::until("it is as it was", || worker.get("/health/ready").status() == 200);
    assert!(worker.terminate().success());
}
