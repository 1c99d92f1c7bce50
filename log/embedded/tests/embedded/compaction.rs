//! Topics that compact keep the last record of each key.

use crate::harness::{ManualClock, Read, append, create, manual, put, read, read_all};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::log::{AppendError, Cleanup, End, Log, Start};
use holdfast_ports::record::TopicPartition;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

const DELETE_RETENTION_MS: i64 = 1000;

struct Fixture {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: Arc<EmbeddedLog>,
}

impl Fixture {
    fn new(change: impl Fn(&mut EmbeddedConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let mut config = manual(dir.path(), &clock);
        change(&mut config);
        let log = EmbeddedLog::open(config).unwrap();
        create(&log, "t", Cleanup::Compact { delete_retention_ms: DELETE_RETENTION_MS });
        Self { dir, clock, log }
    }
}

/// Offset, key and value of everything in partition 0.
fn rows(log: &EmbeddedLog) -> Vec<(i64, String, Option<String>)> {
    read_all(log, "t", 0).into_iter().map(|Read { offset, key, value, .. }| (offset, key.unwrap(), value)).collect()
}

fn row(offset: i64, key: &str, value: Option<&str>) -> (i64, String, Option<String>) {
    (offset, key.to_owned(), value.map(str::to_owned))
}

#[test]
fn the_last_record_of_each_key_stays_at_its_offset() {
    let Fixture { dir, clock, log } = Fixture::new(|_| ());
    for i in 0..10 {
        clock.set_ms(i);
        put(&log, "t", if i % 2 == 0 { "even" } else { "odd" }, Some(&i.to_string()));
    }
    put(&log, "t", "once", Some("1"));
    assert_eq!(log.maintain(100).unwrap().records_compacted, 8);
    let expected = vec![row(8, "even", Some("8")), row(9, "odd", Some("9")), row(10, "once", Some("1"))];
    assert_eq!(rows(&log), expected);
    assert_eq!(read_all(&log, "t", 0).iter().map(|read| read.append_ms).collect::<Vec<_>>(), [8, 9, 9]);
    assert_eq!(log.maintain(100).unwrap().records_compacted, 0);

    drop(log);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    assert_eq!(rows(&log), expected);
    assert_eq!(put(&log, "t", "next", None).offset, 11);
}

#[test]
fn a_partition_is_left_alone_until_half_of_it_is_new() {
    let Fixture { log, .. } = Fixture::new(|config| config.compact_offsets_min = 4);
    for i in 0..3 {
        put(&log, "t", "k", Some(&i.to_string()));
    }
    assert_eq!(log.maintain(0).unwrap().records_compacted, 0, "fewer than the minimum");
    for key in ["a", "b", "c", "d", "e", "f"] {
        put(&log, "t", key, Some("1"));
    }
    assert_eq!(log.maintain(0).unwrap().records_compacted, 2);
    for _ in 0..7 {
        put(&log, "t", "k", Some("again"));
    }
    assert_eq!(log.maintain(0).unwrap().records_compacted, 0, "7 new beside 7 clean");
    put(&log, "t", "k", Some("again"));
    assert_eq!(log.maintain(0).unwrap().records_compacted, 8);
}

#[test]
fn a_tombstone_stays_for_its_retention_after_the_first_pass_over_it() {
    let Fixture { clock, log, .. } = Fixture::new(|_| ());
    put(&log, "t", "gone", Some("1"));
    put(&log, "t", "gone", None);
    put(&log, "t", "stays", Some("1"));
    // However old it is, a reader that began at the start may still have to meet it.
    let now_ms = 100 * DELETE_RETENTION_MS;
    clock.set_ms(now_ms);
    assert_eq!(log.maintain(now_ms).unwrap().records_compacted, 1);
    assert_eq!(rows(&log), [row(1, "gone", None), row(2, "stays", Some("1"))]);
    assert_eq!(log.maintain(now_ms + DELETE_RETENTION_MS - 1).unwrap().records_compacted, 0);
    assert_eq!(log.maintain(now_ms + DELETE_RETENTION_MS).unwrap().records_compacted, 1);
    assert_eq!(rows(&log), [row(2, "stays", Some("1"))]);
    assert_eq!(log.maintain(now_ms + 10 * DELETE_RETENTION_MS).unwrap().records_compacted, 0);
}

#[test]
fn the_end_stays_when_the_last_records_are_dropped() {
    let Fixture { dir, clock, log } = Fixture::new(|_| ());
    put(&log, "t", "a", Some("1"));
    put(&log, "t", "b", None);
    log.maintain(1).unwrap();
    log.maintain(1 + DELETE_RETENTION_MS).unwrap();
    assert_eq!(rows(&log), [row(0, "a", Some("1"))]);
    drop(log);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    let source = TopicPartition::new("t", 0);
    let mut fetcher = log.fetcher().unwrap();
    assert_eq!(fetcher.end(&source, End::Written).unwrap(), 2);
    let slot = fetcher.assign(&source, Start::Earliest).unwrap();
    assert_eq!(read(&mut *fetcher).len(), 1);
    assert_eq!(fetcher.position(slot), 2, "the position passes the hole");
    assert_eq!(put(&log, "t", "c", Some("1")).offset, 2);
    assert_eq!(read(&mut *fetcher).len(), 1);
}

#[test]
fn a_reader_on_its_way_is_not_disturbed() {
    let Fixture { log, .. } = Fixture::new(|_| ());
    for i in 0..3000 {
        put(&log, "t", &format!("k{}", i % 10), Some(&i.to_string()));
    }
    let mut fetcher = log.fetcher().unwrap();
    let slot = fetcher.assign(&TopicPartition::new("t", 0), Start::At(1500)).unwrap();
    let first = fetcher.fetch(700, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(first, 700);
    log.maintain(0).unwrap();
    let rest = read(&mut *fetcher);
    assert!(rest.is_sorted_by_key(|read| read.offset) && rest.iter().all(|read| read.offset >= 2200));
    let last: BTreeMap<_, _> =
        rest.iter().map(|read| (read.key.clone().unwrap(), read.value.clone().unwrap())).collect();
    let expected: BTreeMap<_, _> = (2990..3000).map(|i| (format!("k{}", i % 10), i.to_string())).collect();
    assert_eq!(last, expected);
    assert_eq!(fetcher.position(slot), 3000);
    // From an offset that is gone, the next one that is there.
    let mut fetcher = log.fetcher().unwrap();
    fetcher.assign(&TopicPartition::new("t", 0), Start::At(17)).unwrap();
    assert_eq!(read(&mut *fetcher).first().map(|read| read.offset), Some(2990));
}

#[test]
fn a_record_without_a_key_is_refused() {
    let Fixture { log, .. } = Fixture::new(|_| ());
    assert!(matches!(append(&log, "t", 0, "no key"), Err(AppendError::Refused(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is written and compacted in between, reading everything gives the same table, and the log agrees with a model of it.
    #[test]
    fn compaction_keeps_the_table(
        steps in prop::collection::vec((0_u8..12, prop::option::of(0_u32..1000), 0_u8..8, 0_usize..30_000), 1..150),
        keys_max in 1_usize..20,
    ) {
        let Fixture { dir, clock, log } = Fixture::new(|config| config.compact_keys_max = keys_max);
        let mut config = manual(dir.path(), &clock);
        config.compact_keys_max = keys_max;
        let mut log = Some(log);
        let mut model: BTreeMap<String, (i64, String)> = BTreeMap::new();
        let mut now_ms = 1;
        for (i, (key, value, what, padding)) in steps.into_iter().enumerate() {
            now_ms += 200;
            clock.set_ms(now_ms);
            let open = log.take().unwrap();
            let key = format!("k{key}");
            let value = value.map(|value| format!("{value:>padding$}"));
            let appended = put(&open, "t", &key, value.as_deref());
            assert_eq!(appended.offset, i as i64);
            match value {
                Some(value) => drop(model.insert(key, (appended.offset, value))),
                None => drop(model.remove(&key)),
            }
            log = Some(match what {
                0..2 => {
                    open.maintain(now_ms).unwrap();
                    open
                }
                2 => {
                    drop(open);
                    EmbeddedLog::open(config.clone()).unwrap()
                }
                _ => open,
            });
            let mut table = BTreeMap::new();
            for (offset, key, value) in rows(log.as_ref().unwrap()) {
                match value {
                    Some(value) => drop(table.insert(key, (offset, value))),
                    None => drop(table.remove(&key)),
                }
            }
            prop_assert_eq!(&table, &model);
        }
    }
}
