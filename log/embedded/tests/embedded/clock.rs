//! Append times.

use crate::harness::{ManualClock, append, create_plain, manual};
use holdfast_log_embedded::EmbeddedLog;
use std::sync::Arc;

#[test]
fn append_times_do_not_go_back_with_the_clock_nor_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create_plain(&log, "t");
    let append_ms = |log: &EmbeddedLog, now_ms| {
        clock.set_ms(now_ms);
        append(log, "t", 0, "x").unwrap().append_ms
    };
    assert_eq!([1000, 900, 1001].map(|now_ms| append_ms(&log, now_ms)), [1000, 1000, 1001]);
    drop(log);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    assert_eq!([500, 2000].map(|now_ms| append_ms(&log, now_ms)), [1001, 2000]);
    // Another partition has its own time.
    clock.set_ms(500);
    assert_eq!(append(&log, "t", 1, "x").unwrap().append_ms, 500);
}
