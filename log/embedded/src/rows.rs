//! What lies in `RocksDB`, one file for each kind of key. Numbers and prefixes are on disk: never re-use one.
//!
//! | column family | prefix | row | holds |
//! |---|---|---|---|
//! | `records` | – | [`chunk_key`] | a chunk of records |
//! | `default` | `t` | [`topic`] | a topic |
//! | `default` | `f` | [`floor`] | what retention and compaction know about a partition |
//! | `default` | `g` | [`position`] | a group's position in a partition |
//! | `default` | `c` | [`claim`] | who claims a place |

pub(crate) mod chunk_key;
pub(crate) mod claim;
pub(crate) mod floor;
pub(crate) mod position;
pub(crate) mod topic;
