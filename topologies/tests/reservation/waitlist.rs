//! Users that wait for a seat of a sold-out schedule: who hears of one, and who gets it.

use crate::shop::{HOLD_MS, PLACES, Shop, cancel, expire, pay, release};
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation;
use holdfast_model::reservation::message::{
    CancelSchedule, Command, CreateSchedule, Hold, JoinWaitlist, LeaveWaitlist, Limits, Message, Seats,
};
use holdfast_model::reservation::waitlist::Policy;
use holdfast_topologies::reservation::invariants::Books;
use holdfast_topologies::reservation::view::{self, WaitingView, Whose};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A schedule of its own in the shop's place.
pub(crate) struct Sale<'a> {
    pub(crate) shop: &'a mut Shop,
    pub(crate) id: String,
}

impl<'a> Sale<'a> {
    fn open(shop: &'a mut Shop, policy: Policy, seats: i64) -> Self {
        Self::of(shop, seats, |create| create.waitlist = Some(policy.as_str().to_owned()))
    }

    pub(crate) fn of(shop: &'a mut Shop, seats: i64, set: impl FnOnce(&mut CreateSchedule)) -> Self {
        let here = |id: &String| place_of(id.as_bytes(), PLACES) == Shop::place();
        let id = (0..).map(|n| format!("wanted-{n}")).find(here).unwrap();
        let mut create = CreateSchedule {
            schedule_id: id.clone(),
            concert_title: "아이유 콘서트".to_owned(),
            seats: Seats::Block { count: seats, price: 50_000 },
            ..CreateSchedule::default()
        };
        set(&mut create);
        assert_eq!(shop.code(Command::CreateSchedule(create)), "SUCCESS");
        Self { shop, id }
    }

    fn wish(&self, user: &str, seat: u64) -> Command {
        let (user_id, schedule_id) = (user.to_owned(), self.id.clone());
        Command::Hold(Hold { user_id, schedule_id, seat_no: seat.to_string() })
    }

    fn hold(&mut self, user: &str, seat: u64) -> String {
        let wish = self.wish(user, seat);
        let outcome = self.shop.ask(wish);
        outcome.reservation_id.unwrap_or_else(|| panic!("{user} gets no seat: {:?}", outcome.code))
    }

    /// Holds all seats, each for a user of its own, and returns the reservations.
    fn sell_out(&mut self, seats: u64) -> Vec<String> {
        (1..=seats).map(|seat| self.hold(&format!("owner-{seat}"), seat)).collect()
    }

    pub(crate) fn joining(&self, user: &str) -> Command {
        Command::JoinWaitlist(JoinWaitlist { schedule_id: self.id.clone(), user_id: user.to_owned() })
    }

    fn leaving(&self, user: &str) -> Command {
        Command::LeaveWaitlist(LeaveWaitlist { schedule_id: self.id.clone(), user_id: user.to_owned() })
    }

    fn join(&mut self, user: &str) -> &'static str {
        let wish = self.joining(user);
        self.shop.code(wish)
    }

    fn leave(&mut self, user: &str) -> &'static str {
        let wish = self.leaving(user);
        self.shop.code(wish)
    }

    fn waiting(&self, user: &str) -> Option<WaitingView> {
        view::waiting(&self.shop.task(), Whose { schedule_id: &self.id, user_id: user }).unwrap()
    }

    fn position(&self, user: &str) -> Option<u64> {
        self.waiting(user).filter(|place| place.status == "WAITING").map(|place| place.position)
    }

    /// The reservation that is offered to a user.
    fn offer(&self, user: &str) -> Option<String> {
        self.waiting(user).and_then(|place| place.reservation_id)
    }

    fn available(&self) -> u64 {
        view::schedule(&self.shop.task(), &self.id).unwrap().unwrap().available
    }

    /// The users that were told of a seat, by when they were.
    fn told(&self) -> Vec<String> {
        let notices = self.shop.driver.read(reservation::NOTIFICATIONS).into_iter();
        let notices = notices.map(|out| (out.record.append_ms, serde_json::from_str::<Value>(&out.text()).unwrap()));
        let mut opened: Vec<_> = notices.filter(|(_, notice)| notice["payload"]["type"] == "SEAT_OPENED").collect();
        opened.sort_by_key(|(append_ms, _)| *append_ms);
        opened.into_iter().map(|(_, notice)| notice["payload"]["userId"].as_str().unwrap().to_owned()).collect()
    }

    fn sorted(&self) -> Vec<String> {
        let mut told = self.told();
        told.sort();
        told
    }
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn users_wait_in_the_order_of_the_log_and_have_one_entry_each() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Open, 2);
    assert_eq!(sale.join("early"), "SEATS_AVAILABLE");
    let held = sale.sell_out(2);
    for user in ["a", "b", "c"] {
        assert_eq!(sale.join(user), "SUCCESS");
    }
    assert_eq!(sale.join("b"), "SUCCESS");
    assert_eq!(["a", "b", "c", "d"].map(|user| sale.position(user)), [Some(1), Some(2), Some(3), None]);
    assert_eq!(
        (sale.leave("a"), sale.leave("a"), sale.leave("d")),
        ("SUCCESS", "WAITLIST_ENTRY_NOT_FOUND", "WAITLIST_ENTRY_NOT_FOUND")
    );
    assert_eq!(["a", "b", "c"].map(|user| sale.position(user)), [None, Some(1), Some(2)]);
    // Left and joined again is a new entry.
    assert_eq!((sale.join("a"), sale.position("a")), ("SUCCESS", Some(3)));
    // The owner of a seat may wait for another one.
    assert_eq!(sale.join("owner-1"), "SUCCESS");
    sale.shop.driver.restart();
    assert_eq!(sale.position("owner-1"), Some(4));
    let nowhere = Command::JoinWaitlist(JoinWaitlist { schedule_id: "nowhere".to_owned(), user_id: "a".to_owned() });
    sale.shop.append(place_of(b"nowhere", PLACES), &Message::new("lost", nowhere).to_json());
    sale.shop.driver.settle();
    let task = sale.shop.driver.queries().task(reservation::NAME, place_of(b"nowhere", PLACES)).unwrap();
    assert_eq!(view::command(&task, "lost").unwrap().unwrap().code, Some("SCHEDULE_NOT_FOUND"));
    assert_eq!(sale.join(" "), "USER_ID_REQUIRED");
    sale.shop.check();
    // Released is free for all: whoever gets it is off the list.
    assert_eq!(sale.shop.code(release(&held[1], "owner-2")), "SUCCESS");
    assert_eq!((sale.available(), sale.join("late")), (1, "SEATS_AVAILABLE"));
    sale.hold("c", 2);
    assert_eq!((sale.position("c"), sale.position("a")), (None, Some(2)));
    sale.shop.check();
}

#[test]
fn a_repetition_is_told_the_place_that_it_was_told_first() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Offer, 1);
    let held = sale.sell_out(1);
    sale.join("a");
    let command = sale.joining("b");
    let id = sale.shop.send(command.clone());
    sale.shop.driver.settle();
    let again = sale.joining("b");
    let second = sale.shop.send(again);
    sale.shop.driver.settle();
    sale.shop.code(release(&held[0], "owner-1"));
    sale.shop.append(Shop::place(), &Message::new(id.clone(), command).to_json());
    sale.shop.driver.settle();
    let whose = Whose { schedule_id: &sale.id, user_id: "b" };
    let told =
        |id: &str| view::told_waiting(&sale.shop.task(), id, whose).unwrap().map(|(place, new)| (place.position, new));
    assert_eq!((told(&id), told(&second), sale.position("b")), (Some((2, true)), Some((2, false)), Some(1)));
    let books = Books::load(&sale.shop.task()).unwrap();
    assert_eq!(books.waitlists[&sale.id].next, 3, "two entries were made");
    sale.shop.check();
}

#[test]
fn an_offered_seat_is_held_for_one_head_after_the_other() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Offer, 1);
    let held = sale.sell_out(1);
    for user in ["a", "b", "c"] {
        sale.join(user);
    }
    // It expires: in that moment it is a's, and nobody else's.
    sale.shop.driver.advance_ms(HOLD_MS.unsigned_abs());
    assert_eq!((sale.shop.status(&held[0]), sale.available()), ("EXPIRED", 0));
    let first = sale.offer("a").unwrap();
    let row = sale.shop.reservation(&first);
    assert_eq!((row.status, &*row.user_id, row.seat_no, row.price), ("HELD", "a", 1, 50_000));
    assert_eq!(sale.shop.expires_ms(&first) - holdfast_model::rfc3339::parse(&row.held_at).unwrap(), HOLD_MS);
    assert_eq!((sale.waiting("a").unwrap().position, sale.position("b")), (0, Some(1)));
    let wish = sale.wish("b", 1);
    assert_eq!(sale.shop.code(wish), "SEAT_ALREADY_RESERVED");
    let wish = sale.wish("a", 1);
    assert_eq!(sale.shop.ask(wish).reservation_id.as_deref(), Some(&*first), "it is a's like any hold");
    assert_eq!((sale.join("a"), sale.leave("a")), ("SUCCESS", "WAITLIST_OFFER_OPEN"));
    assert_eq!(sale.told(), texts(&["a"]));
    sale.shop.check();
    // The deadline once more, and late: nothing.
    sale.shop.send(expire(&held[0]));
    sale.shop.driver.restart();
    // Not paid: b's.
    sale.shop.driver.advance_ms(HOLD_MS.unsigned_abs());
    let second = sale.offer("b").unwrap();
    assert_eq!((sale.shop.status(&first), sale.waiting("a"), sale.available()), ("EXPIRED", None, 0));
    // Given back: c's, who pays.
    assert_eq!(sale.shop.code(release(&second, "b")), "SUCCESS");
    let third = sale.offer("c").unwrap();
    assert_eq!(BTreeSet::from([&first, &second, &third]).len(), 3);
    sale.shop.ask(pay(&third, 50_000));
    assert_eq!(sale.waiting("c").unwrap().status, "OFFERED");
    sale.shop.wallet(|_| "DEBITED");
    assert_eq!((sale.shop.status(&third), sale.waiting("c")), ("CONFIRMED", None));
    assert_eq!(sale.told(), texts(&["a", "b", "c"]));
    // Nobody waits any more, so a seat that comes back is free for all.
    assert_eq!(sale.shop.code(cancel(&third, "c")), "SUCCESS");
    assert_eq!(sale.available(), 1);
    assert!(sale.shop.dead_letters().is_empty());
    sale.shop.check();
    let notices = sale.shop.read(reservation::NOTIFICATIONS);
    let offered = notices.iter().find(|notice| notice["payload"]["data"]["reservationId"] == *first).unwrap();
    let data = &offered["payload"]["data"];
    assert_eq!((&data["entryId"], &data["seatNo"]), (&Value::from(format!("{}.1", sale.id)), &Value::from("1")));
    assert_eq!(data["expiresAt"], Value::from(row.expires_at));
}

#[test]
fn whatever_frees_a_seat_offers_it_once() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Offer, 4);
    let held = sale.sell_out(4);
    for user in ["a", "b", "c", "d", "e"] {
        sale.join(user);
    }
    // A paid seat that is cancelled.
    sale.shop.ask(pay(&held[0], 50_000));
    sale.shop.wallet(|_| "DEBITED");
    assert_eq!(sale.shop.code(cancel(&held[0], "owner-1")), "SUCCESS");
    assert_eq!(sale.shop.code(cancel(&held[0], "owner-1")), "SUCCESS");
    assert_eq!((sale.offer("a").is_some(), sale.offer("b")), (true, None));
    // A payment that fails after the deadline, and two deadlines at once.
    sale.shop.ask(pay(&held[1], 50_000));
    sale.shop.clock_to(sale.shop.expires_ms(&held[3]) + 10);
    sale.shop.driver.settle();
    assert_eq!((sale.offer("b").is_some(), sale.offer("c").is_some(), sale.offer("d")), (true, true, None));
    sale.shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert!(sale.offer("d").is_some());
    assert_eq!((sale.available(), sale.position("e"), sale.sorted()), (0, Some(1), texts(&["a", "b", "c", "d"])));
    sale.shop.check();
}

#[test]
fn a_sale_that_is_over_offers_nothing() {
    let mut shop = Shop::open();
    let now_ms = shop.now_ms();
    let mut sale = Sale::of(&mut shop, 2, |create| {
        create.waitlist = Some("OFFER".to_owned());
        create.sale_end = Some(holdfast_model::wire::When::from_ms(now_ms + 100_000));
    });
    let held = sale.sell_out(2);
    sale.join("a");
    sale.shop.driver.advance_ms(100_000);
    assert_eq!((sale.join("b"), sale.join("a")), ("OUTSIDE_SALE_WINDOW", "OUTSIDE_SALE_WINDOW"));
    assert_eq!(sale.shop.code(release(&held[0], "owner-1")), "SUCCESS");
    assert_eq!((sale.available(), sale.position("a"), sale.told().len()), (1, Some(1), 0));
    sale.shop.check();
    let cancelled = Command::CancelSchedule(CancelSchedule { schedule_id: sale.id.clone() });
    assert_eq!(sale.shop.code(cancelled), "SUCCESS");
    assert_eq!((sale.available(), sale.offer("a"), sale.join("c")), (2, None, "SCHEDULE_CANCELLED"));
    assert_eq!(sale.leave("a"), "SUCCESS");
    sale.shop.check();
}

#[test]
fn who_may_have_no_more_seats_does_not_wait() {
    let mut shop = Shop::open();
    let mut sale = Sale::of(&mut shop, 3, |create| {
        create.waitlist = Some("OFFER".to_owned());
        create.limits = Some(Limits { seats_per_user: Some(2), open_holds: Some(2) });
    });
    let first = sale.hold("a", 1);
    sale.hold("a", 2);
    sale.hold("b", 3);
    assert_eq!((sale.join("a"), sale.join("b")), ("SEAT_LIMIT_EXCEEDED", "SUCCESS"));
    // What a gives back is b's, who has two by that, and may wait for no third.
    assert_eq!(sale.shop.code(release(&first, "a")), "SUCCESS");
    assert!(sale.offer("b").is_some());
    assert_eq!((sale.join("a"), sale.join("b"), sale.position("b")), ("SUCCESS", "SUCCESS", None));
    sale.shop.check();
}

#[test]
fn seats_that_open_in_one_moment_are_told_to_different_users() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Open, 3);
    sale.sell_out(3);
    for n in 0..5 {
        sale.join(&format!("u{n}"));
    }
    let last = sale.hold_ends();
    sale.shop.clock_to(last + 5);
    sale.shop.driver.settle();
    sale.shop.driver.advance_ms(50);
    assert_eq!((sale.available(), sale.sorted()), (3, texts(&["u0", "u1", "u2"])));
    sale.shop.check();
    // One of them gets a seat and loses it again: the next of the round are told, then the first.
    let held: Vec<String> = (1..=3).map(|seat| sale.hold(&format!("x{seat}"), seat)).collect();
    for (id, user) in held.iter().zip(["x1", "x2", "x3"]) {
        sale.shop.code(release(id, user));
        sale.shop.driver.advance_ms(50);
    }
    assert_eq!(sale.told()[3..], texts(&["u3", "u4", "u0"]));
    sale.shop.check();
    let ids: Vec<Value> =
        sale.shop.read(reservation::NOTIFICATIONS).iter().map(|notice| notice["eventId"].clone()).collect();
    let distinct: BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn a_seat_that_is_gone_again_is_not_told_of() {
    let mut shop = Shop::open();
    let mut sale = Sale::open(&mut shop, Policy::Open, 1);
    let held = sale.sell_out(1);
    sale.join("a");
    // Released and taken before the next message is decided.
    sale.shop.send(release(&held[0], "owner-1"));
    let wish = sale.wish("quick", 1);
    sale.shop.send(wish);
    sale.shop.driver.settle();
    sale.shop.driver.advance_ms(100);
    assert_eq!((sale.available(), sale.told().len(), sale.position("a")), (0, 0, Some(1)));
    let waitlist = Books::load(&sale.shop.task()).unwrap().waitlists[&sale.id].clone();
    assert_eq!((waitlist.owed, waitlist.telling_ms), (0, None));
    sale.shop.check();
}

#[test]
fn many_are_told_in_bounded_portions_and_each_once_whatever_crashes() {
    const USERS: usize = 350;
    let mut shop = Shop::open();
    let mut sale = Sale::of(&mut shop, 1, |create| create.waitlist_notify = Some(10_000));
    let held = sale.sell_out(1);
    for n in 0..USERS {
        let wish = sale.joining(&format!("u{n:03}"));
        sale.shop.send(wish);
    }
    sale.shop.driver.settle();
    sale.shop.code(release(&held[0], "owner-1"));
    sale.shop.driver.restart();
    for _ in 0..10 {
        sale.shop.driver.advance_ms(20);
    }
    let told = sale.told();
    assert_eq!((told.len(), told.iter().collect::<BTreeSet<_>>().len()), (USERS, USERS));
    let inbox = sale.shop.read(reservation::INBOX);
    let tells: Vec<&Value> = inbox.iter().filter(|record| record["type"] == "tell-waitlist").collect();
    assert_eq!(tells.len(), 4, "three hundred and fifty in portions of a hundred");
    // Put back by an operator, they tell nobody anything.
    for tell in tells {
        sale.shop.append(Shop::place(), tell.to_string().as_bytes());
    }
    sale.shop.driver.settle();
    assert_eq!(sale.told().len(), USERS);
    assert!(sale.shop.dead_letters().is_empty());
    sale.shop.check();
}

#[test]
fn settings_of_a_waitlist_that_are_none_are_refused() {
    let mut shop = Shop::open();
    for (n, (waitlist, waitlist_notify)) in
        [(Some("SOON"), None), (None, Some(0)), (None, Some(10_001))].into_iter().enumerate()
    {
        let id = format!("bad-{n}");
        let create = CreateSchedule {
            schedule_id: "bad".to_owned(),
            concert_title: "t".to_owned(),
            seats: Seats::Block { count: 1, price: 1 },
            waitlist: waitlist.map(str::to_owned),
            waitlist_notify,
            ..CreateSchedule::default()
        };
        shop.append(place_of(b"bad", PLACES), &Message::new(id.clone(), Command::CreateSchedule(create)).to_json());
        shop.driver.settle();
        let task = shop.driver.queries().task(reservation::NAME, place_of(b"bad", PLACES)).unwrap();
        assert_eq!(view::command(&task, &id).unwrap().unwrap().code, Some("INVALID_WAITLIST"));
        assert!(view::schedule(&task, "bad").unwrap().is_none());
    }
}

/// Five thousand seats expire in one instant, and twenty thousand users wait: each seat goes to one of the first five thousand, once, in order.
#[test]
fn five_thousand_seats_expire_while_twenty_thousand_wait() {
    const SEATS: u64 = 5_000;
    const USERS: u64 = 20_000;
    for policy in Policy::ALL {
        let mut shop = Shop::open();
        let sale = Sale::open(&mut shop, policy, SEATS.cast_signed());
        for seat in 1..=SEATS {
            let wish = sale.wish(&format!("owner-{seat}"), seat);
            sale.shop.send(wish);
        }
        sale.shop.driver.settle();
        for n in 0..USERS {
            let wish = sale.joining(&format!("u{n:05}"));
            sale.shop.send(wish);
        }
        sale.shop.driver.settle();
        assert_eq!(sale.position("u19999"), Some(USERS));
        let ends_ms = sale.hold_ends();
        sale.shop.clock_to(ends_ms + 1_000);
        sale.shop.driver.settle();
        for _ in 0..200 {
            sale.shop.driver.advance_ms(5);
        }
        let told = sale.told();
        let first: BTreeSet<String> = (0..SEATS).map(|n| format!("u{n:05}")).collect();
        assert_eq!((told.len() as u64, told.iter().cloned().collect::<BTreeSet<_>>()), (SEATS, first));
        let free = if policy == Policy::Open { SEATS } else { 0 };
        let last = if policy == Policy::Open { USERS } else { USERS - SEATS };
        assert_eq!((sale.available(), sale.position("u19999")), (free, Some(last)));
        sale.shop.check();
    }
}

impl Sale<'_> {
    /// When the last of the holds ends that there are.
    fn hold_ends(&self) -> i64 {
        let books = Books::load(&self.shop.task()).unwrap();
        let here = books.reservations.values().filter(|row| row.schedule_id == self.id);
        let by_end: BTreeMap<i64, ()> = here.map(|row| (row.expires_ms, ())).collect();
        *by_end.last_key_value().unwrap().0
    }
}
