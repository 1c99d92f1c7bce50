//! Notifications: a ledger that says what was asked for, and each way in which it may not. No effect is performed here: what is asked for stays SENDING.

use crate::crimes::expect;
use crate::shop::{Shop, home};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::{CONTACTS, Contact, ContactRow};
use holdfast_model::notification::row::{Death, DeliveryRow, DeliveryState, NoticeRow};
use holdfast_model::notification::{INBOX, NAME, NOTICES, USER_CONTACTS};
use holdfast_model::reservation;
use holdfast_ports::record::NewRecord;
use serde_json::{Value, json};
use std::fs;
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

const PHONE: &str = "+821012345678";

/// A shop that has traded, and asked for notifications.
fn traded() -> Shop {
    let mut shop = Shop::open();
    shop.trade();
    contact(&mut shop, "erased", Some(PHONE));
    contact(&mut shop, "erased", None);
    contact(&mut shop, "kept", Some("+821099998888"));
    shop.driver.settle();
    shop
}

fn contact(shop: &mut Shop, user: &str, phone: Option<&str>) {
    let contact = phone.map(|phone| Contact { phone: Some(phone.to_owned()), ..Contact::default() });
    let value = contact.map(|contact| serde_json::to_vec(&contact).unwrap());
    let (topic, partition, key) = (USER_CONTACTS, home(user), Some(user.as_bytes()));
    shop.driver.append(&NewRecord { topic, partition, key, value: value.as_deref(), headers: &[] });
}

/// Id and user of the last notification of this type.
fn last(shop: &Shop, kind: &str) -> (String, String) {
    let value = shop.last(INBOX, |value| value["payload"]["type"] == kind);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&value["eventId"]), text(&value["payload"]["userId"]))
}

/// Rewrites the row of that notification.
fn rewrite(shop: &mut Shop, kind: &str, change: impl FnOnce(&mut NoticeRow)) {
    let (id, user) = last(shop, kind);
    let mut row: NoticeRow = shop.row(NAME, home(&user), NOTICES.stored(), &id);
    change(&mut row);
    shop.forge(NAME, home(&user), NOTICES.stored(), &id, Some(&row));
}

fn found(invariant: &str, said: &str, tampering: impl FnOnce(&mut Shop)) {
    let mut shop = traded();
    tampering(&mut shop);
    expect(&shop, invariant, said);
}

#[test]
fn a_ledger_that_is_right_is_proved() {
    let report = examine(traded().driver.log(), &traded().question()).unwrap();
    for id in ["I-15", "I-16", "I-22", "I-28"] {
        assert_eq!(report.line(id).unwrap().verdict, Verdict::Proved, "{id}\n{}", report.text());
    }
    let counted = |id: &str, what: &str| {
        let line = report.line(id).unwrap();
        line.counted.iter().find(|counted| counted.what == what).map_or(0, |counted| counted.n)
    };
    assert!(counted("I-15", "deliveries under way") > 0, "{}", report.text());
    assert!(counted("I-22", "deliveries by their rules") > 0, "{}", report.text());
    assert_eq!((counted("I-28", "contacts erased"), counted("I-28", "contacts kept")), (1, 1), "{}", report.text());
}

#[test]
fn a_request_without_a_row_and_a_row_without_a_request_are_found() {
    found("I-15", "the ledger has no row for it", |shop| {
        let (id, user) = last(shop, "PAYMENT_CONFIRMED");
        shop.forge(NAME, home(&user), NOTICES.stored(), &id, None::<&NoticeRow>);
    });
    found("I-15", "nobody has asked for it", |shop| {
        let (id, user) = last(shop, "PAYMENT_CONFIRMED");
        let row: NoticeRow = shop.row(NAME, home(&user), NOTICES.stored(), &id);
        shop.forge(NAME, home(&user), NOTICES.stored(), &"made-up".to_owned(), Some(&row));
    });
    found("I-15", "it was asked for another user", |shop| {
        rewrite(shop, "PAYMENT_CONFIRMED", |row| row.user_id = "thief".to_owned());
    });
}

#[test]
fn too_many_attempts_and_a_death_without_a_letter_are_found() {
    found("I-22", "more attempts than a first one and three retries", |shop| {
        rewrite(shop, "PAYMENT_CONFIRMED", |row| (row.deliveries[0].attempts, row.deliveries[0].tries) = (5, 5));
    });
    found("I-22", "not among the dead letters", |shop| {
        rewrite(shop, "PAYMENT_CONFIRMED", |row| {
            row.deliveries[0].state = DeliveryState::Dead(Death::Refused);
            row.deliveries[0].deaths = 1;
        });
    });
}

#[test]
fn a_notice_that_is_not_true_is_found() {
    found("I-16", "the user was told that the seat is lost", |shop| {
        let paid = shop.last(reservation::CONFIRMED, |value| value["userId"] == "user_123")["reservationId"].clone();
        let request = json!({"eventId": "lie", "payload": {"userId": "1001", "type": "RESERVATION_EXPIRED", "data": {"reservationId": paid}}});
        shop.tell(reservation::NAME, 0, INBOX, home("1001"), &request);
        shop.driver.settle();
        let mut row: NoticeRow = shop.row(NAME, home("1001"), NOTICES.stored(), &"lie".to_owned());
        row.deliveries[0].state = DeliveryState::Sent;
        shop.forge(NAME, home("1001"), NOTICES.stored(), &"lie".to_owned(), Some(&row));
    });
    found("I-16", "for longer than it may be", |shop| {
        rewrite(shop, "PAYMENT_CONFIRMED", |row| row.valid_until_ms = i64::MAX);
    });
}

#[test]
fn an_erased_contact_that_is_kept_anywhere_is_found() {
    found("I-28", "it was erased, and is kept", |shop| {
        let row = ContactRow { phone: Some(PHONE.to_owned()), ..ContactRow::default() };
        shop.forge(NAME, home("erased"), &CONTACTS, &"erased".to_owned(), Some(&row));
    });
    found("I-28", "it holds an erased contact", |shop| {
        let (place, user) = (home("erased"), "erased");
        let request =
            json!({"eventId": "leak", "payload": {"userId": user, "type": "NEWS", "message": format!("call {PHONE}")}});
        shop.put(INBOX, place, request.to_string().as_bytes(), &[]);
        shop.driver.settle();
    });
}

/// What a receiver says that it has got, against the ledger.
#[test]
fn a_receiver_that_contradicts_the_ledger_is_found() {
    let mut shop = traded();
    let (id, user) = last(&shop, "PAYMENT_CONFIRMED");
    rewrite(&mut shop, "PAYMENT_CONFIRMED", |row| {
        let sent = DeliveryRow::new(Channel::Webhook, DeliveryState::Sent, row.created_ms);
        row.deliveries = vec![DeliveryRow { tries: 2, attempts: 2, ..sent }];
    });
    let row: NoticeRow = shop.row(NAME, home(&user), NOTICES.stored(), &id);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("received");
    let call = |id: &str, ms: i64, attempt: u32, status: u16| {
        let body = json!({"notificationId": id, "channel": "webhook", "attempt": attempt}).to_string();
        json!({"ms": row.created_ms + ms, "key": id, "body": body, "status": status}).to_string() + "\n"
    };
    let judged = |lines: &[String], invariant: &str| {
        fs::write(&file, lines.concat()).unwrap();
        let only = vec![invariant.parse().unwrap()];
        let question = Question { only, sink: Some(file.clone()), ..shop.question() };
        let report = examine(shop.driver.log(), &question).unwrap();
        let line = report.line(invariant).unwrap();
        (line.verdict, line.why.clone().unwrap_or_default())
    };
    let good = [call(&id, 0, 1, 500), call(&id, 900, 2, 200)];
    assert_eq!(judged(&good, "I-15").0, Verdict::Proved);
    assert_eq!(judged(&good, "I-22").0, Verdict::Proved);
    for (lines, invariant, said) in [
        (vec![call(&id, 0, 1, 500)], "I-15", "the receiver has not taken it"),
        (vec![good[1].clone(), call("unknown", 0, 1, 200)], "I-15", "the ledger knows nothing of it"),
        (vec![good[0].clone(), call(&id, 20, 2, 200)], "I-22", "came 20 ms after the one before"),
        (vec![call(&id, 8 * 86_400_000, 1, 200)], "I-16", "it came after its time"),
    ] {
        let (verdict, why) = judged(&lines, invariant);
        assert_eq!(verdict, Verdict::Breached, "{said}");
        assert!(why.contains(said), "{said}: {why}");
    }
}
