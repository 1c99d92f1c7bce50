//! What clients are told when a question about notifications has no answer.

use crate::problem::Problem;

/// There is no such notification of this user, or it is not kept any more.
pub const UNKNOWN_NOTIFICATION: Problem = Problem::not_found(
    "NOTIFICATION_NOT_FOUND",
    "알림을 찾을 수 없습니다",
    "The user has no such notification, or it is not kept any more.",
);
