//! What became of a charge, a debit or a refund: posted, or why not.

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

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoUser,
        Self::ChargeNotPositive,
        Self::ChargeTooSmall,
        Self::ChargeTooLarge,
        Self::WalletFull,
        Self::NegativeAmount,
        Self::AmountMismatch,
        Self::InsufficientPoints,
        Self::UnknownPayment,
        Self::NotDebited,
        Self::AlreadyRefunded,
        Self::AbovePaid,
        Self::System,
        Self::BadUser,
    ];

    /// What to answer.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::InsufficientPoints => Status::InsufficientPoints,
            Self::System => Status::SystemError,
            _ => Status::Refused,
        }
    }

    /// For machines: stable.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoUser => "USER_ID_REQUIRED",
            Self::ChargeNotPositive => "CHARGE_NOT_POSITIVE",
            Self::ChargeTooSmall => "CHARGE_BELOW_MINIMUM",
            Self::ChargeTooLarge => "CHARGE_ABOVE_MAXIMUM",
            Self::WalletFull => "WALLET_LIMIT_EXCEEDED",
            Self::NegativeAmount => "INVALID_AMOUNT",
            Self::AmountMismatch => "AMOUNT_MISMATCH",
            Self::InsufficientPoints => "INSUFFICIENT_POINTS",
            Self::UnknownPayment => "PAYMENT_NOT_FOUND",
            Self::NotDebited => "PAYMENT_NOT_DEBITED",
            Self::AlreadyRefunded => "ALREADY_REFUNDED",
            Self::AbovePaid => "REFUND_EXCEEDS_PAYMENT",
            Self::System => "SYSTEM_ERROR",
            Self::BadUser => "INVALID_USER_ID",
        }
    }

    /// For the customer.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoUser => "사용자 ID가 필요합니다",
            Self::ChargeNotPositive => "충전 금액은 0보다 커야 합니다.",
            Self::ChargeTooSmall => "최소 충전 금액보다 적습니다.",
            Self::ChargeTooLarge => "1회 충전 한도를 초과했습니다.",
            Self::WalletFull => "보유할 수 있는 포인트 한도를 초과했습니다.",
            Self::NegativeAmount => "금액이 올바르지 않습니다.",
            Self::AmountMismatch => "결제 금액이 일치하지 않습니다.",
            Self::InsufficientPoints => "포인트 잔액이 부족합니다.",
            Self::UnknownPayment => "결제 내역을 찾을 수 없습니다.",
            Self::NotDebited => "완료된 결제만 환불할 수 있습니다.",
            Self::AlreadyRefunded => "이미 환불된 결제입니다.",
            Self::AbovePaid => "환불 금액이 결제 금액을 초과합니다.",
            Self::System => "일시적인 오류로 요청을 처리하지 못했습니다",
            Self::BadUser => "사용자 ID가 올바르지 않습니다",
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
