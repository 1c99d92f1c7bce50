//! The words and small traits that every room of Holdfast shares.
//!
//! It is not a place for behaviour: nothing here opens a file, a socket or a clock. The bodies stand in `log/kafka`, `log/embedded`,
//! `state` and `sim`, and never see each other.
//!
//! | module | holds |
//! |---|---|
//! | [`record`] | what is read from a log and what is written to it |
//! | [`log`] | reading, appending, transactions, topic administration |
//! | [`membership`] | who owns which place |
//! | [`placement`] | the records that say who works in a place, and what they come to |
//! | [`store`] | one task's state: overlay, committed view, changelog offset |
//! | [`clock`] | the only source of time |
//! | [`place`] | Kafka's murmur2: which place a key lives in |
#![warn(missing_docs)]

pub mod clock;
pub mod log;
pub mod membership;
pub mod place;
pub mod placement;
pub mod record;
pub mod store;
