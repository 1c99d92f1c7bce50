//! What became of a command: done, or why not.

use serde::{Deserialize, Serialize};

/// What became of a command, named by what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandStatus {
    /// It is done, by this command or by an earlier one that wished the same.
    Success,
    /// It makes no sense.
    ValidationFailed,
    /// What it speaks of does not exist.
    NotFound,
    /// What it speaks of is in no state for it.
    Conflict,
    /// It could not be processed although it was tried again.
    SystemError,
}

impl CommandStatus {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }
}

/// Why a command was not done. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CommandRefusal {
    /// Blank, too long, or with signs that no id should have.
    BadPolicyId,
    /// Blank or too long.
    BadTitle,
    /// Negative, or beyond what can be counted.
    BadQuantity,
    /// A time that cannot be read.
    BadTime,
    /// The window ends before it begins.
    BadWindow,
    /// Unknown kind, a percentage outside 1 to 100, an amount that is not positive, kind without value or value without kind.
    BadDiscount,
    /// Another policy has this id.
    PolicyExists,
    /// Nobody has created the policy.
    UnknownPolicy,
    /// The stock would be less than what has been given away.
    BelowIssued,
    /// Nobody has been given this coupon, or somebody else has.
    UnknownCoupon,
    /// It was used for another order.
    NotUsable,
    /// Given up after all attempts.
    System,
    /// It takes nothing off a price: its policy says nothing of a discount.
    NoDiscount,
    /// The order is smaller than the policy asks for.
    BelowMinimum,
    /// Of this order it takes off nothing: it stays usable for another.
    NothingOff,
}

impl CommandRefusal {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::BadPolicyId,
        Self::BadTitle,
        Self::BadQuantity,
        Self::BadTime,
        Self::BadWindow,
        Self::BadDiscount,
        Self::PolicyExists,
        Self::UnknownPolicy,
        Self::BelowIssued,
        Self::UnknownCoupon,
        Self::NotUsable,
        Self::System,
        Self::NoDiscount,
        Self::BelowMinimum,
        Self::NothingOff,
    ];

    /// What to answer.
    #[must_use]
    pub fn status(self) -> CommandStatus {
        match self {
            Self::BadPolicyId
            | Self::BadTitle
            | Self::BadQuantity
            | Self::BadTime
            | Self::BadWindow
            | Self::BadDiscount => CommandStatus::ValidationFailed,
            Self::UnknownPolicy | Self::UnknownCoupon => CommandStatus::NotFound,
            Self::PolicyExists
            | Self::BelowIssued
            | Self::NotUsable
            | Self::NoDiscount
            | Self::BelowMinimum
            | Self::NothingOff => CommandStatus::Conflict,
            Self::System => CommandStatus::SystemError,
        }
    }

    /// For machines: stable.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BadPolicyId => "INVALID_POLICY_ID",
            Self::BadTitle => "INVALID_TITLE",
            Self::BadQuantity => "INVALID_QUANTITY",
            Self::BadTime => "INVALID_TIME",
            Self::BadWindow => "INVALID_WINDOW",
            Self::BadDiscount => "INVALID_DISCOUNT",
            Self::PolicyExists => "POLICY_ALREADY_EXISTS",
            Self::UnknownPolicy => "POLICY_NOT_FOUND",
            Self::BelowIssued => "STOCK_BELOW_ISSUED",
            Self::UnknownCoupon => "COUPON_NOT_FOUND",
            Self::NotUsable => "COUPON_NOT_USABLE",
            Self::System => "SYSTEM_ERROR",
            Self::NoDiscount => "COUPON_NOT_A_DISCOUNT",
            Self::BelowMinimum => "COUPON_MINIMUM_NOT_MET",
            Self::NothingOff => "COUPON_WITHOUT_EFFECT",
        }
    }

    /// For people.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadPolicyId => "쿠폰 정책 ID가 올바르지 않습니다",
            Self::BadTitle => "쿠폰 이름이 올바르지 않습니다",
            Self::BadQuantity => "쿠폰 수량이 올바르지 않습니다",
            Self::BadTime => "시간 형식이 올바르지 않습니다",
            Self::BadWindow => "시작 시간은 종료 시간보다 이전이어야 합니다",
            Self::BadDiscount => "할인 조건이 올바르지 않습니다",
            Self::PolicyExists => "이미 존재하는 쿠폰 정책입니다",
            Self::UnknownPolicy => "쿠폰 정책을 찾을 수 없습니다",
            Self::BelowIssued => "이미 발급된 수량보다 적게 줄일 수 없습니다",
            Self::UnknownCoupon => "쿠폰을 찾을 수 없습니다",
            Self::NotUsable => "사용 가능한 쿠폰이 아닙니다",
            Self::System => "일시적인 오류로 요청을 처리하지 못했습니다",
            Self::NoDiscount => "결제에 사용할 수 없는 쿠폰입니다",
            Self::BelowMinimum => "쿠폰 최소 주문 금액에 미달합니다",
            Self::NothingOff => "이 결제에는 할인되는 금액이 없어 쿠폰을 사용하지 않았습니다",
        }
    }
}
