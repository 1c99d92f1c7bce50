//! What became of a charge, a debit or a refund: posted, or why not.

use crate::problem::{self, Problem};
use serde::{Deserialize, Serialize};

/// What became of it, named by what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The money has moved.
    Success,
    /// The wallet holds too little.
    InsufficientPoints,
    /// It makes no sense, or a rule is against it.
    Refused,
    /// It could not be processed although it was tried again, and lies among the dead letters. No money has moved.
    SystemError,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::InsufficientPoints, Self::Refused, Self::SystemError];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::InsufficientPoints => "INSUFFICIENT_POINTS",
            Self::Refused => "REFUSED",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }
}

/// Why no money moved. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// The user id is blank.
    NoUser,
    /// A charge of 0 or less.
    ChargeNotPositive,
    /// A charge below what can be charged at once.
    ChargeTooSmall,
    /// A charge above it.
    ChargeTooLarge,
    /// A balance would leave the range of whole won.
    WalletFull,
    /// A price, an amount, a discount or a fee below 0.
    NegativeAmount,
    /// The amount is not the price less the discount.
    AmountMismatch,
    /// The wallet holds less than the amount.
    InsufficientPoints,
    /// No such payment of this user for this reservation.
    UnknownPayment,
    /// The payment was never debited.
    NotDebited,
    /// The payment has been refunded under another id.
    AlreadyRefunded,
    /// Amount and fee are more than was paid.
    AbovePaid,
    /// Given up after all attempts.
    System,
    /// The user id is one that nobody may have.
    BadUser,
}

problem::table! { Refusal
    NoUser => problem::USER_ID_REQUIRED;
    ChargeNotPositive => Problem::invalid("CHARGE_NOT_POSITIVE", "충전 금액은 0보다 커야 합니다.", "The amount of a charge must be above 0.")
        .about("amount", "0보다 커야 합니다.", "must be above 0");
    ChargeTooSmall => Problem::invalid("CHARGE_BELOW_MINIMUM", "최소 충전 금액보다 적습니다.", "The amount is below the minimum of a charge.")
        .about("amount", "최소 충전 금액 이상이어야 합니다(기본 1,000원).", "must be the minimum of a charge or more (usually 1,000 KRW)");
    ChargeTooLarge => Problem::invalid("CHARGE_ABOVE_MAXIMUM", "1회 충전 한도를 초과했습니다.", "The amount is above the maximum of a charge.")
        .about("amount", "1회 충전 한도 이하여야 합니다(기본 1,000,000원).", "must be the maximum of a charge or less (usually 1,000,000 KRW)");
    WalletFull => Problem::conflict("WALLET_LIMIT_EXCEEDED", "보유할 수 있는 포인트 한도를 초과했습니다.", "The wallet cannot hold more points.");
    NegativeAmount => Problem::invalid("INVALID_AMOUNT", "금액이 올바르지 않습니다.", "The amount is not valid.")
        .about("amount", "0 이상의 정수여야 합니다.", "must be a whole number, 0 or more");
    AmountMismatch => Problem::invalid("AMOUNT_MISMATCH", "결제 금액이 일치하지 않습니다.", "The amount is not what is owed.")
        .about("amount", "결제할 금액과 같아야 합니다.", "must be what is owed");
    InsufficientPoints => Problem::unpaid("INSUFFICIENT_POINTS", "포인트 잔액이 부족합니다.", "The wallet does not hold enough points.");
    UnknownPayment => Problem::not_found("PAYMENT_NOT_FOUND", "결제 내역을 찾을 수 없습니다.", "There is no such payment.");
    NotDebited => Problem::conflict("PAYMENT_NOT_DEBITED", "완료된 결제만 환불할 수 있습니다.", "Only a payment that was made can be refunded.");
    AlreadyRefunded => Problem::conflict("ALREADY_REFUNDED", "이미 환불된 결제입니다.", "The payment has been refunded already.");
    AbovePaid => Problem::invalid("REFUND_EXCEEDS_PAYMENT", "환불 금액이 결제 금액을 초과합니다.", "The refund is more than what was paid.");
    System => problem::SYSTEM_ERROR;
    BadUser => problem::INVALID_USER_ID;
}

impl Refusal {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::InsufficientPoints => Status::InsufficientPoints,
            Self::System => Status::SystemError,
            _ => Status::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_code_of_its_own_and_words() {
        let codes: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::code).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        assert!(Refusal::ALL.into_iter().all(|refusal| !refusal.reason().is_empty()));
        assert!(Refusal::ALL.into_iter().all(|refusal| refusal.status() != Status::Success));
    }
}
