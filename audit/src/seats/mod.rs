//! Seats: `reservation.requests` decided a second time, in the order of the log and by append times, and compared with everything that was told.
//!
//! A hold lasts from the append time of its record to its deadline, which is the first moment after it. A buyer that pays before has the seat, however late that
//! is read; one that pays at it or after has not, even if nothing has freed the seat yet. What is policy (limits for each user, extensions, discounts) is
//! not decided here: of a hold that is granted or refused by policy the facts say which, and it is looked at whether it could be.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | what was told: deadlines, expiries, confirmations, payments taken |
//! | [`book`] | who has what |
//! | [`message`] | what records say |
//! | [`commands`], [`paying`] | wishes of customers and of the shop |
//! | [`answers`] | deadlines that come, and what wallets say |
//! | [`hear`] | what clients were told |
//! | [`rows`] | what is kept |
//! | [`waiting`] | who waits for a seat, and is offered one |
//! | [`ending`] | what has to come out in the end |

mod answers;
mod book;
mod commands;
mod ending;
mod facts;
mod hear;
mod message;
mod paying;
mod rows;
mod waiting;

use crate::Question;
use crate::answers::Answer;
use crate::books::{Books, Discounts, Money};
use crate::copies::Copies;
use crate::cut::Cut;
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{self, Known, Print, print};
use crate::notices::Notices;
use crate::reader::Entry;
use crate::rebuilt::Rebuilt;
use crate::record;
use crate::retention::Retention;
use book::Book;
use ending::Ending;
use facts::Facts;
use hear::Heard;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::payment;
use holdfast_model::reservation::row::{PaymentRow, ScheduleRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::{self, ADMISSIONS, COMMANDS, GUARDS, INBOX, PAYMENT_STATES, SCHEDULES, SETTINGS};
use holdfast_tools::Failure;
use message::Message;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

/// The feature.
#[derive(Debug)]
pub(crate) struct Seats {
    facts: Facts,
    ending: Ending,
    heard: Heard,
    /// HOLD_MS, for a hold whose deadline is not in the log any more.
    hold_ms: i64,
}

impl Seats {
    /// Before anything is known.
    pub(crate) fn new(question: &Question) -> Self {
        Self {
            facts: Facts::default(),
            ending: Ending::new(question.overdue_ms_max),
            heard: Heard::default(),
            hold_ms: question.hold_ms,
        }
    }
}

impl Feature for Seats {
    fn name(&self) -> &'static str {
        reservation::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    fn needs(&self) -> &'static [&'static str] {
        // A seat is sold if a wallet has paid.
        &[payment::NAME]
    }

    fn notices(&self) -> &'static [(&'static str, &'static str)] {
        &[("RESERVATION_EXPIRED", "reservationId"), ("PAYMENT_CONFIRMED", "reservationId"), ("SEAT_OPENED", "entryId")]
    }

    fn routes(&self) -> &'static [&'static str] {
        &[
            "/reservations",
            "/reservations/*",
            "/reserve",
            "/payments",
            "/payments/*",
            "/api/concerts",
            "/api/concerts/*",
            "/api/schedules",
            "/api/schedules/*",
        ]
    }

    fn names(&self) -> &'static [&'static str] {
        &["reservationId", "paymentId"]
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        self.heard.note(answer)
    }

    fn read(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        self.facts = Facts::read(&mut audit.reader, audit.cut, audit.findings)?;
        Ok(())
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let records = audit.cut.records(&TopicPartition::new(INBOX, place));
            let state = audit.state(reservation::NAME, place);
            let retention = Retention::of(&COMMANDS, state, &SETTINGS, audit.findings)?;
            let known = Known::for_records(records, retention);
            let mut here = Here { book: Book::new(place), known, outcomes: Outcomes::read(state)? };
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                self.arrived(&mut here, arrival, cut, shared, findings);
                Ok(())
            })?;
            let book = here.book;
            if let Some(state) = state {
                book.guards.compare((&GUARDS, &ADMISSIONS), state, audit.findings)?;
                rows::compare(&book, state, audit.findings)?;
            }
            self.heard.compare(&book, audit.findings);
            audit.shared.in_flight += self.ending.close(book, audit.reader.latest_ms, audit.findings);
        }
        let money = &audit.shared.books.money;
        audit.shared.in_flight += self.ending.settle(&mut self.facts, money, audit.cut, audit.findings);
        self.facts.leftover(audit.findings);
        self.heard.claims.leftover(audit.findings);
        Ok(())
    }

    fn settle(&mut self, shared: &mut Shared, findings: &mut Findings) {
        shared.books.discounts.settle(findings);
    }
}

/// One place while it is decided.
struct Here<'a> {
    book: Book,
    known: Known,
    outcomes: Outcomes<'a>,
}

impl Seats {
    /// A record of the inbox.
    fn arrived(
        &mut self,
        here: &mut Here<'_>,
        arrival: &Arrival<'_, '_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) {
        let Here { book, known, outcomes } = here;
        let Arrival { entry, is_decided, way } = *arrival;
        let said = record::read::<Message<'_>>(entry.value);
        let is_buried = matches!(way, Way::Buried { .. });
        if let Some(said) = said.as_ref().filter(|_| !is_buried) {
            self.ending.answer(said, (entry, is_decided), &mut shared.books, findings);
        }
        if let Some(said) = said.as_ref().filter(|_| !self.heard.claims.is_empty()) {
            self.heard.claims.in_log(said.ids.get().as_deref(), findings);
        }
        if !is_decided {
            return;
        }
        book.now_ms = book.now_ms.max(entry.append_ms);
        known.at(entry.offset, book.now_ms);
        match (said, way) {
            (Some(said), Way::Buried { is_given_up: true }) => {
                let is_elsewhere = home_of(&said, book.place, cut.places).is_some_and(|home| home != book.place);
                if is_elsewhere && !ANSWERS.contains(&said.kind.text()) {
                    shared.copies.must_have(entry);
                } else {
                    give_up((known, book.now_ms), &said, entry, outcomes, findings);
                }
            }
            (_, Way::Buried { .. }) => {}
            (Some(said), Way::GivenUpElsewhere) => give_up((known, book.now_ms), &said, entry, outcomes, findings),
            (said, _) => {
                let mut desk = Desk::of(self, shared);
                let mut scene = Scene { book, outcomes, desk: &mut desk, entry, cut, findings };
                if said.and_then(|said| scene.record(&said, known)).is_none() {
                    findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters");
                }
            }
        }
    }
}

/// Everything that the records of a place are compared with.
struct Desk<'a> {
    facts: &'a mut Facts,
    money: &'a mut Money,
    discounts: &'a mut Discounts,
    notices: &'a mut Notices,
    ending: &'a mut Ending,
    copies: &'a mut Copies,
    heard: &'a mut Heard,
    hold_ms: i64,
}

impl<'a> Desk<'a> {
    fn of(seats: &'a mut Seats, shared: &'a mut Shared) -> Self {
        let Seats { facts, ending, heard, hold_ms } = seats;
        let Shared { copies, notices, books: Books { money, discounts }, .. } = shared;
        Self { facts, money, discounts, notices, ending, copies, heard, hold_ms: *hold_ms }
    }
}

/// What a command was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// Code of the refusal; none = done.
    refused: Option<&'static str>,
    serial: Option<Serial>,
    /// When that was decided, in ms since the epoch.
    decided_ms: i64,
    /// Something is kept: without it nothing is known.
    is_known: bool,
    /// Nothing is kept any more, or only what its id came to later.
    has_ended: bool,
}

impl Told {
    fn is_done(&self) -> bool {
        self.is_known && self.refused.is_none()
    }

    fn is_refused(&self) -> bool {
        self.is_known && self.refused.is_some()
    }
}

/// One record and its surroundings.
struct Scene<'a, 'd, 'e> {
    book: &'a mut Book,
    outcomes: &'a Outcomes<'a>,
    desk: &'a mut Desk<'d>,
    entry: &'a Entry<'e>,
    cut: &'a Cut,
    findings: &'a mut Findings,
}

/// What a command wants, as far as two commands of one id must not differ in it.
fn wish(said: &Message<'_>) -> impl std::hash::Hash {
    (
        said.kind.text(),
        [&said.user_id, &said.schedule_id, &said.seat_no, &said.reservation_id, &said.payment_id, &said.coupon_id]
            .map(record::Field::id),
        said.amount.int(),
    )
}

/// The place in which a command that was found `here` is decided; `None` when it is no command.
fn home_of(said: &Message<'_>, here: u32, places: u32) -> Option<u32> {
    match said.kind.text() {
        "create-concert" => said.concert_id.id().map(|id| place_of(id.as_bytes(), places)),
        "create-schedule" | "hold" | "cancel-schedule" | "cancel-next" | "sweep" | "guard" | "unguard" | "admit"
        | "end-admission" | "join-waitlist" | "leave-waitlist" | "tell-waitlist" => {
            said.schedule_id.id().map(|id| place_of(id.as_bytes(), places))
        }
        "release" | "pay" | "cancel" | "extend" | "expire" | "settled" | "refunded" | "coupon-used"
        | "coupon-refused" => {
            let named = said.reservation_id.id().map(|id| facts::parse(&id).map(|(place, _)| place));
            // What cannot exist can be said so anywhere.
            named.map(|place| place.filter(|place| *place < places).unwrap_or(here))
        }
        _ => None,
    }
}

/// What has no outcome of its own: the state tells whether it has been here.
const ANSWERS: [&str; 12] = [
    "expire",
    "settled",
    "refunded",
    "coupon-used",
    "coupon-refused",
    "cancel-next",
    "sweep",
    "guard",
    "unguard",
    "admit",
    "end-admission",
    "tell-waitlist",
];

/// A command that was buried after all attempts: its outcome is `SYSTEM_ERROR`, and nothing has changed.
fn give_up(
    (known, now_ms): (&mut Known, i64),
    said: &Message<'_>,
    entry: &Entry<'_>,
    outcomes: &Outcomes<'_>,
    findings: &mut Findings,
) {
    if ANSWERS.contains(&said.kind.text()) {
        return;
    }
    let id = said.ids.get().unwrap_or_else(|| Cow::Owned(entry.entered()));
    let told = outcomes.of(&id, now_ms);
    if known.give_up(&id, wish(said)) && !told.is_known && !told.has_ended && outcomes.state.is_some() {
        findings.breach(Invariant::OneOutcome, entry, format!("{id} was given up, and has no outcome"));
    }
}

/// What every command of a place was told: read once in the order of the rows, since to look each up costs ten times as much.
#[derive(Debug, Default)]
struct Outcomes<'a> {
    rows: FxHashMap<Print, Told>,
    /// Schedules and payments with the time they were made at, which do not end: looked at where the outcome of their command has.
    lasting: FxHashSet<Print>,
    /// With a state a command that is not in it has no outcome.
    state: Option<&'a Rebuilt>,
}

impl<'a> Outcomes<'a> {
    fn read(state: Option<&'a Rebuilt>) -> Result<Self, Failure> {
        let Some(known) = state else { return Ok(Self::default()) };
        let mut outcomes = Self { state, ..Self::default() };
        known.each(COMMANDS.stored(), &mut |id: String, row| {
            let refused = row.refused.map(reservation::refusal::Refusal::code);
            let (serial, decided_ms) = (row.serial, row.decided_ms);
            let told = Told { refused, serial, decided_ms, is_known: true, has_ended: false };
            outcomes.rows.insert(print(&*id), told);
        })?;
        if known.ends(COMMANDS.id()) {
            known.each(&SCHEDULES, &mut |id: String, row: ScheduleRow| {
                outcomes.lasting.insert(print(("schedule", &*id, row.created_ms)));
            })?;
            known.each(&PAYMENT_STATES, &mut |id: String, row: PaymentRow| {
                outcomes.lasting.insert(print(("payment", &*id, row.asked_ms)));
            })?;
        }
        Ok(outcomes)
    }

    /// What the command `id` was told, which is decided at `now_ms`.
    fn of(&self, id: &str, now_ms: i64) -> Told {
        let has_ended = self.state.is_some_and(|state| state.has_ended(COMMANDS.id(), now_ms));
        let told = self.rows.get(&print(id)).filter(|told| !(has_ended && told.decided_ms > now_ms));
        told.copied().unwrap_or_else(|| Told { has_ended, ..Told::default() })
    }

    /// Whether the state has this schedule, and it was created then.
    fn has_schedule(&self, id: &str, now_ms: i64) -> bool {
        self.lasting.contains(&print(("schedule", id, now_ms)))
    }

    /// Whether the state has this payment, and it was asked for then.
    fn has_payment(&self, id: &str, now_ms: i64) -> bool {
        self.lasting.contains(&print(("payment", id, now_ms)))
    }
}

impl Scene<'_, '_, '_> {
    fn breach(&mut self, invariant: Invariant, what: impl std::fmt::Display) {
        self.findings.breach(invariant, self.entry, what);
    }

    fn count(&mut self, invariant: Invariant, what: &'static str) {
        self.findings.count(invariant, what, 1);
    }

    /// One record that is not buried; `None` when it should have been.
    fn record(&mut self, said: &Message<'_>, known: &mut Known) -> Option<()> {
        let kind = said.kind.text();
        if home_of(said, self.book.place, self.cut.places)? != self.book.place {
            self.desk.copies.must_have(self.entry);
            return Some(());
        }
        if self.answer(kind, said) {
            self.count(Invariant::NoGap, "records decided");
            return Some(());
        }
        let id = said.ids.get().unwrap_or_else(|| Cow::Owned(self.entry.entered()));
        let seen = known.see(&id, wish(said), self.entry.heads.origin.is_redriven());
        known::retried(seen, &id, self.entry, self.findings);
        if !seen.is_to_decide() {
            self.count(Invariant::NoGap, "records known already");
            return Some(());
        }
        let told = self.outcomes.of(&id, self.book.now_ms);
        if told.is_known {
            let has_ended = self.outcomes.state.is_some_and(|state| state.has_ended(COMMANDS.id(), self.book.now_ms));
            self.desk.heard.command(&id, (told.refused, has_ended), kind == "pay", self.findings);
            self.count(Invariant::OneOutcome, "seat commands with their outcome");
        } else if told.has_ended {
            self.desk.heard.claims.ended(&id, self.findings);
            self.count(Invariant::OneOutcome, "seat commands whose outcome has ended");
        } else if self.outcomes.state.is_some() {
            self.breach(Invariant::OneOutcome, format!("{id} ({kind}) has no outcome"));
        }
        self.command(kind, said, &id, &told);
        self.count(Invariant::NoGap, "records decided");
        Some(())
    }

    /// What was told and what comes out here.
    fn agree(&mut self, id: &str, told: &Told, is_done: bool) {
        if !told.is_known {
            return;
        }
        if told.is_done() == is_done {
            self.count(Invariant::Agreement, "seat commands whose answer is the log's");
        } else {
            let was = told.refused.unwrap_or("done");
            let is = if is_done { "done" } else { "refused" };
            self.breach(Invariant::Agreement, format!("{id} was told {was}, and by the log it is {is}"));
        }
    }
}
