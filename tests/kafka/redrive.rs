//! Dead letters put back on brokers: by a worker and a command at one moment, and by a command that is killed.

use crate::scene::Scene;
use crate::support::command::{Going, said};
use crate::support::letters::bury;
use crate::support::topics::{self, INBOX, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LETTERS: u32 = 300;

#[test]
fn each_letter_is_put_back_once_whoever_asks() {
    let scene = Scene::with_brokers(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &scene.cluster.brokers);
    let worker = Worker::start(&setup);
    let log = topics::kafka(&scene.cluster.brokers);
    bury(&*log, PARTITIONS, 0..LETTERS);
    let copies = || {
        let inbox = read_all(&*log, INBOX);
        inbox.into_iter().filter(|copy| copy.headers.contains_key("X-Redriven-From")).collect::<Vec<_>>()
    };

    // Killed in the middle: what it has put back stays, and what it left open is ended by the next one.
    let killed = Going::start(&setup, &["dlq", "redrive", "--all", "--rate", "20", "--by", "killed"]);
    wait::until("it has begun", || !copies().is_empty());
    killed.kill9();
    let begun = copies().len();

    let (reported, commanded) = std::thread::scope(|scope| {
        let command =
            scope.spawn(|| said(&setup, &["dlq", "redrive", "--all", "--rate", "400", "--by", "kim", "--json"]));
        let body = json!({"all": true, "ratePerSecond": 400});
        let mut job: Value = worker.post_as("/api/dlq/redrive", ("x-operator", "park"), &body).json().unwrap();
        wait::until("the worker's redrive ends", || {
            if job["state"] == "RUNNING" {
                let path = format!("/api/dlq/redrives/{}", job["id"].as_str().unwrap());
                job = worker.get(&path).json().unwrap();
            }
            job["state"] != "RUNNING"
        });
        (job, command.join().unwrap())
    });
    assert_eq!((&reported["state"], commanded.code), (&json!("DONE"), 0), "{reported} {commanded:?}");
    let commanded: Value = serde_json::from_str(&commanded.out).unwrap();
    let redriven = |report: &Value| report["counts"]["redriven"].as_u64().unwrap();
    let copies = copies();
    let letters: BTreeSet<_> = copies.iter().map(|copy| copy.headers["X-Redriven-From"].clone()).collect();
    assert_eq!((copies.len(), letters.len()), (LETTERS as usize, LETTERS as usize), "each once");
    let by_killed = copies.iter().filter(|copy| &*copy.headers["X-Redriven-By"] == b"killed").count();
    assert!(by_killed >= begun && by_killed < LETTERS as usize, "{begun} were begun, {by_killed} done");
    assert_eq!(redriven(&reported) + redriven(&commanded) + by_killed as u64, u64::from(LETTERS));
    wait::until("everything is decided", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["totalLagRecords"] == 0
    });
    let mut outcomes = read_all(&*log, "coupon-issue-success");
    outcomes.extend(read_all(&*log, "coupon-issue-failures"));
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.json()["requestId"].as_str().unwrap().to_owned()).collect();
    for number in 0..LETTERS {
        let id = format!("dead-{number}");
        assert_eq!(ids.iter().filter(|known| **known == id).count(), 1, "{id} has one outcome");
    }
    assert!(worker.terminate().success());
}
