//! What is counted: sales less returns, each once, ranked without ties.

use crate::board::{Board, DAY_MS, Fact, HOUR_MS, PLACES};

#[test]
fn sales_less_returns_are_ranked() {
    let mut board = Board::open();
    for n in 0..3 {
        board.sell("a", &format!("a{n}"));
    }
    for n in 0..5 {
        board.sell("b", &format!("b{n}"));
    }
    board.sell("c", "c0");
    for window in ["all", "1h", "24h", "7d"] {
        assert_eq!(board.counts(window), [("b", 5), ("a", 3), ("c", 1)].map(|(id, n)| (id.to_owned(), n)), "{window}");
    }
    for n in 0..4 {
        board.give_back("b", &format!("b{n}"));
    }
    board.give_back("c", "c0");
    for window in ["all", "1h", "24h", "7d"] {
        assert_eq!(board.counts(window), [("a", 3), ("b", 1)].map(|(id, n)| (id.to_owned(), n)), "{window}");
    }
    let best = &board.popular("all")[0];
    assert_eq!((&*best.concert_title, best.concert_id.as_deref()), ("a 콘서트", Some("concert_1")));
    board.check();
}

#[test]
fn of_equal_counts_the_earlier_one_is_first_and_then_the_smaller_id() {
    let mut board = Board::open();
    board.sell("z", "z0");
    board.pass(10);
    let at_ms = board.now_ms();
    for id in ["b", "a", "c"] {
        let payment = format!("{id}0");
        let fact = board.fact("SEAT_SOLD", id, &payment);
        board.send(&Fact { at_ms, ..fact });
    }
    let ids = |board: &Board| board.counts("all").into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(&board), ["z", "a", "b", "c"]);
    // One that goes up and comes down again has come to its count later than the others.
    board.pass(10);
    board.sell("z", "z1");
    board.pass(10);
    board.give_back("z", "z1");
    assert_eq!(ids(&board), ["a", "b", "c", "z"]);
    board.check();
}

#[test]
fn a_return_before_its_sale_cancels_it_and_a_return_without_one_takes_nothing() {
    let mut board = Board::open();
    board.sell("a", "p1");
    board.give_back("a", "p2");
    board.give_back("a", "never");
    assert_eq!(board.count("all", "a"), 1);
    board.sell("a", "p2");
    assert_eq!((board.count("all", "a"), board.count("1h", "a")), (1, 1));
    let totals = board.totals("a");
    assert_eq!((totals.sold, totals.returned), (2, 1));
    board.check();
}

#[test]
fn a_cancelled_sale_leaves_the_bucket_that_it_was_counted_in() {
    let mut board = Board::open();
    board.sell("a", "early");
    board.pass(30 * 60_000);
    board.sell("a", "later");
    board.pass(40 * 60_000);
    // The early one has left the last hour; taking it back must not take the later one's count.
    assert_eq!((board.count("1h", "a"), board.count("24h", "a")), (1, 2));
    board.give_back("a", "early");
    assert_eq!((board.count("1h", "a"), board.count("24h", "a"), board.count("all", "a")), (1, 1, 1));
    board.check();
}

#[test]
fn a_day_that_is_closed_keeps_what_was_returned_later() {
    let mut board = Board::open();
    board.pass(12 * HOUR_MS);
    let midnight_ms = (board.now_ms() + 9 * HOUR_MS).div_euclid(DAY_MS) * DAY_MS + DAY_MS - 9 * HOUR_MS;
    let day = |ms: i64| holdfast_model::rfc3339::to_string(ms + 9 * HOUR_MS)[..10].to_owned();
    board.pass(midnight_ms - HOUR_MS - board.now_ms());
    for payment in ["p1", "p2", "p3"] {
        board.sell("a", payment);
    }
    let today = day(board.now_ms());
    board.give_back("a", "p1");
    assert_eq!(board.count(&today, "a"), 2);
    board.pass(HOUR_MS + HOUR_MS / 2);
    assert_ne!(day(board.now_ms()), today);
    board.give_back("a", "p2");
    assert_eq!(board.count(&today, "a"), 1, "within the hour of grace");
    board.pass(HOUR_MS);
    board.give_back("a", "p3");
    assert_eq!((board.count(&today, "a"), board.count("all", "a"), board.count("24h", "a")), (1, 0, 0));
    assert_eq!(board.counts(&day(board.now_ms())), []);
    board.check();
}

#[test]
fn a_record_without_a_key_finds_its_place_and_one_that_cannot_be_read_is_buried() {
    let mut board = Board::open();
    let at_ms = board.now_ms();
    let json = |payment: &str, schedule: &str| {
        format!(r#"{{"type":"SEAT_SOLD","scheduleId":"{schedule}","paymentId":"{payment}","occurredAt":{at_ms}}}"#)
    };
    board.pipe((Board::place("a") + 1) % PLACES, None, &json("p1", "a"));
    board.pipe(Board::place("a"), Some("a"), "{");
    board.pipe(Board::place("a"), Some("a"), r#"{"type":"SEAT_SOLD","scheduleId":"a","occurredAt":1}"#);
    // A payment is of one schedule: the same place has both.
    let other = (0..).map(|n| format!("other{n}")).find(|id| Board::place(id) == Board::place("a")).unwrap();
    board.pipe(Board::place("a"), Some(&other), &json("p1", &other));
    assert_eq!(board.counts("all"), [("a".to_owned(), 1)]);
    assert_eq!(board.classes(), ["InvalidJson", "MissingField", "AnotherSchedule"]);
    board.check();
}
