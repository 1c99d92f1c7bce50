//! Whole tables, for who checks that rows agree.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_engine::prelude::{EndingTable, Ends, Key, Table};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// All rows of `table`, as of one scan.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub(crate) fn all<K: Key + Ord, V: DeserializeOwned>(
    task: &TaskView,
    table: &Table<K, V>,
) -> Result<BTreeMap<K, V>, QueryError> {
    let mut rows = BTreeMap::new();
    task.scan(table, &[], &mut |key, row| {
        rows.insert(key, row);
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// All rows of `table` that have not ended, as of one scan, and until when they have: in ms since the epoch, `None` = none has.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub(crate) fn all_kept<K: Key + Ord, V: Ends + DeserializeOwned>(
    task: &TaskView,
    table: &EndingTable<K, V>,
) -> Result<(BTreeMap<K, V>, Option<i64>), QueryError> {
    let until_ms = task.ended_until_ms(table)?;
    let mut rows = all(task, table.stored())?;
    rows.retain(|_, row| row.decided_ms() > until_ms);
    Ok((rows, (until_ms > i64::MIN).then_some(until_ms)))
}
