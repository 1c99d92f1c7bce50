//! Holds whose deadline never came are found all the same.

use crate::shop::{HOLD_MS, PLACES, Shop, pay};
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation;
use holdfast_model::reservation::Settings;
use holdfast_model::reservation::message::{Command, CreateSchedule, Hold, Seats};
use holdfast_topologies::reservation::invariants::Books;
use holdfast_topologies::reservation::view;

/// The expiration topology is far behind, or an operator has reset its topic.
#[test]
fn a_hold_without_its_deadlines_record_is_swept() {
    let settings = Settings { overdue_grace_ms: 60_000, ..Settings::default() };
    let mut shop = Shop::of(&[holdfast_topologies::reservation::topology(&settings)]);
    let first = shop.hold("u", 1);
    let first_ends = shop.expires_ms(&first);
    shop.driver.advance_ms(200_000);
    let second = shop.hold("v", 2);
    let paying = shop.hold("w", 3);
    shop.ask(pay(&paying, 50_000));
    shop.driver.restart();
    // At its deadline nothing comes, and a late payment is refused all the same.
    shop.clock_to(first_ends + 50_000);
    shop.driver.settle();
    assert_eq!((shop.status(&first), shop.code(pay(&first, 50_000))), ("HELD", "RESERVATION_EXPIRED"));
    shop.driver.advance_ms(11_000);
    assert_eq!((shop.status(&first), shop.seat(1), shop.status(&second)), ("EXPIRED", "AVAILABLE", "HELD"));
    assert_eq!((shop.read(reservation::SEATS_EXPIRED).len(), shop.notices("RESERVATION_EXPIRED").len()), (1, 1));
    shop.check();
    // The next one comes within a hold's time and the grace after the deadline, whatever crashed meanwhile; who is paying stays.
    shop.driver.lose_disk();
    shop.clock_to(shop.expires_ms(&second) + HOLD_MS + 60_100);
    shop.driver.settle();
    shop.driver.advance_ms(50);
    assert_eq!((shop.status(&second), shop.status(&paying)), ("EXPIRED", "PAYING"));
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!(shop.status(&paying), "EXPIRED");
    shop.check();
    // Nothing is held, so in the end nothing is swept: a sweep that is put back, or one made up, changes nothing.
    shop.driver.advance_ms(400_000);
    shop.driver.advance_ms(400_000);
    assert!(Books::load(&shop.task()).unwrap().sweeps.is_empty());
    let held = shop.hold("u", 1);
    let sweeps = shop.read(reservation::INBOX).into_iter().filter(|record| record["type"] == "sweep");
    for sweep in sweeps.collect::<Vec<_>>() {
        shop.append(Shop::place(), sweep.to_string().as_bytes());
    }
    shop.driver.settle();
    assert_eq!((shop.status(&held), Books::load(&shop.task()).unwrap().sweeps.len()), ("HELD", 1));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn a_big_house_is_swept_bit_by_bit() {
    let limits = Settings { seats_per_user_max: u32::MAX, open_holds_max: u32::MAX, ..Settings::default() };
    let mut shop = Shop::of(&[holdfast_topologies::reservation::topology(&limits)]);
    let schedule_id = (0..).map(|n| format!("big-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let schedule_id = schedule_id.unwrap();
    let create = CreateSchedule {
        schedule_id: schedule_id.clone(),
        concert_title: "t".to_owned(),
        seats: Seats::Block { count: 3_000, price: 1 },
        ..CreateSchedule::default()
    };
    shop.ask(Command::CreateSchedule(create));
    for seat_no in 1..=2_500 {
        let seat_no = seat_no.to_string();
        shop.send(Command::Hold(Hold { user_id: "u".to_owned(), schedule_id: schedule_id.clone(), seat_no }));
    }
    shop.driver.settle();
    let held = |shop: &Shop| view::schedule(&shop.task(), &schedule_id).unwrap().unwrap().temporary_reserved;
    assert_eq!(held(&shop), 2_500);
    shop.driver.advance_ms(361_000);
    shop.driver.advance_ms(1_000);
    assert_eq!((held(&shop), shop.read(reservation::SEATS_EXPIRED).len()), (0, 2_500));
    assert!(shop.read(reservation::INBOX).iter().filter(|record| record["type"] == "sweep").count() >= 3);
    shop.check();
}
