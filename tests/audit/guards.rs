//! Subjects that queues guard: a shop that keeps to it is proved, and one that gives something to a user that was not let in is found.

use crate::crimes::expect;
use crate::shop::{SCHEDULE, Shop, home};
use holdfast_engine::prelude::{EndingTable, Table};
use holdfast_model::guard::row::{AdmissionRow, GuardsRow};
use holdfast_model::guard::{AdmissionKey, GuardCommand, GuardMessage, QueueKey, Subject, SubjectType};
use holdfast_model::{coupon, reservation, timesale};
use holdfast_ports::clock::Clock;
use serde_json::json;
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

const QUEUE: &str = "opening";

/// A subject of each kind.
fn subjects() -> [Subject; 3] {
    [
        Subject::new(SubjectType::Schedule, SCHEDULE),
        Subject::new(SubjectType::Policy, "p"),
        Subject::new(SubjectType::Sale, "summer"),
    ]
}

type Tables = (&'static str, &'static Table<String, GuardsRow>, &'static EndingTable<AdmissionKey, AdmissionRow>);

fn tables(subject: &Subject) -> Tables {
    match subject.kind {
        SubjectType::Schedule => (reservation::NAME, &reservation::GUARDS, &reservation::ADMISSIONS),
        SubjectType::Policy => (coupon::NAME, &coupon::GUARDS, &coupon::ADMISSIONS),
        SubjectType::Sale => (timesale::NAME, &timesale::GUARDS, &timesale::ADMISSIONS),
    }
}

fn say(shop: &mut Shop, subject: &Subject, command: GuardCommand) {
    let message = GuardMessage { queue_id: QUEUE.to_owned(), subject: subject.clone(), command };
    let json = String::from_utf8(message.to_json()).unwrap();
    shop.driver.pipe(subject.kind.inbox(), Some(&subject.inbox_key()), &json);
    shop.driver.settle();
}

fn let_in(shop: &mut Shop, subject: &Subject, user_id: &str, ticket: u64) {
    let active_until_ms = shop.driver.clock().now_ms() + 600_000;
    say(shop, subject, GuardCommand::Admit { ticket, user_id: user_id.to_owned(), active_until_ms });
}

/// A user wants something of the subject, under this id.
fn buy(shop: &mut Shop, subject: &Subject, id: &str, user: &str, seat: u64) {
    let value = match subject.kind {
        SubjectType::Schedule => {
            let _ = shop.hold(id, user, seat);
            return;
        }
        SubjectType::Policy => json!({"requestId": id, "policyId": "p", "userId": user}),
        SubjectType::Sale => json!({"requestId": id, "timeSaleId": "summer", "userId": user, "quantity": 1}),
    };
    shop.driver.pipe(subject.kind.inbox(), Some(&subject.inbox_key()), &value.to_string());
    shop.driver.settle();
}

/// Each subject is guarded, and users come that are let in, that are not, and whose time is over.
fn traded() -> Shop {
    let mut shop = Shop::open();
    let policy = json!({"type": "create-policy", "requestId": "cp", "policyId": "p", "title": "t", "totalQuantity": 9});
    shop.driver.pipe(coupon::INBOX, Some("coupon-p"), &policy.to_string());
    let sale = json!({"type": "create-sale", "requestId": "cs", "timeSaleId": "summer", "title": "t", "discountPrice": 5, "totalQuantity": 9});
    shop.driver.pipe(timesale::INBOX, Some("summer"), &sale.to_string());
    for subject in subjects() {
        buy(&mut shop, &subject, &format!("free-{}", subject.id), "9", 9);
        say(&mut shop, &subject, GuardCommand::Guard { key: QueueKey::new([7; 32]) });
        let_in(&mut shop, &subject, "user_123", 1);
        let_in(&mut shop, &subject, "1001", 2);
        say(&mut shop, &subject, GuardCommand::EndAdmission { ticket: 2, user_id: "1001".to_owned() });
        let_in(&mut shop, &subject, "1001", 2);
        for (seat, user) in (1..).zip(["user_123", "1001", "1002", "user_123"]) {
            buy(&mut shop, &subject, &format!("{}-{seat}", subject.id), user, seat);
        }
    }
    shop
}

fn report(shop: &Shop) -> Report {
    examine(shop.driver.log(), &Question { is_settled: false, ..shop.question() }).unwrap()
}

#[test]
fn a_shop_that_keeps_to_its_guards_is_proved() {
    let mut shop = traded();
    // The user has paid all seats that it held: the admission is used up, and the next hold is refused.
    for nth in [1, 4] {
        let key = format!("{SCHEDULE}-{nth}");
        let offset = shop
            .driver
            .read(reservation::INBOX)
            .into_iter()
            .find(|out| out.text().contains(&format!("{key:?}")))
            .unwrap();
        let id = crate::shop::named("res", SCHEDULE, offset.offset, &key);
        shop.pay(&format!("pay-{nth}"), &id, crate::shop::PRICE);
    }
    let schedule = &subjects()[0];
    buy(&mut shop, schedule, "again", "user_123", 20);
    for subject in subjects() {
        say(&mut shop, &subject, GuardCommand::Unguard);
        buy(&mut shop, &subject, &format!("open-{}", subject.id), "1003", 21);
    }
    let report = report(&shop);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    let counted = |what: &str| {
        report.line("I-23").unwrap().counted.iter().find(|counted| counted.what == what).map_or(0, |counted| counted.n)
    };
    // Two seats, a coupon and an order; three of each kind are refused but for a second coupon, which is a duplicate.
    assert_eq!(counted("purchases by users that were let in"), 4, "{}", report.text());
    assert_eq!(counted("refusals of users that were not let in"), 3 + 2 + 3, "{}", report.text());
}

#[test]
fn something_is_given_to_a_user_that_was_not_let_in() {
    for subject in subjects() {
        let mut shop = traded();
        let (topology, guards, _) = tables(&subject);
        // The topology forgets that the subject is guarded.
        shop.driver.stop();
        shop.forge(topology, home(&subject.inbox_key()), guards, &subject.id, None);
        shop.driver.wipe_disk();
        shop.driver.start();
        shop.driver.settle();
        buy(&mut shop, &subject, "crime", "1002", 30);
        expect(&shop, "I-23", "no queue had let the user in");
        expect(&shop, "I-10", "subjects are guarded, by the log 1");
    }
}

#[test]
fn a_user_that_was_let_in_is_sent_away() {
    for (subject, invariant) in subjects().into_iter().zip(["I-23", "I-12", "I-13"]) {
        let mut shop = traded();
        let (topology, _, admissions) = tables(&subject);
        let_in(&mut shop, &subject, "1003", 7);
        let key =
            AdmissionKey { subject_id: subject.id.clone(), queue_id: QUEUE.to_owned(), user_id: "1003".to_owned() };
        let place = home(&subject.inbox_key());
        let row: AdmissionRow = shop.row(topology, place, admissions.stored(), &key);
        shop.driver.stop();
        shop.forge(topology, place, admissions.stored(), &key, Some(&AdmissionRow { is_over: true, ..row }));
        shop.driver.wipe_disk();
        shop.driver.start();
        shop.driver.settle();
        buy(&mut shop, &subject, "crime", "1003", 30);
        let said = match subject.kind {
            SubjectType::Schedule => "was told that no queue has let the user in",
            SubjectType::Policy | SubjectType::Sale => "was told BUSINESS_ERROR",
        };
        expect(&shop, invariant, said);
    }
}
