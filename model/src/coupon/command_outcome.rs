//! What became of a command: done, or why not.

pub use crate::command_status::CommandStatus;

use crate::problem::{self, Problem};
use serde::{Deserialize, Serialize};

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

problem::table! { CommandRefusal
    BadPolicyId => Problem::invalid("INVALID_POLICY_ID", "쿠폰 정책 ID가 올바르지 않습니다", "The id of the coupon policy is not valid.");
    BadTitle => Problem::invalid("INVALID_TITLE", "쿠폰 이름이 올바르지 않습니다", "The title is not valid.");
    BadQuantity => Problem::invalid("INVALID_QUANTITY", "쿠폰 수량이 올바르지 않습니다", "The number of coupons is not valid.");
    BadTime => problem::INVALID_TIME;
    BadWindow => Problem::invalid("INVALID_WINDOW", "시작 시간은 종료 시간보다 이전이어야 합니다", "The window must begin before it ends.");
    BadDiscount => Problem::invalid("INVALID_DISCOUNT", "할인 조건이 올바르지 않습니다", "The terms of the discount are not valid.");
    PolicyExists => Problem::conflict("POLICY_ALREADY_EXISTS", "이미 존재하는 쿠폰 정책입니다", "Another coupon policy has this id.");
    UnknownPolicy => Problem::not_found("POLICY_NOT_FOUND", "쿠폰 정책을 찾을 수 없습니다", "There is no such coupon policy.");
    BelowIssued => Problem::conflict("STOCK_BELOW_ISSUED", "이미 발급된 수량보다 적게 줄일 수 없습니다", "The stock cannot be less than what has been issued.");
    UnknownCoupon => Problem::not_found("COUPON_NOT_FOUND", "쿠폰을 찾을 수 없습니다", "There is no such coupon.");
    NotUsable => Problem::conflict("COUPON_NOT_USABLE", "사용 가능한 쿠폰이 아닙니다", "The coupon cannot be used.");
    System => problem::SYSTEM_ERROR;
    NoDiscount => Problem::conflict("COUPON_NOT_A_DISCOUNT", "결제에 사용할 수 없는 쿠폰입니다", "The coupon takes nothing off a price.");
    BelowMinimum => Problem::conflict("COUPON_MINIMUM_NOT_MET", "쿠폰 최소 주문 금액에 미달합니다", "The order is smaller than the coupon asks for.");
    NothingOff => Problem::conflict("COUPON_WITHOUT_EFFECT", "이 결제에는 할인되는 금액이 없어 쿠폰을 사용하지 않았습니다", "The coupon would take nothing off, so it is not used up.");
}

impl CommandRefusal {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> CommandStatus {
        self.problem().class.into()
    }
}
