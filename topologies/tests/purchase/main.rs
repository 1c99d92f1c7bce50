//! Seats, deadlines, wallets and coupons together in the real step: whole purchases, undisturbed, with crashes after few and many steps and an emptied disk in
//! between, and with every record a second time. What comes of them is the same.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod deadlines;
mod giving_back;
mod paying;
mod shop;
