//! A producer that takes turns with another one.

use holdfast_ports::log::{WriteError, Writer};

/// One of the two producers of [`crate::alternating`].
pub(crate) trait Resting: Writer {
    /// No transaction is open, and the next one may begin.
    fn at_rest(&self) -> Result<(), WriteError>;
}
