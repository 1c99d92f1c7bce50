//! A large shop: what a query costs is bounded by the schedules that were sold in its window.

use crate::board::{Board, MINUTE_MS};
use holdfast_model::ranking::INBOX;

/// Schedules of the shop.
const SCHEDULES: usize = 10_000;

#[test]
fn ten_thousand_schedules_are_ranked() {
    let mut board = Board::open();
    for round in 0..3 {
        let at_ms = board.now_ms();
        for n in 0..SCHEDULES {
            if round == 0 || n % (round + 1) == 0 {
                let json = format!(
                    r#"{{"type":"SEAT_SOLD","scheduleId":"s{n}","paymentId":"p{n}-{round}","occurredAt":{at_ms}}}"#
                );
                board.driver.pipe(INBOX, Some(&format!("s{n}")), &json);
            }
        }
        board.driver.settle();
        board.pass(10 * MINUTE_MS);
    }
    for window in ["all", "1h", "24h", "7d"] {
        let counts = board.counts(window);
        // The best hundred of each of three places.
        assert_eq!(counts.len(), 300, "{window}");
        assert!(counts.iter().all(|(_, count)| *count == 3), "{window}: {counts:?}");
    }
}
