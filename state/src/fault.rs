//! A write that fails on demand, for tests: a disk that is really full is hard to come by.

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_ports::store::StoreError;

/// Shared by all stores of a process.
#[derive(Debug, Default)]
pub(crate) struct Fault(AtomicBool);

impl Fault {
    pub(crate) fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once after [`Fault::arm`].
    pub(crate) fn strike(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Poisoned("write failed: on demand of a test".into()));
        }
        Ok(())
    }
}
