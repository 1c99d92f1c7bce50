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

pub mod decide;
pub mod invariants;
mod outcomes;
mod processor;
mod sinks;
pub mod view;

use holdfast_model::payment::*;

use crate::shell::Shell;
use holdfast_engine::prelude::Topology;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Payment {}

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
        .ends(&CHARGES, settings.outcome_retention_ms)
        .ends(&REFUNDS, settings.outcome_retention_ms)
        .store(SETTINGS.spec())
        .sink(&sinks::REPLIES)
        .sink(&sinks::COMPLETED)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Shell::<Payment>::new(settings)))
        .build()
        .expect("the sentence is constant, and a test builds it")
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
}
