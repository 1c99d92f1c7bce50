//! Whatever is done to a store, it answers as two ordered maps would: one of what is committed, one of what is written.
#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use holdfast_ports::store::{Batch, Store, StoreId, StoreSpec, Stores, TaskId, View, Write};
use holdfast_state::{RocksStores, StateConfig};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const SPECS: [StoreSpec; 3] = [
    StoreSpec { id: StoreId(9), name: "seats" },
    StoreSpec { id: StoreId(2), name: "holds" },
    StoreSpec { id: StoreId(200), name: "delayed" },
];

type Key = Vec<u8>;
type Rows = BTreeMap<(StoreId, Key), Vec<u8>>;
/// Of keys: their value, or none for a deletion.
type Changes = BTreeMap<(StoreId, Key), Option<Vec<u8>>>;

#[derive(Debug, Clone)]
enum Op {
    Put(StoreId, Key, Vec<u8>),
    Delete(StoreId, Key),
    Get(StoreId, Key),
    /// The last number: rows after which the visitor breaks.
    Scan(StoreId, Key, Option<Key>, usize),
    Mark,
    Undo,
    Rollback,
    Seal,
    /// The batch enters the database.
    Enter,
    Settle,
    Commit,
    Restore(Vec<(StoreId, Key, Option<Vec<u8>>)>),
    SetFresh(i64),
    Flush,
    Clear,
    Reopen,
}

#[derive(Default)]
struct Model {
    committed: Rows,
    overlay: Changes,
    marked: Changes,
    /// What is sealed.
    batch: Option<Changes>,
    changelog_next: Option<i64>,
    fresh_ms: Option<i64>,
}

impl Model {
    fn rows(&self) -> Rows {
        let mut rows = self.committed.clone();
        apply(&mut rows, self.batch.clone().unwrap_or_default());
        apply(&mut rows, self.overlay.clone());
        rows
    }

    /// The offset of the next commit.
    fn next(&self) -> i64 {
        self.changelog_next.unwrap_or(0) + 7
    }

    fn empty_overlay(&mut self) {
        self.overlay.clear();
        self.marked.clear();
    }
}

fn apply(rows: &mut Rows, writes: impl IntoIterator<Item = ((StoreId, Key), Option<Vec<u8>>)>) {
    for (key, value) in writes {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
}

fn range(rows: &Rows, store: StoreId, from: &[u8], to: Option<&[u8]>) -> Vec<(Key, Vec<u8>)> {
    let within = |key: &[u8]| key >= from && to.is_none_or(|to| key < to);
    let rows = rows.iter().filter(|((s, key), _)| *s == store && within(key));
    rows.map(|((_, key), value)| (key.clone(), value.clone())).collect()
}

fn store_id() -> impl Strategy<Value = StoreId> {
    prop::sample::select(SPECS.map(|spec| spec.id).to_vec())
}

/// Few of them, so that operations meet.
fn key() -> impl Strategy<Value = Key> {
    vec(prop::sample::select(vec![0_u8, 1, b'a', 0xFF]), 0..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..5)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (store_id(), key(), value()).prop_map(|(s, k, v)| Op::Put(s, k, v)),
        5 => (store_id(), key()).prop_map(|(s, k)| Op::Delete(s, k)),
        5 => (store_id(), key()).prop_map(|(s, k)| Op::Get(s, k)),
        5 => (store_id(), key(), option::of(key()), 1_usize..40).prop_map(|(s, f, t, n)| Op::Scan(s, f, t, n)),
        4 => Just(Op::Mark),
        3 => Just(Op::Undo),
        1 => Just(Op::Rollback),
        4 => Just(Op::Seal),
        3 => Just(Op::Enter),
        3 => Just(Op::Settle),
        3 => Just(Op::Commit),
        1 => vec((store_id(), key(), option::of(value())), 0..20).prop_map(Op::Restore),
        1 => (0..i64::MAX).prop_map(Op::SetFresh),
        1 => Just(Op::Flush),
        1 => prop::bool::weighted(0.3).prop_map(|clear| if clear { Op::Clear } else { Op::Commit }),
        1 => prop::bool::weighted(0.5).prop_map(|reopen| if reopen { Op::Reopen } else { Op::Mark }),
    ]
}

fn scan(store: &dyn Store, id: StoreId, from: &[u8], to: Option<&[u8]>, rows_max: usize) -> Vec<(Key, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() == rows_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.scan(id, from, to, &mut visit).unwrap();
    rows
}

fn scan_view(view: &dyn View, id: StoreId) -> Vec<(Key, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    view.scan(id, b"", None, &mut visit).unwrap();
    rows
}

/// What can be asked at any time is asked after every operation.
fn check(store: &dyn Store, model: &Model) {
    assert_eq!(store.is_clean(), model.overlay.is_empty() && model.batch.is_none());
    assert_eq!(store.changelog_next(), model.changelog_next);
    assert_eq!(store.fresh_ms(), model.fresh_ms);
}

/// The batch that is open, and whether it has entered the database.
type Open = Option<(Arc<dyn Batch>, bool)>;

fn seal(store: &mut dyn Store, model: &mut Model) -> Arc<dyn Batch> {
    let batch = store.seal().unwrap();
    let mut changes = BTreeMap::new();
    batch.changes(&mut |w: Write<'_>| {
        let twice = changes.insert((w.store, w.key.to_vec()), w.value.map(<[u8]>::to_vec));
        assert!(twice.is_none(), "a key came twice");
    });
    assert_eq!(changes, model.overlay);
    model.batch = Some(std::mem::take(&mut model.overlay));
    model.empty_overlay();
    batch
}

fn enter(open: &mut Open, model: &mut Model) {
    if let Some((batch, entered @ false)) = open {
        let next = model.next();
        // As in a worker: another thread does it.
        std::thread::scope(|scope| scope.spawn(|| batch.commit(next)).join()).unwrap().unwrap();
        apply(&mut model.committed, model.batch.clone().unwrap());
        *entered = true;
    }
}

fn settle(store: &mut dyn Store, open: &mut Open, model: &mut Model) {
    enter(open, model);
    if open.take().is_some() {
        let next = model.next();
        store.settle(next);
        model.batch = None;
        model.changelog_next = Some(next);
    }
}

fn check_rows(store: &dyn Store, model: &Model) {
    let view = store.view();
    for spec in SPECS {
        assert_eq!(scan_view(&*view, spec.id), range(&model.committed, spec.id, b"", None));
        assert_eq!(scan(store, spec.id, b"", None, usize::MAX), range(&model.rows(), spec.id, b"", None));
    }
}

fn run(ops: Vec<Op>) {
    let dir = tempfile::tempdir().unwrap();
    // So small that memory tables reach the disk now and then.
    let config = StateConfig { write_buffer_bytes: 1 << 20, memtable_bytes: 64 << 10, ..StateConfig::new(dir.path()) };
    let stores = RocksStores::open(config).unwrap();
    let task = TaskId { topology: "reservation".into(), place: 1 };
    let mut store = stores.open(&task, &SPECS).unwrap();
    let mut model = Model::default();
    let mut open: Open = None;
    for op in ops {
        match op {
            Op::Put(s, k, v) => {
                store.put(s, &k, &v).unwrap();
                model.overlay.insert((s, k), Some(v));
            }
            Op::Delete(s, k) => {
                store.delete(s, &k).unwrap();
                model.overlay.insert((s, k), None);
            }
            Op::Get(s, k) => {
                let mut found = None;
                let there = store.get(s, &k, &mut |value| found = Some(value.to_vec())).unwrap();
                assert_eq!(found, model.rows().get(&(s, k)).cloned());
                assert_eq!(there, found.is_some());
            }
            Op::Scan(s, from, to, rows_max) => {
                let mut expected = range(&model.rows(), s, &from, to.as_deref());
                expected.truncate(rows_max);
                assert_eq!(scan(&*store, s, &from, to.as_deref(), rows_max), expected);
            }
            Op::Mark => {
                store.mark();
                model.marked = model.overlay.clone();
            }
            Op::Undo => {
                store.undo();
                model.overlay = model.marked.clone();
            }
            Op::Rollback => {
                // What is in the database cannot be taken back.
                if open.as_ref().is_some_and(|(_, entered)| *entered) {
                    settle(&mut *store, &mut open, &mut model);
                }
                store.rollback();
                open = None;
                model.batch = None;
                model.empty_overlay();
            }
            Op::Seal => match open {
                Some(_) => assert!(store.seal().is_err()),
                None => open = Some((seal(&mut *store, &mut model), false)),
            },
            Op::Enter => enter(&mut open, &mut model),
            Op::Settle => settle(&mut *store, &mut open, &mut model),
            Op::Commit => {
                settle(&mut *store, &mut open, &mut model);
                let next = model.next();
                store.commit(next).unwrap();
                apply(&mut model.committed, std::mem::take(&mut model.overlay));
                model.empty_overlay();
                model.changelog_next = Some(next);
                check_rows(&*store, &model);
            }
            Op::Restore(writes) => {
                settle(&mut *store, &mut open, &mut model);
                let next = model.changelog_next.unwrap_or(0) + 1;
                let borrowed: Vec<Write<'_>> =
                    writes.iter().map(|(store, key, v)| Write { store: *store, key, value: v.as_deref() }).collect();
                store.restore(&borrowed, next).unwrap();
                apply(&mut model.committed, writes.into_iter().map(|(s, k, v)| ((s, k), v)));
                model.changelog_next = Some(next);
                check_rows(&*store, &model);
            }
            Op::SetFresh(now_ms) => {
                store.set_fresh(now_ms).unwrap();
                model.fresh_ms = Some(now_ms);
            }
            Op::Flush => store.flush().unwrap(),
            Op::Clear => {
                store.clear().unwrap();
                (open, model) = (None, Model::default());
                check_rows(&*store, &model);
            }
            Op::Reopen => {
                settle(&mut *store, &mut open, &mut model);
                drop(store);
                store = stores.open(&task, &SPECS).unwrap();
                model.empty_overlay();
                check_rows(&*store, &model);
            }
        }
        check(&*store, &model);
    }
    check_rows(&*store, &model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_like_a_map(ops in vec(op(), 0..120)) {
        run(ops);
    }
}
