//! A shadow decides what the worker decided, and touches nothing.

use crate::tally::{DEAD, IN, OUT, driver, topology};
use holdfast_engine::inspect::{Made, Rebuild, Shadow, delayed, effect, position};
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, Record};
use holdfast_ports::store::{Store, StoreError, Stores, TaskId};
use holdfast_sim::TestDriver;
use holdfast_state::{RocksStores, StateConfig};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Topic, partition and value of something made.
type Output = (String, u32, String);

fn open(disk: &std::path::Path, place: u32) -> Box<dyn Store> {
    let task = TaskId { topology: "tally".into(), place };
    RocksStores::open(StateConfig::new(disk)).unwrap().open(&task, &topology().all_stores()).unwrap()
}

/// Everything in the store but the position.
fn rows(store: &dyn Store) -> BTreeMap<(u8, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for spec in topology().all_stores().into_iter().filter(|spec| spec.id != position::STORE.id) {
        let visit = &mut |key: &[u8], row: &[u8]| {
            rows.insert((spec.id.0, key.to_vec()), row.to_vec());
            ControlFlow::Continue(())
        };
        store.scan(spec.id, &[], None, visit).unwrap();
    }
    rows
}

struct Replayed {
    now: Vec<Output>,
    later: Vec<Output>,
    store: Box<dyn Store>,
}

fn replay(driver: &TestDriver, places: u32, place: u32, disk: &std::path::Path) -> Replayed {
    let task = TaskId { topology: "tally".into(), place };
    let mut shadow = Shadow::new(task, &topology(), open(disk, place), "sim", places).unwrap();
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for out in driver.read(IN).into_iter().filter(|out| out.partition == place) {
        let record = Record {
            offset: out.offset,
            append_ms: out.record.append_ms,
            key: out.record.key.as_deref(),
            value: out.record.value.as_deref(),
            headers: &out.record.headers,
        };
        let copy = |output: &NewRecord<'_>| {
            let value = String::from_utf8_lossy(output.value.unwrap_or_default()).into_owned();
            (output.topic.to_owned(), output.partition, value)
        };
        if out.text() == "huge" {
            shadow.refused(out.offset, 1, "too large");
        }
        let each = &mut |made: Made<'_>| match made {
            Made::Now(output) => now.push(copy(output)),
            Made::Later(output) => later.push(copy(output)),
        };
        shadow.decide(&record, each).unwrap();
    }
    Replayed { now, later, store: shadow.finish().unwrap() }
}

#[test]
fn the_same_outputs_and_the_same_state() {
    let places = 2;
    let mut driver = driver(places);
    driver.settle();
    for (key, value) in
        [("a", "count a"), ("b", "count b"), ("a", "count a"), ("k", "refuse x"), ("k", "fail y"), ("c", "call home")]
    {
        driver.pipe(IN, Some(key), value);
    }
    driver.settle();
    driver.pipe(IN, Some("a"), "huge");
    let foreign = (place_of(b"b", places) + 1) % places;
    driver.append(&NewRecord { topic: IN, partition: foreign, key: Some(b"b"), value: Some(b"count b"), headers: &[] });
    driver.settle();
    driver.restart();
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    let before = (driver.read(OUT), driver.read(DEAD), driver.read(IN), driver.take_effects().len());

    for place in 0..places {
        let disk = tempfile::tempdir().unwrap();
        let replayed = replay(&driver, places, place, &disk.path().join("shadow"));
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for topic in [OUT, DEAD] {
            let found = driver.read(topic).into_iter().filter(|out| out.partition == place).map(|out| out.text());
            expected.insert(topic.to_owned(), found.collect());
        }
        for topic in [OUT, DEAD] {
            let made: Vec<String> =
                replayed.now.iter().filter(|o| o.0 == topic && o.1 == place).map(|o| o.2.clone()).collect();
            assert_eq!(made, expected[topic], "{topic} of place {place}");
        }
        let forwards = replayed.now.iter().filter(|o| o.0 == IN).count();
        assert_eq!(forwards, usize::from(place == foreign), "place {place}");
        assert!(replayed.later.is_empty());

        let mut live = open(&disk.path().join("live"), place);
        let mut rebuild = Rebuild::default();
        for out in driver.read("sim-tally-changelog").into_iter().filter(|out| out.partition == place) {
            let record = Record {
                offset: out.offset,
                append_ms: 0,
                key: out.record.key.as_deref(),
                value: out.record.value.as_deref(),
                headers: &out.record.headers,
            };
            rebuild.take(&record, &mut *live).unwrap();
        }
        let position = rebuild.finish(&mut *live).unwrap();
        let last = driver.read(IN).into_iter().filter(|out| out.partition == place).map(|out| out.offset + 1).max();
        assert_eq!(position.next_offset(IN), last);
        assert_eq!(rows(&*replayed.store), rows(&*live), "state of place {place}");
    }
    let after = (driver.read(OUT), driver.read(DEAD), driver.read(IN), before.3 + driver.take_effects().len());
    assert_eq!(before, after, "a shadow touches nothing");
}

#[test]
fn what_is_due_later_is_shown_once_and_never_sent() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("a"), "remind soon 10");
    driver.pipe(IN, Some("a"), "remind never 10");
    driver.pipe(IN, Some("a"), "forget never");
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    driver.advance_ms(1_000);
    let disk = tempfile::tempdir().unwrap();
    let replayed = replay(&driver, 1, 0, &disk.path().join("shadow"));
    assert_eq!(replayed.now.iter().map(|o| &*o.2).collect::<Vec<_>>(), ["a=1"]);
    assert_eq!(replayed.later.len(), 2, "taken back or not: nobody knows by the inbox whether it was in time");
    let kept = rows(&*replayed.store).into_keys().filter(|(store, _)| *store == delayed::STORE.id.0).count();
    assert_eq!(kept, 1, "what was taken back is gone, what fell due stays: the shadow does not know the time");
}

#[test]
fn a_shadow_wants_an_empty_store() {
    let disk = tempfile::tempdir().unwrap();
    let mut used = open(disk.path(), 0);
    used.put(effect::STORE.id, b"12345678", b"x").unwrap();
    used.commit(1).unwrap();
    let task = TaskId { topology: "tally".into(), place: 0 };
    let refused = Shadow::new(task, &topology(), used, "sim", 1).map(drop);
    assert!(matches!(refused, Err(StoreError::Fatal(_))), "{refused:?}");
}
