//! FORMAT is the source of truth for how a task's directory may be read. It is a file of its own and not a row in the database, because a later
//! layout may be one that this program's RocksDB cannot even open.

use std::fs::{self, File};
use std::io::{self, Write as _};

use holdfast_ports::store::StoreError;

use crate::dir::{self, TaskDir};
use crate::error;

/// The layout that this program writes. Raise it when an older program would misread what a newer one has written.
const FORMAT: &str = "holdfast-state 1";

/// Checks the marker, or writes it into a new directory. Nothing is ever converted or deleted here: an unknown marker is somebody's data.
///
/// # Errors
/// [`StoreError::Fatal`] for an unknown or missing marker.
pub(crate) fn check_or_create(dir: &TaskDir) -> Result<(), StoreError> {
    if check(dir)? {
        return Ok(());
    }
    create(dir).map_err(|e| error::directory(&dir.format(), &e))
}

/// Checks the marker; false when the directory is new.
pub(crate) fn check(dir: &TaskDir) -> Result<bool, StoreError> {
    let path = dir.format();
    match fs::read(&path) {
        Ok(found) if found.trim_ascii_end() == FORMAT.as_bytes() => Ok(true),
        Ok(found) => Err(StoreError::Fatal(format!(
            "state in {} has the format {:?}, and this program knows only {FORMAT:?}: start the version that wrote it, or move the directory away \
             and the state is restored from the changelog",
            dir.root().display(),
            String::from_utf8_lossy(&found).trim_end(),
        ))),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !dir.has_db() => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(StoreError::Fatal(format!(
            "{} holds a database and no FORMAT file, so nobody knows how to read it: move the directory away and the state is restored from the \
             changelog",
            dir.root().display(),
        ))),
        Err(e) => Err(error::directory(&path, &e)),
    }
}

/// Written beside and renamed, so that a crash leaves no half of it.
fn create(dir: &TaskDir) -> io::Result<()> {
    let draft = dir.root().join("FORMAT.new");
    let mut file = File::create(&draft)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&draft, dir.format())?;
    dir::sync(dir.root())
}
