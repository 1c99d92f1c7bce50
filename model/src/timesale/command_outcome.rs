//! What became of a command: done, or why not.

use crate::problem::{self, Problem};
use crate::timesale::outcome::TIMESALE_NOT_FOUND;
use serde::{Deserialize, Serialize};

pub use crate::command_status::CommandStatus;

/// Why a command was not done. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CommandRefusal {
    /// Blank, too long, reserved, or with characters that a sale id may not have.
    BadSaleId,
    /// Blank or too long.
    BadTitle,
    /// Breaks the rule for ids.
    BadProductId,
    /// Negative, or above [`UNITS_MAX`](crate::timesale::row::UNITS_MAX).
    BadQuantity,
    /// Negative, above [`PRICE_MAX_KRW`](crate::timesale::row::PRICE_MAX_KRW), or an original price below the discount price.
    BadPrice,
    /// Fewer than one unit a buyer.
    BadLimit,
    /// A time that cannot be read.
    BadTime,
    /// The window ends before it begins.
    BadWindow,
    /// Another sale has this id.
    SaleExists,
    /// No such sale was created.
    UnknownSale,
    /// The stock would be less than what is sold.
    BelowSold,
    /// No such order, or another user's: an id that was guessed tells nothing.
    UnknownOrder,
    /// The order was refused: there is nothing to cancel.
    NotConfirmed,
    /// Given up after all attempts.
    System,
}

problem::table! { CommandRefusal
    BadSaleId => Problem::invalid("INVALID_TIMESALE_ID", "타임세일 ID가 올바르지 않습니다", "The id of the time sale is not valid.");
    BadTitle => Problem::invalid("INVALID_TITLE", "타임세일 이름이 올바르지 않습니다", "The title is not valid.");
    BadProductId => Problem::invalid("INVALID_PRODUCT_ID", "상품 ID가 올바르지 않습니다", "The id of the product is not valid.");
    BadQuantity => Problem::invalid("INVALID_STOCK", "타임세일 수량이 올바르지 않습니다", "The number of units is not valid.");
    BadPrice => Problem::invalid("INVALID_PRICE", "타임세일 가격이 올바르지 않습니다", "A price is not valid.");
    BadLimit => Problem::invalid("INVALID_LIMIT_PER_USER", "1인당 구매 한도는 1개 이상이어야 합니다", "The limit per user must be one unit or more.")
        .about("limitPerUser", "1 이상의 정수여야 합니다.", "must be a whole number, 1 or more");
    BadTime => problem::INVALID_TIME;
    BadWindow => Problem::invalid("INVALID_WINDOW", "시작 시간은 종료 시간보다 이전이어야 합니다", "The window must begin before it ends.");
    SaleExists => Problem::conflict("TIMESALE_ALREADY_EXISTS", "이미 존재하는 타임세일입니다", "Another time sale has this id.");
    UnknownSale => TIMESALE_NOT_FOUND;
    BelowSold => Problem::conflict("STOCK_BELOW_SOLD", "이미 판매된 수량보다 적게 줄일 수 없습니다", "The stock cannot be less than what is sold.");
    UnknownOrder => Problem::not_found("ORDER_NOT_FOUND", "주문을 찾을 수 없습니다", "There is no such order.");
    NotConfirmed => Problem::conflict("ORDER_NOT_CONFIRMED", "확정된 주문만 취소할 수 있습니다", "Only a confirmed order can be cancelled.");
    System => problem::SYSTEM_ERROR;
}

impl CommandRefusal {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> CommandStatus {
        self.problem().class.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_code_and_words_of_its_own() {
        let codes: BTreeSet<&str> = CommandRefusal::ALL.into_iter().map(CommandRefusal::code).collect();
        let words: BTreeSet<&str> = CommandRefusal::ALL.into_iter().map(CommandRefusal::reason).collect();
        assert_eq!((codes.len(), words.len()), (CommandRefusal::ALL.len(), CommandRefusal::ALL.len()));
        assert!(CommandRefusal::ALL.into_iter().all(|refusal| refusal.status() != CommandStatus::Success));
    }
}
