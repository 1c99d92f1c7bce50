//! Wallets: a fold over `payment.requests`. All money of a user moves in his partition, in its order.
//!
//! ```text
//!                    charge                      debit                        refund
//!  CASH_IN ───────────────────────► wallet ─────────────────► REVENUE ─────► REFUND_PAYABLE ─────► wallet
//!                                                                 └─ the fee stays
//!
//!  a payment        ┌─► DEBITED ── refund, once ──► refunded
//!  PENDING ─────────┼─► INSUFFICIENT_POINTS
//!  (in the log)     └─► REFUSED
//! ```
//! One record goes in and is decided at once, in one transaction with balance, statement line, counter accounts and answer. Money is never made: it is
//! moved between accounts, and those of a place add up to 0 at every commit (`ledger.rs`). A balance is never negative, a statement line has the next
//! number of its wallet and the balance after it.
//!
//! A payment id is debited once and refunded once, for ever; a charge is known by its `requestId` (else `eventId`, else where it entered the log), a
//! debit by its `paymentId`, a refund by its `requestId`. The same again gets the first outcome and nothing is sent again. A payment of 0 is one like
//! any other.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | user | charges, debits, refunds |
//! | [`REPLIES`] | schedule, or reservation; placed by the request's `replyPlace` | what became of a debit, and of a refund |
//! | [`COMPLETED`] | user | one for each payment debited |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |
//!
//! A refund that is refused is answered, too, with its reason, which is in its row as well ([`view::refund`]). One that was given up (`SYSTEM_ERROR`) and is put
//! back by an operator may be paid: then there is a second answer, and no third.

pub mod completed;
pub mod decide;
pub mod invariants;
pub mod keys;
pub mod ledger;
pub mod message;
pub mod outcome;
mod processor;
pub mod refunded;
pub mod row;
pub mod sample;
pub mod settled;
pub mod view;

use crate::place_id::{self, Kind};
use crate::reservation;
use holdfast_engine::{Table, Topology};
use keys::LineKey;
use ledger::LedgerRow;
use row::{ChargeRow, LineRow, PaymentRow, RefundRow, WalletRow};

/// Name of the topology.
pub const NAME: &str = "payment";
/// Group under which its positions are shown.
pub const GROUP: &str = "payment-service-group";
/// Where charges, debits and refunds come in.
pub const INBOX: &str = "payment.requests";
/// Where debits and refunds are answered: the inbox of who asks for them.
pub const REPLIES: &str = reservation::INBOX;
/// The fact that a payment has been debited.
pub const COMPLETED: &str = "payment.completed";
/// Records that cannot be read.
pub const DEAD_LETTERS: &str = "payment.requests.dlq";

/// Balance and number of lines, by user.
pub const WALLETS: Table<String, WalletRow> = Table::new(16, "wallets");
/// The statement: each posting to a wallet, by user and number.
pub const STATEMENT: Table<LineKey, LineRow> = Table::new(17, "statement");
/// The counter accounts of the place, one row for each currency: see [`CURRENCY`].
pub const LEDGER: Table<String, LedgerRow> = Table::new(18, "ledger");
/// The outcome of each debit, by payment id, and whether it has been refunded.
pub const PAYMENTS: Table<String, PaymentRow> = Table::new(19, "payments");
/// The outcome of each charge, by request id.
pub const CHARGES: Table<String, ChargeRow> = Table::new(20, "charges");
/// The outcome of each refund, by refund id.
pub const REFUNDS: Table<String, RefundRow> = Table::new(21, "refunds");

/// Key of the one row in [`LEDGER`]: amounts are whole won.
pub const CURRENCY: &str = "KRW";

/// What the shop may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The least that can be charged at once.
    pub charge_min_krw: i64,
    /// The most that can be charged at once.
    pub charge_max_krw: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { charge_min_krw: 1_000, charge_max_krw: 1_000_000 }
    }
}

/// The topology.
///
/// # Panics
/// Never: the sentence is constant, and a test builds it.
#[must_use]
pub fn topology(settings: &Settings) -> Topology {
    let settings = *settings;
    Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .store(WALLETS.spec())
        .store(STATEMENT.spec())
        .store(LEDGER.spec())
        .store(PAYMENTS.spec())
        .store(CHARGES.spec())
        .store(REFUNDS.spec())
        .sink(REPLIES)
        .sink(COMPLETED)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(processor::PaymentProcessor::new(settings)))
        .build()
        .expect("the sentence is constant, and a test builds it")
}

/// The id of a charge that will be decided in `place`; `unique` is the caller's, a UUID say.
#[must_use]
pub fn request_id(place: u32, unique: &str) -> String {
    place_id::format(Kind::Request, place, unique)
}

/// The place that decides the charge `id`; `None` for an id that [`request_id`] did not make.
#[must_use]
pub fn request_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Request, id).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_can_be_built() {
        let topology = topology(&Settings::default());
        assert!(topology.is_deciding());
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }

    #[test]
    fn ids_of_charges_route_themselves() {
        assert_eq!(request_place(&request_id(2, "0198c1f2")), Some(2));
        assert_eq!(request_place("sample-wallet-1001"), None);
    }
}
