//! A table that had rows before they ended: old state opens, and its rows go as well.

use crate::receipts::{
    DEAD, IN, KEEP_MS, LAST, NOTES, RECEIPTS, Receipt, SAID, STEP_MS, ask, ask_many, chunks, clean_up, kept_for, pass,
    stored_ids, view,
};
use holdfast_engine::inspect::{Rebuild, ending};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record, Topology};
use holdfast_ports::clock::Clock;
use holdfast_ports::store::{StoreSpec, Stores, TaskId};
use holdfast_sim::TestDriver;
use holdfast_state::{RocksStores, StateConfig};

/// The clerk of an earlier version: receipts are for ever.
struct Before;

impl Processor for Before {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
        let (verb, id) = text.split_once(' ').unwrap_or_default();
        let decided_ms = if verb == "open" { i64::MAX } else { ctx.now_ms() };
        ctx.put(RECEIPTS.stored(), &id.to_owned(), &Receipt { decided_ms, number: 0 })
    }
}

fn before() -> Topology {
    Topology::named("clerk")
        .inbox(IN)
        .store(RECEIPTS.spec())
        .store(NOTES.spec())
        .store(LAST.spec())
        .sink(&SAID)
        .dead_letters(DEAD)
        .processor(|| Box::new(Before))
        .build()
        .unwrap()
}

/// A worker of that version.
pub(crate) fn driver() -> TestDriver {
    let mut driver = TestDriver::new(&before(), 1);
    driver.settle();
    driver
}

/// What an earlier version has left behind: 300 receipts, and 300 more that are half as old.
fn left_behind() -> TestDriver {
    let mut driver = driver();
    ask_many(&mut driver, "a", 300);
    ask(&mut driver, &["open o"]);
    pass(&driver, KEEP_MS / 2);
    ask_many(&mut driver, "b", 300);
    driver.stop();
    driver.deploy(&kept_for(KEEP_MS));
    driver
}

/// A disk with what the changelog says, of a version that knew no rows that end.
fn old_disk(driver: &TestDriver) -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    let stores = RocksStores::open(StateConfig::new(disk.path().join("sim"))).unwrap();
    let known: Vec<StoreSpec> = before().all_stores().into_iter().filter(|spec| spec.id != ending::STORE.id).collect();
    let mut store = stores.open(&TaskId { topology: "clerk".into(), place: 0 }, &known).unwrap();
    let mut rebuild = Rebuild::default();
    for out in driver.read("sim-clerk-changelog") {
        let headers = &out.record.headers;
        let (key, value) = (out.record.key.as_deref(), out.record.value.as_deref());
        let record = Record { offset: out.offset, append_ms: out.record.append_ms, key, value, headers };
        rebuild.take(&record, &mut *store).unwrap();
    }
    rebuild.finish(&mut *store).unwrap();
    store.set_fresh(driver.clock().now_ms()).unwrap();
    disk
}

#[test]
fn a_state_without_the_store_opens() {
    let mut driver = left_behind();
    let disk = old_disk(&driver);
    drop(driver.change_disk(Some(disk)));
    driver.start();
    driver.settle();
    assert_eq!(stored_ids(&driver).len(), 601);
    assert_eq!(view(&driver).ended_until_ms(&RECEIPTS), Ok(i64::MIN));
    ask(&mut driver, &["ask c", "ask b0000"]);
    assert_eq!(chunks(&view(&driver)).concat().iter().filter(|id| *id == "c").count(), 1);
}

/// Rows that have ended when the walk comes by are deleted then; the others when their time is over.
#[test]
fn rows_from_before_go_as_well() {
    let mut driver = left_behind();
    pass(&driver, KEEP_MS / 2 + STEP_MS);
    driver.start();
    driver.settle();
    for _ in 0..4 {
        ask(&mut driver, &["renew nobody"]);
    }
    assert_eq!(stored_ids(&driver).len(), 601 - 4 * 64, "64 rows are looked at with a commit");
    // In the middle of it.
    driver.restart();
    clean_up(&mut driver);
    driver.lose_disk();
    let ids = stored_ids(&driver);
    assert!(ids.len() == 301 && ids[0] == "b0000" && ids[300] == "o", "{} are left", ids.len());
    assert_eq!(chunks(&view(&driver)).concat().len(), 300);
    pass(&driver, KEEP_MS / 2 - 1_000);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver).len(), 301, "not before their time");
    pass(&driver, 1_000 + STEP_MS);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), ["o"], "nothing was ever decided about it");
    ask(&mut driver, &["renew o"]);
    pass(&driver, KEEP_MS + STEP_MS);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), [""; 0]);
}

/// More rows come in than 64 with each commit, before the walk and behind it.
#[test]
fn the_walk_ends_under_load() {
    let mut driver = left_behind();
    driver.start();
    driver.settle();
    for turn in 0..6 {
        for n in 0..300 {
            driver.pipe(IN, Some("k"), &format!("ask {}{turn}{n}", ["Z", "b0150x", "z"][n % 3]));
        }
        driver.settle();
    }
    let entries = chunks(&view(&driver)).concat();
    let of = |ids: &str| entries.iter().filter(|id| id.starts_with(ids) && id.len() == 5).count();
    assert_eq!((of("a0"), of("b0")), (300, 300), "each row from before is entered once");
    assert_eq!(entries.len(), 600 + 1_800, "and none of those that have come since");
}

#[test]
fn a_table_that_was_empty_needs_no_walk() {
    let mut driver = crate::receipts::driver();
    ask_many(&mut driver, "a", 300);
    driver.restart();
    ask_many(&mut driver, "b", 10);
    assert_eq!(chunks(&view(&driver)).concat().len(), 310);
}
