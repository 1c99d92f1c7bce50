//! The promises, one public function each. The table stands in the crate's documentation, the list that logs run in [`crate::contract_tests`].

mod append;
mod fencing;
mod membership;
mod read;
mod restart;
mod topics;
mod transaction;

pub use append::*;
pub use fencing::*;
pub use membership::*;
pub use read::*;
pub use restart::*;
pub use topics::*;
pub use transaction::*;
