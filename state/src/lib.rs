//! The state of tasks on this machine's disk: one RocksDB for each task, and above it the overlay of what is not yet committed.
//!
//! It is not the truth about anything: that is the changelog. It knows no log, no topic and no row; bytes go in, bytes come out in byte order.
//! It is not durable on its own either: a commit enters memory only, a crash loses whole commits from the end, and the changelog brings them back.
//!
//! ```
//! use holdfast_ports::store::{StoreId, StoreSpec, Stores, TaskId};
//! use holdfast_state::{RocksStores, StateConfig};
//!
//! # let dir = tempfile::tempdir().expect("a directory");
//! const SEATS: StoreSpec = StoreSpec { id: StoreId(1), name: "seats" };
//! let stores = RocksStores::open(StateConfig::new(dir.path()))?;
//! let mut store = stores.open(&TaskId { topology: "reservation".into(), place: 0 }, &[SEATS])?;
//!
//! store.put(SEATS.id, b"A-7", b"held")?; // the overlay has it, a view does not
//! assert!(!store.view().get(SEATS.id, b"A-7", &mut |_| {})?);
//! store.commit(42)?; // 42 is the first changelog offset that is not in the store
//! assert!(store.view().get(SEATS.id, b"A-7", &mut |row| assert_eq!(row, b"held"))?);
//! # Ok::<(), holdfast_ports::store::StoreError>(())
//! ```
//!
//! What lies on the disk: see [`dir`]. What is in memory, from above:
//!
//! ```text
//!   Store ──► overlay (layer for each store: index, entries, sorted keys)      one thread
//!     │          ▼ seal
//!     ├──► batch (an overlay that is closed)                                   any thread
//!     │          │ commit: one write batch, the changelog offset last
//!     ├──► cache (rows that are read again and again)
//!     ▼          ▼
//!   database: column family for each store + meta                              any thread
//!     ▲
//!   View ──► gate (shut when the store closes)
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what can be set |
//! | [`stores`] | opening a task's store |
//! | [`ahead`] | stores opened before anybody asks for them |
//! | [`store`] | one task's store: reads through the overlay, commits, restores |
//! | [`overlay`], [`layer`], [`index`] | uncommitted writes, and the way back to a mark |
//! | [`batch`] | what one commit writes, beside the thread that reads on |
//! | [`cache`] | committed rows that were read, for the next time |
//! | [`merge`] | a scan through overlay, batch and database at once |
//! | [`view`], [`gate`] | committed reads from other threads, and how they end |
//! | [`database`], [`tuning`] | one RocksDB, and why it is tuned as it is |
//! | [`columns`], [`meta`] | which stores there are, and what is noted about the whole |
//! | [`dir`], [`format`], [`lock`] | the directory of a task, what may be read, who may write |
//! | [`poison`], [`fault`], [`error`] | what happens after a failure, and how tests make one |
//! | [`inspect`] | reading the state of a stopped or running worker from outside |
#![warn(missing_docs)]
// The map above names private rooms on purpose: it is for those who read the source.
#![expect(rustdoc::private_intra_doc_links, reason = "the map names private modules")]

mod ahead;
mod batch;
mod cache;
mod columns;
pub mod config;
mod database;
mod dir;
mod error;
mod fault;
mod format;
mod gate;
mod index;
pub mod inspect;
mod layer;
mod lock;
mod merge;
mod meta;
mod overlay;
mod poison;
mod store;
mod stores;
mod tuning;
mod view;

pub use config::StateConfig;
pub use stores::{Memory, RocksStores};
