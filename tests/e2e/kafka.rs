//! The same on a real broker, and what Kafka's own tools show of it.

use crate::support::broker::Cluster;
use crate::support::topics;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use crate::{bad_input, coupon_flow, seeds};

#[test]
fn seeds_flow_bad_input_and_kafkas_own_tools() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let worker = Worker::start(&setup);
    seeds::scripts(&worker);
    coupon_flow::flow(&worker);
    bad_input::over_http(&worker);
    bad_input::over_the_log(&worker, &*topics::kafka(&cluster.brokers));
    console(&cluster);
    assert!(worker.terminate().success());

    // The disk is not needed: everything is in the log.
    let empty = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::kafka(empty.path(), &cluster.brokers));
    assert_eq!(worker.policy("1")["issued"], 100);
    assert!(worker.terminate().success());
}

/// S4-20 to S4-24.
fn console(cluster: &Cluster) {
    let listed = cluster.tool(&["topics", "--list"]);
    for topic in [
        "coupon-issue-requests",
        "coupon-issue-success",
        "coupon-issue-failures",
        "coupon-issue-dlq",
        "timesale-order-requests",
        "timesale-order-success",
        "timesale-order-failures",
        "timesale-order-dlq",
        "notification.request",
        "reservation.requests",
        "reservation.expiration",
        "payment.requests",
        "reservation.confirmed",
        "seats.expired",
    ] {
        assert!(listed.contains(topic), "{topic} is not in\n{listed}");
    }
    let described = cluster.tool(&["topics", "--describe", "--topic", "coupon-issue-requests"]);
    assert!(
        described.contains("PartitionCount: 3") && described.contains("message.timestamp.type=LogAppendTime"),
        "{described}"
    );
    let consumed = cluster.tool(&[
        "consume",
        "--topic",
        "coupon-issue-requests",
        "--from-beginning",
        "--timeout-ms",
        "120000",
        "--max-messages",
        "20",
    ]);
    assert!(consumed.contains("\"policyId\":\"1\"") && consumed.contains("\"userId\":"), "{consumed}");
    wait::until("the group shows no lag", || {
        let groups = cluster.tool(&["groups", "--describe", "--group", "coupon-service-group"]);
        let rows: Vec<Vec<&str>> = groups
            .lines()
            .filter(|line| line.contains("coupon-issue-requests"))
            .map(|line| line.split_whitespace().collect())
            .collect();
        // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG
        rows.len() == 3 && rows.iter().all(|row| row[5] == "0")
    });
    assert!(cluster.tool(&["groups", "--list"]).contains("coupon-service-group"));
}
