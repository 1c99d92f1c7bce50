//! The stream engine: folds over a log that commit all or nothing.
//!
//! It is not a framework of windows and joins, it opens no file and no socket, and it never reads a clock: it stands on `holdfast-ports` alone,
//! and one synchronous [`runtime::StreamThread::step`] is everything it ever does. A thread calls it in production, a seeded scheduler in `sim`.
//!
//! A processor has four verbs and no others: read and write its stores, [`prelude::Context::send`] now, [`prelude::Context::send_at`] later,
//! [`prelude::Context::effect`] outside.
//!
//! # Public modules
//!
//! | module | for |
//! |---|---|
//! | [`prelude`] | the author of a topology |
//! | [`runtime`] | what runs topologies: the worker and the simulation |
//! | [`inspect`] | what looks at them from outside: queries, metrics, audit, replay, the command line |
//!
//! Nothing else is public, and no module imports another in a circle (`tests/tidy.rs`).
//!
//! # Modules inside
//!
//! | module | holds |
//! |---|---|
//! | `topology`, `describe` | what a topology reads, keeps and sends; how it is shown |
//! | `processor`, `context`, `misplaced`, `process_error` | what a topology's author writes, its verbs, and how it fails |
//! | `table`, `key`, `codec` | typed stores: order-preserving keys, versioned rows |
//! | `sink`, `output`, `record_collector` | typed handles of topics, a record on its way out, and what waits for the commit |
//! | `stream_thread`, `transaction`, `commit`, `setback` | the heartbeat, what was decided, how it becomes true, and what is done when it does not |
//! | `task`, `task_state`, `restore`, `restore_progress`, `position`, `changelog` | a task, its life, the way back, and where it stands |
//! | `delayed`, `effect`, `dead_letter`, `condemned`, `origin`, `header` | what a task keeps for later and for outside, what it cannot take, where that came from, and the headers that say so |
//! | `ending` | rows that are kept for a while and then deleted |
//! | `shadow` | a task that decides an inbox again, to compare |
//! | `queries`, `status`, `metrics`, `config` | the committed view and what is going on, for others; settings |
#![warn(missing_docs)]

mod changelog;
mod codec;
mod commit;
mod condemned;
mod config;
mod context;
mod dead_letter;
mod delayed;
mod describe;
mod effect;
mod ending;
mod given_up;
mod header;
pub mod inspect;
mod key;
mod metrics;
mod misplaced;
mod origin;
mod output;
mod position;
pub mod prelude;
mod process_error;
mod processor;
mod queries;
mod record_collector;
mod restore;
mod restore_progress;
mod results;
pub mod runtime;
mod setback;
mod shadow;
mod sink;
mod status;
mod stream_thread;
mod table;
mod task;
mod task_state;
mod topology;
mod transaction;
