//! I-18: the stores on this machine's disk against what their changelogs say.
//!
//! They are read without a lock. What lies on the disk is a whole number of commits with the changelog offset it stands for, even beside a running worker;
//! keys that were written between that offset and the end of the audit may differ, and are left out.

use crate::cut::States;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use holdfast_engine::inspect::changelog;
use holdfast_engine::inspect::ports::log::{Fetcher, Start};
use holdfast_engine::inspect::ports::store::{StoreError, StoreId, TaskId};
use holdfast_state::inspect::{self, TaskState};
use holdfast_tools::Failure;
use holdfast_tools::bytes::readable;
use holdfast_tools::reading;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Rows compared at once.
const ROWS_MAX: usize = 20_000;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Compares every task that has a store below `app_dir`.
pub(crate) fn compare(
    app_dir: &Path,
    states: &States,
    fetcher: &mut dyn Fetcher,
    findings: &mut Findings,
) -> Result<(), Failure> {
    if !app_dir.is_dir() {
        findings.not_applicable(Invariant::Rebuilt, format!("there is no state in {}", app_dir.display()));
        return Ok(());
    }
    let tasks = match inspect::inspect(app_dir) {
        Ok(tasks) => tasks,
        Err(error) => {
            findings.not_applicable(
                Invariant::Rebuilt,
                format!("the state in {} cannot be read: {error}", app_dir.display()),
            );
            return Ok(());
        }
    };
    let mut compared = 0;
    for state in tasks {
        let key = (state.task.topology.to_string(), state.task.place);
        let (Some(rebuilt), Some(next)) = (states.get(&key), state.changelog_next) else { continue };
        task(app_dir, &state, next, rebuilt, fetcher, findings)?;
        compared += 1;
    }
    if compared == 0 {
        findings.not_applicable(Invariant::Rebuilt, format!("no store in {} has a changelog", app_dir.display()));
    }
    Ok(())
}

fn task(
    app_dir: &Path,
    state: &TaskState,
    next: i64,
    rebuilt: &Rebuilt,
    fetcher: &mut dyn Fetcher,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut parted = Vec::new();
    let (mut same, mut gone) = (0, 0);
    for store in &state.stores {
        let Some(id) = store.id else { continue };
        let outcome = store_rows(app_dir, &state.task, (&store.name, id), rebuilt, &mut |key, live, told| {
            // What has ended is deleted some time later, in one state and not yet in the other.
            let one_sided = if live.is_some() && told.is_some() { None } else { live.or(told) };
            if live == told {
                same += 1;
            } else if one_sided.is_some_and(|row| rebuilt.ended().has(id, row).unwrap_or(false)) {
                gone += 1;
            } else {
                let show = |row: Option<&Vec<u8>>| row.map_or_else(|| "nothing".to_owned(), |row| readable(row));
                parted.push((id, key.to_vec(), store.name.clone(), show(live), show(told)));
            }
        });
        if let Err(error) = outcome {
            findings.note(Invariant::Rebuilt, format!("{}: {error}", state.task));
            return Ok(());
        }
    }
    let since = written_since(rebuilt, next, fetcher)?;
    for (id, key, store, live, told) in parted {
        if !since.contains(&(id, key.clone())) {
            let at = format!("{}, store {store}, key {}", state.task, readable(&key));
            findings.breach(Invariant::Rebuilt, at, format!("live is {live}, by the changelog {told}"));
        }
    }
    findings.count(Invariant::Rebuilt, "rows", same);
    findings.count(Invariant::Rebuilt, "rows that have ended", gone);
    findings.count(Invariant::Rebuilt, "tasks", 1);
    Ok(())
}

/// What is visited of each key: its live row, and the one by the changelog.
type Pair<'a> = dyn FnMut(&[u8], Option<&Vec<u8>>, Option<&Vec<u8>>) + 'a;

fn store_rows(
    app_dir: &Path,
    task: &TaskId,
    (name, id): (&str, StoreId),
    rebuilt: &Rebuilt,
    each: &mut Pair<'_>,
) -> Result<(), StoreError> {
    let mut from = Vec::new();
    loop {
        let (mut live, mut told) = (Rows::new(), Rows::new());
        inspect::scan(app_dir, task, name, &from, None, &mut |key, row| {
            live.insert(key.to_vec(), row.to_vec());
            if live.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        // The next key there can be after the last.
        let to = (live.len() == ROWS_MAX)
            .then(|| live.last_key_value().map(|(last, _)| [last, &[0][..]].concat()))
            .flatten();
        rebuilt.store().scan(id, &from, to.as_deref(), &mut |key, row| {
            told.insert(key.to_vec(), row.to_vec());
            ControlFlow::Continue(())
        })?;
        for key in live.keys().chain(told.keys()).collect::<BTreeSet<_>>() {
            each(key, live.get(key), told.get(key));
        }
        match to {
            Some(to) => from = to,
            None => return Ok(()),
        }
    }
}

/// Keys written since the changelog offset at which the live store stood, or the rebuilt one, whichever is behind.
fn written_since(
    rebuilt: &Rebuilt,
    next: i64,
    fetcher: &mut dyn Fetcher,
) -> Result<BTreeSet<(StoreId, Vec<u8>)>, Failure> {
    let source = rebuilt.source();
    let end = reading::settled_end(fetcher, source)?;
    let since = next.min(rebuilt.store().changelog_next().unwrap_or(0));
    let mut keys = BTreeSet::new();
    if since < end {
        reading::read(fetcher, source, Start::At(since), end, &mut |record| {
            keys.extend(changelog::decode(record.key, record.value).map(|write| (write.store, write.key.to_vec())));
            Ok(())
        })?;
    }
    Ok(keys)
}
