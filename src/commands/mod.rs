//! The operator's verbs. Each makes a text; [`crate::cli`] prints it.

pub mod audit;
pub mod dlq;
pub mod lag;
pub mod load;
pub mod replay;
pub mod reset;
pub mod state;
pub mod topics;
pub mod topologies;
