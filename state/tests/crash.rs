//! A process that dies in the middle leaves whole commits: a beginning of them, in all stores the same one.
//!
//! The process is this test, started once more as a child and killed with SIGKILL while it commits and flushes.
#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use holdfast_ports::store::{Store, StoreId, StoreSpec, Stores, TaskId};
use holdfast_state::{RocksStores, StateConfig};

/// Rows of quite different size, so that memory tables fill up at different times.
const SPECS: [(StoreSpec, usize); 3] = [
    (StoreSpec { id: StoreId(1), name: "large" }, 900),
    (StoreSpec { id: StoreId(2), name: "small" }, 20),
    (StoreSpec { id: StoreId(3), name: "queue" }, 60),
];

/// In the child's working directory: without it the child has not been started by [`the_dead_leave_whole_commits`].
const INVITATION: &str = "write-here";

fn open(dir: &Path) -> Box<dyn Store> {
    let config = StateConfig { write_buffer_bytes: 2 << 20, memtable_bytes: 128 << 10, ..StateConfig::new(dir) };
    let task = TaskId { topology: "coupon".into(), place: 0 };
    RocksStores::open(config).unwrap().open(&task, &SPECS.map(|(spec, _)| spec)).unwrap()
}

/// What commit `n` writes: it overwrites rows of earlier ones, and takes from the queue what an earlier one has put there.
fn writes(n: i64) -> Vec<(StoreId, Vec<u8>, Option<Vec<u8>>)> {
    let mut writes = Vec::new();
    for (spec, bytes) in SPECS {
        for i in 0..10 {
            let row = n * 10 + i;
            let key = if spec.name == "queue" { row } else { row * 7919 % 1000 };
            writes.push((spec.id, key.to_be_bytes().to_vec(), Some(vec![n as u8; bytes])));
        }
    }
    let taken = (n - 5) * 10;
    writes.extend((taken..taken + 10).map(|row| (StoreId(3), row.to_be_bytes().to_vec(), None)));
    writes
}

#[test]
#[ignore = "the child of the_dead_leave_whole_commits"]
fn writer() {
    if !Path::new(INVITATION).exists() {
        return;
    }
    let mut store = open(Path::new("."));
    for n in store.changelog_next().unwrap_or(0).. {
        for (id, key, value) in writes(n) {
            match value {
                Some(value) => store.put(id, &key, &value).unwrap(),
                None => store.delete(id, &key).unwrap(),
            }
        }
        store.commit(n + 1).unwrap();
        println!("committed {}", n + 1);
    }
}

fn rows(store: &dyn Store) -> BTreeMap<(StoreId, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for (spec, _) in SPECS {
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.insert((spec.id, key.to_vec()), value.to_vec());
            ControlFlow::Continue(())
        };
        store.scan(spec.id, b"", None, &mut visit).unwrap();
    }
    rows
}

#[test]
fn the_dead_leave_whole_commits() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(INVITATION), "").unwrap();
    let mut model = BTreeMap::new();
    let mut known = 0;
    let mut lost = 0;
    // Each life goes on where the one before was found, and dies at another moment.
    for commits in [3, 400, 701, 1_000, 333, 1_702, 57] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let last = said.map(Result::unwrap).filter(|line| line.starts_with("committed")).nth(commits - 1).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(dir.path());
        let next = store.changelog_next().unwrap_or(0);
        let committed: i64 = last.trim_start_matches("committed ").parse().unwrap();
        assert!(next >= known, "what had been on disk is gone");
        lost += (committed - next).max(0);
        for n in known..next {
            for (id, key, value) in writes(n) {
                match value {
                    Some(value) => model.insert((id, key), value),
                    None => model.remove(&(id, key)),
                };
            }
        }
        known = next;
        assert!(rows(&*store) == model, "the rows are not those of {next} commits");
    }
    assert!(known > 0, "nothing ever reached the disk: the test has shown nothing");
    assert!(lost > 0, "nothing was ever lost: the test has shown nothing");
}

/// A copy of the directory taken while the store is open is what a crash would leave.
#[test]
fn what_was_not_flushed_is_lost_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir.path().join("live"));
    store.put(StoreId(1), b"a", b"1").unwrap();
    store.put(StoreId(2), b"b", b"1").unwrap();
    store.commit(1).unwrap();
    store.flush().unwrap();
    store.put(StoreId(1), b"a", b"2").unwrap();
    store.delete(StoreId(2), b"b").unwrap();
    store.commit(2).unwrap();
    copy(&dir.path().join("live"), &dir.path().join("crashed"));
    assert_eq!(store.changelog_next(), Some(2));

    let store = open(&dir.path().join("crashed"));
    assert_eq!(store.changelog_next(), Some(1));
    let expected =
        BTreeMap::from([((StoreId(1), b"a".to_vec()), b"1".to_vec()), ((StoreId(2), b"b".to_vec()), b"1".to_vec())]);
    assert_eq!(rows(&*store), expected);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
