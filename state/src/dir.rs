//! The directory of one task.
//!
//! ```text
//! <data>/<app>/<topology>/<place>/
//!     FORMAT      which layout this is: read before anything else is opened
//!     LOCK        held by the process that has the store open
//!     db/         RocksDB's files
//!     cleared/    what `clear` has put aside and was about to delete
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use holdfast_ports::store::{StoreError, TaskId};

/// Paths of one task.
#[derive(Debug, Clone)]
pub(crate) struct TaskDir {
    root: PathBuf,
}

impl TaskDir {
    /// Fails on a topology whose name would leave the app's directory.
    pub(crate) fn of(app_dir: &Path, task: &TaskId) -> Result<Self, StoreError> {
        let topology = &*task.topology;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if topology.is_empty() || topology.starts_with('.') || !topology.chars().all(plain) {
            return Err(StoreError::Fatal(format!("topology name {topology:?} cannot be the name of a directory")));
        }
        Ok(Self { root: app_dir.join(topology).join(task.place.to_string()) })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.root.join("db")
    }

    /// RocksDB writes `CURRENT` when the first manifest is complete, so without it there is nothing to lose.
    pub(crate) fn has_db(&self) -> bool {
        self.db().join("CURRENT").exists()
    }

    /// Puts the database aside in one atomic step: a crash in the middle leaves either the whole of it or none.
    pub(crate) fn put_db_aside(&self) -> io::Result<()> {
        self.delete_cleared()?;
        match fs::rename(self.db(), self.cleared()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => sync(&self.root),
        }
    }

    /// Deletes what was put aside.
    pub(crate) fn delete_cleared(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.cleared()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn cleared(&self) -> PathBuf {
        self.root.join("cleared")
    }
}

/// Makes created and renamed names in `dir` survive a crash of the machine.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Every task that has a directory under `app_dir`, in the order of topology and place.
pub(crate) fn tasks(app_dir: &Path) -> io::Result<Vec<TaskId>> {
    let mut tasks = Vec::new();
    for topology in names(app_dir)? {
        for place in names(&app_dir.join(&topology))? {
            let Ok(place) = place.parse() else { continue };
            tasks.push(TaskId { topology: topology.as_str().into(), place });
        }
    }
    tasks.sort();
    Ok(tasks)
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_cannot_leave_the_directory() {
        for name in ["", ".", "..", "../other", "a/b", "a\0b", ".hidden"] {
            let task = TaskId { topology: name.into(), place: 0 };
            assert!(matches!(TaskDir::of(Path::new("app"), &task), Err(StoreError::Fatal(_))), "{name:?}");
        }
        let task = TaskId { topology: "waiting-room".into(), place: 11 };
        let dir = TaskDir::of(Path::new("app"), &task).expect("a plain name");
        assert_eq!(dir.root(), Path::new("app/waiting-room/11"));
    }
}
