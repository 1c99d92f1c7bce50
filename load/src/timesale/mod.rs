//! Demand for time sales.

pub(crate) mod time_sale;
pub(crate) mod time_sale_backlog;
