//! Seats for a show: a fold over `reservation.requests`. The partition's order is who came first, and whether payment or deadline did.
//!
//! ```text
//!  hold ─► HELD ─ pay ─► PAYING ─ DEBITED ─► CONFIRMED ─ cancel ─► CANCELLED ─ refunded ─► REFUNDED
//!
//!  from        to          by                                                               its seat before and after
//!  –           HELD        hold, or the release of a seat that users wait for               AVAILABLE           TEMPORARY_RESERVED
//!  HELD        PAYING      pay, before the deadline                                         TEMPORARY_RESERVED  the same
//!  HELD        EXPIRED     expire or sweep, at the deadline or later                        TEMPORARY_RESERVED  AVAILABLE
//!  HELD        CANCELLED   release, cancel, cancel-schedule                                 TEMPORARY_RESERVED  AVAILABLE
//!  PAYING      CONFIRMED   settled DEBITED                                                  TEMPORARY_RESERVED  RESERVED
//!  PAYING      HELD        settled otherwise, or its coupon fails, before the deadline,     TEMPORARY_RESERVED  the same
//!                          which stays
//!  PAYING      EXPIRED     settled otherwise, or its coupon fails, at the deadline or later TEMPORARY_RESERVED  AVAILABLE
//!  PAYING      CANCELLED   cancel-schedule; what the wallet may yet pay comes back          TEMPORARY_RESERVED  AVAILABLE
//!  CONFIRMED   CANCELLED   cancel, cancel-schedule                                          RESERVED            AVAILABLE
//!  CANCELLED   REFUNDED    refunded                                                         AVAILABLE           the same
//! ```
//! Every other move is illegal: [`state::State::may_become`] is the table, its test the list. `expiresAt` is the append time of the hold plus
//! `hold_ms`, and the hold is over *at* it. A payment appended before wins, however late it is read; one appended at it or later loses, even if nothing has freed the
//! seat yet. State and seat move in one transaction, so nobody hears of a free seat before it is free. A seat that nobody has is no row at
//! all, so a house of 50,000 costs what has been sold of it.
//!
//! Money moves elsewhere: a granted payment becomes `debit` in the payer's place, whose answer `settled` comes back here. While the wallet decides,
//! the seat stays with the payer. Money that comes too late for its reservation goes back, once. With a coupon its place is asked first, and computes what
//! it takes off: nobody else does, so what was offered is looked at when that is known.
//!
//! ```text
//!  pay ──────────────────────────────────────────► Pending ── DEBITED ─► Paid ── cancel ─► Refunding ─► Refunded
//!   │                                               ▲ │ │                                   ▲ │           ▲
//!   └ with a coupon ─► Discounting ── coupon-used ──┘ │ └── DEBITED, nothing left to pay ───┤ └ REFUSED ─► RefundRefused
//!                          │       (what is owed was  │                                     │                (an operator)
//!                          │        offered)          │ otherwise                           │ DEBITED after all
//!                          └── coupon-refused, or ────┴─────────────────────► Refused ──────┘
//!                              another amount
//! ```
//! [`row::PaymentState::may_become`] is this table. The coupon is PAYING's, as the wallet is: a deadline that comes meanwhile does nothing, one that has come
//! when the answer is no ends the hold. A coupon that was used goes back (`return-coupon`) with every move to Refused or Refunding, once. A refund that is
//! refused leaves the reservation CANCELLED and its payment says why, to the buyer as well; put back by an operator, it may be paid yet.
//!
//! A deadline's record may never come: the topology that keeps them is behind, or an operator has reset its topic. So a schedule that has open holds is swept,
//! by a delayed command of its own: an hour glass for each schedule instead of a second deadline for each hold, which would be a row, a record and a decision
//! for each. A hold outlives its deadline by `hold_ms` and `overdue_grace_ms` at most; as a rule its own deadline was there long before.
//!
//! A schedule can be guarded by queues (`guard`): then a seat is held only while its user is let in. A hold is paid without an admission; with the last hold of
//! the user that is paid the admission is used up.
//! A user may wait for a seat of a schedule that has none left. A waiting user may have one more seat, and is off the list by getting one; so each seat that
//! is released while users wait has a taker. By the schedule's policy it is free for everybody, and the first of the list are told (`OPEN`), or it never is:
//! in the transaction that releases it, it is held for the head of the list (`OFFER`), which is a hold like any other, and when that ends unpaid the
//! seat goes on to the next head by the same rule. An offer is a taken seat, so there are never more offers than seats that others do not have.
//!
//! A command has exactly one outcome, kept under its identity (`requestId`, else `eventId`, else where the record entered the log): who asks again gets
//! the first one, and nothing is sent again; what its answer said and no row says any more is kept beside it ([`ANSWERS`]). Answers and deadlines need no identity: the state tells whether they have been here.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | scheduleId (concertId to create a concert); what brings a reservation's id may bring any key, its place is in the id | commands, answers, deadlines |
//! | [`EXPIRATIONS`] | reservationId, in the place of its schedule | one deadline for each hold |
//! | [`PAYMENTS`] | userId | `debit` and `refund` |
//! | [`COUPONS`] | coupon-{policyId}, in the place of the coupon's id | `use-coupon` and `return-coupon` |
//! | [`CONFIRMED`] | reservationId | one for each reservation that is paid |
//! | [`SEATS_EXPIRED`] | scheduleId | one for each hold that was not paid in time |
//! | [`RANKING`] | scheduleId | each sale and each return |
//! | [`NOTIFICATIONS`] | userId | expired, paid, cancelled, refunded, a seat for a user that waits; with `notify_held` also held |
//! | [`QUEUES`] | queueId | that the purchase is done for which a queue has let the user in |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read, and answers to what nobody asked |

pub mod decide;
pub mod invariants;
mod outcomes;
mod processor;
mod sinks;
pub mod view;

use holdfast_model::reservation::*;

use crate::guard::Guarded;
use crate::shell::Shell;
use holdfast_engine::prelude::Topology;
use holdfast_model::guard::SubjectType;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Reservation {}

/// What queues that guard schedules say, and where.
static GUARDED: Guarded =
    Guarded { kind: SubjectType::Schedule, guards: &GUARDS, admissions: &ADMISSIONS, queues: &sinks::QUEUES };

/// The topology.
///
/// # Panics
/// Never: the sentence is constant, and a test builds it.
#[must_use]
pub fn topology(settings: &Settings) -> Topology {
    let settings = settings.clone();
    Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .store(CONCERTS.spec())
        .store(SCHEDULES.spec())
        .store(PRICES.spec())
        .store(TAKEN.spec())
        .store(BUYERS.spec())
        .store(RESERVATIONS.spec())
        .store(PAYMENT_STATES.spec())
        .ends(&COMMANDS, settings.outcome_retention_ms)
        .store(PAYMENT_COUPONS.spec())
        .store(SWEEPS.spec())
        .store(SETTINGS.spec())
        .store(ANSWERS.spec())
        .store(GUARDS.spec())
        .ends(&ADMISSIONS, settings.outcome_retention_ms)
        .store(WAITLISTS.spec())
        .store(ENTRIES.spec())
        .store(WAITERS.spec())
        .store(ENTRY_BLOCKS.spec())
        .sink(&sinks::EXPIRATIONS)
        .sink(&sinks::PAYMENTS)
        .sink(&sinks::COUPONS)
        .sink(&sinks::CONFIRMED)
        .sink(&sinks::SEATS_EXPIRED)
        .sink(&sinks::RANKING)
        .sink(&sinks::NOTIFICATIONS)
        .sink(&sinks::QUEUES)
        .dead_letters(DEAD_LETTERS)
        .retention(EXPIRATIONS, EXPIRATIONS_RETENTION_MS)
        .processor(move || Box::new(Shell::<Reservation>::new(settings.clone())))
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
