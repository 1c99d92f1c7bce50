//! The words of guards: a waiting room can guard a schedule, a coupon policy or a time sale. Then nobody holds, gets or orders anything of it unless the
//! waiting room has let that user in.
//!
//! The queue's topology sends [`GuardMessage`]s into the inbox of each subject that it guards, and the subject's topology answers with a [`Purchased`] when
//! the purchase that the user was let in for is done. The messages, rows and the refusal are the same for all three kinds of subject, so they stand here once.
//!
//! ```text
//!  queue.requests                     reservation.requests, coupon-issue-requests, timesale-order-requests
//!   bind     ──────── guard ────────►  the subject is guarded by that queue
//!   admitted ──────── admit ────────►  this user may buy until activeUntilMs
//!            ◄────── purchased ──────  what the user came for is bought
//!   ended    ───── end-admission ───►  this user may not buy any more
//!   unbind   ─────── unguard ───────►  the subject is not guarded by that queue any more
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `subject.rs` | [`SubjectType`], [`Subject`]: what can be guarded |
//! | `queue_key.rs` | [`QueueKey`]: the secret with which a queue signs its tokens |
//! | `message.rs` | [`GuardMessage`], [`GuardCommand`]: what the queue says |
//! | `purchased.rs` | [`Purchased`]: what the queue is answered |
//! | `row.rs`, `admission_key.rs` | what a guarded topology keeps |
//! | `refusal.rs` | [`QUEUE_NOT_ACTIVE`] |

mod admission_key;
mod message;
pub mod published;
mod purchased;
mod queue_key;
mod refusal;
pub mod row;
mod subject;

pub use crate::topics::queue::INBOX as QUEUE_INBOX;
pub use admission_key::AdmissionKey;
pub use message::{GuardCommand, GuardMessage};
pub use purchased::Purchased;
pub use queue_key::{QueueKey, QueueKeyError};
pub use refusal::QUEUE_NOT_ACTIVE;
pub use subject::{Subject, SubjectType};

/// Header in which a client brings the token that its queue has given it.
pub const TOKEN_HEADER: &str = "x-queue-token";
