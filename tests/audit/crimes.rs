//! Each kind of wrong, done by somebody who can write what he likes into any topic.

use crate::shop::{HOLD_MS, PLACES, PRICE, SCHEDULE, Shop, home};
use holdfast_model::payment::keys::LineKey;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{CommandRow, ScheduleRow};
use holdfast_model::reservation::state::State;
use holdfast_model::{coupon, notification, payment, reservation, rfc3339};
use holdfast_ports::log::Log;
use holdfast_ports::record::TopicPartition;
use serde_json::{Value, json};
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

/// Does `crime` to a shop that is right, and has it found: breached is `invariant`, and the counter-example contains `said`.
fn found(invariant: &str, said: &str, crime: impl FnOnce(&mut Shop)) {
    let mut shop = Shop::open();
    shop.trade();
    crime(&mut shop);
    expect(&shop, invariant, said);
}

pub(crate) fn expect(shop: &Shop, invariant: &str, said: &str) {
    let only = vec![invariant.parse().unwrap()];
    let report = examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap();
    let line = report.line(invariant).unwrap();
    assert_eq!(line.verdict, Verdict::Breached, "{invariant}: {said}\n{}", report.text());
    let (at, why) = (line.at.as_deref().unwrap(), line.why.as_deref().unwrap());
    assert!(format!("{at}: {why}").contains(said), "{said:?} was found as {at}: {why}\n{}", report.text());
}

/// What a deadline's record says.
fn deadline(shop: &Shop, reservation: &str, expires_ms: i64) -> Value {
    let now_ms = shop.driver.read(reservation::INBOX).iter().map(|out| out.record.append_ms).max().unwrap();
    json!({
        "eventType": "reservation.expiration",
        "occurredAt": rfc3339::to_string(now_ms),
        "payload": {"reservationId": reservation, "expiresAt": rfc3339::to_string(expires_ms)},
    })
}

fn confirmed(reservation: &str, payment: &str, user: &str, seat: u64) -> Value {
    json!({"reservationId": reservation, "userId": user, "scheduleId": SCHEDULE, "seatNo": seat, "amount": PRICE, "paymentId": payment})
}

#[test]
fn a_seat_is_given_to_two() {
    found("I-1", "was given to 1002", |shop| {
        shop.hold("thief", "user_123", 5);
        let second = shop.hold("thief2", "1002", 5);
        let now_ms = shop.driver.read(reservation::INBOX).iter().map(|out| out.record.append_ms).max().unwrap();
        let value = deadline(shop, &second, now_ms + HOLD_MS);
        shop.tell("reservation", home(SCHEDULE), reservation::EXPIRATIONS, home(SCHEDULE), &value);
    });
}

#[test]
fn a_seat_is_kept_for_somebody_else() {
    found("I-1", "seat 1 of schedule_456", |shop| {
        let key = reservation::keys::SeatKey { schedule_id: SCHEDULE.to_owned(), seat_no: 1 };
        let row = reservation::row::TakenRow { serial: 999 };
        shop.forge("reservation", home(SCHEDULE), &reservation::TAKEN, &key, Some(&row));
    });
}

#[test]
fn more_seats_are_sold_than_there_are() {
    found("I-2", "schedule schedule_456", |shop| {
        let id = SCHEDULE.to_owned();
        let row: ScheduleRow = shop.row("reservation", home(SCHEDULE), &reservation::SCHEDULES, &id);
        let row = ScheduleRow { reserved: row.capacity + 1, ..row };
        shop.forge("reservation", home(SCHEDULE), &reservation::SCHEDULES, &id, Some(&row));
    });
}

#[test]
fn seats_are_miscounted() {
    found("I-2", "by the log Some((50, ", |shop| {
        let id = SCHEDULE.to_owned();
        let row: ScheduleRow = shop.row("reservation", home(SCHEDULE), &reservation::SCHEDULES, &id);
        let row = ScheduleRow { held: row.held + 1, ..row };
        shop.forge("reservation", home(SCHEDULE), &reservation::SCHEDULES, &id, Some(&row));
    });
}

#[test]
fn a_seat_is_confirmed_that_nobody_paid() {
    found("I-3", "which no wallet has paid for it", |shop| {
        let held = shop.hold("free", "1002", 6);
        let value = confirmed(&held, "pay_x", "1002", 6);
        shop.tell("reservation", home(SCHEDULE), reservation::CONFIRMED, home(&held), &value);
    });
}

#[test]
fn a_seat_is_confirmed_twice() {
    found("I-3", "was confirmed by", |shop| {
        let value = shop.last(reservation::CONFIRMED, |_| true);
        let id = value["reservationId"].as_str().unwrap().to_owned();
        shop.tell("reservation", home(SCHEDULE), reservation::CONFIRMED, home(&id), &value);
    });
}

#[test]
fn a_payment_ends_in_nothing() {
    found("I-3", "and no seat was to be paid", |shop| {
        let debit = json!({
            "type": "debit", "paymentId": "pay_0_lost", "reservationId": "res_0_77", "scheduleId": "s", "userId": "1001",
            "seatNo": 1, "price": 1_000, "amount": 1_000, "replyPlace": 0,
        });
        shop.driver.pipe(payment::INBOX, Some("1001"), &debit.to_string());
        shop.driver.settle();
    });
}

#[test]
fn a_wallet_is_asked_for_what_nobody_granted() {
    found("I-3", "no pay command was granted", |shop| {
        let debit = json!({
            "type": "debit", "paymentId": "pay_0_lost", "reservationId": "res_0_77", "scheduleId": "s", "userId": "1001",
            "seatNo": 1, "price": 1_000, "amount": 1_000, "replyPlace": 0,
        });
        shop.tell("reservation", 0, payment::INBOX, home("1001"), &debit);
        shop.driver.settle();
    });
}

#[test]
fn a_payment_is_told_of_that_was_not_taken() {
    found("I-3", "and nothing was taken", |shop| {
        let value =
            json!({"payload": {"paymentId": "pay_0_x", "userId": "1001", "reservationId": "res_0_1", "amount": 5}});
        shop.tell("payment", home("1001"), payment::COMPLETED, home("1001"), &value);
    });
}

#[test]
fn a_balance_grows_by_itself() {
    found("I-4", "wallet of 1001", |shop| {
        let user = "1001".to_owned();
        let mut row: payment::row::WalletRow = shop.row("payment", home("1001"), &payment::WALLETS, &user);
        row.balance += 1;
        shop.forge("payment", home("1001"), &payment::WALLETS, &user, Some(&row));
    });
}

#[test]
fn accounts_do_not_add_up() {
    found("I-4", "the accounts add up to 1 KRW", |shop| {
        let currency = payment::CURRENCY.to_owned();
        let mut row: LedgerRow = shop.row("payment", home("1001"), &payment::LEDGER, &currency);
        row.revenue += 1;
        shop.forge("payment", home("1001"), &payment::LEDGER, &currency, Some(&row));
    });
}

#[test]
fn a_statement_has_a_gap() {
    found("I-5", "statement of 1001 line 2", |shop| {
        let key = LineKey { user_id: "1001".to_owned(), sequence: 1 };
        shop.forge("payment", home("1001"), &payment::STATEMENT, &key, None);
    });
}

#[test]
fn balances_do_not_chain() {
    found("I-5", "statement of 1001 line 1", |shop| {
        let key = LineKey { user_id: "1001".to_owned(), sequence: 1 };
        let mut row: payment::row::LineRow = shop.row("payment", home("1001"), &payment::STATEMENT, &key);
        row.amount -= 1;
        shop.forge("payment", home("1001"), &payment::STATEMENT, &key, Some(&row));
    });
}

#[test]
fn a_debit_is_kept_as_refused() {
    found("I-5", "comes to Posted", |shop| {
        let id = "c-1001-1000000".to_owned();
        let mut row: payment::row::ChargeRow = shop.row("payment", home("1001"), payment::CHARGES.stored(), &id);
        row.outcome = payment::row::Outcome::Refused(payment::outcome::Refusal::ChargeTooLarge);
        shop.forge("payment", home("1001"), payment::CHARGES.stored(), &id, Some(&row));
    });
}

#[test]
fn a_hold_ends_too_early() {
    found("I-6", "ms before its deadline", |shop| {
        let held = shop.hold("short", "1002", 7);
        let expires_ms = shop.last(reservation::EXPIRATIONS, |_| true)["payload"]["expiresAt"].clone();
        let expires_ms = rfc3339::parse(expires_ms.as_str().unwrap()).unwrap();
        let at = rfc3339::to_string;
        let value = json!({"reservationId": held, "scheduleId": SCHEDULE, "expiredAt": at(expires_ms - 1), "expiresAt": at(expires_ms)});
        shop.tell("reservation", home(SCHEDULE), reservation::SEATS_EXPIRED, home(SCHEDULE), &value);
    });
}

#[test]
fn a_hold_ends_early_and_says_another_deadline() {
    found("I-6", "freed by no deadline", |shop| {
        let held = shop.hold("short", "1002", 7);
        let value = json!({"reservationId": held, "scheduleId": SCHEDULE, "expiredAt": 5, "expiresAt": 5});
        let value = Value::Object(
            value
                .as_object()
                .unwrap()
                .iter()
                .map(|(k, v)| (k.clone(), if v == 5 { json!("2026-02-28T14:01:01.000Z") } else { v.clone() }))
                .collect(),
        );
        shop.tell("reservation", home(SCHEDULE), reservation::SEATS_EXPIRED, home(SCHEDULE), &value);
    });
}

#[test]
fn a_hold_is_forgotten() {
    // Nobody arms the deadlines.
    let topologies =
        holdfast_topologies::all().into_iter().filter(|topology| &**topology.name() != "expiration").collect();
    let mut shop = Shop::of(topologies);
    shop.hold("h", "1001", 1);
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 9_000);
    shop.charge("1002", 5_000);
    shop.driver.settle();
    assert_ne!(shop.audit().verdict, Verdict::Breached, "{}", shop.audit().text());
    shop.driver.advance_ms(2_000);
    shop.charge("1002", 6_000);
    shop.driver.settle();
    expect(&shop, "I-7", "it is held still");
}

#[test]
fn a_payment_is_taken_after_the_deadline() {
    found("I-8", "and the deadline was", |shop| {
        let held = shop.hold("late", "1002", 8);
        shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
        let id = shop.pay("latest", &held, PRICE);
        let debit = json!({
            "type": "debit", "paymentId": id, "reservationId": held, "scheduleId": SCHEDULE, "userId": "1002",
            "seatNo": 8, "price": PRICE, "amount": PRICE, "replyPlace": home(SCHEDULE),
        });
        shop.tell("reservation", home(SCHEDULE), payment::INBOX, home("1002"), &debit);
    });
}

#[test]
fn a_payment_in_time_is_refused_as_too_late() {
    found("I-8", "and was refused as too late", |shop| {
        let held = shop.hold("early", "1002", 8);
        shop.pay("in-time", &held, PRICE - 1);
        let id = "in-time".to_owned();
        let row: CommandRow = shop.row("reservation", home(SCHEDULE), reservation::COMMANDS.stored(), &id);
        let row = CommandRow { refused: Some(Refusal::ReservationExpired), ..row };
        shop.forge("reservation", home(SCHEDULE), reservation::COMMANDS.stored(), &id, Some(&row));
    });
}

#[test]
fn an_outcome_is_lost() {
    found("I-9", "h2 (hold) has no outcome", |shop| {
        shop.forge("reservation", home(SCHEDULE), reservation::COMMANDS.stored(), &"h2".to_owned(), None);
    });
}

#[test]
fn a_coupon_request_has_two_outcomes() {
    found("I-9", "k3 has one outcome", |shop| {
        let value = shop.last(coupon::FAILURES, |value| value["requestId"] == "k3");
        shop.tell("coupon", home("coupon-p"), coupon::FAILURES, home("coupon-p"), &value);
    });
}

#[test]
fn an_outcome_answers_nobody() {
    found("I-9", "no outcome without a request", |shop| {
        let value = json!({"requestId": "ghost", "policyId": "p", "userId": "g", "status": "OUT_OF_STOCK"});
        shop.tell("coupon", home("coupon-p"), coupon::FAILURES, home("coupon-p"), &value);
    });
}

#[test]
fn a_query_says_something_else() {
    found("I-10", "shown is (\"EXPIRED\"", |shop| {
        let held = shop.hold("shown", "1002", 10);
        let (_, serial) = reservation::ids::parse_reservation(&held).unwrap();
        let mut row: reservation::row::ReservationRow =
            shop.row("reservation", home(SCHEDULE), &reservation::RESERVATIONS, &serial);
        row.state = State::Expired;
        shop.forge("reservation", home(SCHEDULE), &reservation::RESERVATIONS, &serial, Some(&row));
    });
}

#[test]
fn a_free_seat_is_told_to_be_taken() {
    found("I-10", "and it was free", |shop| {
        let id = "mistold".to_owned();
        let wish = json!({"type": "hold", "requestId": id, "userId": " ", "scheduleId": SCHEDULE, "seatNo": 20});
        shop.ask(&wish);
        let row: CommandRow = shop.row("reservation", home(SCHEDULE), reservation::COMMANDS.stored(), &id);
        let row = CommandRow { refused: Some(Refusal::SeatTaken), ..row };
        shop.forge("reservation", home(SCHEDULE), reservation::COMMANDS.stored(), &id, Some(&row));
    });
}

#[test]
fn coupons_are_miscounted() {
    found("I-11", "policy p", |shop| {
        let id = "p".to_owned();
        let mut row: coupon::row::PolicyRow = shop.row("coupon", home("coupon-p"), &coupon::POLICIES, &id);
        row.issued -= 1;
        shop.forge("coupon", home("coupon-p"), &coupon::POLICIES, &id, Some(&row));
    });
}

#[test]
fn somebody_else_gets_the_coupon() {
    // The last word about a request is somebody's who was not asked.
    found("I-12", "by the order of the log it is SUCCESS", |shop| {
        let inbox = json!({"requestId": "k9", "policyId": "q", "userId": "q1"}).to_string();
        let create =
            json!({"type": "create-policy", "requestId": "cq", "policyId": "q", "title": "t", "totalQuantity": 1});
        let place = home("coupon-q");
        shop.driver.crash();
        let before = shop.put(coupon::INBOX, place, create.to_string().as_bytes(), &[]);
        shop.put(coupon::INBOX, place, inbox.as_bytes(), &[]);
        let value =
            json!({"requestId": "k9", "policyId": "q", "userId": "q1", "status": "OUT_OF_STOCK", "remaining": 0});
        shop.tell("coupon", place, coupon::FAILURES, place, &value);
        shop.stand("coupon", place, coupon::INBOX, before + 2);
    });
}

#[test]
fn another_request_under_a_known_id_is_not_refused() {
    found("I-14", "h1 was something else", |shop| {
        let wish = json!({"type": "hold", "requestId": "h1", "userId": "other", "scheduleId": SCHEDULE, "seatNo": 30});
        shop.driver.crash();
        let at = shop.put(reservation::INBOX, home(SCHEDULE), wish.to_string().as_bytes(), &[]);
        shop.stand("reservation", home(SCHEDULE), reservation::INBOX, at + 1);
    });
}

#[test]
fn a_notice_is_asked_for_twice_or_of_nothing() {
    let notice =
        |kind: &str, id: &str| json!({"payload": {"userId": "1", "type": kind, "data": {"reservationId": id}}});
    found("I-15", "was asked for 2 times", |shop| {
        let value = shop.last(notification::REQUESTS, |value| value["payload"]["type"] == "PAYMENT_CONFIRMED");
        shop.tell("reservation", 0, notification::REQUESTS, 0, &value);
    });
    found("I-15", "a notice of something that did not happen", |shop| {
        shop.tell("reservation", 0, notification::REQUESTS, 0, &notice("RESERVATION_EXPIRED", "res_0_4711"));
    });
}

#[test]
fn another_decision_is_made_than_the_code_makes() {
    found("I-19", "", |shop| {
        let value = shop.last(coupon::FAILURES, |value| value["requestId"] == "k3");
        shop.tell("coupon", home("coupon-p"), coupon::FAILURES, home("coupon-p"), &value);
    });
}

#[test]
fn a_dead_letter_does_not_say_why() {
    found("I-21", "it does not say where it comes from", |shop| {
        shop.put(payment::DEAD_LETTERS, 0, b"x", &[]);
    });
    found("I-21", "it does not say why", |shop| {
        let headers: [(&str, &[u8]); 3] = [
            ("X-Original-Topic", payment::INBOX.as_bytes()),
            ("X-Original-Partition", b"0"),
            ("X-Original-Offset", b"0"),
        ];
        shop.put(payment::DEAD_LETTERS, 0, b"x", &headers);
    });
}

/// Puts the first letter of a coupon request back, as `change` makes the headers. Returns its name.
fn put_back(shop: &mut Shop, change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> String {
    let letters = shop.driver.read(coupon::DEAD_LETTERS);
    let letter = letters.first().unwrap();
    let id = format!("{}-{}-{}", coupon::DEAD_LETTERS, letter.partition, letter.offset);
    let head = |name: &str| letter.record.headers.iter().find(|(known, _)| known == name).unwrap().1.clone().unwrap();
    let text = |name: &str| String::from_utf8(head(name)).unwrap();
    let entered = format!("{}-{}-{}", coupon::INBOX, text("X-Original-Partition"), text("X-Original-Offset"));
    let mut headers: Vec<(String, Vec<u8>)> = letter
        .record
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
        .filter(|(name, _)| !name.starts_with("X-Exc") && name != "X-Attempts" && name != "X-Failed-Timestamp")
        .collect();
    headers.push(("x-entered".to_owned(), entered.into_bytes()));
    headers.push(("X-Redrive-Attempt".to_owned(), b"1".to_vec()));
    headers.push(("X-Redriven-From".to_owned(), id.clone().into_bytes()));
    change(&mut headers);
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let place = text("X-Original-Partition").parse().unwrap();
    let value = letter.record.value.clone().unwrap();
    shop.put(coupon::INBOX, place, &value, &headers);
    shop.driver.settle();
    id
}

#[test]
fn a_letter_is_put_back_by_two() {
    found("I-21", "was put back twice at once", |shop| {
        put_back(shop, |_| {});
        put_back(shop, |_| {});
    });
}

#[test]
fn a_letter_is_put_back_as_another_request() {
    let set = |name: &'static str, value: &'static [u8]| {
        move |headers: &mut Vec<(String, Vec<u8>)>| {
            headers.iter_mut().filter(|(known, _)| known == name).for_each(|(_, old)| *old = value.to_vec());
        }
    };
    found("I-21", "that has another identity", |shop| {
        put_back(shop, set("x-entered", b"coupon-issue-requests-0-999"));
    });
    found("I-21", "there is no dead letter", |shop| {
        let end = shop.driver.read(coupon::DEAD_LETTERS).len();
        assert!(end > 0);
        // A name below the end of its partition that no letter has: another topic's, which the audit has read.
        let name = format!("{}-0-0", payment::DEAD_LETTERS);
        shop.put(payment::DEAD_LETTERS, 0, b"x", &[("X-Delayed-By", b"payment".as_slice())]);
        put_back(shop, |headers| headers.last_mut().unwrap().1 = name.into_bytes());
    });
    found("I-21", "does not say which copy", |shop| {
        put_back(shop, |headers| headers.retain(|(name, _)| name != "X-Redrive-Attempt"));
    });
    found("I-21", "which is no name", |shop| {
        put_back(shop, |headers| headers.last_mut().unwrap().1 = b"somewhere".to_vec());
    });
}

/// A letter that was put back as it should be is no breach, and is counted.
#[test]
fn a_letter_is_put_back() {
    let mut shop = Shop::open();
    shop.trade();
    put_back(&mut shop, |_| {});
    let only = vec!["I-21".parse().unwrap()];
    let report = examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap();
    let line = report.line("I-21").unwrap();
    assert_eq!(line.verdict, Verdict::Proved, "{}", report.text());
    assert!(report.text().contains("copies put back"), "{}", report.text());
}

#[test]
fn a_record_is_passed_over() {
    found("I-25", "is not among the dead letters", |shop| {
        shop.driver.crash();
        let at = shop.put(reservation::INBOX, home(SCHEDULE), b"garbage", &[]);
        shop.stand("reservation", home(SCHEDULE), reservation::INBOX, at + 1);
    });
}

#[test]
fn a_record_is_not_sent_on() {
    found("I-25", "was sent on 0 times", |shop| {
        shop.driver.crash();
        let wrong = (home(SCHEDULE) + 1) % PLACES;
        let wish = json!({"type": "hold", "requestId": "h99", "userId": "other", "scheduleId": SCHEDULE, "seatNo": 30});
        let at = shop.put(reservation::INBOX, wrong, wish.to_string().as_bytes(), &[]);
        shop.stand("reservation", wrong, reservation::INBOX, at + 1);
    });
}

#[test]
fn a_group_shows_what_is_not_decided() {
    found("I-25", "its group shows", |shop| {
        shop.driver.crash();
        let at = shop.put(reservation::INBOX, home(SCHEDULE), b"garbage", &[]);
        let source = TopicPartition::new(reservation::INBOX, home(SCHEDULE));
        shop.driver.log().mirror(reservation::GROUP, &[(source, at + 1)]).unwrap();
    });
}

#[test]
fn a_fenced_worker_writes_on() {
    found("I-26", "was decided up to", |shop| shop.pass("reservation", home(SCHEDULE), reservation::INBOX, -1));
}

#[test]
fn a_time_has_a_zone_or_steps_back() {
    found("I-31", "is not a time in UTC", |shop| {
        let mut value = shop.last(reservation::CONFIRMED, |_| true);
        value["confirmedAt"] = json!("2026-03-15T20:00:00+09:00");
        shop.tell("reservation", 0, reservation::CONFIRMED, 0, &value);
    });
    found("I-31", "was at", |shop| {
        let value = shop.last(reservation::CONFIRMED, |_| true).to_string();
        let at = |time: &'static [u8]| [("ce_source", b"/reservation/0".as_slice()), ("ce_time", time)];
        shop.put(reservation::CONFIRMED, 0, value.as_bytes(), &at(b"2036-03-15T20:00:00.001Z"));
        shop.put(reservation::CONFIRMED, 0, value.as_bytes(), &at(b"2036-03-15T20:00:00.000Z"));
    });
}

/// What could not be forwarded is buried where it came, and told nowhere.
#[test]
fn a_request_is_given_up_in_a_foreign_place_and_told_nowhere() {
    for (inbox, dead_letters, topology, key, value) in [
        (
            coupon::INBOX,
            coupon::DEAD_LETTERS,
            "coupon",
            "coupon-p",
            json!({"requestId": "gone", "policyId": "p", "userId": "8"}),
        ),
        (
            payment::INBOX,
            payment::DEAD_LETTERS,
            "payment",
            "1001",
            json!({"type": "charge", "requestId": "gone", "userId": "1001", "amount": 5_000}),
        ),
        (
            reservation::INBOX,
            reservation::DEAD_LETTERS,
            "reservation",
            SCHEDULE,
            json!({"type": "hold", "requestId": "gone", "userId": "8", "scheduleId": SCHEDULE, "seatNo": 8}),
        ),
    ] {
        found("I-25", "was sent on 0 times", |shop| {
            let (place, value) = ((home(key) + 1) % PLACES, value.to_string());
            shop.driver.crash();
            let at = shop.put(inbox, place, value.as_bytes(), &[]);
            let (partition, offset) = (place.to_string(), at.to_string());
            let headers: [(&str, &[u8]); 7] = [
                ("X-Original-Topic", inbox.as_bytes()),
                ("X-Original-Partition", partition.as_bytes()),
                ("X-Original-Offset", offset.as_bytes()),
                ("X-Exception-Class", b"OutputRefused"),
                ("X-Exception-Message", b"too large"),
                ("X-Failed-Timestamp", b"1"),
                ("X-Attempts", b"1"),
            ];
            shop.put(dead_letters, place, value.as_bytes(), &headers);
            shop.stand(topology, place, inbox, at + 1);
        });
    }
}
