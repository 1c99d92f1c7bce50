//! Who may write a task's directory. RocksDB has a lock too, but its message names neither the holder nor a way out.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};

use fs4::{FileExt, TryLockError};
use holdfast_ports::store::StoreError;

use crate::dir::TaskDir;
use crate::error;

/// The lock of one directory; the operating system takes it back when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock, or refuses at once: whoever holds it is not about to let go.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process, or another store of this one, holds the directory.
    pub(crate) fn take(dir: &TaskDir) -> Result<Self, StoreError> {
        let path = dir.lock();
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|e| error::directory(&path, &e))?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's number is a courtesy: without it the message is still true.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    id => format!("another process (process id {id})"),
                };
                return Err(StoreError::Locked(format!(
                    "state directory {} is held by {holder}: stop it, or give this worker another data directory",
                    dir.root().display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(error::directory(&path, &e)),
        }
        let noted =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(|e| error::directory(&path, &e))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use holdfast_ports::store::TaskId;

    use super::*;

    #[test]
    fn the_second_is_told_where_and_who() {
        let app = tempfile::tempdir().expect("a directory");
        let dir = TaskDir::of(app.path(), &TaskId { topology: "coupon".into(), place: 2 }).expect("a plain name");
        std::fs::create_dir_all(dir.root()).expect("created");

        let first = DirLock::take(&dir).expect("free");
        let Err(StoreError::Locked(message)) = DirLock::take(&dir) else { panic!("taken twice") };
        assert!(message.contains(&Path::new("coupon").join("2").display().to_string()), "{message}");
        assert!(message.contains(&std::process::id().to_string()), "{message}");

        drop(first);
        assert!(DirLock::take(&dir).is_ok());
    }
}
