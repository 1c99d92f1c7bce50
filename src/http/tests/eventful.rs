//! An appender that lets something happen first.

use holdfast_ports::log::{AppendError, Appender};
use holdfast_ports::record::{Appended, NewRecord};
use parking_lot::Mutex;
use std::sync::Arc;

/// An appender before whose next append something happens.
pub(super) struct Eventful {
    pub(super) inner: Arc<dyn Appender>,
    pub(super) before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Appender for Eventful {
    fn append(&self, record: NewRecord<'_>, done: Box<dyn FnOnce(Result<Appended, AppendError>) + Send>) {
        // Not in the condition: what happens may append, too.
        let before = self.before.lock().take();
        if let Some(before) = before {
            before();
        }
        self.inner.append(record, done);
    }
}
