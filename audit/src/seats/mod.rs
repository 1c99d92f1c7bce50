//! Seats: `reservation.requests` decided a second time, in the order of the log and by append times, and compared with everything that was told.
//!
//! A hold lasts from the append time of its record to its deadline, which is the first moment after it. Whoever pays before has the seat, however late that
//! is read; whoever pays at it or after has not, even if nobody has freed the seat yet. What is policy (limits for each user, extensions, discounts) is
//! not decided here: of a hold that is granted or refused by policy the facts say which, and it is looked at whether it could be.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | what was told: deadlines, expiries, confirmations, payments taken |
//! | [`book`] | who has what |
//! | [`commands`], [`paying`] | wishes of customers and of the shop |
//! | [`answers`] | deadlines that come, and what wallets say |
//! | [`rows`] | what is kept |
//! | [`ending`] | what has to come out in the end |

mod answers;
mod book;
mod commands;
pub(super) mod ending;
mod facts;
mod paying;
mod rows;

pub(super) use ending::Ending;
pub(super) use facts::{Facts, parse};

use super::answers::{Answers, Hold, Payment};
use super::copies::Copies;
use super::cut::{Cut, States};
use super::findings::Findings;
use super::invariant::Invariant;
use super::known::{self, Known, Print, Seen, print};
use super::letters::{self, Letters};
use super::notices::Notices;
use super::reader::{Entry, Reader};
use super::rebuilt::Rebuilt;
use super::said::Said;
use super::wallets::Money;
use book::Book;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::{self, COMMANDS, INBOX};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Everything that the records of a place are compared with.
pub(super) struct Desk<'a> {
    pub(super) facts: &'a mut Facts,
    pub(super) money: &'a mut Money,
    pub(super) notices: &'a mut Notices,
    pub(super) ending: &'a mut Ending,
    pub(super) copies: &'a mut Copies,
    pub(super) answers: &'a mut Answers,
    /// HOLD_MS, for a hold whose deadline is not in the log any more.
    pub(super) hold_ms: i64,
}

/// What a command was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// Code of the refusal; none = done.
    refused: Option<&'static str>,
    serial: Option<Serial>,
    /// Something is kept: without it nothing is known.
    is_known: bool,
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
    desk: &'a mut Desk<'d>,
    entry: &'a Entry<'e>,
    cut: &'a Cut,
    findings: &'a mut Findings,
}

/// Decides the seats of every place.
pub(super) fn decide(
    reader: &mut Reader<'_>,
    cut: &mut Cut,
    states: &States,
    letters: &mut Letters,
    desk: &mut Desk<'_>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for place in 0..cut.places {
        let inbox = TopicPartition::new(INBOX, place);
        let state = states.get(&(reservation::NAME.to_owned(), place));
        let mut buried = letters.take_of(&inbox);
        let (mut book, mut known) = (Book::new(place), Known::for_records(cut.records(&inbox)));
        let outcomes = Outcomes::read(state)?;
        let decided = cut.decided(&inbox);
        reader.read(&inbox, cut, findings, &mut |entry, cut, findings| {
            desk.copies.look(entry);
            let said = Said::read(entry.value);
            let is_decided = entry.offset < decided;
            let is_buried = letters::meet(&mut buried, entry, findings).is_some();
            if let Some(said) = said.as_ref().filter(|_| !is_buried) {
                desk.ending.answer(said, entry, is_decided, findings);
            }
            if let Some(id) = said.as_ref().filter(|_| !desk.answers.is_empty()).and_then(Said::identity) {
                desk.answers.in_log(&id, findings);
            }
            if !is_decided {
                return Ok(());
            }
            book.now_ms = book.now_ms.max(entry.append_ms);
            if is_buried {
                findings.count(Invariant::NoGap, "records buried", 1);
                if let (Some(said), Some(letter)) = (said, buried.get(&entry.offset))
                    && letter.is_given_up
                {
                    let is_elsewhere = home_of(&said, place, cut.places).is_some_and(|home| home != place);
                    if is_elsewhere && !ANSWERS.contains(&said.kind.text()) {
                        desk.copies.must_have(entry);
                    } else {
                        give_up(&mut known, &said, entry, &outcomes, findings);
                    }
                }
                return Ok(());
            }
            if let Some(said) = said.as_ref().filter(|_| entry.heads.is_given_up) {
                give_up(&mut known, said, entry, &outcomes, findings);
                return Ok(());
            }
            let mut scene = Scene { book: &mut book, desk, entry, cut, findings };
            match said.and_then(|said| scene.record(&said, &mut known, &outcomes)) {
                Some(()) => {}
                None => {
                    findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters")
                }
            }
            Ok(())
        })?;
        letters::leftover(&buried, &inbox, cut.span(&inbox).begins, decided, findings);
        if let Some(state) = state {
            rows::compare(&book, state, findings)?;
        }
        if !desk.answers.is_empty() {
            told_of(&book, desk.answers, findings);
        }
        desk.ending.close(book, reader.latest_ms, findings);
    }
    Ok(())
}

/// Compares what clients were told of reservations and payments with the book of a place.
fn told_of(book: &Book, answers: &mut Answers, findings: &mut Findings) {
    for (serial, booking) in &book.bookings {
        let (user, schedule) = (&*booking.user, &*booking.schedule);
        let expires_ms = [booking.granted_until_ms, booking.expires_ms];
        let hold = Hold { user, schedule, seat: booking.seat, expires_ms };
        answers.hold(&facts::name((book.place, *serial)), hold, findings);
    }
    for (id, payment) in &book.payments {
        let reservation = facts::name((book.place, payment.serial));
        let has_seat = payment.paid == book::Paid::Seat;
        let shown = Payment { reservation: &reservation, amount: payment.amount, has_seat, had_seat: payment.had_seat };
        answers.payment(id, shown, findings);
    }
    answers.missed(|id| book.find(parse(id)).map(|(_, booking)| &*booking.user), findings);
}

/// What a command wants, as far as two commands of one id must not differ in it.
fn wish(said: &Said<'_>) -> impl std::hash::Hash {
    (
        said.kind.text(),
        [&said.user_id, &said.schedule_id, &said.seat_no, &said.reservation_id, &said.payment_id, &said.coupon_id]
            .map(super::said::Field::id),
        said.amount.int(),
    )
}

/// The place in which a command that was found `here` is decided; `None` when it is no command.
fn home_of(said: &Said<'_>, here: u32, places: u32) -> Option<u32> {
    match said.kind.text() {
        "create-concert" => said.concert_id.id().map(|id| place_of(id.as_bytes(), places)),
        "create-schedule" | "hold" | "cancel-schedule" | "cancel-next" | "sweep" => {
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
const ANSWERS: [&str; 7] = ["expire", "settled", "refunded", "coupon-used", "coupon-refused", "cancel-next", "sweep"];

/// A command that was buried after all attempts: its outcome is `SYSTEM_ERROR`, and nothing has changed.
fn give_up(known: &mut Known, said: &Said<'_>, entry: &Entry<'_>, outcomes: &Outcomes, findings: &mut Findings) {
    if ANSWERS.contains(&said.kind.text()) {
        return;
    }
    let id = said.identity().unwrap_or_else(|| Cow::Owned(entry.entered()));
    if known.give_up(&id, wish(said)) && !outcomes.of(&id).is_known && outcomes.is_known {
        findings.breach(Invariant::OneOutcome, entry, format!("{id} was given up, and has no outcome"));
    }
}

/// What every command of a place was told: read once in the order of the rows, since to look each up costs ten times as much.
#[derive(Debug, Default)]
struct Outcomes {
    rows: FxHashMap<Print, Told>,
    /// There is a state: a command that is not in it has no outcome.
    is_known: bool,
}

impl Outcomes {
    fn read(state: Option<&Rebuilt>) -> Result<Self, Failure> {
        let Some(state) = state else { return Ok(Self::default()) };
        let mut rows = FxHashMap::default();
        state.each(&COMMANDS, &mut |id: String, row| {
            let refused = row.refused.map(reservation::refusal::Refusal::code);
            rows.insert(print(&*id), Told { refused, serial: row.serial, is_known: true });
        })?;
        Ok(Self { rows, is_known: true })
    }

    fn of(&self, id: &str) -> Told {
        self.rows.get(&print(id)).copied().unwrap_or_default()
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
    fn record(&mut self, said: &Said<'_>, known: &mut Known, outcomes: &Outcomes) -> Option<()> {
        let kind = said.kind.text();
        if home_of(said, self.book.place, self.cut.places)? != self.book.place {
            self.desk.copies.must_have(self.entry);
            return Some(());
        }
        if self.answer(kind, said) {
            self.count(Invariant::NoGap, "records decided");
            return Some(());
        }
        let id = said.identity().unwrap_or_else(|| Cow::Owned(self.entry.entered()));
        let seen = known.see(&id, wish(said), self.entry.heads.origin.is_redriven());
        known::retried(seen, &id, self.entry, self.findings);
        if !matches!(seen, Seen::New | Seen::Again) {
            self.count(Invariant::NoGap, "records known already");
            return Some(());
        }
        let told = outcomes.of(&id);
        if told.is_known {
            self.desk.answers.command(&id, told.refused, kind == "pay", self.findings);
            self.count(Invariant::OneOutcome, "seat commands with their outcome");
        } else if outcomes.is_known {
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
