//! Effects performed: what topologies want done outside.

pub mod channel;
pub mod to_the_log;
