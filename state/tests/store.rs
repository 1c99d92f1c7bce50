//! What a store promises beside reading and writing: locks, formats, poison, views, closing, and what an operator sees.
#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;

use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec, Stores, TaskId, View, Write};
use holdfast_state::inspect::{self, inspect};
use holdfast_state::{RocksStores, StateConfig};

const SEATS: StoreSpec = StoreSpec { id: StoreId(1), name: "seats" };
const HOLDS: StoreSpec = StoreSpec { id: StoreId(2), name: "holds" };

fn stores(dir: &Path) -> RocksStores {
    RocksStores::open(StateConfig::new(dir)).unwrap()
}

fn task() -> TaskId {
    TaskId { topology: "reservation".into(), place: 3 }
}

/// The task with one row, committed.
fn with_a_row(stores: &RocksStores) -> Box<dyn Store> {
    let mut store = stores.open(&task(), &[SEATS]).unwrap();
    store.put(SEATS.id, b"a", b"1").unwrap();
    store.commit(1).unwrap();
    store
}

fn get(store: &dyn Store, id: StoreId, key: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    store.get(id, key, &mut |value| found = Some(value.to_vec())).unwrap();
    found
}

fn get_committed(view: &dyn View, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut found = None;
    view.get(SEATS.id, key, &mut |value| found = Some(value.to_vec()))?;
    Ok(found)
}

fn refusal<T>(result: Result<T, StoreError>) -> StoreError {
    result.err().expect("it was not refused")
}

#[test]
fn one_task_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (stores(dir.path()), stores(dir.path()));
    let first = a.open(&task(), &[SEATS]).unwrap();
    for other in [&a, &b] {
        let error = refusal(other.open(&task(), &[SEATS]));
        assert!(
            matches!(&error, StoreError::Locked(m) if m.contains("reservation/3") && m.contains("another process")),
            "{error}"
        );
        assert!(matches!(other.destroy(&task()), Err(StoreError::Locked(_))));
    }
    assert!(a.open(&TaskId { place: 4, ..task() }, &[SEATS]).is_ok());
    drop(first);
    assert!(b.open(&task(), &[SEATS]).is_ok());
}

#[test]
fn an_unknown_format_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    drop(with_a_row(&stores));

    let marker = dir.path().join("reservation/3/FORMAT");
    let ours = std::fs::read(&marker).unwrap();
    std::fs::write(&marker, "holdfast-state 999\n").unwrap();
    let error = refusal(stores.open(&task(), &[SEATS]));
    assert!(
        matches!(&error, StoreError::Fatal(m) if m.contains("999") && m.contains("move the directory away")),
        "{error}"
    );
    assert!(matches!(stores.destroy(&task()), Err(StoreError::Fatal(_))));
    assert!(matches!(inspect(dir.path()), Err(StoreError::Fatal(_))));

    std::fs::remove_file(&marker).unwrap();
    let error = refusal(stores.open(&task(), &[SEATS]));
    assert!(matches!(&error, StoreError::Fatal(m) if m.contains("no FORMAT file")), "{error}");

    std::fs::write(&marker, ours).unwrap();
    let store = stores.open(&task(), &[SEATS]).unwrap();
    assert_eq!(get(&*store, SEATS.id, b"a"), Some(b"1".to_vec()));
}

#[test]
fn stores_come_and_go_and_their_rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = with_a_row(&stores);
    assert!(matches!(store.put(HOLDS.id, b"a", b"1"), Err(StoreError::Fatal(_))));
    drop(store);

    let mut store = stores.open(&task(), &[HOLDS]).unwrap();
    assert!(matches!(store.get(SEATS.id, b"a", &mut |_| {}), Err(StoreError::Fatal(_))));
    store.put(HOLDS.id, b"b", b"2").unwrap();
    store.commit(2).unwrap();
    drop(store);

    let store = stores.open(&task(), &[HOLDS, SEATS]).unwrap();
    assert_eq!(get(&*store, SEATS.id, b"a"), Some(b"1".to_vec()));
    assert_eq!(get(&*store, HOLDS.id, b"b"), Some(b"2".to_vec()));
    assert_eq!(store.changelog_next(), Some(2));
}

#[test]
fn numbers_never_change_hands() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    drop(stores.open(&task(), &[SEATS]).unwrap());
    for spec in [StoreSpec { id: SEATS.id, name: "renamed" }, StoreSpec { id: StoreId(8), name: SEATS.name }] {
        let error = refusal(stores.open(&task(), &[spec]));
        assert!(matches!(&error, StoreError::Fatal(m) if m.contains("never change hands")), "{error}");
    }
    assert!(stores.open(&task(), &[SEATS]).is_ok());
}

#[test]
fn a_failed_write_poisons() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = with_a_row(&stores);
    let view = store.view();

    store.put(SEATS.id, b"a", b"2").unwrap();
    stores.fail_next_write();
    let error = refusal(store.commit(2));
    assert!(matches!(&error, StoreError::Poisoned(reason) if reason.contains("on demand")), "{error}");
    assert_eq!(store.changelog_next(), Some(1));

    let mut visit = |_: &[u8], _: &[u8]| ControlFlow::Continue(());
    let refused = [
        store.get(SEATS.id, b"a", &mut |_| {}).map(drop),
        store.get(SEATS.id, b"absent", &mut |_| {}).map(drop),
        store.scan(SEATS.id, b"", None, &mut visit),
        store.put(SEATS.id, b"b", b"1"),
        store.delete(SEATS.id, b"b"),
        store.commit(2),
        store.restore(&[], 2),
        store.set_fresh(1),
        store.flush(),
        store.clear(),
    ];
    for (i, refused) in refused.into_iter().enumerate() {
        assert!(
            matches!(&refused, Err(StoreError::Poisoned(r)) if r.contains("on demand")),
            "operation {i}: {refused:?}"
        );
    }
    assert_eq!(get_committed(&*view, b"a").unwrap(), Some(b"1".to_vec()));

    drop(store);
    let store = stores.open(&task(), &[SEATS]).unwrap();
    assert_eq!(get(&*store, SEATS.id, b"a"), Some(b"1".to_vec()));
    assert_eq!(store.changelog_next(), Some(1));
}

#[test]
fn a_view_sees_commits_and_ends_with_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = stores.open(&task(), &[SEATS]).unwrap();
    let view = store.view();
    store.put(SEATS.id, b"a", b"1").unwrap();
    assert_eq!(get_committed(&*view, b"a").unwrap(), None);
    store.commit(1).unwrap();
    assert_eq!(get_committed(&*view, b"a").unwrap(), Some(b"1".to_vec()));

    drop(store);
    let mut visit = |_: &[u8], _: &[u8]| ControlFlow::Continue(());
    assert!(matches!(get_committed(&*view, b"a"), Err(StoreError::Closed)));
    assert!(matches!(view.scan(SEATS.id, b"", None, &mut visit), Err(StoreError::Closed)));
    assert!(matches!(view.size(SEATS.id), Err(StoreError::Closed)));
    // The view lives, and still the directory is free.
    assert!(stores.open(&task(), &[SEATS]).is_ok());
    assert!(matches!(get_committed(&*view, b"a"), Err(StoreError::Closed)));
}

#[test]
fn one_scan_sees_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = stores(dir.path()).open(&task(), &[SEATS]).unwrap();
    let commit = |store: &mut dyn Store, n: i64| {
        for key in 0..100_u8 {
            store.put(SEATS.id, &[key], &n.to_be_bytes()).unwrap();
        }
        store.commit(n).unwrap();
    };
    commit(&mut *store, 0);
    let view = store.view();
    let (done, waiting) = mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut scans = 0;
        while waiting.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let mut seen = Vec::new();
            let mut visit = |_: &[u8], value: &[u8]| {
                seen.push(value.to_vec());
                ControlFlow::Continue(())
            };
            view.scan(SEATS.id, b"", None, &mut visit).unwrap();
            assert_eq!(seen.len(), 100);
            assert!(seen.iter().all(|value| *value == seen[0]), "a scan saw parts of two commits");
            scans += 1;
        }
        scans
    });
    for n in 1..500 {
        commit(&mut *store, n);
    }
    done.send(()).unwrap();
    assert!(reader.join().unwrap() > 0);
}

#[test]
fn a_store_closes_in_the_middle_of_a_scan() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = stores(dir.path()).open(&task(), &[SEATS]).unwrap();
    for key in 0..100_u8 {
        store.put(SEATS.id, &[key], b"").unwrap();
    }
    store.commit(1).unwrap();
    let view = store.view();
    let (started, start) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut rows = 0_u64;
        loop {
            // A scan in a scan: it must not wait for the store that waits for the outer one.
            let scanned = view.scan(SEATS.id, b"", None, &mut |key, _| {
                let _ = view.get(SEATS.id, key, &mut |_| rows += 1);
                let _ = started.send(());
                ControlFlow::Continue(())
            });
            if let Err(e) = scanned {
                return (rows, e);
            }
        }
    });
    start.recv().unwrap();
    drop(store);
    let (rows, end) = reader.join().unwrap();
    assert!(rows > 0 && matches!(end, StoreError::Closed));
}

#[test]
fn cleared_is_new_and_views_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = stores.open(&task(), &[SEATS, HOLDS]).unwrap();
    let view = store.view();
    store.put(SEATS.id, b"a", b"1").unwrap();
    store.commit(5).unwrap();
    store.set_fresh(77).unwrap();
    store.put(HOLDS.id, b"b", b"1").unwrap();
    store.clear().unwrap();
    assert!(store.is_clean() && store.changelog_next().is_none() && store.fresh_ms().is_none());
    assert_eq!(get_committed(&*view, b"a").unwrap(), None);

    store.restore(&[Write { store: SEATS.id, key: b"a", value: Some(b"2") }], 6).unwrap();
    assert_eq!(get_committed(&*view, b"a").unwrap(), Some(b"2".to_vec()));
    drop(store);
    let store = stores.open(&task(), &[SEATS, HOLDS]).unwrap();
    assert_eq!((store.changelog_next(), store.fresh_ms()), (Some(6), None));
    assert!(!dir.path().join("reservation/3/cleared").exists());
}

#[test]
fn the_last_write_of_a_restored_key_wins() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = stores(dir.path()).open(&task(), &[SEATS]).unwrap();
    store.put(SEATS.id, b"mine", b"overlay").unwrap();
    let write = |key, value| Write { store: SEATS.id, key, value };
    let writes = [
        write(b"a", Some(b"1")),
        write(b"b", Some(b"1")),
        write(b"a", Some(b"2")),
        write(b"b", None),
        write(b"mine", Some(b"below")),
    ];
    store.restore(&writes, 9).unwrap();
    let read = [&b"a"[..], b"b", b"mine"].map(|key| get(&*store, SEATS.id, key));
    assert_eq!(read, [Some(b"2".to_vec()), None, Some(b"overlay".to_vec())]);
    store.rollback();
    assert_eq!(get(&*store, SEATS.id, b"mine"), Some(b"below".to_vec()));
}

#[test]
fn the_corrupt_can_be_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    drop(with_a_row(&stores));
    for file in std::fs::read_dir(dir.path().join("reservation/3/db")).unwrap().map(Result::unwrap) {
        if file.path().extension().is_some_and(|e| e == "sst") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let error = refusal(stores.open(&task(), &[SEATS]));
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    stores.destroy(&task()).unwrap();
    assert_eq!(stores.open(&task(), &[SEATS]).unwrap().changelog_next(), None);
}

#[test]
fn an_operator_sees_what_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = stores.open(&task(), &[SEATS, HOLDS]).unwrap();
    for key in 0..50_u8 {
        store.put(SEATS.id, &[key], &[key; 100]).unwrap();
    }
    store.commit(12).unwrap();
    store.set_fresh(1_000).unwrap();
    store.flush().unwrap();
    store.delete(SEATS.id, &[7]).unwrap();
    store.commit(13).unwrap();
    let size = store.view().size(SEATS.id).unwrap();
    assert!(size.keys.abs_diff(50) < 5 && size.bytes > 1_000, "{size:?}");
    assert_eq!(store.view().size(HOLDS.id).unwrap().bytes, 0);

    // Beside the open store: what is flushed.
    let found = inspect(dir.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].task, found[0].changelog_next, found[0].fresh_ms), (&task(), Some(12), Some(1_000)));
    let names: Vec<_> = found[0].stores.iter().map(|s| (s.name.as_str(), s.id)).collect();
    assert_eq!(names, [("holds", Some(HOLDS.id)), ("seats", Some(SEATS.id))]);
    assert_eq!(found[0].stores[1].size.keys, 50);

    drop(store);
    assert_eq!(inspect(dir.path()).unwrap()[0].changelog_next, Some(13));
    let mut keys = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        keys.push(key[0]);
        ControlFlow::Continue(())
    };
    inspect::scan(dir.path(), &task(), "seats", &[5], Some(&[9]), &mut visit).unwrap();
    assert_eq!(keys, [5, 6, 8]);
    let missing = inspect::scan(dir.path(), &task(), "nothing", b"", None, &mut |_, _| ControlFlow::Break(()));
    assert!(matches!(missing, Err(StoreError::Fatal(_))));
}

#[test]
fn memory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let stores = stores(dir.path());
    let mut store = stores.open(&task(), &[SEATS]).unwrap();
    let before = stores.memory();
    for n in 0..10_000_u32 {
        store.put(SEATS.id, &n.to_be_bytes(), &[0; 100]).unwrap();
    }
    store.commit(1).unwrap();
    assert!(stores.memory().write_buffer_bytes > before.write_buffer_bytes + 1_000_000);
}
