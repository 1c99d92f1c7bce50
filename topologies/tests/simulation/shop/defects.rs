//! Mistakes that other shops made (requirements, 1.8), made here on purpose: a referee who cannot find them proves nothing.
//!
//! None of them is in the shop. Each is put around its processors, with what such a shop would have beside its log: a table that no transaction rolls back.

use super::referee::Referee;
use super::street::Street;
use super::{HOLD_MS, settings, topologies, waiting};
use crate::simulation::paper;
use crate::simulation::wrapped::{Around, stumbling, wrapped};
use holdfast_engine::prelude::{Context, Output, ProcessError, Processor, Record, Sink, Topology};
use holdfast_model::expiration;
use holdfast_model::payment::{self, WALLETS};
use holdfast_model::reservation;
use holdfast_model::reservation::keys::SeatKey;
use holdfast_model::reservation::message::{Command, Expire, Message};
use holdfast_model::reservation::row::{PaymentState, TakenRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{PAYMENT_STATES, RESERVATIONS, TAKEN, ids};
use holdfast_sim::Simulation;
use holdfast_sim::memory_log::Stored;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Where deadlines are decided.
static EXPIRES: Sink = Sink::to(expiration::SINK);

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// D1: a record is marked as seen first and processed second, and the mark outlives the crash in between.
    MarkFirst,
    /// D2: the mark of the attempt that failed makes the record that is put back look like a repetition.
    RedriveSkipped,
    /// D3: the dead letter cannot be written, which is logged, and the record is acknowledged.
    LetterLost,
    /// D4: the handler of a deadline sleeps until it has come, and the next one waits behind it.
    SleepingHandler,
    /// D5: whoever has paid is confirmed, whatever has become of his seat; expiry looks at nobody's payment.
    ConfirmedAnyway,
    /// D6: money is taken in a transaction of its own, which stays when the one around it is rolled back.
    NestedDebit,
    /// D7: the amount is what the customer says.
    ClientsPrice,
    /// D10: whatever goes wrong with a record is caught and logged, and the record is acknowledged.
    ErrorsSwallowed,
    /// The head of a waitlist is offered a seat and stays on the list.
    OfferTwice,
}

impl Defect {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::MarkFirst,
        Self::RedriveSkipped,
        Self::LetterLost,
        Self::SleepingHandler,
        Self::ConfirmedAnyway,
        Self::NestedDebit,
        Self::ClientsPrice,
        Self::ErrorsSwallowed,
        Self::OfferTwice,
    ];

    /// As it is written on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MarkFirst => "d1",
            Self::RedriveSkipped => "d2",
            Self::LetterLost => "d3",
            Self::SleepingHandler => "d4",
            Self::ConfirmedAnyway => "d5",
            Self::NestedDebit => "d6",
            Self::ClientsPrice => "d7",
            Self::ErrorsSwallowed => "d10",
            Self::OfferTwice => "offer-twice",
        }
    }

    /// Words of the rules that it breaks, one of which the referee has to name.
    #[cfg(test)]
    pub(crate) fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::MarkFirst => &["(I-9, I-25)", "(I-7, I-25)", "left behind"],
            Self::RedriveSkipped => &["was put back and nobody looked at it"],
            Self::LetterLost => &["has no outcome", "nobody says so"],
            Self::SleepingHandler => &["late (I-7)"],
            Self::ConfirmedAnyway => &["has two owners"],
            Self::NestedDebit => &["I-4", "I-5"],
            Self::ClientsPrice => &["(I-3)"],
            Self::ErrorsSwallowed => &["has no outcome", "nobody says so", "left behind"],
            Self::OfferTwice => &["(I-27)"],
        }
    }

    /// The topology that makes the mistake.
    fn at_home(self) -> &'static str {
        match self {
            Self::SleepingHandler => expiration::NAME,
            Self::NestedDebit => payment::NAME,
            _ => reservation::NAME,
        }
    }
}

/// The flow with one mistake in it.
pub(crate) fn simulation(defect: Defect) -> Simulation {
    let mut topologies = topologies();
    if defect == Defect::SleepingHandler {
        // Such a shop has nobody who looks after holds that are overdue.
        let settings = reservation::Settings { overdue_grace_ms: 120_000, ..settings() };
        topologies[0] = holdfast_topologies::reservation::topology(&settings);
    }
    let topologies: Vec<Topology> = topologies
        .iter()
        .map(stumbling)
        .map(|t| if &**t.name() == defect.at_home() { wrapped(&t, move || Mistaken { defect }) } else { t })
        .collect();
    let street = || {
        BESIDE.with_borrow_mut(|beside| *beside = Beside::default());
        Street::default()
    };
    Simulation::of(&topologies).workload(street).audit(Referee::default)
}

/// What lies beside the log: no rollback and no crash changes it.
#[derive(Default)]
struct Beside {
    marks: BTreeSet<(u32, String)>,
    /// When the handler of a place wakes up, in ms since the epoch.
    awake_ms: BTreeMap<u32, i64>,
}

thread_local! {
    /// A history is one thread's, and begins with an empty table.
    static BESIDE: RefCell<Beside> = RefCell::default();
}

/// Marks a record; false when it was marked before.
fn mark(place: u32, what: String) -> bool {
    BESIDE.with_borrow_mut(|beside| beside.marks.insert((place, what)))
}

struct Mistaken {
    defect: Defect,
}

impl Around for Mistaken {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        let stored = stored(record);
        let value = paper::json(&stored).unwrap_or(Value::Null);
        match self.defect {
            Defect::MarkFirst => {
                let is_new = mark(ctx.place(), record.offset.to_string());
                if is_new { inner.process(ctx, record) } else { Ok(()) }
            }
            Defect::RedriveSkipped => {
                let id = paper::identity(&stored, &value, (ctx.topic(), ctx.place(), record.offset));
                let is_new = mark(ctx.place(), id);
                if paper::is_redriven(&stored) && !is_new { Ok(()) } else { inner.process(ctx, record) }
            }
            Defect::LetterLost => match inner.process(ctx, record) {
                Err(ProcessError::Refuse { .. }) if record.offset % 3 == 0 => Ok(()),
                other => other,
            },
            Defect::ErrorsSwallowed => {
                // Written or not, read or not: the next one, please.
                let _ = inner.process(ctx, record);
                Ok(())
            }
            Defect::SleepingHandler => sleep(inner, ctx, record, &value),
            Defect::ConfirmedAnyway => {
                if confirm_anyway(ctx, &value)? {
                    return Ok(());
                }
                inner.process(ctx, record)
            }
            Defect::NestedDebit => {
                let is_first = value["type"] != "debit" || mark(ctx.place(), record.offset.to_string());
                if !is_first {
                    take_again(ctx, &value)?;
                }
                inner.process(ctx, record)
            }
            Defect::OfferTwice => waiting::offer_twice(inner, ctx, record),
            Defect::ClientsPrice => {
                if value["type"] == "pay" {
                    believe(ctx, &value)?;
                }
                inner.process(ctx, record)
            }
        }
    }
}

fn stored(record: &Record<'_>) -> Stored {
    let mut headers = Vec::new();
    record.headers.each(&mut |name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
    Stored {
        append_ms: record.append_ms,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers,
    }
}

/// The serial of the reservation that a command speaks of.
fn serial(ctx: &Context<'_>, value: &Value) -> Option<Serial> {
    let (place, serial) = ids::parse_reservation(value["reservationId"].as_str()?)?;
    (place == ctx.place()).then_some(serial)
}

/// One deadline after another: each is slept through before the next one is looked at.
fn sleep(
    inner: &mut dyn Processor,
    ctx: &mut Context<'_>,
    record: &Record<'_>,
    value: &Value,
) -> Result<(), ProcessError> {
    let id = paper::text(&value["payload"]["reservationId"]).unwrap_or_default();
    if ids::parse_reservation(&id).is_none_or(|(place, _)| place != ctx.place()) {
        return inner.process(ctx, record);
    }
    let (place, now_ms) = (ctx.place(), ctx.now_ms());
    let due_ms = BESIDE.with_borrow_mut(|beside| {
        let awake_ms = beside.awake_ms.entry(place).or_default();
        *awake_ms = now_ms.max(*awake_ms) + HOLD_MS;
        *awake_ms
    });
    let expire = Expire { reservation_id: id.clone(), ..Expire::default() };
    let value = Message::new(format!("{id}.expire"), Command::Expire(expire)).to_json();
    let (to, key) = (&EXPIRES, Some(id.as_bytes()));
    ctx.send_at(due_ms, &Output { to, place: Some(place), key, value: Some(&value), headers: &[] }).map(|_| ())
}

/// True when it has confirmed what was over.
fn confirm_anyway(ctx: &mut Context<'_>, value: &Value) -> Result<bool, ProcessError> {
    let Some(serial) = serial(ctx, value) else { return Ok(false) };
    let Some(mut row) = ctx.get(&RESERVATIONS, &serial)? else { return Ok(false) };
    let payment_id = paper::text(&value["paymentId"]).unwrap_or_default();
    if value["type"] == "expire" && row.state == State::Paying && ctx.now_ms() >= row.expires_ms {
        if let Some(id) = &row.payment_id
            && let Some(mut payment) = ctx.get(&PAYMENT_STATES, id)?
        {
            payment.state = PaymentState::Refused("EXPIRED".to_owned());
            ctx.put(&PAYMENT_STATES, id, &payment)?;
        }
        row.state = State::Held;
        ctx.put(&RESERVATIONS, &serial, &row)?;
    } else if value["result"] == "DEBITED" && row.state == State::Expired {
        let Some(mut payment) = ctx.get(&PAYMENT_STATES, &payment_id)? else { return Ok(false) };
        payment.state = PaymentState::Paid;
        row.state = State::Confirmed;
        ctx.put(&PAYMENT_STATES, &payment_id, &payment)?;
        ctx.put(&TAKEN, &SeatKey { schedule_id: row.schedule_id.clone(), seat_no: row.seat_no }, &TakenRow { serial })?;
        ctx.put(&RESERVATIONS, &serial, &row)?;
        return Ok(true);
    }
    Ok(false)
}

/// What the first attempt has taken is gone; this one takes it as well.
fn take_again(ctx: &mut Context<'_>, value: &Value) -> Result<(), ProcessError> {
    let user_id = paper::text(&value["userId"]).unwrap_or_default();
    let amount = value["amount"].as_i64().unwrap_or_default();
    if let Some(mut wallet) = ctx.get(&WALLETS, &user_id)?
        && wallet.balance >= amount
    {
        wallet.balance -= amount;
        ctx.put(&WALLETS, &user_id, &wallet)?;
    }
    Ok(())
}

/// The seat costs what he offers.
fn believe(ctx: &mut Context<'_>, value: &Value) -> Result<(), ProcessError> {
    if let Some(serial) = serial(ctx, value)
        && let Some(mut row) = ctx.get(&RESERVATIONS, &serial)?
        && let Some(offered) = value["amount"].as_u64()
        && row.state == State::Held
    {
        row.price = offered;
        ctx.put(&RESERVATIONS, &serial, &row)?;
    }
    Ok(())
}
