//! An id that was somebody else's request.

use holdfast_engine::prelude::ProcessError;

/// Refuses a record whose request id another request had: that one's outcome stands.
#[cold]
pub(crate) fn reused(id: &str) -> ProcessError {
    ProcessError::refuse(
        "RequestIdReused",
        format!("{id:?} was another request: its outcome stands, this one has none"),
    )
}
