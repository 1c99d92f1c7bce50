use crate::problem::{Class, Problem};

/// The subject is guarded by a queue, and the queue has not let the user in, or not for as long as this.
pub const QUEUE_NOT_ACTIVE: Problem = Problem::new(
    Class::Forbidden,
    "QUEUE_NOT_ACTIVE",
    "입장 순서가 되지 않았거나 입장 시간이 끝났습니다",
    "The queue has not let this user in yet, or the time to buy is over.",
)
.titled("입장 대기 필요", "Not admitted by the queue");
