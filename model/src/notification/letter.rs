//! Headers of a dead letter that a channel was given up with. They survive a redrive, and with them the record opens that channel again, once.
//!
//! A letter is the original record, and one original may be given up on several channels, or on one channel again after a redrive: the letter has to say
//! which of these it is.

/// Header: name of the channel that was given up.
pub const CHANNEL: &str = "x-notification-channel";
/// Header: how many times the channel had been given up for this notification by then, this time included.
pub const DEATHS: &str = "x-notification-deaths";
