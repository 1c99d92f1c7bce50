//! What operators are told when a question about deliveries has no answer.

use crate::problem::Problem;

/// Neither a payment nor a confirmation of this reservation is known, or it is not kept any more.
pub const UNKNOWN_DELIVERY: Problem = Problem::not_found(
    "DELIVERY_NOT_FOUND",
    "전송 내역을 찾을 수 없습니다",
    "Neither a payment nor a confirmation of this reservation is known, or it is not kept any more.",
);
