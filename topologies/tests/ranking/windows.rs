//! When something is counted: at the time of its payment, in what can still be corrected.

use crate::board::{Board, DAY_MS, Fact, HOUR_MS, MINUTE_MS};

#[test]
fn sales_leave_the_windows_one_after_another() {
    let mut board = Board::open();
    board.sell("a", "p1");
    for (passed_ms, expected) in [
        (0, [1, 1, 1]),
        (59 * MINUTE_MS, [1, 1, 1]),
        (2 * MINUTE_MS, [0, 1, 1]),
        (22 * HOUR_MS, [0, 1, 1]),
        (2 * HOUR_MS, [0, 0, 1]),
        (5 * DAY_MS, [0, 0, 1]),
        (2 * DAY_MS, [0, 0, 0]),
    ] {
        board.pass(passed_ms);
        assert_eq!(["1h", "24h", "7d"].map(|window| board.count(window, "a")), expected, "{passed_ms} ms later");
        assert_eq!(board.count("all", "a"), 1);
    }
    board.check();
}

/// The ranking was away: what it reads late was paid in time.
#[test]
fn a_ranking_that_was_away_counts_what_it_reads_at_the_time_of_its_payment() {
    let mut board = Board::open();
    board.driver.stop();
    let paid = board.fact("SEAT_SOLD", "a", "p1");
    board.send(&paid);
    board.pass(3 * HOUR_MS);
    board.driver.start();
    board.driver.settle();
    assert_eq!(["1h", "24h", "7d", "all"].map(|window| board.count(window, "a")), [0, 1, 1, 1]);
    // Its record was appended in time, so it is not late.
    assert_eq!(board.totals("a").late_1h, 0);
    board.check();
}

#[test]
fn a_late_sale_counts_for_all_time_and_as_late() {
    let mut board = Board::open();
    board.pass(40 * DAY_MS);
    board.sell_late("a", "p1", 30 * MINUTE_MS);
    board.sell_late("a", "p2", 5 * HOUR_MS);
    board.sell_late("a", "p3", 30 * HOUR_MS);
    board.sell_late("a", "p4", 10 * DAY_MS);
    assert_eq!(["1h", "24h", "7d", "all"].map(|window| board.count(window, "a")), [1, 2, 3, 4]);
    let totals = board.totals("a");
    assert_eq!((totals.late_1h, totals.late_24h, totals.late_7d), (3, 2, 1));
    board.check();
    for payment in ["p1", "p2", "p3", "p4"] {
        board.give_back("a", payment);
    }
    assert_eq!(["1h", "24h", "7d", "all"].map(|window| board.count(window, "a")), [0; 4]);
    board.check();
}

#[test]
fn a_late_sale_of_yesterday_is_counted_on_its_day_until_one_o_clock() {
    let mut board = Board::open();
    let midnight_ms = (board.now_ms() + 9 * HOUR_MS).div_euclid(DAY_MS) * DAY_MS + DAY_MS - 9 * HOUR_MS;
    let yesterday = holdfast_model::rfc3339::to_string(midnight_ms - 1 + 9 * HOUR_MS)[..10].to_owned();
    board.pass(midnight_ms - board.now_ms());
    board.pass(59 * MINUTE_MS);
    let sale = |board: &mut Board, payment: &str| {
        let fact = board.fact("SEAT_SOLD", "a", payment);
        board.send(&Fact { at_ms: midnight_ms - 1, ..fact });
    };
    sale(&mut board, "p1");
    assert_eq!((board.count(&yesterday, "a"), board.totals("a").late_day), (1, 0));
    board.pass(2 * MINUTE_MS);
    sale(&mut board, "p2");
    assert_eq!((board.count(&yesterday, "a"), board.totals("a").late_day), (1, 1));
    assert_eq!((board.count("all", "a"), board.count("24h", "a")), (2, 2));
    board.check();
}

#[test]
fn a_clock_that_is_ahead_counts_as_now() {
    let mut board = Board::open();
    board.sell_late("a", "p1", -5 * DAY_MS);
    assert_eq!(["1h", "24h", "7d", "all"].map(|window| board.count(window, "a")), [1; 4]);
    board.pass(2 * HOUR_MS);
    board.give_back("a", "p1");
    assert_eq!(["1h", "24h", "7d", "all"].map(|window| board.count(window, "a")), [0; 4]);
    board.check();
}
