//! What the worker and the operator's tools share, and no topology may know.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | the one real clock |
//! | [`reading`] | one partition read up to an end |
//! | [`table`], [`bytes`] | columns and bytes for a terminal |
//! | [`failure`] | why a tool could not do what was asked |
#![warn(missing_docs)]

pub mod bytes;
pub mod clock;
pub mod failure;
pub mod reading;
pub mod table;

pub use failure::Failure;
