//! Rows and messages to decide about.

use super::{Funds, Posting};
use holdfast_model::payment::Settings;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::message::{Debit, Discount, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::row::{DiscountRow, Outcome, PaymentRow, WalletRow};

pub(super) const SETTINGS: Settings = Settings::unkept();

/// A wallet with so much in it, after so many lines.
pub(super) fn funds(balance: i64, sequence: u64) -> Funds {
    let ledger = LedgerRow { cash_in: -balance, wallets: balance, ..LedgerRow::default() };
    Funds { wallet: WalletRow { balance, sequence }, ledger }
}

pub(in crate::payment) fn a_debit(price: i64, discount: Option<i64>, amount: i64) -> Debit<'static> {
    Debit {
        payment_id: "p".into(),
        reservation_id: "r".into(),
        schedule_id: "s".into(),
        user_id: "u".into(),
        seat_no: "7".into(),
        price,
        amount,
        discount: discount.map(|amount| Discount { coupon_id: "c".into(), amount }),
        reply_place: 0,
    }
}

pub(in crate::payment) fn row_of(debit: &Debit<'_>, outcome: Outcome) -> PaymentRow {
    PaymentRow {
        user_id: debit.user_id.clone().into_owned(),
        reservation_id: debit.reservation_id.clone().into_owned(),
        schedule_id: debit.schedule_id.clone().into_owned(),
        seat_no: debit.seat_no.clone().into_owned(),
        price: debit.price,
        discount: debit
            .discount
            .as_ref()
            .map(|d| DiscountRow { coupon_id: d.coupon_id.clone().into_owned(), amount: d.amount }),
        amount: debit.amount,
        decided_ms: 0,
        outcome,
        refund: None,
    }
}

pub(in crate::payment) fn a_refund(amount: i64, fee: i64) -> Refund<'static> {
    Refund {
        request_id: Some("f".into()),
        payment_id: "p".into(),
        reservation_id: "r".into(),
        user_id: "u".into(),
        amount,
        fee,
        ..Refund::default()
    }
}

pub(super) fn posted(decided: Result<Posting, Refusal>) -> Result<(i64, i64, u64), Refusal> {
    decided.map(|posting| (posting.amount, posting.after.wallet.balance, posting.after.wallet.sequence))
}
