//! What comes again changes nothing: records twice, letters put back, crashes, empty disks, a group that is reset.

use crate::board::{Board, HOUR_MS, PLACES};
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_model::ranking::{INBOX, NAME, Settings};
use holdfast_topologies::ranking::topology;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Every row of every place, but its position.
fn rows(board: &Board) -> BTreeMap<(u32, u8, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for place in 0..PLACES {
        let task = board.driver.queries().task(NAME, place).unwrap();
        for spec in topology(&Settings::default()).stores() {
            task.scan_bytes(spec.id, &[], &mut |key, row| {
                rows.insert((place, spec.id.0, key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        }
    }
    rows
}

/// A few sales, returns, and a schedule that is sold out.
fn busy() -> Board {
    let mut board = Board::open();
    for n in 0..12 {
        board.sell(["a", "b", "c"][n % 3], &format!("p{n}"));
        board.pass(HOUR_MS / 6);
    }
    board.give_back("a", "p0");
    board.give_back("b", "p10");
    board.fill("c", "last", Some(0));
    board.sell_late("a", "late", 30 * HOUR_MS);
    board
}

#[test]
fn every_record_twice_changes_nothing() {
    let mut board = busy();
    let before = rows(&board);
    let records = board.driver.read(INBOX);
    assert_eq!(records.len(), 16);
    for out in &records {
        board.driver.append_again(INBOX, out);
    }
    board.driver.settle();
    board.pass(1_000);
    for out in records.iter().rev() {
        board.driver.append_again(INBOX, out);
    }
    board.driver.settle();
    assert!(rows(&board) == before);
    board.check();
}

/// The real position of a group lies in the state: what a reset group reads again lies below it.
#[test]
fn a_crash_an_empty_disk_and_reading_again_change_nothing() {
    let mut board = busy();
    let before = rows(&board);
    board.driver.restart();
    assert!(rows(&board) == before);
    board.driver.lose_disk();
    assert!(rows(&board) == before);
    board.check();
}

/// Decided from nothing, the same log comes to the same rows: nothing depends on when it is read.
#[test]
fn the_same_log_read_a_day_later_comes_to_the_same() {
    let mut board = Board::open();
    board.driver.stop();
    for n in 0..12 {
        let payment = format!("p{n}");
        let fact = board.fact("SEAT_SOLD", ["a", "b", "c"][n % 3], &payment);
        board.send(&fact);
        board.pass(HOUR_MS / 6);
    }
    let mut reader = Board::open();
    let records = board.driver.read(INBOX);
    board.pass(24 * HOUR_MS);
    board.driver.start();
    board.driver.settle();
    // The other one reads each record when it is appended.
    for out in &records {
        let (key, value) = (out.record.key.as_deref(), out.record.value.as_deref());
        let behind_ms = out.record.append_ms - reader.now_ms();
        if behind_ms > 0 {
            reader.pass(behind_ms);
        }
        let partition = out.partition;
        reader.driver.append(&NewRecord { topic: INBOX, partition, key, value, headers: &[] });
        reader.driver.settle();
    }
    for window in ["all", "24h", "7d"] {
        let now_ms = reader.now_ms();
        let at = |board: &Board| {
            let of = |place| {
                let task = board.driver.queries().task(NAME, place).unwrap();
                holdfast_topologies::ranking::view::popular(&task, window.parse().unwrap(), now_ms, 100).unwrap()
            };
            (0..PLACES).flat_map(of).collect::<Vec<_>>()
        };
        assert_eq!(at(&board), at(&reader), "{window}");
    }
}
