//! The log on Kafka brokers, through librdkafka.
//!
//! It is not a Kafka client for others: it does what [`holdfast_ports::log`] asks for, and nothing else. It knows no topology and reads no clock
//! but the one it is given.
//!
//! ```no_run
//! use holdfast_log_kafka::{KafkaConfig, KafkaLog};
//! use holdfast_ports::log::Log;
//! # fn clock() -> std::sync::Arc<dyn holdfast_ports::clock::Clock> { unimplemented!() }
//! let log = KafkaLog::connect(KafkaConfig::new("localhost:9092", "stream-worker", clock()))?;
//! println!("{:?} partitions", log.partitions("payment.requests")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `kafka_log`, `config`, `settings`, `address` | the log as the worker holds it, its settings, theirs for librdkafka, and addresses as they are written |
//! | `ffi` | the only unsafe code: librdkafka's C interface behind safe types |
//! | `fetcher` | reading by manual assignment, in batches |
//! | `alternating`, `resting`, `writer`, `ledger`, `courier`, `member` | two producers in turn, their transactions, what they report, and how positions get into them |
//! | `wire` | transactions and appends spoken to newer brokers directly, without librdkafka |
//! | `outstanding` | why a writer must sometimes be replaced although it committed |
//! | `appender`, `pending` | the shared producer behind HTTP by way of librdkafka, and who waits for it |
//! | `membership`, `group`, `claims`, `share`, `beside` | who owns which place, without waiting for brokers |
//! | `contact` | the first question to a broker, and why it and the settings do not go together |
//! | `topics`, `cluster`, `mirror`, `health` | administration and questions |
//! | `size`, `batch_limit` | how large a record may be, and a batch of librdkafka's |
//! | `reaction` | from Kafka's error codes to the reactions the ports name |
//! | `context`, `ready` | glue to rust-rdkafka |
#![warn(missing_docs)]

mod address;
mod alternating;
mod appender;
mod batch_limit;
mod beside;
mod claims;
mod cluster;
mod config;
mod contact;
mod context;
mod courier;
mod fetcher;
mod ffi;
mod group;
mod health;
mod kafka_log;
mod ledger;
mod member;
mod membership;
mod mirror;
mod outstanding;
mod pending;
mod reaction;
mod ready;
mod resting;
mod settings;
mod share;
mod size;
mod topics;
mod wire;
mod writer;

pub use config::{KafkaConfig, Security, Setting};
pub use contact::ConnectError;
pub use kafka_log::KafkaLog;
