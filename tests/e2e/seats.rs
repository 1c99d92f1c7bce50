//! Seats and money over HTTP, the same on both logs: the seeds' own requests, and the whole way of a buyer.

use crate::support::topics::{self, Seen};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::log::Log;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;

/// Long enough for a busy machine to hold and pay, short enough to be waited for.
const HOLD_MS: &str = "3000";

#[test]
fn the_whole_way_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()));
    seeds(&worker);
    buyers(&worker);
    clients_that_hang_up(&worker);
    bad_input(&worker);
    assert!(worker.terminate().success());
}

#[test]
fn what_is_not_paid_expires_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = short_holds(Setup::embedded(data.path()));
    let worker = Worker::start(&setup);
    let expired = deadlines(&worker);
    // S0-30 and S0-48: the worker is gone when a deadline comes, and afterwards the same deadline comes a second time.
    let held = hold(&worker, "user_test", "schedule_test", 7);
    worker.kill9();
    let log = topics::embedded(data.path());
    let deadline = deadline_of(&*log, &expired);
    topics::append(&*log.appender().unwrap(), DEADLINES, deadline.partition, deadline.key(), deadline.value());
    drop(log);
    let worker = Worker::start(&setup);
    said(&worker, "Kafka Consumer connected (group: reservation-expiration-group)");
    said(&worker, "Subscribed to topic: reservation.expiration");
    becomes(&worker, &held, "EXPIRED");
    // The second deadline was due long ago: it comes before that of a hold that is made now.
    let last = hold(&worker, "user_test", "schedule_test", 8);
    becomes(&worker, &last, "EXPIRED");
    assert!(worker.terminate().success());
    expired_once(&*topics::embedded(data.path()), &[expired, held, last]);
}

pub(crate) const DEADLINES: &str = "reservation.expiration";

/// The same worker with holds that can be waited for.
pub(crate) fn short_holds(mut setup: Setup) -> Setup {
    setup.env.insert("HOLD_MS".to_owned(), HOLD_MS.to_owned());
    setup
}

impl Seen {
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// A seat for somebody, and the reservation's id.
pub(crate) fn hold(worker: &Worker, user: &str, schedule: &str, seat: u64) -> String {
    let wish = json!({"userId": user, "scheduleId": schedule, "seatNo": seat});
    told(worker, "/reservations", &wish, 201)["reservationId"].as_str().unwrap().to_owned()
}

pub(crate) fn reservation(worker: &Worker, id: &str) -> Value {
    worker.get(&format!("/reservations/{id}")).json().unwrap()
}

pub(crate) fn becomes(worker: &Worker, id: &str, state: &str) {
    wait::until(&format!("{id} becomes {state}"), || reservation(worker, id)["status"] == state);
}

fn said(worker: &Worker, line: &str) {
    wait::until(line, || worker.said().contains(line));
}

/// A POST that is decided with `status`, and its answer.
pub(crate) fn told(worker: &Worker, path: &str, body: &Value, status: u16) -> Value {
    let answer = worker.decided(path, body);
    let (got, told) = (answer.status(), answer.json::<Value>().unwrap());
    assert_eq!(got, status, "{path} {body}: {told}");
    told
}

/// A POST that is refused with this status and code.
pub(crate) fn refused(worker: &Worker, path: &str, body: &Value, status: u16, code: &str) -> Value {
    let problem = told(worker, path, body, status);
    assert_eq!(problem["code"], code, "{path} {body}: {problem}");
    assert!(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    problem
}

pub(crate) fn balance(worker: &Worker, user: &str) -> i64 {
    worker.get(&format!("/api/points/balance?userId={user}")).json::<Value>().unwrap()["balance"].as_i64().unwrap()
}

/// What is said about a hold that was just made (S0-18 to S0-20).
fn deadline_is_told(worker: &Worker, id: &str, hold_ms: &str) {
    said(worker, "[KafkaProducerService] Message sent to topic: reservation.expiration");
    let place = id.split('_').nth(1).unwrap();
    let event = format!("Received expiration event from reservation.expiration-{place}: evt_{id}.expiration");
    said(worker, &format!("[ReservationExpirationConsumer] {event}"));
    said(worker, &format!("[ReservationExpirationConsumer] Waiting {hold_ms}ms until expiration time..."));
}

/// S0-14, S0-15, S0-31, S0-32: what the guide sends, and what it expects.
pub(crate) fn seeds(worker: &Worker) {
    let held =
        told(worker, "/reservations", &json!({"userId": "user_123", "scheduleId": "schedule_456", "seatNo": 1}), 201);
    let id = held["reservationId"].as_str().unwrap();
    let expires_at = held["expiresAt"].as_str().unwrap();
    assert!(id.starts_with("res_") && expires_at.len() == 24 && expires_at.ends_with('Z'), "{held}");
    deadline_is_told(worker, id, "300000");
    let paid = told(worker, "/payments", &json!({"reservationId": id, "amount": 50000}), 200);
    assert!(paid["paymentId"].as_str().unwrap().starts_with("pay_"), "{paid}");
    assert_eq!(paid["status"], "SUCCESS");
    assert_eq!(reservation(worker, id)["status"], "CONFIRMED");
}

/// Charging, holding, being second, paying once, paying wrong, giving back.
pub(crate) fn buyers(worker: &Worker) {
    let (a, b) = ("buyer-a", "buyer-b");
    let charged = told(worker, "/api/points/charge", &json!({"userId": a, "amount": 120_000}), 200);
    assert_eq!(charged["balance"], 120_000);
    refused(worker, "/api/points/charge", &json!({"userId": a, "amount": 999}), 422, "CHARGE_BELOW_MINIMUM");
    let id = hold(worker, a, "schedule_test", 20);
    let seat = |user: &str| json!({"userId": user, "scheduleId": "schedule_test", "seatNo": 20});
    refused(worker, "/reservations", &seat(b), 409, "SEAT_ALREADY_RESERVED");
    assert_eq!(told(worker, "/reserve", &seat(a), 200)["reservationId"], id.as_str());

    let pay = |amount: i64| json!({"reservationId": id, "amount": amount});
    refused(worker, "/payments", &pay(1), 422, "AMOUNT_MISMATCH");
    let first: Value = worker.insist("/payments", "click", &pay(50_000)).json().unwrap();
    assert_eq!(first["status"], "SUCCESS", "{first}");
    let again = worker.try_post("/payments", "click", &pay(50_000)).unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["idempotent-replayed"]), (200, &"true".parse().unwrap()));
    assert_eq!(again.json::<Value>().unwrap(), first);
    let named = json!({"reservationId": id, "amount": 50_000, "userId": a});
    for (key, body, told) in [("click-2", named, &first["paymentId"]), ("click-3", pay(50_000), &Value::Null)] {
        let conflict = worker.insist("/payments", key, &body);
        assert_eq!(conflict.status(), 409);
        let conflict: Value = conflict.json().unwrap();
        assert_eq!((&conflict["code"], &conflict["paymentId"]), (&json!("PAYMENT_CONFLICT"), told));
    }
    assert_eq!(balance(worker, a), 70_000);

    // The seat stays his, and he may charge and try again.
    let poor = hold(worker, b, "schedule_test", 21);
    let wish = json!({"reservationId": poor, "amount": 50_000});
    refused(worker, "/payments", &wish, 402, "INSUFFICIENT_POINTS");
    assert_eq!(reservation(worker, &poor)["status"], "HELD");
    told(worker, "/api/points/charge", &json!({"userId": b, "amount": 50_000}), 200);
    assert_eq!(told(worker, "/payments", &wish, 200)["status"], "SUCCESS");

    let refund = format!("/payments/{}/refund", first["paymentId"].as_str().unwrap());
    let back = told(worker, &refund, &json!({"userId": a}), 200);
    assert_eq!(
        (&back["status"], &back["refunded"], &back["refundAmount"]),
        (&json!("CANCELLED"), &json!(true), &json!(50_000))
    );
    becomes(worker, &id, "REFUNDED");
    assert_eq!(balance(worker, a), 120_000);
    let statement: Value = worker.get(&format!("/api/points/statement?userId={a}&limit=2")).json().unwrap();
    let line = |n: usize| {
        (&statement["lines"][n]["type"], &statement["lines"][n]["amount"], &statement["lines"][n]["balanceAfter"])
    };
    assert_eq!(line(0), (&json!("REFUND"), &json!(50_000), &json!(120_000)));
    assert_eq!(line(1), (&json!("PAYMENT"), &json!(-50_000), &json!(70_000)));
    let next = statement["nextCursor"].as_str().unwrap();
    let page: Value = worker.get(&format!("/api/points/statement?userId={a}&cursor={next}")).json().unwrap();
    assert_eq!((&page["lines"][0]["sequence"], page.get("nextCursor")), (&json!(1), None), "{page}");
    // The seat is free again.
    hold(worker, b, "schedule_test", 20);
}

/// A client that hangs up changes nothing: whether its payment was accepted or not, asked again under its key it is paid once.
pub(crate) fn clients_that_hang_up(worker: &Worker) {
    let user = "buyer-c";
    told(worker, "/api/points/charge", &json!({"userId": user, "amount": 150_000}), 200);
    for seat in [30, 31, 32] {
        let id = hold(worker, user, "schedule_test", seat);
        let (body, key) = (json!({"reservationId": id, "amount": 50_000}), format!("gone-{seat}"));
        let (address, text) = (worker.url.strip_prefix("http://").unwrap(), body.to_string());
        let mut connection = TcpStream::connect(address).unwrap();
        write!(
            connection,
            "POST /payments HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nidempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
        .unwrap();
        drop(connection);
        let paid = worker.insist("/payments", &key, &body);
        assert_eq!(paid.status(), 200, "{}", paid.text().unwrap());
        assert_eq!(reservation(worker, &id)["status"], "CONFIRMED");
    }
    assert_eq!(balance(worker, user), 0);
}

/// Whatever comes in, every route says what is wrong with it, and nothing has happened.
pub(crate) fn bad_input(worker: &Worker) {
    let json_type = "application/json";
    for path in ["/reservations", "/reserve", "/payments", "/api/points/charge", "/api/schedules", "/api/concerts"] {
        for (what, content_type, body, status) in [
            ("not JSON", json_type, b"{{{".to_vec(), 400),
            ("invalid UTF-8", json_type, b"{\"userId\":\"\xff\"}".to_vec(), 400),
            ("nothing in it", json_type, b"{}".to_vec(), 422),
            ("a list", json_type, b"[]".to_vec(), 422),
            (
                "ids that are none",
                json_type,
                b"{\"userId\":{},\"reservationId\":[],\"scheduleId\":1.5,\"concertId\":true}".to_vec(),
                422,
            ),
            ("not JSON by its own word", "text/plain", b"{}".to_vec(), 415),
            ("2 MB", json_type, vec![b' '; 2 << 20], 413),
        ] {
            let answer = worker.post_bytes(path, content_type, body);
            assert_eq!(answer.status(), status, "{path}: {what}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}: {what}");
            let problem: Value = answer.json().unwrap();
            assert!(problem["code"].is_string() && problem["detail"].is_string(), "{path}: {what}: {problem}");
        }
    }
    for path in ["/reservations/res_789", "/payments/pay_123", "/reservations/requests/x", "/api/schedules/none/seats"]
    {
        assert_eq!(worker.get(path).status(), 404, "{path}");
    }
    refused(worker, "/payments", &json!({"reservationId": "res_789", "amount": 50_000}), 404, "RESERVATION_NOT_FOUND");
    let nowhere = json!({"userId": "u", "scheduleId": "schedule_456", "seatNo": 0});
    refused(worker, "/reservations", &nowhere, 404, "SEAT_NOT_FOUND");
}

/// S0-38 and what surrounds it, with short holds: never early, told in the guide's words, free for others, too late to pay. Returns the first that has
/// expired.
pub(crate) fn deadlines(worker: &Worker) -> String {
    let held =
        told(worker, "/reservations", &json!({"userId": "user_test", "scheduleId": "schedule_test", "seatNo": 1}), 201);
    let id = held["reservationId"].as_str().unwrap().to_owned();
    deadline_is_told(worker, &id, HOLD_MS);
    let paid = hold(worker, "user_test", "schedule_test", 2);
    assert_eq!(told(worker, "/payments", &json!({"reservationId": paid, "amount": 50_000}), 200)["status"], "SUCCESS");
    becomes(worker, &id, "EXPIRED");
    said(worker, &format!("[ReservationExpirationConsumer] Reservation {id} expired successfully"));
    refused(worker, "/payments", &json!({"reservationId": id, "amount": 50_000}), 410, "RESERVATION_EXPIRED");
    // The deadline of what is paid comes for nothing (S0-29).
    wait::until("a deadline that comes for nothing", || {
        let said = worker.said();
        said.lines().any(|line| line.contains("Reservation was already expired or confirmed") && line.contains(&paid))
    });
    assert_eq!(reservation(worker, &paid)["status"], "CONFIRMED");
    becomes(worker, &hold(worker, "1001", "schedule_test", 1), "EXPIRED");
    id
}

/// The deadline's record of a reservation.
pub(crate) fn deadline_of(log: &dyn Log, id: &str) -> Seen {
    let all = topics::read_all(log, DEADLINES);
    all.into_iter().find(|seen| seen.json()["payload"]["reservationId"] == id).unwrap()
}

/// Each of these has expired once and not before its time, and its user was told once.
pub(crate) fn expired_once(log: &dyn Log, ids: &[String]) {
    let expired = topics::read_all(log, "seats.expired");
    let notices = topics::read_all(log, "notification.request");
    for id in ids {
        let facts: Vec<Value> =
            expired.iter().map(Seen::json).filter(|fact| fact["reservationId"] == id.as_str()).collect();
        assert_eq!(facts.len(), 1, "{id}: {facts:?}");
        // Both are RFC 3339 in UTC with milliseconds: their order as text is that of time.
        assert!(facts[0]["expiredAt"].as_str().unwrap() >= facts[0]["expiresAt"].as_str().unwrap(), "{}", facts[0]);
        println!("{id}: due {} and over {}", facts[0]["expiresAt"], facts[0]["expiredAt"]);
        let told = notices.iter().map(Seen::json).filter(|notice| {
            notice["payload"]["type"] == "RESERVATION_EXPIRED"
                && notice["payload"]["data"]["reservationId"] == id.as_str()
        });
        assert_eq!(told.count(), 1, "{id}");
    }
}
