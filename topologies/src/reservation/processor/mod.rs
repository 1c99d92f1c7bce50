//! Load, decide, store, send: what surrounds a decision.

mod commands;
mod coupons;
mod desk;
mod outbound;
mod replies;
mod sweeps;

use crate::reservation::decide;
use crate::shell::Origin;
use decide::Seen;
use desk::Desk;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::envelope;
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{AnswerRow, CommandRow, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::settings::Settings;
use holdfast_model::reservation::{self, ANSWERS, COMMANDS, SETTINGS, ids};
use holdfast_model::settings::SettingsRow;
use std::ops::ControlFlow;

/// Decides the inbox of one place. Nothing that matters is carried from one record to the next, so a record that is rolled back leaves nothing behind.
#[derive(Debug)]
pub(super) struct ReservationProcessor {
    settings: Settings,
    /// The place has them for those in force. Known from a record before that kept them: whoever rolls that one back makes a new processor.
    is_in_force: bool,
    /// `ce_source` of all it sends: the same for the life of the task.
    source: String,
    /// A buffer.
    value: Vec<u8>,
}

impl ReservationProcessor {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, is_in_force: false, source: String::new(), value: Vec::new() }
    }

    /// Keeps the settings if this is the first record that is decided with them.
    fn keep_settings(&mut self, ctx: &mut Context<'_>) -> Result<(), ProcessError> {
        if self.is_in_force {
            return Ok(());
        }
        let mut last = None;
        // As often as somebody has set something else: a few rows, looked at once or twice in the life of a task.
        ctx.scan(&SETTINGS, &[], &mut |_, row| {
            last = Settings::from_json(&row.json);
            ControlFlow::Continue(())
        })?;
        self.is_in_force = last.as_ref() == Some(&self.settings);
        if self.is_in_force {
            return Ok(());
        }
        // Offsets are never negative.
        let since = ctx.offset().unsigned_abs();
        ctx.put(&SETTINGS, &since, &SettingsRow { json: self.settings.to_json() })
    }

    fn desk<'a, 'c>(
        &'a mut self,
        ctx: &'a mut Context<'c>,
        record: &Record<'a>,
        origin: &'a Origin<'a>,
    ) -> Desk<'a, 'c> {
        if self.source.is_empty() {
            self.source = envelope::source(reservation::NAME, ctx.place());
        }
        let words = record.value.unwrap_or_default();
        Desk { ctx, settings: &self.settings, origin, words, source: &self.source, value: &mut self.value }
    }
}

/// Where a command belongs.
enum Home<'a> {
    /// Where this key lives.
    Key(&'a str),
    /// The place in an id.
    Place(u32),
    /// Nowhere: it speaks of what cannot exist, and that can be said anywhere.
    Anywhere,
}

fn home(command: &Command) -> Home<'_> {
    let of = |reservation_id: &str| match ids::parse_reservation(reservation_id) {
        Some((place, _)) => Home::Place(place),
        None => Home::Anywhere,
    };
    match command {
        Command::CreateConcert(c) => Home::Key(&c.concert_id),
        Command::CreateSchedule(c) => Home::Key(&c.schedule_id),
        Command::Hold(c) => Home::Key(&c.schedule_id),
        Command::CancelSchedule(c) => Home::Key(&c.schedule_id),
        Command::CancelNext(c) => Home::Key(&c.schedule_id),
        Command::Release(c) => of(&c.reservation_id),
        Command::Pay(c) => of(&c.reservation_id),
        Command::Cancel(c) => of(&c.reservation_id),
        Command::Extend(c) => of(&c.reservation_id),
        Command::Expire(c) => of(&c.reservation_id),
        Command::Settled(c) => of(&c.reservation_id),
        Command::Refunded(c) => of(&c.reservation_id),
        Command::CouponUsed(c) => of(&c.reservation_id),
        Command::CouponRefused(c) => of(&c.reservation_id),
        Command::Sweep(c) => Home::Key(&c.schedule_id),
    }
}

impl Processor for ReservationProcessor {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let message = Message::parse(record.value)?;
        match home(&message.command) {
            Home::Key(key) if ctx.place_of(key.as_bytes()) != ctx.place() => {
                return ctx.forward(record, key.as_bytes());
            }
            // A place that does not exist is a made-up id: unknown wherever it turns up.
            Home::Place(place) if place != ctx.place() && place < ctx.places() => {
                return ctx.forward_to(record, place);
            }
            _ => {}
        }
        self.keep_settings(ctx)?;
        let origin = Origin::of(record);
        if origin.is_given_up() {
            return self.give_up(ctx, record, &message, &origin);
        }
        let mut desk = self.desk(ctx, record, &origin);
        match &message.command {
            Command::Expire(command) => desk.expire(command),
            Command::Settled(command) => desk.settled(command),
            Command::Refunded(command) => desk.refunded(command),
            Command::CancelNext(command) => desk.cancel_next(command),
            Command::CouponUsed(command) => desk.coupon_used(command),
            Command::CouponRefused(command) => desk.coupon_refused(command),
            Command::Sweep(command) => desk.sweep(command),
            command => decide_once(&mut desk, &message, command),
        }
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        // A refused record was never accepted, or it is a second one under a decided id: it has no outcome of its own.
        if matches!(why, ProcessError::Refuse { .. }) {
            return Ok(());
        }
        let Ok(message) = Message::parse(record.value) else { return Ok(()) };
        if is_answer(&message.command) {
            return Ok(());
        }
        // What could not be forwarded: a client asks for its outcome in its own place.
        let brief = || Message { requested_at: None, ..message.clone() }.to_json();
        match home(&message.command) {
            Home::Key(key) if ctx.place_of(key.as_bytes()) != ctx.place() => {
                ctx.give_up_at(record, key.as_bytes(), &brief())
            }
            Home::Place(place) if place != ctx.place() && place < ctx.places() => {
                ctx.give_up_in(record, place, &brief())
            }
            _ => self.give_up(ctx, record, &message, &Origin::of(record)),
        }
    }
}

impl ReservationProcessor {
    fn give_up(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        message: &Message,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        if is_answer(&message.command) {
            return Ok(());
        }
        let desk = self.desk(ctx, record, origin);
        let id = identity(&desk, message);
        if desk.ctx.contains(&COMMANDS, &id)? {
            return Ok(());
        }
        let outcome = Outcome { refused: Some(Refusal::System), ..Outcome::default() };
        let row = outcome.row(message.command.fingerprint(), desk.ctx.now_ms());
        desk.ctx.put(&COMMANDS, &id, &row)
    }
}

/// Answers and deadlines have no outcome of their own: the state tells whether they have been here.
fn is_answer(command: &Command) -> bool {
    matches!(
        command,
        Command::Expire(_)
            | Command::Settled(_)
            | Command::Refunded(_)
            | Command::CancelNext(_)
            | Command::CouponUsed(_)
            | Command::CouponRefused(_)
            | Command::Sweep(_)
    )
}

/// What became of a command.
#[derive(Debug, Default)]
struct Outcome {
    refused: Option<Refusal>,
    serial: Option<Serial>,
    payment_id: Option<String>,
    /// What is told, if the rows alone will not say it.
    answer: Option<AnswerRow>,
}

impl Outcome {
    fn refused(refusal: Refusal) -> Self {
        Self { refused: Some(refusal), ..Self::default() }
    }

    fn of(serial: Serial) -> Self {
        Self { serial: Some(serial), ..Self::default() }
    }

    /// The reservation as it is now is what is told, for ever.
    fn told(serial: Serial, row: &ReservationRow) -> Self {
        Self { answer: Some(AnswerRow::of(row)), ..Self::of(serial) }
    }

    fn row(self, fingerprint: u64, decided_ms: i64) -> CommandRow {
        CommandRow { fingerprint, decided_ms, refused: self.refused, serial: self.serial, payment_id: self.payment_id }
    }
}

/// What the message says it is recognised by, or where its record entered the log.
fn identity(desk: &Desk<'_, '_>, message: &Message) -> String {
    match message.identity() {
        Some(identity) => identity.to_owned(),
        None => desk.origin.identity((desk.ctx.topic(), desk.ctx.place(), desk.ctx.offset())),
    }
}

/// Decides a command unless it has been decided, and keeps its outcome.
fn decide_once(desk: &mut Desk<'_, '_>, message: &Message, command: &Command) -> Result<(), ProcessError> {
    let id = identity(desk, message);
    let fingerprint = command.fingerprint();
    let earlier = desk.ctx.get(&COMMANDS, &id)?;
    match decide::seen(earlier.as_ref(), fingerprint, desk.origin.is_redriven()) {
        Seen::New => {}
        Seen::Before => return Ok(()),
        Seen::Another => {
            return Err(ProcessError::refuse(
                "RequestIdReused",
                format!("{id:?} was another command: its outcome stands, this one has none"),
            ));
        }
    }
    let mut outcome = match command {
        Command::CreateConcert(command) => desk.create_concert(command)?,
        Command::CreateSchedule(command) => desk.create_schedule(command, fingerprint)?,
        Command::Hold(command) => desk.hold(command, message.nonce.as_deref())?,
        Command::Release(command) => desk.release(command)?,
        Command::Pay(command) => desk.pay(command, message)?,
        Command::Cancel(command) => desk.cancel(command)?,
        Command::Extend(command) => desk.extend(command)?,
        Command::CancelSchedule(command) => desk.cancel_schedule(command)?,
        Command::Expire(_)
        | Command::Settled(_)
        | Command::Refunded(_)
        | Command::CancelNext(_)
        | Command::CouponUsed(_)
        | Command::CouponRefused(_)
        | Command::Sweep(_) => return Ok(()),
    };
    let answer = outcome.answer.take().filter(|_| desk.settings.has_second_rules());
    if let Some(answer) = answer {
        desk.ctx.put(&ANSWERS, &id, &answer)?;
    }
    let row = outcome.row(fingerprint, desk.ctx.now_ms());
    desk.ctx.put(&COMMANDS, &id, &row)
}
