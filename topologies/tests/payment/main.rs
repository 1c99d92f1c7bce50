//! The payment topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod any_history;
mod bank;
mod broken_books;
mod ending;
mod limits;
mod moving;
mod records;
mod refunds;
mod statement;
