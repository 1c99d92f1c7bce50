//! The rows of a place as its changelogs tell them, commit by commit, and what changed since one last looked.

use holdfast_engine::inspect::ports::store::Write;
use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{changelog, codec};
use holdfast_engine::prelude::{Key, Table};
use holdfast_model::payment::row::{ChargeRow, Outcome, PaymentRow as DebitRow, RefundRow};
use holdfast_model::reservation::keys::BuyerKey;
use holdfast_model::reservation::row::{CommandRow, PaymentRow, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::waitlist::WaiterRow;
use holdfast_model::{payment, reservation};
use holdfast_sim::simulation::{Cursor, History};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A row that is not what it was.
#[derive(Debug)]
pub(crate) struct Changed<K, V> {
    pub(crate) key: K,
    pub(crate) before: Option<V>,
    pub(crate) after: Option<V>,
}

/// What came since one last looked, in the order of the changelog.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) reservations: Vec<Changed<Serial, ReservationRow>>,
    pub(crate) payments: Vec<Changed<String, PaymentRow>>,
    pub(crate) commands: Vec<Changed<String, CommandRow>>,
    pub(crate) waiters: Vec<Changed<BuyerKey, WaiterRow>>,
    /// Of charges, debits and refunds alike.
    pub(crate) outcomes: Vec<Changed<String, Outcome>>,
}

/// The rows of a place.
#[derive(Default)]
pub(crate) struct Place {
    seats: Cursor,
    money: Cursor,
    pub(crate) reservation: holdfast_topologies::reservation::invariants::Books,
    pub(crate) commands: BTreeMap<String, CommandRow>,
    pub(crate) payment: holdfast_topologies::payment::invariants::Books,
    /// How far the reservations' inbox is decided.
    pub(crate) next: i64,
    /// The highest time decided at there.
    pub(crate) now_ms: i64,
}

impl Place {
    /// Reads what has been committed since the last call.
    pub(crate) fn follow(&mut self, history: &History<'_>, place: u32) -> Result<Changes, String> {
        let mut changes = Changes::default();
        for (offset, record) in self.seats.read(history, &History::changelog_topic(reservation::NAME), place) {
            let write = changelog::decode(record.key.as_deref(), record.value.as_deref());
            let write = write.ok_or_else(|| format!("changelog offset {offset} has no key"))?;
            self.take_seats(&write, &mut changes)?;
        }
        for (offset, record) in self.money.read(history, &History::changelog_topic(payment::NAME), place) {
            let write = changelog::decode(record.key.as_deref(), record.value.as_deref());
            let write = write.ok_or_else(|| format!("changelog offset {offset} has no key"))?;
            self.take_money(&write, &mut changes)?;
        }
        Ok(changes)
    }

    fn take_seats(&mut self, write: &Write<'_>, changes: &mut Changes) -> Result<(), String> {
        use reservation::{
            BUYERS, COMMANDS, ENTRIES, ENTRY_BLOCKS, PAYMENT_COUPONS, PAYMENT_STATES, PRICES, RESERVATIONS, SCHEDULES,
            SWEEPS, TAKEN, WAITERS, WAITLISTS,
        };
        if write.store == position::STORE.id {
            let position: Position = codec::decode(write.value.unwrap_or_default()).map_err(|e| e.to_string())?;
            self.next = position.next_offset(reservation::INBOX).unwrap_or(0);
            self.now_ms = position.now_ms;
        }
        let books = &mut self.reservation;
        take(&SCHEDULES, write, &mut books.schedules)?;
        take(&PRICES, write, &mut books.prices)?;
        take(&TAKEN, write, &mut books.taken)?;
        take(&BUYERS, write, &mut books.buyers)?;
        take(&PAYMENT_COUPONS, write, &mut books.coupons)?;
        take(&SWEEPS, write, &mut books.sweeps)?;
        take(&WAITLISTS, write, &mut books.waitlists)?;
        take(&ENTRIES, write, &mut books.entries)?;
        changes.waiters.extend(take(&WAITERS, write, &mut books.waiters)?);
        take(&ENTRY_BLOCKS, write, &mut books.blocks)?;
        changes.reservations.extend(take(&RESERVATIONS, write, &mut books.reservations)?);
        changes.payments.extend(take(&PAYMENT_STATES, write, &mut books.payments)?);
        changes.commands.extend(take(COMMANDS.stored(), write, &mut self.commands)?);
        Ok(())
    }

    fn take_money(&mut self, write: &Write<'_>, changes: &mut Changes) -> Result<(), String> {
        use payment::{CHARGES, LEDGER, PAYMENTS, REFUNDS, STATEMENT, WALLETS};
        let books = &mut self.payment;
        take(&WALLETS, write, &mut books.wallets)?;
        take(&STATEMENT, write, &mut books.statement)?;
        take(&LEDGER, write, &mut books.ledger)?;
        let charge = take(CHARGES.stored(), write, &mut books.charges)?;
        let debit = take(&PAYMENTS, write, &mut books.payments)?;
        let refund = take(REFUNDS.stored(), write, &mut books.refunds)?;
        changes.outcomes.extend(charge.map(|c| c.map("charge", |row: ChargeRow| row.outcome)));
        changes.outcomes.extend(debit.map(|c| c.map("debit", |row: DebitRow| row.outcome)));
        changes.outcomes.extend(refund.map(|c| c.map("refund", |row: RefundRow| row.outcome)));
        Ok(())
    }
}

impl<V> Changed<String, V> {
    fn map<W>(self, kind: &str, part: impl Fn(V) -> W) -> Changed<String, W> {
        let key = format!("{kind} {}", self.key);
        Changed { key, before: self.before.map(&part), after: self.after.map(&part) }
    }
}

/// Takes a write of `table` into `rows`; none = it is of another table.
fn take<K: Key + Ord + Clone, V: DeserializeOwned + Clone>(
    table: &Table<K, V>,
    write: &Write<'_>,
    rows: &mut BTreeMap<K, V>,
) -> Result<Option<Changed<K, V>>, String> {
    if write.store != table.id() {
        return Ok(None);
    }
    let key = K::decode(write.key).ok_or_else(|| format!("{}: a key of another shape", table.spec().name))?;
    let after: Option<V> = write.value.map(codec::decode).transpose().map_err(|e| e.to_string())?;
    let before = match &after {
        Some(row) => rows.insert(key.clone(), row.clone()),
        None => rows.remove(&key),
    };
    Ok(Some(Changed { key, before, after }))
}
