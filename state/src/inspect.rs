//! Reading state from outside, for operators: what is there, how large it is, which keys. It takes no lock and writes nothing, so it works beside a
//! running worker; of that worker's commits it sees those that have been flushed to disk.

use std::path::Path;

use holdfast_ports::store::{Size, StoreError, StoreId, TaskId, Visit};

use crate::columns::{DEFAULT, META};
use crate::database::Database;
use crate::dir::{self, TaskDir};
use crate::merge::merge;
use crate::meta::{self, Meta};
use crate::{error, format};

/// One task's state on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Which task.
    pub task: TaskId,
    /// Its stores, in the order of their names.
    pub stores: Vec<StoreState>,
    /// Offset of the first changelog record that is not on disk; `None` for a new or cleared store.
    pub changelog_next: Option<i64>,
    /// When it was last known to be level with its changelog, in ms since the epoch.
    pub fresh_ms: Option<i64>,
}

/// One store on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// Its name.
    pub name: String,
    /// Its number in the changelog; `None` if the process that created it died before it had noted one.
    pub id: Option<StoreId>,
    /// How large it is, roughly.
    pub size: Size,
}

/// The state under `app_dir` (`<data>/<app>`), in the order of topology and place.
///
/// # Errors
/// The first task that cannot be read: [`StoreError::Fatal`] when its format is unknown, [`StoreError::Corrupt`] when its bytes are wrong, or when the
/// worker that owns it has just deleted a file, in which case asking again helps.
pub fn inspect(app_dir: &Path) -> Result<Vec<TaskState>, StoreError> {
    let tasks = dir::tasks(app_dir).map_err(|e| error::directory(app_dir, &e))?;
    tasks.into_iter().map(|task| inspect_task(app_dir, task)).collect()
}

fn inspect_task(app_dir: &Path, task: TaskId) -> Result<TaskState, StoreError> {
    let Some(db) = open(app_dir, &task)? else {
        return Ok(TaskState { task, stores: Vec::new(), changelog_next: None, fresh_ms: None });
    };
    let ids = meta::stores(&db)?;
    let mut stores = Vec::new();
    for name in db.names().filter(|name| ![META, DEFAULT].contains(name)) {
        let id = ids.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
        stores.push(StoreState { name: name.to_owned(), id, size: db.size(name)? });
    }
    let Meta { changelog_next, fresh_ms } =
        if db.names().any(|name| name == META) { Meta::read(&db)? } else { Meta::default() };
    Ok(TaskState { task, stores, changelog_next, fresh_ms })
}

/// Visits the rows of one store in `from..to` (to the end when `to` is `None`), in byte order.
///
/// # Errors
/// As [`inspect`]; [`StoreError::Fatal`] also when there is no such task or store.
pub fn scan(
    app_dir: &Path,
    task: &TaskId,
    store: &str,
    from: &[u8],
    to: Option<&[u8]>,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    let db = open(app_dir, task)?
        .ok_or_else(|| StoreError::Fatal(format!("there is no state of {task} in {}", app_dir.display())))?;
    if to.is_some_and(|to| to <= from) {
        return Ok(());
    }
    merge(&mut std::iter::empty(), db.cursor(store, from, to)?, visit)
}

/// `None` when the task has no database yet.
fn open(app_dir: &Path, task: &TaskId) -> Result<Option<Database>, StoreError> {
    let dir = TaskDir::of(app_dir, task)?;
    if !format::check(&dir)? || !dir.has_db() {
        return Ok(None);
    }
    Database::open_read_only(&dir.db()).map(Some)
}
