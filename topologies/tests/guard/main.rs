//! Subjects that queues guard, of all three kinds, in the real step: who is let in, until when, and what the queue hears of it.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod buying;
mod letting_in;
mod room;
mod seats;
