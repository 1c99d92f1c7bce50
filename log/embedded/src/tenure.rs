//! A tenure: the time in which a writer, or a member of an app, is the one of its name. It ends when the next one comes, and never begins again.

use std::sync::atomic::{AtomicBool, Ordering};

/// One writer's or member's time.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    ended: AtomicBool,
}

impl Tenure {
    /// Whether somebody else has come. Only [`crate::queue::Queue`] may take `false` for the truth: it ends tenures under the lock under which it
    /// takes commits.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// What tenures are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Office {
    /// Transactional writer of a name.
    Writer,
    /// Member of an app.
    Member,
}
