//! Keys of the stores, one file per kind. All but the statement are keyed by an id alone: the engine's text key.

mod line_key;

pub use line_key::LineKey;
