//! Facts, results and the topology's own messages: read, decided, written.

use super::decide::{self, Arrival, Outcome};
use super::{DataPlatform, TO_RESULTS, invariants};
use crate::shell::InForce;
use holdfast_engine::prelude::{
    Context, DeadLetter, NewEffect, Origin, Output, ProcessError, Processor, Record, header,
};
use holdfast_model::call_result::CallResult;
use holdfast_model::data_platform::fact::{Completed, Confirmed};
use holdfast_model::data_platform::message::Message;
use holdfast_model::data_platform::row::{DeliveryRow, Original, PaymentNote, State};
use holdfast_model::data_platform::{CHANNEL, COMPLETED, CONFIRMED, DELIVERIES, Settings};
use holdfast_model::reading::{ID_BYTES_MAX, unreadable};

/// Deliveries wait behind nothing but each other.
const URGENCY: u8 = 1;

/// Decides one place. Nothing that matters is carried from one record to the next.
pub(super) struct Deliveries {
    settings: Settings,
    in_force: InForce,
    value: Vec<u8>,
}

impl Deliveries {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, in_force: InForce::default(), value: Vec::new() }
    }
}

impl Processor for Deliveries {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        // There are several sources, so what is in force is kept by time and not by offset.
        let since = ctx.now_ms().max(0);
        self.in_force.keep::<DataPlatform>(ctx, &self.settings, since)?;
        match ctx.topic() {
            CONFIRMED => self.confirmed(ctx, record),
            COMPLETED => self.completed(ctx, record),
            _ => match record.header(header::EFFECT_ID) {
                Some(name) => self.ended(ctx, record, name),
                None => self.message(ctx, record),
            },
        }
    }
}

impl Deliveries {
    /// A reservation is confirmed: it is delivered, unless it has been or is on its way.
    fn confirmed(&self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let fact = Confirmed::parse(record.value)?;
        let id = fact.reservation_id.into_owned();
        if ctx.place_of(id.as_bytes()) != ctx.place() {
            return ctx.forward(record, id.as_bytes());
        }
        let earlier = row_of(ctx, &id)?;
        let arrival = decide::confirmation(earlier.as_ref(), redriven_from(record));
        if arrival == Arrival::Known {
            return Ok(());
        }
        let row = DeliveryRow {
            // The number comes with the call.
            state: State::Waiting,
            changed_ms: ctx.now_ms(),
            attempts: 0,
            calls: earlier.as_ref().map_or(0, |row| row.calls),
            fact_offset: Some(ctx.offset()),
            payment: earlier.and_then(|row| row.payment),
            original: Some(original_of(record)),
        };
        call(ctx, &id, row)
    }

    /// A payment is debited. Its user's place knows nothing of reservations: it is told to the one that does.
    fn completed(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let Completed { reservation_id, payment_id, amount } = Completed::parse(record.value)?;
        self.value.clear();
        Message::Paid { reservation_id: reservation_id.clone(), payment_id, amount }.write(&mut self.value);
        ctx.send(&TO_RESULTS, reservation_id.as_bytes(), &self.value)
    }

    /// What the topology has told itself.
    fn message(&self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let message = Message::parse(record.value)?;
        let id = message.reservation_id().to_owned();
        if ctx.place_of(id.as_bytes()) != ctx.place() {
            return ctx.forward(record, id.as_bytes());
        }
        let row = row_of(ctx, &id)?;
        match message {
            Message::Retry { call: nth, .. } => match row {
                Some(row) if decide::is_due(Some(&row), nth) => call(ctx, &id, row),
                _ => Ok(()),
            },
            Message::Paid { payment_id, amount, .. } => {
                if !decide::is_news(row.as_ref()) {
                    return Ok(());
                }
                let noted_ms = ctx.now_ms();
                let row = DeliveryRow {
                    state: State::Unconfirmed,
                    changed_ms: noted_ms,
                    attempts: 0,
                    calls: 0,
                    fact_offset: None,
                    payment: Some(PaymentNote { payment_id: payment_id.into_owned(), amount, noted_ms }),
                    original: None,
                };
                ctx.put_kept(&DELIVERIES, &id, &row)
            }
        }
    }

    /// A call has ended: the record has the proof of it, which the engine has checked.
    fn ended(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, name: &[u8]) -> Result<(), ProcessError> {
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok()).filter(|key| key.len() <= ID_BYTES_MAX);
        let id = key.ok_or_else(|| unreadable("InvalidKey", "the key of a result is its reservation"))?.to_owned();
        let result: CallResult = serde_json::from_slice(record.value.unwrap_or_default())
            .map_err(|error| unreadable("InvalidResult", error.to_string()))?;
        let Some(mut row) = row_of(ctx, &id)? else { return Ok(()) };
        let effect = number_of(name).ok_or_else(|| unreadable("InvalidResult", "the effect has no number"))?;
        let outcome = decide::result(&row, &id, effect, &result, self.settings.backoff());
        row.changed_ms = ctx.now_ms();
        row.calls = row.calls.saturating_add(1);
        match outcome {
            Outcome::Foreign => return Ok(()),
            Outcome::Delivered => {
                row.attempts = row.attempts.saturating_add(1);
                row.state = State::Delivered;
                row.original = None;
            }
            Outcome::Retry { wait_ms, attempts } => {
                row.attempts = attempts;
                row.state = State::Waiting;
                self.retry_at(ctx, ctx.now_ms().saturating_add(wait_ms), &id, row.calls)?;
            }
            Outcome::GiveUp { class, attempts } => {
                row.attempts = attempts;
                row.state = State::Dead;
                give_up(ctx, &mut row, class, &result);
            }
        }
        ctx.put_kept(&DELIVERIES, &id, &row)
    }

    fn retry_at(&mut self, ctx: &mut Context<'_>, due_ms: i64, id: &str, call: u32) -> Result<(), ProcessError> {
        self.value.clear();
        Message::Retry { reservation_id: id.into(), call }.write(&mut self.value);
        let (place, key, value) = (Some(ctx.place()), Some(id.as_bytes()), Some(self.value.as_slice()));
        ctx.send_at(due_ms, &Output { to: &TO_RESULTS, place, key, value, headers: &[] }).map(|_| ())
    }
}

/// The row of a reservation, its books checked.
fn row_of(ctx: &mut Context<'_>, id: &String) -> Result<Option<DeliveryRow>, ProcessError> {
    let row = ctx.get_kept(&DELIVERIES, id)?;
    if let Some(row) = &row {
        invariants::delivery(id, row).map_err(|broken| ProcessError::fail("BrokenDelivery", broken.to_string()))?;
    }
    Ok(row)
}

/// Asks for a call, and keeps which one it is.
fn call(ctx: &mut Context<'_>, id: &String, mut row: DeliveryRow) -> Result<(), ProcessError> {
    let payload = row.original.as_ref().map(|original| &*original.value).unwrap_or_default();
    let effect = ctx.effect(&NewEffect { channel: CHANNEL, urgency: URGENCY, key: id.as_bytes(), payload })?;
    row.state = State::Sending { effect: effect.0 };
    row.changed_ms = ctx.now_ms();
    ctx.put_kept(&DELIVERIES, id, &row)
}

/// Sends the confirmation of `row` to the dead letters, as it stood in the log.
fn give_up(ctx: &mut Context<'_>, row: &mut DeliveryRow, class: &str, result: &CallResult) {
    let Some((original, offset)) = row.original.take().zip(row.fact_offset) else { return };
    let headers: Vec<(&str, &[u8])> =
        original.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let (partition, attempts) = (ctx.place(), row.attempts);
    ctx.dead_letter(&DeadLetter {
        topic: CONFIRMED,
        partition,
        offset,
        key: original.key.as_deref(),
        value: Some(&original.value),
        headers: &headers,
        class,
        message: result.reason.as_deref().unwrap_or("the data platform has not taken it"),
        attempts,
    });
}

fn original_of(record: &Record<'_>) -> Original {
    let mut headers = Vec::new();
    record.headers.each(&mut |name, value| headers.push((name.to_owned(), value.unwrap_or_default().to_vec())));
    Original { key: record.key.map(<[u8]>::to_vec), value: record.value.unwrap_or_default().to_vec(), headers }
}

/// Of a record that was put back from the dead letters: the offset at which it was given up.
fn redriven_from(record: &Record<'_>) -> Option<i64> {
    if !Origin::of(record).is_redriven() {
        return None;
    }
    std::str::from_utf8(record.header(header::OFFSET)?).ok()?.parse().ok()
}

/// The number of an effect: the last part of its name.
fn number_of(name: &[u8]) -> Option<u64> {
    std::str::from_utf8(name).ok()?.rsplit('/').next()?.parse().ok()
}
