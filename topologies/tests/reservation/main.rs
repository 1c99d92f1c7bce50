//! The reservation and expiration topologies in the real step, together: deadlines, payments, restores and dead letters included. The wallet is played
//! by the test.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod any_history;
mod deadlines;
mod giving_back;
mod holding;
mod paying;
mod records;
mod seat_map;
mod shop;
mod sweeping;
mod waitlist;
