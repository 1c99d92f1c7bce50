//! Topics that delete forget by age.

use crate::harness::{ManualClock, append, create, manual, read, read_all};
use holdfast_log_embedded::EmbeddedLog;
use holdfast_ports::log::{Cleanup, End, Log, LogError, Start};
use holdfast_ports::record::TopicPartition;
use std::sync::Arc;

const RETENTION_MS: i64 = 1000;

struct Fixture {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: Arc<EmbeddedLog>,
}

/// Offsets 0..5 at 0 ms, 5..10 at 500 ms, 10..15 at 1000 ms, in partition 0.
fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create(&log, "t", Cleanup::Delete { retention_ms: RETENTION_MS });
    for i in 0..15 {
        clock.set_ms(i / 5 * 500);
        append(&log, "t", 0, &i.to_string()).unwrap();
    }
    Fixture { dir, clock, log }
}

fn offsets(log: &EmbeddedLog) -> Vec<i64> {
    read_all(log, "t", 0).iter().map(|record| record.offset).collect()
}

#[test]
fn old_records_are_forgotten_and_offsets_stay() {
    let Fixture { dir, clock, log } = fixture();
    assert_eq!(log.maintain(RETENTION_MS).unwrap().offsets_expired, 0);
    assert_eq!(log.maintain(RETENTION_MS + 1).unwrap().offsets_expired, 5);
    assert_eq!(offsets(&log), (5..15).collect::<Vec<_>>());
    assert_eq!(log.maintain(RETENTION_MS + 1).unwrap().offsets_expired, 0);

    drop(log);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    assert_eq!(offsets(&log), (5..15).collect::<Vec<_>>());
    assert_eq!(append(&log, "t", 0, "next").unwrap().offset, 15);
}

#[test]
fn the_end_and_the_time_stay_when_every_record_is_gone() {
    let Fixture { dir, clock, log } = fixture();
    assert_eq!(log.maintain(1_000_000).unwrap().offsets_expired, 15);
    assert!(offsets(&log).is_empty());
    drop(log);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    clock.set_ms(7);
    let next = append(&log, "t", 0, "next").unwrap();
    assert_eq!((next.offset, next.append_ms), (15, 1000));
    assert_eq!(offsets(&log), [15]);
}

#[test]
fn a_reader_below_the_earliest_offset_is_told() {
    let Fixture { log, .. } = fixture();
    let source = TopicPartition::new("t", 0);
    let mut on_its_way = log.fetcher().unwrap();
    let slot = on_its_way.assign(&source, Start::At(2)).unwrap();
    log.maintain(RETENTION_MS + 1).unwrap();
    let mut late = log.fetcher().unwrap();
    let late_slot = late.assign(&source, Start::At(4)).unwrap();
    for (fetcher, slot) in [(&mut on_its_way, slot), (&mut late, late_slot)] {
        let error = fetcher.fetch(100, &mut |_, _| panic!("a forgotten record")).unwrap_err();
        let LogError::OutOfRange { slot: named, earliest, latest } = error else { panic!("{error}") };
        assert_eq!((named, earliest, latest), (slot, 5, 15));
        assert_eq!(fetcher.fetch(100, &mut |_, _| panic!("an idle slot")).unwrap(), 0);
    }
    let mut exact = log.fetcher().unwrap();
    exact.assign(&source, Start::At(5)).unwrap();
    assert_eq!(read(&mut *exact).len(), 10);
    assert_eq!(exact.end(&source, End::Stable).unwrap(), 15);
}

#[test]
fn housekeeping_runs_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let mut config = manual(dir.path(), &clock);
    config.maintain_every = Some(std::time::Duration::from_millis(5));
    let log = EmbeddedLog::open(config).unwrap();
    create(&log, "t", Cleanup::Delete { retention_ms: RETENTION_MS });
    append(&log, "t", 0, "old").unwrap();
    clock.set_ms(RETENTION_MS + 1);
    for _ in 0..2000 {
        if offsets(&log).is_empty() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    panic!("not maintained");
}
