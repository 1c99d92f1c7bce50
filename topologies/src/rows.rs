//! Whole tables, for who checks that rows agree.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_engine::prelude::{Key, Table};
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
