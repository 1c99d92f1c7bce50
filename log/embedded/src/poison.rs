//! Stop loudly, stay stopped.
//!
//! After a write or a sync has failed nobody knows what is on the disk, and trying again may report a success that is none (Rebello et al., "Can
//! Applications Recover from fsync Failures?", ATC '20). So the log refuses everything from then on and says why; opening it again reads what is
//! really there.

use std::sync::OnceLock;

/// Why the log has stopped, if it has.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    why: OnceLock<String>,
}

impl Poison {
    /// Stops the log; the first reason stays.
    pub(crate) fn set(&self, why: String) {
        let _ = self.why.set(why);
    }

    /// Why the log has stopped.
    pub(crate) fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }
}

/// What an operator should read when a write failed.
pub(crate) fn write_failed(error: &str) -> String {
    let what_to_do = if error.contains("No space left") {
        "the disk is full: make room, then start again"
    } else {
        "look at the disk, then start again"
    };
    format!("a write to the log failed, nothing more is taken ({what_to_do}): {error}")
}
