//! Keys of the stores, one file per kind. Sales, orders and commands are keyed by their id alone: the engine's text key.

mod buyer_key;

pub use buyer_key::BuyerKey;
