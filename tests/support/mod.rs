//! What the tests from outside need: a broker, a worker, a way to read topics.

pub(crate) mod broker;
pub(crate) mod command;
pub(crate) mod topics;
pub(crate) mod wait;
pub(crate) mod worker;
