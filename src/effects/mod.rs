//! Effects performed: what topologies want done outside.
//!
//! | module | holds |
//! |---|---|
//! | [`channel`] | what a channel is |
//! | [`http`] | calls over HTTP, for channels that make them |

pub mod channel;
pub mod http;
pub mod to_the_log;
