//! Money: each charge, debit and refund of `payment.requests` decided a second time, and compared with what is kept and told.
//!
//! Charges lie within the limits that were set then ([`limits`]). A debit takes price less discount, if there is as much. A refund gives back at most
//! what was paid, once. Each posting has its counter account, and the accounts of a place add up to 0.

mod given_up;
mod hear;
mod kept;
mod limits;
mod message;

use crate::answers::{Answer, Claims};
use crate::books::{Debit, Fate, Money, Refund};
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{self, Known, Seen, print};
use crate::reader::Entry;
use crate::rebuilt::{Rebuilt, Watch};
use crate::record::{self, is_user};
use crate::retention::{Kept, Retention};
use given_up::is_elsewhere;
use hear::Told;
use holdfast_engine::prelude::place_of;
use holdfast_model::payment::{self, CHARGES, INBOX, LEDGER, PAYMENTS, REFUNDS, SETTINGS};
use holdfast_model::reservation;
use holdfast_tools::Failure;
use kept::{agree, balanced, compare};
use limits::Limits;
pub(crate) use message::Discount;
use message::Message;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Accounts {
    cash_in: i64,
    wallets: i64,
    revenue: i64,
}

/// The wallets of one place.
#[derive(Default)]
struct Place {
    wallets: FxHashMap<String, (i64, u64)>,
    accounts: Accounts,
    charges: Known,
    refunds: Known,
    /// Logical time, in ms since the epoch: it never steps back.
    now_ms: i64,
    limits: Limits,
}

impl Place {
    /// This record is the next.
    fn at(&mut self, entry: &Entry<'_>) {
        self.now_ms = self.now_ms.max(entry.append_ms);
        self.charges.at(entry.offset, self.now_ms);
        self.refunds.at(entry.offset, self.now_ms);
    }

    fn balance(&self, user: &str) -> i64 {
        self.wallets.get(user).map_or(0, |(balance, _)| *balance)
    }

    /// Moves `amount` KRW into the wallet of `user`, out of it when negative.
    fn post(&mut self, user: &str, amount: i64) -> Fate {
        let (balance, sequence) = self.wallets.get(user).copied().unwrap_or_default();
        let (Some(balance), Some(sequence)) = (balance.checked_add(amount), sequence.checked_add(1)) else {
            return Fate::Refused;
        };
        match self.wallets.get_mut(user) {
            Some(wallet) => *wallet = (balance, sequence),
            None => drop(self.wallets.insert(user.to_owned(), (balance, sequence))),
        }
        self.accounts.wallets = self.accounts.wallets.saturating_add(amount);
        Fate::Posted(sequence, balance)
    }
}

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Wallets {
    claims: Claims<Told>,
}

impl Feature for Wallets {
    fn name(&self) -> &'static str {
        payment::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    fn needs(&self) -> &'static [&'static str] {
        // A debit is right if a seat was to be paid.
        &[reservation::NAME]
    }

    fn watches(&self) -> &'static [Watch] {
        const LEDGERS: &[Watch] = &[Watch { topology: payment::NAME, store: LEDGER.id(), look: balanced }];
        LEDGERS
    }

    fn routes(&self) -> &'static [&'static str] {
        &["/api/points/*"]
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        hear::note(&mut self.claims, answer)
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let state = audit.state(payment::NAME, place);
            let limits = state.map(|state| Limits::read(state, audit.findings)).transpose()?.unwrap_or_default();
            let charges = Known::for_records(0, Retention::of(&CHARGES, state, &SETTINGS, audit.findings)?);
            let refunds = Known::for_records(0, Retention::of(&REFUNDS, state, &SETTINGS, audit.findings)?);
            let mut here = Place { limits, charges, refunds, ..Place::default() };
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                let (entry, money) = (arrival.entry, &mut shared.books.money);
                here.at(entry);
                match arrival.way {
                    Way::Buried { is_given_up: true } if is_elsewhere(entry, cut.places) => {
                        shared.copies.must_have(entry);
                    }
                    Way::Buried { is_given_up: true } | Way::GivenUpElsewhere => money.give_up(&mut here, entry),
                    Way::Buried { is_given_up: false } => {}
                    Way::Usual => return self.record(&mut here, arrival, (cut.places, state), shared, findings),
                }
                Ok(())
            })?;
            if let Some(state) = state {
                compare(&here, state, audit.findings)?;
            }
        }
        self.claims.leftover(audit.findings);
        Ok(())
    }
}

impl Wallets {
    fn record(
        &mut self,
        here: &mut Place,
        arrival: &Arrival<'_, '_>,
        (places, state): (u32, Option<&Rebuilt>),
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let Arrival { entry, is_decided, .. } = *arrival;
        let said = record::read::<Message<'_>>(entry.value);
        let parts = said.as_ref().and_then(|said| Some((said, said.kind.text(), said.user_id.id()?)));
        let Some((said, kind @ ("charge" | "debit" | "refund"), user)) = parts else {
            unread(arrival, findings);
            return Ok(());
        };
        if place_of(user.as_bytes(), places) != entry.source.partition {
            if is_decided {
                shared.copies.must_have(entry);
            }
            return Ok(());
        }
        if !self.claims.is_empty() {
            self.claims.in_log(said.ids.get().as_deref(), findings);
        }
        let money = &mut shared.books.money;
        let done = match kind {
            "charge" if is_decided => charge(here, said, &user, entry, state, &mut self.claims, findings)?,
            "charge" => Some(()),
            "debit" => money.debit(here, said, &user, arrival, state, findings)?,
            _ => money.refund(here, said, &user, arrival, state, findings)?,
        };
        match done {
            Some(()) if is_decided => findings.count(Invariant::NoGap, "records decided", 1),
            Some(()) => {}
            None => unread(arrival, findings),
        }
        Ok(())
    }
}

impl Money {
    fn debit(
        &mut self,
        here: &mut Place,
        said: &Message<'_>,
        user: &str,
        arrival: &Arrival<'_, '_>,
        state: Option<&Rebuilt>,
        findings: &mut Findings,
    ) -> Result<Option<()>, Failure> {
        let Arrival { entry, is_decided, .. } = *arrival;
        let Some(mut debit) = asked(said, user, entry) else { return Ok(None) };
        let Some(id) = said.payment_id.identity() else { return Ok(None) };
        if let Some(first) = self.debits.get_mut(&*id) {
            let wish = |d: &Debit| (d.reservation, d.user, d.price, d.discount, d.amount);
            if wish(first) == wish(&debit) {
                known::retried(Seen::Before, &id, entry, findings);
                if debit.is_firm && first.is_firm {
                    findings.breach(
                        Invariant::PaidOnce,
                        entry,
                        format!("payment {id} was asked for at {} already", first.at),
                    );
                }
                first.is_firm |= debit.is_firm;
            } else if is_decided {
                known::retried(Seen::Another, &id, entry, findings);
            }
            return Ok(Some(()));
        }
        if is_decided {
            debit.fate = take(here, user, &debit);
            check_posted(here, user, entry, findings);
            if let Some(state) = state {
                // Payments do not end.
                let kept = state.get(&PAYMENTS, &id.clone().into_owned())?.map_or(Kept::Missing, Kept::Row);
                let kept = kept.map(|row| (row.user_id, row.amount, row.outcome));
                agree(kept, (user, debit.amount, debit.fate), &id, entry, findings);
            }
        }
        self.debits.insert(id.into_owned(), debit);
        Ok(Some(()))
    }

    fn refund(
        &mut self,
        here: &mut Place,
        said: &Message<'_>,
        user: &str,
        arrival: &Arrival<'_, '_>,
        state: Option<&Rebuilt>,
        findings: &mut Findings,
    ) -> Result<Option<()>, Failure> {
        let Arrival { entry, is_decided, .. } = *arrival;
        let (Some(payment), Some(amount), Some(reservation)) =
            (said.payment_id.id(), said.amount.int(), said.reservation_id.id())
        else {
            return Ok(None);
        };
        let fee = said.fee.int().unwrap_or(0);
        let id = said.ids.get().map_or_else(|| entry.entered(), |id| id.into_owned());
        let is_firm = entry.is_firm && entry.heads.is_by("reservation");
        let mut refund = Refund {
            payment: payment.clone().into_owned(),
            amount,
            fee,
            fate: Fate::Undecided,
            at: entry.at(INBOX),
            is_firm,
            is_explained: false,
            again: 0,
        };
        if is_decided {
            let wish = (&*payment, &*reservation, user, amount, fee);
            let seen = here.refunds.see(&id, wish, entry.heads.origin.is_redriven());
            known::retried(seen, &id, entry, findings);
            if !seen.is_to_decide() {
                return Ok(Some(()));
            }
            refund.fate = self.give_back(here, user, &reservation, &refund);
            if let Some(state) = state {
                let kept = Kept::of(state, &REFUNDS, &id, here.now_ms)?;
                let kept = kept.map(|row| (row.user_id, row.amount, row.outcome));
                agree(kept, (user, amount, refund.fate), &id, entry, findings);
            }
            if seen == Seen::Ended {
                self.decided_again(&id, refund);
                return Ok(Some(()));
            }
        } else if self.refunds.contains_key(&id) {
            return Ok(Some(()));
        }
        self.refund_of.entry(payment.into_owned()).or_insert_with(|| id.clone());
        self.refunds.insert(id, refund);
        Ok(Some(()))
    }

    /// A refund was decided again after its outcome had ended. What was paid back is paid back.
    fn decided_again(&mut self, id: &str, refund: Refund) {
        if let Some(first) = self.refunds.get_mut(id) {
            let again = first.again + 1;
            if !matches!(first.fate, Fate::Posted(..)) {
                *first = refund;
            }
            first.again = again;
        }
    }

    fn give_back(&mut self, here: &mut Place, user: &str, reservation: &str, refund: &Refund) -> Fate {
        let Some(debit) = self.debits.get_mut(&refund.payment) else { return Fate::Refused };
        let is_his = debit.user == print(user) && debit.reservation == print(reservation);
        let is_debited = matches!(debit.fate, Fate::Posted(..));
        let fits = refund.amount >= 0
            && refund.fee >= 0
            && refund.amount.checked_add(refund.fee).is_some_and(|sum| sum <= debit.amount);
        if !is_his || !is_debited || debit.refunded || !fits {
            return Fate::Refused;
        }
        debit.refunded = true;
        here.accounts.revenue -= refund.amount;
        here.post(user, refund.amount)
    }
}

/// A record that nobody can read and nobody has buried.
fn unread(arrival: &Arrival<'_, '_>, findings: &mut Findings) {
    if arrival.is_decided {
        findings.breach(Invariant::NoGap, arrival.entry, "it cannot be read, and is not among the dead letters");
    }
}

/// What a debit asks for.
fn asked(said: &Message<'_>, user: &str, entry: &Entry<'_>) -> Option<Debit> {
    Some(Debit {
        reservation: print(&*said.reservation_id.id()?),
        user: print(user),
        price: said.price.int()?,
        discount: said.discount.int()?,
        amount: said.amount.int()?,
        fate: Fate::Undecided,
        at: entry.at(INBOX),
        is_firm: entry.is_firm && entry.heads.is_by("reservation"),
        is_explained: false,
        refunded: false,
    })
}

fn take(here: &mut Place, user: &str, debit: &Debit) -> Fate {
    let is_owed = debit.price >= 0
        && debit.discount >= 0
        && debit.amount >= 0
        && debit.price.checked_sub(debit.discount) == Some(debit.amount);
    if user.trim().is_empty() || !is_owed {
        return Fate::Refused;
    }
    if here.balance(user) < debit.amount {
        return Fate::Insufficient;
    }
    here.accounts.revenue += debit.amount;
    here.post(user, -debit.amount)
}

fn charge(
    here: &mut Place,
    said: &Message<'_>,
    user: &str,
    entry: &Entry<'_>,
    state: Option<&Rebuilt>,
    claims: &mut Claims<Told>,
    findings: &mut Findings,
) -> Result<Option<()>, Failure> {
    let Some(amount) = said.amount.int() else { return Ok(None) };
    let id = said.ids.get().unwrap_or_else(|| Cow::Owned(entry.entered()));
    let seen = here.charges.see(&id, (user, Some(amount)), entry.heads.origin.is_redriven());
    known::retried(seen, &id, entry, findings);
    if !seen.is_to_decide() {
        return Ok(Some(()));
    }
    let fate = if !is_user(user) || !here.limits.allow(amount, entry.offset) {
        Fate::Refused
    } else {
        here.accounts.cash_in -= amount;
        here.post(user, amount)
    };
    check_posted(here, user, entry, findings);
    let balance = if let Fate::Posted(_, balance) = fate { Some(balance) } else { None };
    let has_ended = state.is_some_and(|state| state.has_ended(CHARGES.id(), here.now_ms));
    hear::charged(claims, &id, (user, amount), balance, has_ended, findings);
    if let Some(state) = state {
        let kept = Kept::of(state, &CHARGES, &id, here.now_ms)?;
        let kept = kept.map(|row| (row.user_id, row.amount, row.outcome));
        agree(kept, (user, amount, fate), &id, entry, findings);
    }
    Ok(Some(()))
}

/// The second book itself has to be right after each posting, or it proves nothing.
fn check_posted(here: &Place, user: &str, entry: &Entry<'_>, findings: &mut Findings) {
    if here.balance(user) < 0 {
        findings.breach(Invariant::Statements, entry, format!("{user} has {} KRW", here.balance(user)));
    }
}
