//! RocksDB's and the file system's errors, by what must happen next.

use std::io;
use std::path::Path;

use holdfast_ports::store::StoreError;
use rocksdb::ErrorKind;

/// The database could not be opened.
pub(crate) fn opening(path: &Path, e: &rocksdb::Error) -> StoreError {
    match e.kind() {
        ErrorKind::Corruption => StoreError::Corrupt(format!("{}: {e}", path.display())),
        _ => StoreError::Fatal(format!("cannot open the state in {}: {e}", path.display())),
    }
}

/// A read failed. Bytes that are there and wrong are corrupt; bytes that cannot be had now (a failing disk, no file handles left) may be had after
/// the store was closed and opened again, and wiping them would be the wrong answer.
pub(crate) fn reading(e: &rocksdb::Error) -> StoreError {
    match e.kind() {
        ErrorKind::Corruption => StoreError::Corrupt(e.to_string()),
        _ => StoreError::Poisoned(format!("read failed: {e}")),
    }
}

/// A write failed: see [`crate::poison`].
pub(crate) fn writing(e: &rocksdb::Error) -> StoreError {
    StoreError::Poisoned(format!("write failed: {e}"))
}

/// Something about a task's directory itself failed: rights, space, a file where a directory should be.
pub(crate) fn directory(path: &Path, e: &io::Error) -> StoreError {
    StoreError::Fatal(format!("{}: {e}", path.display()))
}
