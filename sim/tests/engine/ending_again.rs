//! What has ended is a matter of the log: a shadow that deletes nothing comes to the same decisions.

use crate::receipts::{
    DEAD, IN, KEEP_MS, OUT, RECEIPTS, STEP_MS, ask, ask_many, clean_up, driver, kept_for, pass, said, view,
};
use holdfast_engine::inspect::ending::{Ended, Period, periods};
use holdfast_engine::inspect::{Made, Rebuild, Shadow, ending, position};
use holdfast_engine::prelude::{Record, Topology};
use holdfast_ports::store::{Store, Stores, TaskId};
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_state::{RocksStores, StateConfig};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

fn open(disk: &Path) -> Box<dyn Store> {
    let task = TaskId { topology: "clerk".into(), place: 0 };
    RocksStores::open(StateConfig::new(disk)).unwrap().open(&task, &kept_for(KEEP_MS).all_stores()).unwrap()
}

fn record(out: &Out) -> Record<'_> {
    Record {
        offset: out.offset,
        append_ms: out.record.append_ms,
        key: out.record.key.as_deref(),
        value: out.record.value.as_deref(),
        headers: &out.record.headers,
    }
}

/// What the changelog says.
fn live(driver: &TestDriver, disk: &Path) -> Box<dyn Store> {
    let mut store = open(disk);
    let mut rebuild = Rebuild::default();
    driver.read("sim-clerk-changelog").iter().for_each(|out| rebuild.take(&record(out), &mut *store).unwrap());
    rebuild.finish(&mut *store).unwrap();
    store
}

struct Replayed {
    said: Vec<String>,
    until_ms: Option<i64>,
    store: Box<dyn Store>,
}

fn replay(driver: &TestDriver, topology: &Topology, periods: Option<Vec<Period>>, disk: &Path) -> Replayed {
    let task = TaskId { topology: "clerk".into(), place: 0 };
    let mut shadow = Shadow::new(task, topology, open(disk), "sim", 1).unwrap();
    if let Some(periods) = periods {
        shadow.keep_as(periods);
    }
    let mut said = Vec::new();
    for out in driver.read(IN) {
        let each = &mut |made: Made<'_>| {
            if let Made::Now(output) = made
                && output.topic == OUT
            {
                said.push(String::from_utf8_lossy(output.value.unwrap_or_default()).into_owned());
            }
        };
        shadow.decide(&record(&out), each).unwrap();
    }
    Replayed { said, until_ms: shadow.ended_until_ms(&RECEIPTS), store: shadow.finish().unwrap() }
}

/// Rows of the topology's own stores; of those that end, only what has not.
fn kept(topology: &Topology, store: &dyn Store) -> BTreeMap<(u8, Vec<u8>), Vec<u8>> {
    let ended = Ended::of(topology.endings(), store).unwrap();
    let mut rows = BTreeMap::new();
    for spec in topology.all_stores().iter().filter(|spec| ![position::STORE.id, ending::STORE.id].contains(&spec.id)) {
        let visit = &mut |key: &[u8], row: &[u8]| {
            if !ended.has(spec.id, row).unwrap() {
                rows.insert((spec.id.0, key.to_vec()), row.to_vec());
            }
            ControlFlow::Continue(())
        };
        store.scan(spec.id, &[], None, visit).unwrap();
    }
    rows
}

/// A history in which rows end, are asked for again at the edge of their time, and are kept longer and shorter.
fn history(driver: &mut TestDriver, keeps_ms: &[i64]) {
    for (turn, keep_ms) in keeps_ms.iter().enumerate() {
        if turn > 0 {
            driver.deploy(&kept_for(*keep_ms));
            driver.restart();
        }
        ask_many(driver, "a", 300);
        ask(driver, &["ask x", "open y", "fail z", "note x"]);
        for part_ms in [keep_ms / 3, keep_ms / 3, keep_ms - 2 * (keep_ms / 3) - 1, 1, STEP_MS] {
            pass(driver, part_ms);
            ask(driver, &["ask x", "renew a0001", "ask a0299", "note y"]);
        }
    }
}

#[test]
fn a_shadow_that_deletes_nothing_decides_the_same() {
    let mut driver = driver();
    history(&mut driver, &[KEEP_MS, KEEP_MS]);
    clean_up(&mut driver);
    let disk = tempfile::tempdir().unwrap();
    let topology = kept_for(KEEP_MS);
    let replayed = replay(&driver, &topology, None, &disk.path().join("shadow"));
    assert_eq!(replayed.said, said(&driver));
    assert_eq!(replayed.until_ms, view(&driver).ended_until_ms(&RECEIPTS).ok());
    let live = live(&driver, &disk.path().join("live"));
    assert_eq!(kept(&topology, &*replayed.store), kept(&topology, &*live));
    let of = |store: &dyn Store| Ended::of(topology.endings(), store).unwrap().until_ms(RECEIPTS.id());
    assert_eq!((of(&*replayed.store), of(&*live)), (replayed.until_ms, replayed.until_ms));
    let rows = |store: &dyn Store| {
        let mut rows = 0;
        let count = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        store.scan(RECEIPTS.id(), &[], None, count).unwrap();
        rows
    };
    assert!(rows(&*replayed.store) > rows(&*live), "the shadow keeps what the worker has deleted");
    assert_eq!(driver.read(DEAD).len(), 2);
}

/// The settings of today are not those that the inbox was decided with: the state tells since when which were.
#[test]
fn a_shadow_keeps_rows_as_long_as_they_were_kept_then() {
    let keeps_ms = [KEEP_MS, KEEP_MS / 4, KEEP_MS * 2, KEEP_MS / 2];
    let mut driver = driver();
    history(&mut driver, &keeps_ms);
    let disk = tempfile::tempdir().unwrap();
    let live = live(&driver, &disk.path().join("live"));
    let periods = periods(&*live).unwrap();
    let of_receipts: Vec<i64> =
        periods.iter().filter(|period| period.store == RECEIPTS.id()).map(|period| period.keep_ms).collect();
    assert_eq!(of_receipts, keeps_ms);
    for today_ms in [KEEP_MS / 2, KEEP_MS] {
        let topology = kept_for(today_ms);
        let shadow = disk.path().join(today_ms.to_string());
        let replayed = replay(&driver, &topology, Some(periods.clone()), &shadow);
        assert_eq!(replayed.said, said(&driver));
        assert_eq!(replayed.until_ms, view(&driver).ended_until_ms(&RECEIPTS).ok());
        assert_eq!(kept(&topology, &*replayed.store), kept(&topology, &*live));
    }
    let unaware = replay(&driver, &kept_for(KEEP_MS * 2), None, &disk.path().join("unaware"));
    assert_ne!(unaware.said, said(&driver), "or else this history shows nothing");
}
