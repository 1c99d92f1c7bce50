//! Keys of the notification topology, a file for each kind.

mod history_key;

pub use history_key::HistoryKey;
