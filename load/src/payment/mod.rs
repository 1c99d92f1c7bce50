//! Demand on wallets.

pub(crate) mod debit_backlog;
