//! Data that the version before rows ended has left behind: its stores, its log and its changelogs open, and say what that version said.
//!
//! `tests/fixtures/data-before-rows-that-end.tar.gz` is the data directory of that version, stopped with SIGINT after: three coupons of policy 1 issued and one request refused, seat 1 of
//! `schedule_456` sold to 1001, seat 9 of `schedule_test` sold to 1003 and given back, seats 2 and 7 held and expired (HOLD_MS 3000), 5,000 KRW charged to 1004.

use crate::support::command::said;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SOLD: &str = "res_1_80000000000240aa0f68e06320b197cf";
const GIVEN_BACK: &str = "res_1_80000000000729117f71e199651f4756";
const REFUNDED: &str = "pay_1_01a22cbf61587cd2a9892ae5e8a69296";
const ISSUED: &str = "req_0_k3fdac4b98772483f87dba4af5221fec6";
const CHARGED: &str = "req_1_kb37a5d7c91dc746eff35cc95220d196d";

fn unpacked(into: &Path) -> Setup {
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data-before-rows-that-end.tar.gz");
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into).status().unwrap();
    assert!(tar.success());
    let mut setup = Setup::embedded(&into.join("data")).with("HOLD_MS", "3000");
    // Without sample data: nothing is decided, so nothing ends, however long ago this was written.
    setup.args = vec!["run".to_owned()];
    setup
}

fn asked(worker: &Worker, path: &str) -> Value {
    let answer = worker.get(path);
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().unwrap()
}

fn says_what_it_said(worker: &Worker) {
    let coupons = asked(worker, "/api/coupons/users/1001");
    assert_eq!(
        (&coupons["coupons"][0]["couponId"], &coupons["coupons"][0]["status"]),
        (&json!("cpn_0_1_1"), &json!("ISSUED"))
    );
    let policy = asked(worker, "/api/coupons/policies/1");
    assert_eq!((&policy["issued"], &policy["remaining"]), (&json!(3), &json!(97)));
    let request = asked(worker, &format!("/api/coupons/requests/{ISSUED}"));
    assert_eq!((&request["status"], &request["couponId"]), (&json!("SUCCESS"), &json!("cpn_0_1_1")));
    let seats = asked(worker, "/api/schedules/schedule_456/seats");
    assert_eq!((&seats["available"], &seats["reserved"], &seats["version"]), (&json!(49), &json!(1), &json!(6)));
    assert_eq!(asked(worker, &format!("/reservations/{SOLD}"))["status"], "CONFIRMED");
    assert_eq!(asked(worker, &format!("/reservations/{GIVEN_BACK}"))["status"], "REFUNDED");
    assert_eq!(asked(worker, &format!("/payments/{REFUNDED}"))["refunded"], true);
    assert_eq!(asked(worker, "/api/points/balance?userId=1001")["balance"], 950_000);
    assert_eq!(asked(worker, "/api/points/balance?userId=1004")["balance"], 1_005_000);
    assert_eq!(asked(worker, &format!("/api/points/charges/{CHARGED}"))["balanceAfter"], 1_005_000);
}

#[test]
fn stores_and_log_of_the_version_before_open_and_say_what_they_said() {
    let data = tempfile::tempdir().unwrap();
    let setup = unpacked(data.path());
    let audit = said(&setup, &["audit"]);
    assert_eq!(audit.code, 0, "{}{}", audit.out, audit.err);
    let worker = Worker::start(&setup);
    says_what_it_said(&worker);
    // And it goes on from there.
    let issue = json!({"policyId": "1", "userId": "1009"});
    let outcome: Value = worker.post("/api/coupons/issue?strategy=v1", &issue).json().unwrap();
    assert_eq!(outcome["couponId"], "cpn_0_1_4", "{outcome}");
    assert!(worker.terminate().success());
}

#[test]
fn changelogs_of_the_version_before_rebuild_its_stores() {
    let data = tempfile::tempdir().unwrap();
    let setup = unpacked(data.path());
    for topology in ["coupon", "reservation", "expiration", "payment"] {
        std::fs::remove_dir_all(setup.data.join("holdfast").join(topology)).unwrap();
    }
    let worker = Worker::start(&setup);
    says_what_it_said(&worker);
    assert!(worker.terminate().success());
}
