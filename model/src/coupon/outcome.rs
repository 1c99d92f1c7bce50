//! The six outcomes of a request, and the reasons for the five that are no coupon.

use crate::guard::QUEUE_NOT_ACTIVE;
use crate::problem::{self, Problem};
use serde::{Deserialize, Serialize};

/// What became of a request. A closed set: consumers match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A coupon was issued.
    Success,
    /// Unknown policy, outside its window, no user.
    ValidationFailed,
    /// The user has a coupon of this policy already.
    DuplicateRequest,
    /// All were given away before.
    OutOfStock,
    /// A rule beyond the others: a queue guards the policy, and has not let the user in.
    BusinessError,
    /// It could not be processed although it was tried again, and lies among the dead letters.
    SystemError,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::ValidationFailed,
        Self::DuplicateRequest,
        Self::OutOfStock,
        Self::BusinessError,
        Self::SystemError,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::DuplicateRequest => "DUPLICATE_REQUEST",
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::BusinessError => "BUSINESS_ERROR",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }
}

/// Why a request got no coupon. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// Nobody has created the policy.
    UnknownPolicy,
    /// Before its start, or at its end or later.
    OutsideWindow,
    /// The user id is blank.
    NoUser,
    /// The user has a coupon of the policy.
    AlreadyIssued,
    /// Nothing is left.
    SoldOut,
    /// Given up after all attempts.
    System,
    /// The user id is one that nobody may have.
    BadUser,
    /// A queue guards the policy, and has not let the user in, or not for as long as this.
    NotAdmitted,
}

problem::table! { Refusal
    UnknownPolicy => Problem::not_found("POLICY_NOT_FOUND", "쿠폰 정책을 찾을 수 없습니다", "There is no such coupon policy.");
    OutsideWindow => Problem::conflict("OUTSIDE_ISSUE_WINDOW", "쿠폰 발급 가능 시간이 아닙니다", "The coupon is not issued at this time.");
    NoUser => problem::USER_ID_REQUIRED;
    AlreadyIssued => Problem::conflict("ALREADY_ISSUED", "이미 발급받은 쿠폰입니다", "This user has the coupon already.");
    SoldOut => Problem::conflict("SOLD_OUT", "쿠폰이 모두 소진되었습니다", "No coupons are left.");
    System => problem::SYSTEM_ERROR;
    BadUser => problem::INVALID_USER_ID;
    NotAdmitted => QUEUE_NOT_ACTIVE;
}

/// [`Refusal::AlreadyIssued`] before the append: clients know the duplicate by the name of its outcome.
pub const DUPLICATE_REQUEST: Problem =
    Problem { code: Status::DuplicateRequest.as_str(), ..*Refusal::AlreadyIssued.problem() };

impl Refusal {
    /// Which outcome it is.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::UnknownPolicy | Self::OutsideWindow | Self::NoUser | Self::BadUser => Status::ValidationFailed,
            Self::AlreadyIssued => Status::DuplicateRequest,
            Self::SoldOut => Status::OutOfStock,
            Self::NotAdmitted => Status::BusinessError,
            Self::System => Status::SystemError,
        }
    }
}
