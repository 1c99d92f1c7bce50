//! The stream engine: folds over a log that commit all or nothing.
//!
//! It is not a framework of windows and joins, it opens no file and no socket, and it never reads a clock: it stands on `holdfast-ports` alone,
//! and one synchronous [`stream_thread::StreamThread::step`] is everything it ever does. A thread calls it in production, a seeded scheduler in `sim`.
//!
//! A processor has four verbs and no others: read and write its stores, [`context::Context::send`] now, [`context::Context::send_at`] later,
//! [`context::Context::effect`] outside.
//!
//! | module | holds |
//! |---|---|
//! | [`topology`], [`describe`] | what a topology reads, keeps and sends; how it is shown |
//! | [`processor`], [`context`], [`misplaced`], [`process_error`] | what a topology's author writes, its verbs, and how it fails |
//! | [`table`], [`key`], [`codec`] | typed stores: order-preserving keys, versioned rows |
//! | [`sink`], [`output`] | typed handles of topics, and a record on its way out |
//! | [`stream_thread`], [`task`], [`task_state`], [`commit`], [`restore`] | the heartbeat, a task and its life, how what it did becomes true, the way back |
//! | [`delayed`], [`effect`], [`dead_letter`], [`origin`], [`header`] | what a task keeps for later, for outside, what it cannot take, where that came from, and the headers that say so |
//! | [`shadow`] | a task that decides an inbox again, to compare |
//! | [`queries`], [`status`], [`restore_progress`], [`metrics`] | the committed view, for others |
#![warn(missing_docs)]

pub mod changelog;
pub mod codec;
pub mod commit;
mod condemned;
pub mod config;
pub mod context;
pub mod dead_letter;
pub mod delayed;
pub mod describe;
pub mod effect;
pub mod header;
pub mod key;
pub mod metrics;
pub mod misplaced;
pub mod origin;
mod outbox;
pub mod output;
pub mod position;
pub mod process_error;
pub mod processor;
pub mod queries;
pub mod restore;
pub mod restore_progress;
mod setback;
pub mod shadow;
pub mod sink;
pub mod status;
pub mod stream_thread;
pub mod table;
pub mod task;
pub mod task_state;
pub mod topology;
mod transaction;

pub use context::Context;
pub use holdfast_ports as ports;
pub use output::Output;
pub use process_error::ProcessError;
pub use processor::Processor;
pub use sink::Sink;
pub use table::Table;
pub use topology::Topology;
