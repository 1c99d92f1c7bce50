//! What a queue says to a subject that it guards, published: the same in each inbox but for the subject's id.

use crate::published::kind::{Field, Kind, must};

const QUEUE_ID: Field = must("queueId", Kind::Id, "Which queue says it.");
const TICKET: Field = must("ticket", Kind::Count, "The user's ticket in the queue.");
const USER_ID: Field = must("userId", Kind::Id, "Which user.");

/// The fields of `guard`. `subject_id` names the subject.
#[must_use]
pub const fn guard(subject_id: Field) -> [Field; 3] {
    [QUEUE_ID, subject_id, must("key", Kind::Text, "With this key the queue signs its tokens, in base64: a secret.")]
}

/// The fields of `unguard`.
#[must_use]
pub const fn unguard(subject_id: Field) -> [Field; 2] {
    [QUEUE_ID, subject_id]
}

/// The fields of `admit`.
#[must_use]
pub const fn admit(subject_id: Field) -> [Field; 5] {
    let until = "First moment at which the user may not buy any more, in ms since the epoch.";
    [QUEUE_ID, subject_id, TICKET, USER_ID, must("activeUntilMs", Kind::Whole, until)]
}

/// The fields of `end-admission`.
#[must_use]
pub const fn end_admission(subject_id: Field) -> [Field; 4] {
    [QUEUE_ID, subject_id, TICKET, USER_ID]
}

/// What each of them says, in a sentence.
pub mod about {
    /// Of `guard`.
    pub const GUARD: &str = "A queue guards the subject from now on.";
    /// Of `unguard`.
    pub const UNGUARD: &str = "A queue does not guard the subject any more.";
    /// Of `admit`.
    pub const ADMIT: &str = "A queue has let a user in.";
    /// Of `end-admission`.
    pub const END_ADMISSION: &str = "The admission of a user has ended.";
}
