//! Queues that open later, and the draw.

use crate::house::{House, Q, terms};
use holdfast_model::queue;
use holdfast_model::queue::draw;
use holdfast_model::queue::message::CreateQueue;
use holdfast_model::wire::When;
use holdfast_topologies::queue::view;

/// The clock of the simulation begins about here; an hour later the queue opens.
fn later(shuffle: bool) -> (House, i64) {
    let clock = holdfast_sim::TestDriver::new(&holdfast_topologies::queue::topology(), 1);
    let opens_ms = {
        use holdfast_engine::inspect::ports::clock::Clock;
        clock.clock().now_ms() + 3_600_000
    };
    let terms = CreateQueue {
        max_active: 1,
        opens_at: Some(When::Ms(opens_ms)),
        shuffle: Some(shuffle),
        notice_after_ms: Some(60_000),
        ..terms()
    };
    (House::open(terms), opens_ms)
}

fn to(house: &mut House, ms: i64) {
    let ms = u64::try_from(ms - house.now_ms()).unwrap();
    house.driver.advance_ms(ms);
}

#[test]
fn who_comes_early_has_no_position_until_it_opens() {
    let (mut house, opens_ms) = later(false);
    house.send_joins(["a", "b", "c"]);
    house.driver.settle();
    assert_eq!(house.standing(1), ("PRE_QUEUE", None));
    assert_eq!((house.queue().is_open, house.queue().waiting), (false, 3));
    let standing = view::positions(&house.task(), Q, &[2], house.now_ms()).unwrap()[0].unwrap();
    assert_eq!((standing.state.as_str(), standing.position), ("PRE_QUEUE", None));
    assert_eq!(house.leave(2, "b").0, "SUCCESS");
    // Silence of an hour takes nothing from those who are early.
    to(&mut house, opens_ms - 1_000);
    assert_eq!((house.standing(3), house.queue().waiting), (("PRE_QUEUE", None), 2));
    house.driver.lose_disk();
    to(&mut house, opens_ms + 20);
    assert_eq!((house.standing(1), house.standing(3)), (("ACTIVE", Some(0)), ("WAITING", Some(1))));
    assert_eq!((house.join("b"), house.standing(4)), (Ok(4), ("WAITING", Some(2))));
    house.check();
    let opened: Vec<_> = house.read(queue::EVENTS).into_iter().filter(|fact| fact["type"] == "OPENED").collect();
    assert_eq!(opened.len(), 1);
}

#[test]
fn a_record_at_the_opening_opens_the_queue_before_it_is_decided() {
    let (mut house, opens_ms) = later(true);
    house.send_crowd(1..=5);
    house.driver.settle();
    // The worker stands still over the opening, and a join is the first record after it.
    house.driver.stop();
    let ms = u64::try_from(opens_ms - house.now_ms()).unwrap();
    house.driver.clock().advance_us((ms + 5) * 1_000);
    house.send_joins(["late"]);
    house.driver.start();
    house.driver.settle();
    assert_eq!(house.standing(6), ("WAITING", Some(5)), "behind all that were drawn");
    house.check();
}

#[test]
fn the_draw_is_the_one_that_was_published() {
    let (mut house, opens_ms) = later(true);
    let seed = terms().seed.unwrap();
    let before = house.queue();
    assert_eq!(before.seed_hash.as_deref(), Some(&*draw::hex(&draw::seed_hash(seed.as_bytes()))));
    assert_eq!(before.seed, None);
    assert!(!serde_json::to_string(&before).unwrap().contains(&draw::hex(seed.as_bytes())));
    assert!(!house.driver.read(queue::EVENTS)[0].text().contains(&draw::hex(seed.as_bytes())));
    house.send_crowd(1..=2_500);
    house.driver.settle();
    for ticket in [1, 700, 1_024, 2_500] {
        assert_eq!(house.leave(ticket, &format!("user-{ticket}")).0, "SUCCESS");
    }
    to(&mut house, opens_ms + 20);
    let queue = house.queue();
    assert_eq!(queue.seed.as_deref(), Some(&*draw::hex(seed.as_bytes())));
    assert_eq!((queue.drawn, queue.drawn_live), (Some(2_500), Some(2_496)));
    let line = draw::line(seed.as_bytes(), (1..=2_500).filter(|ticket| ![1, 700, 1_024, 2_500].contains(ticket)));
    let standings = view::positions(&house.task(), Q, &line, house.now_ms()).unwrap();
    assert!(standings.into_iter().map(|s| s.unwrap().position).eq((0..2_496).map(Some)));
    // Those that come now stand behind, and the line moves in the order of the draw.
    assert_eq!((house.join("user-1"), house.standing(2_501)), (Ok(2_501), ("WAITING", Some(2_496))));
    for (n, ticket) in line.iter().take(5).enumerate() {
        assert_eq!(house.leave(*ticket, &format!("user-{ticket}")).0, "SUCCESS");
        assert_eq!(house.standing(line[n + 1]), ("ACTIVE", Some(0)));
        house.pass_ms(40);
    }
    // One in the middle leaves: those behind it move up by one.
    assert_eq!(house.standing(line[2_000]), ("WAITING", Some(1_995)));
    house.leave(line[1_000], &format!("user-{}", line[1_000]));
    assert_eq!(house.standing(line[2_000]), ("WAITING", Some(1_994)));
    assert_eq!(house.facts("ADMITTED"), line[..6]);
    house.check();
    house.driver.lose_disk();
    assert_eq!(house.standing(line[2_000]), ("WAITING", Some(1_994)));
    house.check();
}

#[test]
fn a_hundred_thousand_are_drawn_in_one_record() {
    let (mut house, opens_ms) = later(true);
    house.send_crowd(1..=100_000);
    house.driver.settle();
    to(&mut house, opens_ms + 20);
    assert_eq!((house.queue().drawn_live, house.queue().waiting), (Some(100_000), 99_999));
    assert!(house.dead_letters().is_empty());
    house.check();
}
