//! A durable, transactional log inside the process, so that one command runs everything with no broker.
//!
//! It is not a server and not for several machines: one process at a time has the directory. Who outgrows it takes `log/kafka`, which keeps the same
//! promises (`log/contract`).
//!
//! ```
//! use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
//! use holdfast_ports::log::{Cleanup, Log, Start, TopicSpec};
//! use holdfast_ports::record::{NewRecord, TopicPartition};
//! use std::{ops::ControlFlow, sync::Arc, time::Duration};
//!
//! # let dir = tempfile::tempdir()?;
//! # let clock = Arc::new(holdfast_log_contract::SystemClock::new());
//! let log = EmbeddedLog::open(EmbeddedConfig::new(dir.path(), clock))?;
//! let cleanup = Cleanup::Delete { retention_ms: 7 * 24 * 3600 * 1000 };
//! log.create_topics(&[TopicSpec { name: "requests".into(), partitions: 3, replication: None, cleanup }])?;
//!
//! let record = NewRecord { topic: "requests", partition: 0, key: None, value: Some(b"A1"), headers: &[] };
//! log.appender()?.append(record, Box::new(|appended| assert_eq!(appended.unwrap().offset, 0)));
//!
//! let mut fetcher = log.fetcher()?;
//! fetcher.assign(&TopicPartition::new("requests", 0), Start::Earliest)?;
//! fetcher.wait(Duration::from_secs(10))?;
//! fetcher.fetch(100, &mut |_slot, record| {
//!     assert_eq!(record.value, Some(&b"A1"[..]));
//!     ControlFlow::Continue(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!   Appender ──┐                     ┌─► RocksDB, one batch, one sync
//!              ├─► queue ─► committer┤
//!   Writer  ───┘                     └─► chunks in memory ─► Fetcher (and from RocksDB, when it is behind)
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `log` | the log itself: opening, closing, and what it hands out |
//! | `queue`, `committer` | what waits for the next sync; giving offsets, writing, syncing, answering |
//! | `appender`, `writer`, `fetcher`, `membership` | the four things that work on a log |
//! | `tenure` | fencing: who is the writer or member of a name |
//! | `claims` | who works in which place of which app |
//! | `topics`, `partition`, `partition_id`, `waker` | what is known in memory about topics and partitions, the newest chunks among it |
//! | `run`, `chunk`, `headers`, `varint` | records as bytes |
//! | `rows` | keys and values in `RocksDB`, one file for each kind |
//! | `disk`, `directory` | `RocksDB`; the directory, its lock and format marker |
//! | `retention`, `compaction`, `maintenance` | forgetting |
//! | `poison` | stop loudly, stay stopped |
#![warn(missing_docs)]

mod appender;
mod chunk;
mod claims;
mod committer;
mod compaction;
mod config;
mod directory;
mod disk;
mod fetcher;
mod headers;
mod log;
mod maintenance;
mod membership;
mod partition;
mod partition_id;
mod poison;
mod queue;
mod retention;
mod rows;
mod run;
mod shared;
mod tenure;
mod topics;
mod varint;
mod waker;
mod writer;

pub use config::EmbeddedConfig;
pub use log::EmbeddedLog;
pub use maintenance::Maintained;
