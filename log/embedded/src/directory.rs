//! The log's directory: who has it and what is in it.
//!
//! ```text
//! <dir>/LOCK       held for as long as the log is open; the system lets go of it when the process dies
//! <dir>/FORMAT     what the rest is, in words and a number
//! <dir>/rocksdb/   records and meta
//! ```

use holdfast_ports::log::LogError;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `FORMAT` says. A new number means that older programs must not touch the directory.
const FORMAT: &str = "holdfast embedded log, format 1\n";

/// A directory that is ours until this is dropped, which must be after everything in it was closed.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Drop for Directory {
    /// Lets go of the lock itself, not only of our handle: a child process that is just being started holds copies of all handles for a moment.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(dir = %self.path.display(), %error, "the log directory's lock cannot be released");
        }
    }
}

impl Directory {
    /// Takes the directory, creating it when it is missing.
    ///
    /// # Errors
    /// Fatal when another process has it, when it holds something else or another format, or when it cannot be written to.
    pub(crate) fn take(path: &Path) -> Result<Self, LogError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            LogError::Fatal(format!("log directory {}: {what}: {error}", path.display()))
        };
        fs::create_dir_all(path).map_err(|error| failed("cannot be created", &error))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("LOCK"))
            .map_err(|error| failed("LOCK cannot be opened", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LogError::Fatal(format!(
                    "log directory {} is in use by another process: stop that process, or give this one a directory of its own",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed("cannot be locked", &error)),
        }
        let directory = Self { path: path.to_owned(), lock };
        directory.check_format().map_err(|error| match error {
            FormatError::Other(found) => LogError::Fatal(format!(
                "log directory {} holds {found:?}, this program knows {FORMAT:?}: start the version that wrote it, or give this one an empty directory",
                path.display()
            )),
            FormatError::Unmarked => LogError::Fatal(format!(
                "log directory {} holds something that no log has marked as its own (FORMAT is missing): give the log an empty directory",
                path.display()
            )),
            FormatError::Io(error) => failed("FORMAT cannot be read or written", &error),
        })?;
        Ok(directory)
    }

    /// Where `RocksDB` lives.
    pub(crate) fn rocksdb(&self) -> PathBuf {
        self.path.join("rocksdb")
    }

    fn check_format(&self) -> Result<(), FormatError> {
        let marker = self.path.join("FORMAT");
        match fs::read_to_string(&marker) {
            Ok(found) if found == FORMAT => Ok(()),
            Ok(found) => Err(FormatError::Other(found)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // The marker is written first, so a database without one is not ours.
                if self.rocksdb().exists() {
                    return Err(FormatError::Unmarked);
                }
                // Written aside and renamed: a crash leaves no marker or the whole one.
                let aside = self.path.join("FORMAT.tmp");
                let mut file = File::create(&aside)?;
                file.write_all(FORMAT.as_bytes())?;
                file.sync_all()?;
                fs::rename(&aside, &marker)?;
                File::open(&self.path)?.sync_all()?;
                Ok(())
            }
            Err(error) => Err(FormatError::Io(error)),
        }
    }
}

enum FormatError {
    Other(String),
    Unmarked,
    Io(std::io::Error),
}

impl From<std::io::Error> for FormatError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_and_free_again_after_the_drop() {
        let dir = tempfile::tempdir().unwrap();
        let first = Directory::take(dir.path()).unwrap();
        let refused = Directory::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        assert!(refused.contains("another process") && refused.contains("stop that process"), "{refused}");
        drop(first);
        Directory::take(dir.path()).unwrap();
    }

    /// A child has copies of all handles between its fork and its exec: the lock must not live on in them.
    #[test]
    fn a_directory_is_free_after_the_drop_while_children_are_started() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| {
                for _ in 0..200 {
                    std::process::Command::new("true").status().unwrap();
                }
            });
            while !starting.is_finished() {
                drop(Directory::take(dir.path()).unwrap());
            }
        });
    }

    #[test]
    fn another_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("FORMAT"), "holdfast embedded log, format 2\n").unwrap();
        let refused = Directory::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("format 2"), "{refused}");
    }

    #[test]
    fn somebody_elses_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("rocksdb")).unwrap();
        let refused = Directory::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("no log has marked"), "{refused}");
    }
}
