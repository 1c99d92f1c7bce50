//! Sold out: once, by the catalogue's capacity, from the opening and from the first sale.

use crate::board::{Board, Fact, MINUTE_MS};

#[test]
fn the_last_seat_records_how_long_it_took() {
    let mut board = Board::open();
    let opened_ms = board.now_ms();
    board.pass(5 * MINUTE_MS);
    board.sell("fast", "f1");
    board.sell("slow", "s1");
    board.pass(MINUTE_MS);
    board.fill("fast", "f2", Some(opened_ms));
    board.pass(MINUTE_MS);
    board.fill("slow", "s2", None);
    board.pass(MINUTE_MS);
    board.fill("slower", "t1", Some(opened_ms));
    let sold_out = board.sold_out();
    let ids: Vec<_> = sold_out.iter().map(|sold_out| &*sold_out.key.schedule_id).collect();
    // Nobody has said when the sale of "slow" opened: it is measured from its first sale.
    assert_eq!(ids, ["slow", "fast", "slower"]);
    let minutes = |ms: i64| ms / MINUTE_MS;
    let times: Vec<_> =
        sold_out.iter().map(|s| (minutes(s.key.sold_out_ms), minutes(s.from_first_sale_ms), s.reopened)).collect();
    assert_eq!(times, [(2, 2, false), (6, 1, false), (8, 0, false)]);
    assert_eq!(sold_out[1].concert_title, "fast 콘서트");
    board.check();
}

#[test]
fn it_is_recorded_once_and_a_return_reopens_it() {
    let mut board = Board::open();
    board.sell("a", "p1");
    board.pass(MINUTE_MS);
    board.fill("a", "p2", None);
    let first = board.sold_out();
    board.pass(MINUTE_MS);
    board.give_back("a", "p2");
    let reopened = board.sold_out();
    assert!(!first[0].reopened && reopened[0].reopened);
    board.pass(MINUTE_MS);
    board.fill("a", "p3", None);
    assert_eq!(board.sold_out(), reopened);
    assert_eq!((&reopened[0].key, reopened[0].from_first_sale_ms), (&first[0].key, first[0].from_first_sale_ms));
    board.check();
}

#[test]
fn fifty_seats_of_a_larger_house_do_not_sell_it_out() {
    let mut board = Board::open();
    let at_ms = board.now_ms();
    let json = |reserved: u64| {
        format!(
            r#"{{"type":"SEAT_SOLD","scheduleId":"a","paymentId":"p{reserved}","reserved":{reserved},"capacity":60,"occurredAt":{at_ms}}}"#
        )
    };
    for reserved in 1..60 {
        board.pipe(Board::place("a"), Some("a"), &json(reserved));
    }
    assert_eq!(board.sold_out(), []);
    board.pipe(Board::place("a"), Some("a"), &json(60));
    assert_eq!(board.sold_out().len(), 1);
    board.check();
}

#[test]
fn one_that_was_sold_out_late_knows_of_a_return_that_came_before() {
    let mut board = Board::open();
    let fact = board.fact("SEAT_SOLD", "a", "p1");
    board.pass(MINUTE_MS);
    board.give_back("a", "p1");
    board.send(&Fact { reserved: 3, ..fact });
    let sold_out = board.sold_out();
    assert!(sold_out[0].reopened && sold_out[0].key.at_ms == fact.at_ms);
    assert_eq!(board.count("all", "a"), 0);
    board.check();
}
