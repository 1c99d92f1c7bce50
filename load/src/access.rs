//! The log as the worker's settings name it: opened by the worker, which alone knows how.

use holdfast_engine::runtime::ports::log::Log;
use holdfast_tools::Failure;
use std::sync::Arc;

/// Opens the log that the settings name.
pub trait Access {
    /// The log with the topics of `topology` in place, and the number of places.
    ///
    /// # Errors
    /// When it cannot be reached, is another process's, or has topics of another shape.
    fn for_appending(&self, topology: &str) -> Result<(Arc<dyn Log>, u32), Failure>;

    /// The log; nothing is made where nothing is.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened now.
    fn for_reading(&self) -> Result<Arc<dyn Log>, Failure>;

    /// Whether others may write to it meanwhile: the embedded log is one process's.
    fn is_shared(&self) -> bool;
}

/// For shapes that go over HTTP: there is no log.
#[derive(Debug, Clone, Copy)]
pub struct NoLog;

impl Access for NoLog {
    fn for_appending(&self, topology: &str) -> Result<(Arc<dyn Log>, u32), Failure> {
        Err(Failure::Failed(format!("no log was named for {topology}")))
    }

    fn for_reading(&self) -> Result<Arc<dyn Log>, Failure> {
        Err(Failure::Failed("no log was named".to_owned()))
    }

    fn is_shared(&self) -> bool {
        false
    }
}
