//! Rows end: buckets with their window, payments and days with their retention. What they told all time stays.

use crate::board::{Board, DAY_MS, HOUR_MS, PLACES};
use holdfast_model::ranking::window::SLIDING;
use holdfast_model::ranking::{DAYS, NAME, PAYMENTS, Settings};
use holdfast_topologies::ranking::topology;
use std::ops::ControlFlow;

const SHORT: Settings = Settings { ranking_retention_ms: 30 * DAY_MS };

/// How many rows the stores of windows, of days and of payments have.
fn sizes(board: &Board) -> [usize; 5] {
    let [hour, day, week] = &SLIDING;
    [hour.table.id(), day.table.id(), week.table.id(), DAYS.id(), PAYMENTS.id()].map(|store| {
        let mut rows = 0;
        for place in 0..PLACES {
            let task = board.driver.queries().task(NAME, place).unwrap();
            task.scan_bytes(store, &[], &mut |_, _| {
                rows += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        }
        rows
    })
}

/// Time passes where "a" lives: rows end with records.
fn tick(board: &mut Board, ms: i64) {
    board.pass(ms);
    board.pipe(
        Board::place("a"),
        Some("a"),
        r#"{"type":"SEAT_SOLD","scheduleId":"a","paymentId":"old","occurredAt":0}"#,
    );
    board.pipe(
        Board::place("a"),
        Some("a"),
        r#"{"type":"SEAT_SOLD","scheduleId":"a","paymentId":"old","occurredAt":0}"#,
    );
}

#[test]
fn rows_end_with_their_window_and_payments_with_their_retention() {
    let mut board = Board::of(&topology(&SHORT));
    for n in 0..5 {
        board.sell("a", &format!("p{n}"));
    }
    assert_eq!(sizes(&board), [1, 1, 1, 1, 5]);
    tick(&mut board, 3 * HOUR_MS);
    assert_eq!(sizes(&board), [0, 1, 1, 1, 5]);
    tick(&mut board, DAY_MS);
    assert_eq!(sizes(&board), [0, 0, 1, 1, 5]);
    tick(&mut board, 8 * DAY_MS);
    assert_eq!(sizes(&board), [0, 0, 0, 1, 5]);
    tick(&mut board, 25 * DAY_MS);
    assert_eq!(sizes(&board), [0, 0, 0, 0, 0]);
    assert_eq!((board.count("all", "a"), board.totals("a").too_old), (5, 8));
    board.check();
}

#[test]
fn a_sale_that_may_have_been_counted_is_not_counted_again() {
    let mut board = Board::of(&topology(&SHORT));
    board.sell("a", "p1");
    let records = board.driver.read(holdfast_model::ranking::INBOX);
    tick(&mut board, 31 * DAY_MS);
    assert_eq!(sizes(&board)[4], 0);
    board.driver.append_again(holdfast_model::ranking::INBOX, &records[0]);
    board.driver.settle();
    assert_eq!(board.count("all", "a"), 1);
    // Its return has lost its sale: the count stays, and no other sale is taken back for it.
    board.give_back("a", "p1");
    assert_eq!(board.count("all", "a"), 1);
    board.check();
}
