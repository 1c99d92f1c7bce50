//! `state inspect`: what is on this machine's disk.

use super::topologies;
use crate::config::{ConfigError, Settings};
use crate::worker::{RunError, logs};
use clap::Args;
use holdfast_model::rfc3339;
use holdfast_ports::store::{StoreError, TaskId};
use holdfast_state::inspect::{self as disk, TaskState};
use holdfast_tools::bytes::readable;
use holdfast_tools::table::table;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::ControlFlow;

/// What to look at.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Of this topology only
    #[arg(long)]
    topology: Option<String>,
    /// Of this place only
    #[arg(long)]
    place: Option<u32>,
    /// Show the rows of this store
    #[arg(long)]
    store: Option<String>,
    /// At most this many rows of each task
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Bytes of a row that are shown.
const ROW_BYTES_SHOWN: usize = 64;

/// Tasks, stores, sizes; with `--store` also rows.
///
/// # Errors
/// Exit code 2 for a topology, place or store of which nothing is there; when the state cannot be read.
pub fn inspect(settings: &Settings, what: &Inspect) -> Result<String, RunError> {
    if let Some(name) = what.topology.as_ref().filter(|name| holdfast_topologies::by_name(name).is_none()) {
        return Err(topologies::no_such("--topology", name));
    }
    let dir = logs::app_dir(settings);
    let failed = |error: StoreError| RunError::Failed(error.to_string());
    if !dir.is_dir() {
        return Err(RunError::Failed(format!("there is no state in {}", dir.display())));
    }
    let wanted = |task: &TaskId| {
        what.topology.as_ref().is_none_or(|name| *name == *task.topology)
            && what.place.is_none_or(|place| place == task.place)
    };
    let all = disk::inspect(&dir).map_err(failed)?;
    if let Some(place) = what.place.filter(|place| !all.iter().any(|state| state.task.place == *place)) {
        let there = listed(all.iter().map(|state| state.task.place));
        return Err(ConfigError::new("--place", format!("{place} is not on this disk; there are: {there}")).into());
    }
    let tasks: Vec<TaskState> = all.into_iter().filter(|state| wanted(&state.task)).collect();
    let stores = || tasks.iter().flat_map(|state| state.stores.iter().map(|store| &*store.name));
    if let Some(store) = what.store.as_ref().filter(|store| !stores().any(|name| name == *store)) {
        let there = listed(stores());
        return Err(ConfigError::new("--store", format!("there is no store {store:?}; there are: {there}")).into());
    }
    let mut out = table(&["TASK", "STORE", "NUMBER", "KEYS~", "BYTES~", "CHANGELOG NEXT", "FRESH"], &rows(&tasks));
    let Some(store) = &what.store else { return Ok(out) };
    for state in &tasks {
        if !state.stores.iter().any(|known| known.name == *store) {
            continue;
        }
        // Writing into a String cannot fail.
        let _ = writeln!(out, "\n{} {store}", state.task);
        let mut left = what.limit;
        disk::scan(&dir, &state.task, store, &[], None, &mut |key, row| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            let more = if row.len() > ROW_BYTES_SHOWN { format!(" … {} bytes", row.len()) } else { String::new() };
            let _ =
                writeln!(out, "  {}  =  {}{more}", readable(key), readable(row.get(..ROW_BYTES_SHOWN).unwrap_or(row)));
            ControlFlow::Continue(())
        })
        .map_err(failed)?;
    }
    Ok(out)
}

/// Each of `names` once, in order.
fn listed<T: Ord + ToString>(names: impl Iterator<Item = T>) -> String {
    names.collect::<BTreeSet<_>>().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn rows(tasks: &[TaskState]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for state in tasks {
        let next = state.changelog_next.map_or_else(|| "-".to_owned(), |next| next.to_string());
        let fresh = state.fresh_ms.map_or_else(|| "-".to_owned(), rfc3339::to_string);
        for store in &state.stores {
            rows.push(vec![
                state.task.to_string(),
                store.name.clone(),
                store.id.map_or_else(|| "-".to_owned(), |id| id.0.to_string()),
                store.size.keys.to_string(),
                store.size.bytes.to_string(),
                next.clone(),
                fresh.clone(),
            ]);
        }
    }
    rows
}
