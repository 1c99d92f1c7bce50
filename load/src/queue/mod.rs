//! Demand for waiting rooms.

mod arrivals;
mod books;
pub(crate) mod opening_second;
mod room;
pub(crate) mod waiting_streams;
