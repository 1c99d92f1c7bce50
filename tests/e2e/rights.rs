//! Brokers with an authorizer: what is denied is named with operation and resource, and what only operators look at stops no sale.

use crate::support::broker::Cluster;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};

/// The tools come through the first listener as ANONYMOUS and may do anything; the worker comes through the second as `worker`.
const SETTINGS: &str = r#"sasl.enabled.mechanisms=PLAIN
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_worker="secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS"#;

const OUTCOMES: &str = "coupon-issue-success";
const INBOX: &str = "coupon-issue-requests";

fn acl(cluster: &Cluster, verb: &str, rest: &[&str]) {
    let args = [&["acls", verb, "--force"][..], rest].concat();
    let told = cluster.tool(&args);
    assert!(!told.contains("Error"), "{told}");
}

fn grant(cluster: &Cluster, operations: &[&str], on: &[&str]) {
    let operations: Vec<&str> = operations.iter().flat_map(|operation| ["--operation", operation]).collect();
    acl(cluster, "--add", &[&["--allow-principal", "User:worker"][..], &operations, on].concat());
}

fn deny(cluster: &Cluster, verb: &str, operation: &str, on: &[&str]) {
    acl(cluster, verb, &[&["--deny-principal", "User:worker", "--operation", operation][..], on].concat());
}

fn ends(setup: &Setup) -> (Option<i32>, String) {
    let output = setup.command().output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_brokers_deny_is_named_and_display_groups_stop_no_sale() {
    let cluster = Cluster::start_with_clients("SASL_PLAINTEXT", SETTINGS);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.clients())
        .with("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
        .with("KAFKA_SECURITY_MECHANISM", "PLAIN")
        .with("KAFKA_SECURITY_USERNAME", "worker")
        .with("KAFKA_SECURITY_PASSWORD", "secret");

    // No right at all: not taken for missing topics.
    let (code, said) = ends(&setup);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("DESCRIBE on topic coupon-issue-requests"), "{said}");
    let check = Setup { args: vec!["topics".to_owned(), "check".to_owned()], ..setup.clone() };
    let output = check.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("NOT AUTHORIZED: DESCRIBE on topic") && !said.contains("MISSING"), "{said}");

    // What docs/operations.md lists, without the groups that only operators look at.
    grant(&cluster, &["Create", "Describe", "DescribeConfigs", "Read", "Write"], &["--topic", "*"]);
    grant(&cluster, &["Read", "Describe"], &["--group", "holdfast"]);
    let writers = ["--transactional-id", "holdfast-", "--resource-pattern-type", "prefixed"];
    grant(&cluster, &["Write", "Describe"], &writers);
    let worker = Worker::start(&setup);
    let issued = worker.decided("/api/coupons/issue?strategy=v1", &json!({"policyId": "1", "userId": "first"}));
    assert_eq!(issued.status(), 200);
    wait::until("it is said that a group is not shown", || worker.said().contains("on group coupon-service-group"));

    // Taken away while it runs: not ready, with the reason.
    deny(&cluster, "--add", "Write", &["--topic", INBOX]);
    let issue = json!({"policyId": "1", "userId": "second"});
    wait::until("nothing is accepted", || worker.post("/api/coupons/issue?strategy=v3", &issue).status() == 503);
    wait::until("the missing right is shown", || {
        let health: Value = worker.get("/health/ready").json().unwrap();
        health["reasons"].to_string().contains("WRITE on topic coupon-issue-requests")
    });
    deny(&cluster, "--remove", "Write", &["--topic", INBOX]);
    wait::until("it is ready again", || worker.get("/health/ready").status() == 200);

    // The worker ends where it cannot say what it has decided, and says why; so it does at the next start.
    deny(&cluster, "--add", "Write", &["--topic", OUTCOMES]);
    drop(worker.try_post("/api/coupons/issue?strategy=v3", "third", &json!({"policyId": "1", "userId": "third"})));
    let names = |line: &str| line.contains("WRITE on") && line.contains(OUTCOMES);
    wait::until("the missing right is named", || worker.said().lines().any(names));
    let (code, said) = ends(&setup);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("WRITE on topic {OUTCOMES}")), "{said}");
}
