//! How a waiting reader learns that there is something to read.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Wakes one reader. Each reader has one and gives it to every partition it reads.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Waker {
    /// Ends the reader's wait, this one or the next.
    pub(crate) fn wake(&self) {
        let mut woken = self.woken.lock();
        if !*woken {
            *woken = true;
            self.changed.notify_one();
        }
    }

    /// Forgets earlier wakes. The reader looks for records after this and before it waits: a record that comes in between wakes it.
    pub(crate) fn reset(&self) {
        *self.woken.lock() = false;
    }

    /// Waits for a wake since the last reset, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut woken = self.woken.lock();
        let _ = self.changed.wait_while_for(&mut woken, |woken| !*woken, timeout);
    }
}
