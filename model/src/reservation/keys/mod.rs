//! Keys of the stores, one file per kind. Concerts, schedules, payments and commands are keyed by their id alone, reservations by their serial.

mod buyer_key;
mod entry_key;
mod seat_key;

pub use buyer_key::BuyerKey;
pub use entry_key::EntryKey;
pub use seat_key::SeatKey;
