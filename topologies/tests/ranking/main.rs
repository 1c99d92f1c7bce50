//! Rankings with the real step: sales and returns in, counts out, whatever comes twice, late, or in another order.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod board;
mod counting;
mod ending;
mod many;
mod repeating;
mod selling;
mod windows;
