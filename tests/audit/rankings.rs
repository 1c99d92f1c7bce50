//! Rankings: what was sold, sent and counted, and each way in which they may not agree.

use crate::crimes::expect;
use crate::shop::{PRICE, SCHEDULE, Shop, home};
use holdfast_model::ranking::keys::{DayKey, PopularKey};
use holdfast_model::ranking::row::{BucketsRow, DayRow, ScheduleRow, SoldOutRow};
use holdfast_model::ranking::{DAYS, INBOX, LAST_WEEK, NAME, POPULAR, SCHEDULES, window};
use holdfast_model::{reservation, rfc3339};
use serde_json::{Value, json};
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

/// A shop that has sold and taken back.
fn traded() -> Shop {
    let mut shop = Shop::open();
    shop.trade();
    shop
}

fn counted(shop: &Shop, what: &str) -> u64 {
    let only = vec!["I-24".parse().unwrap()];
    let report = examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap();
    let line = report.line("I-24").unwrap();
    assert_eq!(line.verdict, Verdict::Proved, "{}", report.text());
    line.counted.iter().find(|counted| counted.what == what).map_or(0, |counted| counted.n)
}

fn schedule(shop: &Shop) -> ScheduleRow {
    shop.row(NAME, home(SCHEDULE), &SCHEDULES, &SCHEDULE.to_owned())
}

fn found(said: &str, crime: impl FnOnce(&mut Shop)) {
    let mut shop = traded();
    crime(&mut shop);
    expect(&shop, "I-24", said);
}

fn forged(said: &str, change: impl FnOnce(&mut ScheduleRow)) {
    found(said, |shop| {
        let mut row = schedule(shop);
        change(&mut row);
        shop.driver.crash();
        shop.forge(NAME, home(SCHEDULE), &SCHEDULES, &SCHEDULE.to_owned(), Some(&row));
    });
}

/// A record of the rankings' inbox, as the reservations write it.
fn event(kind: &str, payment: &str) -> Value {
    let occurred_at = rfc3339::to_string(1_772_287_260_000);
    json!({"type": kind, "scheduleId": SCHEDULE, "paymentId": payment, "reserved": 1, "capacity": 50, "occurredAt": occurred_at})
}

#[test]
fn rankings_that_agree_are_proved() {
    let mut shop = traded();
    assert_eq!(counted(&shop, "sales sent as they were confirmed"), 4);
    assert_eq!(counted(&shop, "returns sent as they were refunded"), 2);
    assert_eq!(counted(&shop, "schedules that are counted right"), 2);
    // Every record once more, and a record of another producer, which no confirmation explains.
    for out in shop.driver.read(INBOX) {
        shop.driver.append_again(INBOX, &out);
    }
    let json = event("SEAT_SOLD", "other_1").to_string();
    shop.driver.pipe(INBOX, Some(SCHEDULE), &json);
    shop.driver.settle();
    assert_eq!(schedule(&shop).sold, 4);
}

#[test]
fn a_house_that_is_sold_out_is_proved() {
    let mut shop = Shop::open();
    let show = json!({"type": "create-schedule", "requestId": "small", "scheduleId": "small", "concertTitle": "t",
        "seats": {"count": 2, "price": PRICE}});
    shop.driver.pipe(reservation::INBOX, Some("small"), &show.to_string());
    shop.driver.settle();
    for (seat, user) in [(1, "1001"), (2, "1002")] {
        let hold = json!({"type": "hold", "requestId": format!("h{seat}"), "userId": user, "scheduleId": "small", "seatNo": seat, "nonce": "n"});
        let at = shop.driver.pipe(reservation::INBOX, Some("small"), &hold.to_string()).offset;
        shop.driver.settle();
        let id = crate::shop::named("res", "small", at, "n");
        let pay = json!({"type": "pay", "requestId": format!("p{seat}"), "reservationId": id, "amount": PRICE});
        shop.driver.pipe(reservation::INBOX, Some("small"), &pay.to_string());
        shop.driver.advance_ms(1_000);
    }
    assert_eq!(counted(&shop, "schedules sold out, recorded once"), 1);
    let key = "small".to_owned();
    let mut row: ScheduleRow = shop.row(NAME, home("small"), &SCHEDULES, &key);
    let sold_out = row.sold_out.as_mut().unwrap();
    assert!(sold_out.from_first_sale_ms >= 1_000 && !sold_out.reopened);
    sold_out.at_ms += 1;
    shop.driver.crash();
    shop.forge(NAME, home("small"), &SCHEDULES, &key, Some(&row));
    expect(&shop, "I-24", "it was sold out");
}

#[test]
fn a_sale_is_counted_twice() {
    forged("by the log that is", |row| row.sold += 1);
}

#[test]
fn a_refund_takes_nothing_back() {
    forged("by the log that is", |row| row.returned = 0);
}

#[test]
fn a_house_is_full_that_is_not() {
    forged("it was sold out", |row| {
        row.sold_out = Some(SoldOutRow { at_ms: 1, sold_out_ms: 1, from_first_sale_ms: 1, reopened: false });
    });
}

#[test]
fn an_index_ranks_something_else() {
    found("it does not rank what is counted", |shop| {
        let row = schedule(shop);
        let key = PopularKey { count: row.count(), reached_ms: row.reached_ms, schedule_id: SCHEDULE.to_owned() };
        shop.driver.crash();
        shop.forge::<_, ()>(NAME, home(SCHEDULE), &POPULAR, &key, None);
    });
}

#[test]
fn a_window_counts_something_else() {
    found("it counts", |shop| {
        let id = SCHEDULE.to_owned();
        let mut row: BucketsRow = shop.row(NAME, home(SCHEDULE), LAST_WEEK.stored(), &id);
        row.counts[0] += 1;
        shop.driver.crash();
        shop.forge(NAME, home(SCHEDULE), LAST_WEEK.stored(), &id, Some(&row));
    });
    found("there is no row", |shop| {
        let day = window::day_of(schedule(shop).first_sale_ms.unwrap());
        let key = DayKey { day, schedule_id: SCHEDULE.to_owned() };
        let row: DayRow = shop.row(NAME, home(SCHEDULE), DAYS.stored(), &key);
        assert!(row.count > 0);
        shop.driver.crash();
        shop.forge::<_, DayRow>(NAME, home(SCHEDULE), DAYS.stored(), &key, None);
    });
}

#[test]
fn a_sale_is_sent_that_nobody_has_confirmed() {
    found("its payment was not confirmed", |shop| {
        let place = home(SCHEDULE);
        shop.tell("reservation", place, INBOX, place, &event("SEAT_SOLD", "pay_0_forged"));
        shop.driver.settle();
    });
}

#[test]
fn a_return_is_sent_that_nobody_has_refunded() {
    found("its payment was not refunded", |shop| {
        let place = home(SCHEDULE);
        shop.tell("reservation", place, INBOX, place, &event("SEAT_RETURNED", "pay_0_forged"));
        shop.driver.settle();
    });
}

#[test]
fn a_confirmation_is_not_sent() {
    found("was not sent to the rankings as sold", |shop| {
        let confirmed = json!({"reservationId": "res_0_99", "userId": "1", "scheduleId": SCHEDULE, "seatNo": 9,
            "amount": PRICE, "paymentId": "pay_0_99"});
        shop.tell("reservation", home(SCHEDULE), reservation::CONFIRMED, 0, &confirmed);
        shop.driver.settle();
    });
}

#[test]
fn a_sale_is_sent_twice() {
    found("already", |shop| {
        let sent = shop.last(INBOX, |value| value["type"] == "SEAT_SOLD");
        let place = home(sent["scheduleId"].as_str().unwrap());
        shop.tell("reservation", place, INBOX, place, &sent);
        shop.driver.settle();
    });
}
