//! What is stored. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the end.
//! Amounts are whole won. Rows with texts are written from borrowed ones and read into owned ones.

use crate::payment::ledger::Account;
use crate::payment::outcome::{Refusal, Status};
use holdfast_engine::prelude::{EncodeLike, Ends};
use serde::{Deserialize, Serialize};

/// A wallet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletRow {
    /// What the user has, in KRW.
    pub balance: i64,
    /// Number of the last line of its statement; 0 = none yet.
    pub sequence: u64,
}

/// What a line of a statement stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Money came in.
    Charge,
    /// Something was paid.
    Payment,
    /// Something paid came back.
    Refund,
}

impl Entry {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "CHARGE",
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
        }
    }

    /// The account on the other side of the posting.
    #[must_use]
    pub fn counter(self) -> Account {
        match self {
            Self::Charge => Account::CashIn,
            Self::Payment => Account::Revenue,
            Self::Refund => Account::RefundPayable,
        }
    }
}

/// A line of a statement: one posting to a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRow<S = String> {
    /// What it stands for.
    pub entry: Entry,
    /// By how much the balance changed, in KRW: negative for a payment.
    pub amount: i64,
    /// The balance after it, in KRW.
    pub balance_after: i64,
    /// When it was posted.
    pub posted_ms: i64,
    /// Id of the charge, the payment or the refund.
    pub reference: S,
}

impl EncodeLike<LineRow> for LineRow<&str> {}

/// What became of a charge, a debit or a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The money has moved.
    Posted {
        /// Number of the line in the user's statement.
        sequence: u64,
        /// The balance after it, in KRW.
        balance_after: i64,
    },
    /// Nothing has moved.
    Refused(Refusal),
}

impl Outcome {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> Status {
        self.refusal().map_or(Status::Success, Refusal::status)
    }

    /// Why nothing has moved; none = it has.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Posted { .. } => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }

    /// The line it is in the statement; none = nothing has moved.
    #[must_use]
    pub fn sequence(self) -> Option<u64> {
        match self {
            Self::Posted { sequence, .. } => Some(sequence),
            Self::Refused(_) => None,
        }
    }
}

/// A charge and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRow<S = String> {
    /// Whose wallet.
    pub user_id: S,
    /// How much, in KRW.
    pub amount: i64,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it.
    pub outcome: Outcome,
}

impl<S> Ends for ChargeRow<S> {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl EncodeLike<ChargeRow> for ChargeRow<&str> {}

/// A payment and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow<S = String> {
    /// Who pays.
    pub user_id: S,
    /// For which reservation.
    pub reservation_id: S,
    /// Of which schedule.
    pub schedule_id: S,
    /// Which seat.
    pub seat_no: S,
    /// What the seat costs, in KRW, as it was captured when it was held.
    pub price: i64,
    /// What a coupon takes off.
    pub discount: Option<DiscountRow<S>>,
    /// What is paid: price less discount, in KRW.
    pub amount: i64,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// The refund that was posted for it.
    pub refund: Option<RefundMark<S>>,
}

impl EncodeLike<PaymentRow> for PaymentRow<&str> {}

/// What a coupon takes off a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountRow<S = String> {
    /// Which coupon.
    pub coupon_id: S,
    /// How much, in KRW.
    pub amount: i64,
}

/// The mark on a payment that it has been refunded: once, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundMark<S = String> {
    /// Which refund.
    pub refund_id: S,
    /// What went back, in KRW.
    pub amount: i64,
}

/// A refund and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRow<S = String> {
    /// Who gets it.
    pub user_id: S,
    /// Of which payment.
    pub payment_id: S,
    /// For which reservation.
    pub reservation_id: S,
    /// What goes back, in KRW.
    pub amount: i64,
    /// What stays with the shop, in KRW.
    pub fee: i64,
    /// Why, as the asker said.
    pub reason: S,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it.
    pub outcome: Outcome,
}

impl<S> Ends for RefundRow<S> {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl EncodeLike<RefundRow> for RefundRow<&str> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{borrowed_form_encodes_like, row_bytes as bytes};
    use crate::payment::ledger::LedgerRow;
    use proptest::prelude::*;

    const POSTED: Outcome = Outcome::Posted { sequence: 3, balance_after: 4 };

    /// Rows written by this version must be readable by the next: whoever breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        assert_eq!(bytes(&WalletRow { balance: 5, sequence: 3 }), [1, 10, 3]);
        let line = LineRow { entry: Entry::Payment, amount: -5, balance_after: 4, posted_ms: 1, reference: "p" };
        assert_eq!(bytes(&line), [1, 1, 9, 8, 2, 1, b'p']);
        for (number, entry) in (0u8..).zip([Entry::Charge, Entry::Payment, Entry::Refund]) {
            assert_eq!(bytes(&entry), [1, number]);
        }
        let ledger = LedgerRow { cash_in: -1, wallets: 1, revenue: 2, refund_payable: 3 };
        assert_eq!(bytes(&ledger), [1, 1, 2, 4, 6]);
        let charge = ChargeRow { user_id: "u", amount: 5, decided_ms: 1, outcome: POSTED };
        assert_eq!(bytes(&charge), [1, 1, b'u', 10, 2, 0, 3, 8]);
        let payment = PaymentRow {
            user_id: "u",
            reservation_id: "r",
            schedule_id: "s",
            seat_no: "7",
            price: 6,
            discount: Some(DiscountRow { coupon_id: "c", amount: 1 }),
            amount: 5,
            decided_ms: 1,
            outcome: POSTED,
            refund: Some(RefundMark { refund_id: "f", amount: 5 }),
        };
        assert_eq!(
            bytes(&payment),
            [1, 1, b'u', 1, b'r', 1, b's', 1, b'7', 12, 1, 1, b'c', 2, 10, 2, 0, 3, 8, 1, 1, b'f', 10]
        );
        let refund = RefundRow {
            user_id: "u",
            payment_id: "p",
            reservation_id: "r",
            amount: 5,
            fee: 1,
            reason: "x",
            decided_ms: 1,
            outcome: Outcome::Refused(Refusal::NotDebited),
        };
        assert_eq!(bytes(&refund), [1, 1, b'u', 1, b'p', 1, b'r', 10, 2, 1, b'x', 2, 1, 9]);
        for (number, refusal) in (0u8..).zip(Refusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
    }

    /// One of each row with these texts.
    fn rows<S: Clone>(
        texts: &[S; 5],
        (price, amount, decided_ms): (i64, i64, i64),
        is_marked: bool,
    ) -> (LineRow<S>, ChargeRow<S>, PaymentRow<S>, RefundRow<S>) {
        let [a, b, c, d, e] = texts.clone();
        let (entry, outcome) = (Entry::Refund, POSTED);
        let discount = is_marked.then(|| DiscountRow { coupon_id: e.clone(), amount });
        let refund = is_marked.then(|| RefundMark { refund_id: e.clone(), amount });
        (
            LineRow { entry, amount, balance_after: price, posted_ms: decided_ms, reference: e.clone() },
            ChargeRow { user_id: a.clone(), amount, decided_ms, outcome },
            PaymentRow {
                user_id: a.clone(),
                reservation_id: b.clone(),
                schedule_id: c.clone(),
                seat_no: d.clone(),
                price,
                discount,
                amount,
                decided_ms,
                outcome,
                refund,
            },
            RefundRow {
                user_id: a,
                payment_id: b,
                reservation_id: c,
                amount,
                fee: price,
                reason: d,
                decided_ms,
                outcome,
            },
        )
    }

    proptest! {
        #[test]
        fn borrowed_forms_encode_like_their_rows(texts: [String; 5], numbers: (i64, i64, i64), is_marked: bool) {
            let (line, charge, payment, refund) = rows(&texts, numbers, is_marked);
            let borrowed = rows(&texts.each_ref().map(String::as_str), numbers, is_marked);
            borrowed_form_encodes_like(&borrowed.0, &line)?;
            borrowed_form_encodes_like(&borrowed.1, &charge)?;
            borrowed_form_encodes_like(&borrowed.2, &payment)?;
            borrowed_form_encodes_like(&borrowed.3, &refund)?;
        }
    }
}
