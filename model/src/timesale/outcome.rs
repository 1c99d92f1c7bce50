//! The outcomes of an order, and the reasons for those that are no confirmation.

use crate::guard::QUEUE_NOT_ACTIVE;
use crate::problem::{self, Problem};
use serde::{Deserialize, Serialize};

/// What became of an order, as outcome records say it. A closed set: consumers match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The order is confirmed, with all its units.
    Success,
    /// Unknown sale, outside its window, no user, a quantity that no order may have.
    ValidationFailed,
    /// Fewer units are left than the order asks for.
    OutOfStock,
    /// The buyer would have more units than the sale allows, or a queue guards the sale and has not let the buyer in.
    BusinessError,
    /// The order could not be processed although it was retried, and lies in the dead-letter topic.
    SystemError,
    /// The order was confirmed before, and its buyer has cancelled it.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::ValidationFailed,
        Self::OutOfStock,
        Self::BusinessError,
        Self::SystemError,
        Self::Cancelled,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::BusinessError => "BUSINESS_ERROR",
            Self::SystemError => "SYSTEM_ERROR",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Why an order was refused. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// No such sale was created.
    UnknownSale,
    /// The user id is blank.
    NoUser,
    /// The user id breaks the rule for ids.
    BadUser,
    /// Fewer than one unit.
    BadQuantity,
    /// More units in one order than the sale allows one buyer in all.
    AboveLimit,
    /// Before the first moment of the window.
    NotStarted,
    /// At the end of the window or later.
    Ended,
    /// With what the buyer has, more units than the sale allows one buyer.
    LimitExceeded,
    /// More units than are left.
    InsufficientStock,
    /// Given up after all attempts.
    System,
    /// A queue guards the sale, and has not let the buyer in, or not for as long as this.
    NotAdmitted,
}

problem::table! { Refusal
    UnknownSale => TIMESALE_NOT_FOUND;
    NoUser => problem::USER_ID_REQUIRED;
    BadUser => problem::INVALID_USER_ID;
    BadQuantity => Problem::invalid("INVALID_ORDER_QUANTITY", "주문 수량은 1개 이상이어야 합니다", "An order must be for one unit or more.")
        .about("quantity", "1 이상의 정수여야 합니다.", "must be a whole number, 1 or more");
    AboveLimit => Problem::invalid("QUANTITY_ABOVE_LIMIT", "1인당 구매 한도를 넘는 수량은 주문할 수 없습니다", "An order must not be for more units than one buyer may have.")
        .about("quantity", "타임세일의 1인당 구매 한도 이하여야 합니다.", "must be the sale's limit per user or less");
    NotStarted => Problem::conflict("TIMESALE_NOT_STARTED", "타임세일 판매 시간이 아닙니다", "The time sale has not started.");
    Ended => Problem::conflict("TIMESALE_ENDED", "타임세일이 진행 중이 아닙니다", "The time sale is over.");
    LimitExceeded => Problem::conflict("LIMIT_EXCEEDED", "1인당 구매 한도를 초과했습니다", "The buyer would have more units than one buyer may have.");
    InsufficientStock => Problem::conflict("INSUFFICIENT_STOCK", "재고가 부족합니다", "Fewer units are left than the order is for.");
    System => problem::SYSTEM_ERROR;
    NotAdmitted => QUEUE_NOT_ACTIVE;
}

/// No sale has this id.
pub(crate) const TIMESALE_NOT_FOUND: Problem =
    Problem::not_found("TIMESALE_NOT_FOUND", "타임세일을 찾을 수 없습니다", "There is no such time sale.");

impl Refusal {
    /// Which outcome it is.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::UnknownSale
            | Self::NoUser
            | Self::BadUser
            | Self::BadQuantity
            | Self::AboveLimit
            | Self::NotStarted
            | Self::Ended => Status::ValidationFailed,
            Self::LimitExceeded | Self::NotAdmitted => Status::BusinessError,
            Self::InsufficientStock => Status::OutOfStock,
            Self::System => Status::SystemError,
        }
    }

    /// Whether the buyer gets a notification: a valid order that came too early, too late, or after others. What is not valid is an error of the client, and
    /// after a [`Self::System`] the order may still be confirmed by a redrive.
    #[must_use]
    pub fn is_notified(self) -> bool {
        matches!(self, Self::NotStarted | Self::Ended | Self::LimitExceeded | Self::InsufficientStock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_code_and_words_of_its_own() {
        let codes: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::code).collect();
        let words: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::reason).collect();
        assert_eq!((codes.len(), words.len()), (Refusal::ALL.len(), Refusal::ALL.len()));
        assert!(Refusal::ALL.into_iter().all(|r| !matches!(r.status(), Status::Success | Status::Cancelled)));
    }
}
