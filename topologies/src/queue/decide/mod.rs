//! Every decision about queues and tickets: pure functions of rows, message and now. No other file of the topology decides anything.

pub mod estimate;
pub mod life;
pub mod pace;
pub mod terms;
