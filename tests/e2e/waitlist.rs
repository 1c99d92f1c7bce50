//! A sold-out evening over HTTP: users wait, holds expire, the head of the list is offered the seat and pays, through a crash.

use crate::audit::{line, report};
use crate::seats::{becomes, hold, refused, reservation, told};
use crate::support::command::said;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};

const EVENING: &str = "evening";

fn place(worker: &Worker, user: &str) -> Value {
    worker.get(&format!("/api/schedules/{EVENING}/waitlist?userId={user}")).json().unwrap()
}

fn sell(worker: &Worker, schedule: &str, policy: &str) {
    let create = json!({
        "scheduleId": schedule, "concertTitle": "아이유 콘서트", "seats": {"count": 1, "price": 50_000}, "waitlist": policy,
    });
    told(worker, "/api/schedules", &create, 201);
}

fn path(schedule: &str) -> String {
    format!("/api/schedules/{schedule}/waitlist")
}

#[test]
fn the_head_of_a_waitlist_gets_the_seat_and_pays() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path()).with("HOLD_MS", "6000");
    let worker = Worker::start(&setup);
    sell(&worker, EVENING, "OFFER");
    let waits = |user: &str| json!({"userId": user});
    refused(&worker, &path("nowhere"), &waits("a"), 404, "SCHEDULE_NOT_FOUND");
    refused(&worker, &path(EVENING), &waits("a"), 409, "SEATS_AVAILABLE");
    refused(&worker, &path(EVENING), &json!({}), 422, "VALIDATION_FAILED");
    let held = hold(&worker, "owner", EVENING, 1);
    let first = told(&worker, &path(EVENING), &waits("a"), 201);
    assert_eq!(first, json!({"scheduleId": EVENING, "userId": "a", "position": 1, "status": "WAITING"}));
    let second: Value = worker.insist(&path(EVENING), "click", &waits("b")).json().unwrap();
    assert_eq!(second["position"], 2, "{second}");
    assert_eq!(told(&worker, &path(EVENING), &waits("a"), 200)["position"], 1);
    told(&worker, &path(EVENING), &waits("c"), 201);
    let left = worker.delete(&format!("{}?userId=c", path(EVENING)));
    assert_eq!((left.status().as_u16(), left.json::<Value>().unwrap()["status"].clone()), (200, json!("LEFT")));
    let gone = worker.get(&format!("{}?userId=c", path(EVENING)));
    assert_eq!(
        (gone.status().as_u16(), gone.json::<Value>().unwrap()["code"].clone()),
        (404, json!("WAITLIST_ENTRY_NOT_FOUND"))
    );

    // The worker is gone when the deadline comes.
    worker.kill9();
    let worker = Worker::start(&setup);
    becomes(&worker, &held, "EXPIRED");
    wait::until("a is offered the seat", || {
        place(&worker, "a")["status"] == "OFFERED" || place(&worker, "b")["status"] == "OFFERED"
    });
    // Nobody but the heads, one after the other: a does not pay, so it is b's.
    wait::until("b is offered the seat", || place(&worker, "b")["status"] == "OFFERED");
    let offer = place(&worker, "b");
    let id = offer["reservationId"].as_str().unwrap().to_owned();
    told(&worker, "/api/points/charge", &json!({"userId": "b", "amount": 50_000}), 200);
    let seat = json!({"userId": "stranger", "scheduleId": EVENING, "seatNo": 1});
    refused(&worker, "/reservations", &seat, 409, "SEAT_ALREADY_RESERVED");
    told(&worker, "/payments", &json!({"reservationId": id, "amount": 50_000}), 200);
    assert_eq!(reservation(&worker, &id)["status"], "CONFIRMED");
    assert_eq!(
        (offer["position"].clone(), place(&worker, "b")["code"].clone()),
        (json!(0), json!("WAITLIST_ENTRY_NOT_FOUND"))
    );
    // Whoever clicked once and asks again is told what was told first, whatever has become of it.
    let again = worker.try_post(&path(EVENING), "click", &waits("b")).unwrap();
    assert_eq!(again.json::<Value>().unwrap(), second);
    assert!(worker.terminate().success());
    let audited = said(&setup, &["audit", "--format", "json"]);
    assert_eq!(audited.code, 0, "{audited:?}");
    assert_eq!(line(&report(&audited), "I-27")["verdict"], "PROVED", "{audited:?}");
}
