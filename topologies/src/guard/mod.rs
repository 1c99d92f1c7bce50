//! Guards: what a queue says to a schedule, a coupon policy or a time sale, and whom it has let in. The same for all three, so no feature is named here.
//!
//! A guarded topology has two tables: the queues that guard each of its subjects, and the last admission of each user by each of these queues. It asks for a
//! [`Pass`] when a decision would give something away, after every other rule: what is refused anyway reads nothing here, and a subject that no queue guards
//! costs one read of a table that is empty as a rule. When the purchase is done, the admission is used up in the same commit, and the queue hears of it.
//!
//! An admission is kept for as long as outcomes of requests, from its last change on, and then ends: the queue's messages come long before that. So an
//! admission lasts at most as long as that, whatever the queue says.
//!
//! | file | holds |
//! |---|---|
//! | `decide.rs` | what the queue's messages change, and who has a [`Pass`]: pure |
//! | `processor.rs` | the same on the command shell |

mod decide;
mod processor;

pub(crate) use decide::Pass;
pub(crate) use processor::{hear, pass, use_up};

use holdfast_engine::prelude::{EndingTable, Sink, Table};
use holdfast_model::guard::row::{AdmissionRow, GuardsRow};
use holdfast_model::guard::{AdmissionKey, SubjectType};

/// What a topology says of itself whose subjects can be guarded.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// What kind of thing its subjects are.
    pub(crate) kind: SubjectType,
    /// The queues that guard a subject, by its id.
    pub(crate) guards: &'static Table<String, GuardsRow>,
    /// The admissions to its subjects.
    pub(crate) admissions: &'static EndingTable<AdmissionKey, AdmissionRow>,
    /// Where queues are told of purchases.
    pub(crate) queues: &'static Sink,
}
