//! No broker answers for half a minute: the workers say so, accept nothing, and go on when it is over.

use crate::scene::Scene;
use crate::support::rounds::rounds;
use crate::support::wait;
use crate::support::worker::Worker;
use serde_json::Value;
use std::time::Duration;

const GONE: Duration = Duration::from_secs(30);
/// Long enough for sessions and transactions to end.
const STILL: Duration = Duration::from_secs(15);

/// Histories that may be void before this says that it has shown nothing.
const HISTORIES: usize = 5;

/// Kafka 4.3 may forget the end of a transaction while a partition of it has no leader, as after the death of its only replica or when that was silent
/// for longer than its session (KAFKA-20734): it takes the partition for deleted, writes no marker, and the transaction hangs there for ever. Nobody can
/// make that good from outside, so a history in which the broker says that it did so is void, and another one is played. See docs/operations.md for what
/// an operator sees.
fn audited(begin: &str, lasts: Duration, end: &str) {
    for _ in 0..HISTORIES {
        let scene = Scene::with_brokers(1);
        if outage(&scene, begin, lasts, end) {
            scene.audit();
            return;
        }
        println!("void: the broker left a transaction without its end");
    }
    panic!("in {HISTORIES} histories in a row the broker left a transaction without its end");
}

#[test]
fn the_broker_is_killed_and_comes_back() {
    audited("kill", GONE, "start");
}

/// Worse than dead: connections stay open and nobody answers.
#[test]
fn the_broker_stands_still_and_goes_on() {
    audited("pause", STILL, "resume");
}

/// False when the broker has forgotten the end of a transaction.
fn outage(scene: &Scene, begin: &str, lasts: Duration, end: &str) -> bool {
    scene.open("a", Some("a"));
    scene.load().during(|| {
        scene.join("b", None);
        for _ in 0..rounds() {
            scene.load().wait_for_answers(100);
            scene.cluster.to_broker(begin, 1);
            for name in ["a", "b"] {
                // Also where nobody asks for anything.
                wait::until("health shows the trouble", || scene.on(name, shows_the_log_down));
                assert_eq!(scene.on(name, |worker| worker.get("/health/live").status()), 200);
            }
            // Whoever comes now is told at once that nothing was accepted, and the audit looks whether that was true.
            assert_eq!(scene.load().passers_by(20), 20);
            wait::pass(lasts);
            assert_eq!(scene.load().passers_by(20), 20);
            scene.cluster.to_broker(end, 1);
            scene.settle_places();
            for name in ["a", "b"] {
                let mut said = String::new();
                wait::until("health is well again", || {
                    scene.cluster.forgot_markers(1)
                        || scene.on(name, |worker| {
                            let answer = worker.get("/health/ready");
                            let is_well = answer.status() == 200;
                            let says = answer.text().unwrap();
                            if !is_well && says != said {
                                println!("{name} is not well: {says}");
                                said = says;
                            }
                            is_well
                        })
                });
            }
            if scene.cluster.forgot_markers(1) {
                return false;
            }
        }
        scene.load().wait_for_answers(100);
        true
    })
}

/// Not ready, and the log is named.
fn shows_the_log_down(worker: &Worker) -> bool {
    let answer = worker.get("/health/ready");
    let status = answer.status();
    let health: Value = answer.json().unwrap();
    status == 503 && health["log"]["status"] == "DOWN"
}
