//! What must hold of the flow, by the rules alone (requirements, section 5). Rows are read from the changelogs, facts from their topics, times and prices from
//! the inboxes; nothing is asked of the code that decides.

use super::books::{Changed, Changes, Place};
use super::catalogue::Catalogue;
use super::facts::Facts;
use super::waiting::Waiting;
use super::{EXTEND_MS, HOLD_MS, ending, happened};
use crate::simulation::paper::{self, is_redriven};
use crate::simulation::tally::Tally;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon;
use holdfast_model::payment;
use holdfast_model::payment::row::Outcome;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{CommandRow, CouponState, PaymentRow, PaymentState, ReservationRow};
use holdfast_model::reservation::serial::{self, Serial};
use holdfast_model::reservation::state::{SeatState, State};
use holdfast_model::reservation::{self, ids};
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use serde_json::Value;
use std::collections::BTreeMap;

/// A record of the reservations' inbox.
pub(crate) struct Line {
    /// The time of the place when it is decided: its append time, or an earlier one's that is higher.
    pub(crate) now_ms: i64,
    pub(crate) value: Option<Value>,
    pub(crate) identity: String,
    pub(crate) is_redriven: bool,
    /// Whether what it speaks of is decided in this place; else it is sent on.
    is_at_home: bool,
}

/// The place in which what a command speaks of is decided; none = it speaks of what cannot be.
fn home(value: &Value, places: u32) -> Option<u32> {
    match paper::text(&value["reservationId"]) {
        Some(id) => ids::parse_reservation(&id).map(|(place, _)| place).filter(|place| *place < places),
        None => {
            let key = paper::text(&value["scheduleId"]).or_else(|| paper::text(&value["concertId"]))?;
            Some(place_of(key.as_bytes(), places))
        }
    }
}

impl Line {
    pub(crate) fn kind(&self) -> &str {
        self.value.as_ref().and_then(|value| value["type"].as_str()).unwrap_or_default()
    }

    pub(super) fn field(&self, name: &str) -> Option<String> {
        paper::text(&self.value.as_ref()?[name])
    }
}

/// A place as the referee knows it.
#[derive(Default)]
pub(crate) struct Town {
    inbox: Cursor,
    now_ms: i64,
    pub(crate) lines: BTreeMap<i64, Line>,
    pub(crate) rows: Place,
    pub(crate) waiting: Waiting,
}

/// The referee of all places.
#[derive(Default)]
pub(crate) struct Referee {
    pub(crate) towns: BTreeMap<u32, Town>,
    /// What was announced.
    pub(crate) catalogue: Catalogue,
    coupons: BTreeMap<u32, Cursor>,
    pub(crate) facts: Facts,
    tally: Tally,
}

/// Whether a reservation can have gone from one state to the other, in any number of steps.
fn can_become(from: State, to: State) -> bool {
    match from {
        State::Held | State::Paying => true,
        State::Confirmed => matches!(to, State::Confirmed | State::Cancelled | State::Refunded),
        State::Cancelled => matches!(to, State::Cancelled | State::Refunded),
        State::Expired | State::Refunded => to == from,
    }
}

impl Town {
    /// Reads the inbox: what time it is in the place at each record.
    fn read(&mut self, history: &History<'_>, place: u32, catalogue: &mut Catalogue) {
        for (offset, record) in self.inbox.read(history, reservation::INBOX, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            let value = paper::json(&record);
            let nothing = Value::Null;
            let said = value.as_ref().unwrap_or(&nothing);
            catalogue.note(said);
            let identity = paper::identity(&record, said, (reservation::INBOX, place, offset));
            let is_at_home = home(said, history.places()).is_none_or(|home| home == place);
            let line = Line { now_ms: self.now_ms, identity, is_redriven: is_redriven(&record), is_at_home, value };
            self.lines.insert(offset, line);
        }
    }

    /// The lines decided so far.
    pub(crate) fn decided(&self) -> impl Iterator<Item = &Line> {
        self.lines.range(..self.rows.next).map(|(_, line)| line)
    }

    /// Whether something was decided at that time.
    fn is_a_time(&self, ms: i64) -> bool {
        self.decided().any(|line| line.now_ms == ms)
    }
}

/// One place at one commit.
pub(super) struct Look<'a> {
    place: u32,
    pub(super) town: &'a Town,
    pub(super) catalogue: &'a Catalogue,
}

impl Look<'_> {
    fn check(&self, changes: &Changes) -> Result<(), String> {
        self.one_owner()?;
        for changed in &changes.reservations {
            self.reservation(changed)?;
        }
        for changed in &changes.payments {
            self.payment(changed)?;
        }
        for changed in &changes.commands {
            self.command(changed)?;
        }
        changes.outcomes.iter().try_for_each(outcome)?;
        let rows = &self.town.rows;
        rows.reservation.check().map_err(|broken| format!("{broken} (I-1, I-2, I-8)"))?;
        rows.payment.check().map_err(|broken| format!("{broken} (I-3, I-4, I-5)"))
    }

    fn price(&self, row: &ReservationRow) -> Option<u64> {
        self.catalogue.price(&row.schedule_id, row.seat_no)
    }

    /// I-1: nobody shares a seat. I-2: what is held and sold is what the schedule counts, and fits into its house.
    fn one_owner(&self) -> Result<(), String> {
        let mut owners: BTreeMap<(&str, u64), Serial> = BTreeMap::new();
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (serial, row) in &self.town.rows.reservation.reservations {
            let count = counts.entry(&row.schedule_id).or_default();
            match row.state.seat() {
                SeatState::Available => continue,
                SeatState::TemporaryReserved => count.0 += 1,
                SeatState::Reserved => count.1 += 1,
            }
            if let Some(other) = owners.insert((&row.schedule_id, row.seat_no), *serial) {
                let (schedule, seat) = (&row.schedule_id, row.seat_no);
                return Err(format!("seat {seat} of {schedule} has two owners: {other} and {serial} (I-1)"));
            }
        }
        for (id, row) in &self.town.rows.reservation.schedules {
            let (held, reserved) = counts.get(id.as_str()).copied().unwrap_or_default();
            let seats = self.catalogue.prices(id).map_or(0, |prices| prices.len() as u64);
            if (row.held, row.reserved) != (held, reserved) || held + reserved + row.available() != seats {
                return Err(format!("schedule {id} of {seats} seats: {row:?}, but {held} held, {reserved} sold (I-2)"));
            }
        }
        Ok(())
    }

    fn reservation(&self, changed: &Changed<Serial, ReservationRow>) -> Result<(), String> {
        let serial = changed.key;
        let Some(row) = &changed.after else { return Err(format!("reservation {serial} is gone")) };
        let wrong = |what: &str| Err(format!("reservation {serial} of place {}: {what}: {row:?}", self.place));
        match &changed.before {
            None => {
                let offset = serial::offset(serial).cast_signed();
                if !serial::is_secret(serial) {
                    return wrong("its id can be counted up");
                }
                let Some(line) = self.town.lines.get(&offset) else { return wrong("nobody asked for it") };
                let asked = ["userId", "scheduleId", "seatNo"].map(|name| line.field(name).unwrap_or_default());
                if line.kind() != "hold" {
                    if let Err(what) = self.offer(line, offset, row) {
                        return wrong(&what);
                    }
                } else if asked != [row.user_id.clone(), row.schedule_id.clone(), row.seat_no.to_string()] {
                    return wrong("somebody else asked, or for another seat");
                }
                if (row.held_ms, row.expires_ms - deadline_ms(row)) != (line.now_ms, 0) {
                    return wrong("its deadline is not that of its record (I-6)");
                }
                if let Some((other, before)) = self.others(serial, row).find(|(_, other)| !was_over(other, row.held_ms))
                {
                    return wrong(&format!("{other} had the seat: {before:?} (I-1)"));
                }
            }
            Some(before) => {
                let fixed = |row: &ReservationRow| {
                    let aside_ms = row.expires_ms - deadline_ms(row);
                    (row.schedule_id.clone(), row.user_id.clone(), row.seat_no, row.held_ms, aside_ms)
                };
                if fixed(before) != fixed(row) || before.extensions > row.extensions {
                    return wrong("it became another one");
                }
                if !can_become(before.state, row.state) {
                    return wrong(&format!("it was over and lives again, after {:?} (I-1)", before.state));
                }
            }
        }
        if Some(row.price) != self.price(row) {
            return wrong(&format!("the catalogue says {:?} KRW (I-3)", self.price(row)));
        }
        if !self.town.is_a_time(row.changed_ms) {
            return wrong("it changed at a time at which there was no record (I-31)");
        }
        if row.state == State::Expired && row.changed_ms < row.expires_ms {
            return wrong("it expired early (I-6)");
        }
        Ok(())
    }

    /// Reservations of the same seat that were made before.
    fn others(&self, serial: Serial, row: &ReservationRow) -> impl Iterator<Item = (&Serial, &ReservationRow)> {
        let (schedule_id, seat_no) = (row.schedule_id.clone(), row.seat_no);
        let before = self.town.rows.reservation.reservations.range(..serial);
        before.filter(move |(_, other)| other.schedule_id == schedule_id && other.seat_no == seat_no)
    }

    /// I-8 and I-3: a payment is granted for what is owed, at the time of a record that asked for it before the deadline.
    fn payment(&self, changed: &Changed<String, PaymentRow>) -> Result<(), String> {
        let Some(row) = &changed.after else { return Err(format!("payment {} is gone", changed.key)) };
        let reservation = self.town.rows.reservation.reservations.get(&row.serial);
        let Some(reservation) = reservation else { return Err(format!("payment {} is for nothing", changed.key)) };
        let id = ids::reservation(self.place, row.serial);
        let asks = |line: &&Line| line.kind() == "pay" && line.field("reservationId").as_deref() == Some(&id);
        if !self.town.decided().filter(asks).any(|line| line.now_ms == row.asked_ms) {
            return Err(format!("payment {}: nobody asked at that time: {row:?}", changed.key));
        }
        if row.asked_ms >= reservation.expires_ms {
            return Err(format!("payment {} was granted too late: {row:?} for {reservation:?} (I-8)", changed.key));
        }
        let price = self.price(reservation).unwrap_or_default();
        let coupon = self.town.rows.reservation.coupons.get(&changed.key);
        let off = match coupon.map(|coupon| (&coupon.coupon_id, coupon.state)) {
            None => Some(0),
            // What was offered counts for nothing yet, or for nothing any more.
            Some((_, CouponState::Asked | CouponState::Refused)) => return Ok(()),
            Some((id, CouponState::Used { discount } | CouponState::Returned { discount })) => {
                if self.catalogue.discount(id, price) != Some(discount) {
                    return Err(format!("payment {}: {coupon:?} of {price} KRW (I-3)", changed.key));
                }
                if matches!(row.state, PaymentState::Refused(_)) { None } else { Some(discount) }
            }
        };
        if off.is_some_and(|off| row.amount + off != price) {
            return Err(format!("payment {}: {} KRW, {off:?} off, for {reservation:?} (I-3)", changed.key, row.amount));
        }
        Ok(())
    }

    /// I-14: an outcome stands. I-8: nobody is told that it is too late when it is not.
    fn command(&self, changed: &Changed<String, CommandRow>) -> Result<(), String> {
        let id = &changed.key;
        let Some(row) = &changed.after else { return Err(format!("the outcome of {id} is gone (I-9)")) };
        let has_outcome = |line: &&Line| line.is_at_home && ending::COMMANDS.contains(&line.kind());
        let mut lines = self.town.decided().filter(|line| line.identity == *id).filter(has_outcome);
        if let Some(before) = &changed.before {
            let is_second_life = before.refused == Some(Refusal::System) && lines.any(|line| line.is_redriven);
            if before != row && !is_second_life {
                return Err(format!("the outcome of {id} was {before:?} and is {row:?} (I-14)"));
            }
            return Ok(());
        }
        let Some(line) = lines.find(|line| line.now_ms == row.decided_ms) else {
            return Err(format!("{id} was decided at a time at which it was not there: {row:?} (I-31)"));
        };
        if row.refused == Some(Refusal::SeatTaken) && !self.is_taken(line, row.decided_ms) {
            let asked = &line.value;
            return Err(format!("{id} was told that somebody has the seat, and nobody had: {asked:?}, {row:?} (I-12)"));
        }
        let reservation = row.serial.and_then(|serial| self.town.rows.reservation.reservations.get(&serial));
        let expires_ms = reservation.map(|reservation| reservation.expires_ms);
        if line.kind() == "pay"
            && row.refused == Some(Refusal::ReservationExpired)
            && expires_ms.is_none_or(|expires_ms| row.decided_ms < expires_ms)
        {
            return Err(format!("{id} was told it is too late, before {expires_ms:?}: {row:?} (I-8)"));
        }
        Ok(())
    }
}

impl Look<'_> {
    /// Whether somebody can have had the seat that was asked for.
    fn is_taken(&self, asked: &Line, at_ms: i64) -> bool {
        let (schedule_id, seat_no) = (asked.field("scheduleId"), asked.field("seatNo"));
        self.town.rows.reservation.reservations.values().any(|row| {
            Some(&row.schedule_id) == schedule_id.as_ref()
                && Some(row.seat_no.to_string()) == seat_no
                && row.held_ms <= at_ms
                && (row.state.seat() != SeatState::Available || row.changed_ms >= at_ms)
        })
    }
}

/// The deadline that a reservation has to have, by the rules.
fn deadline_ms(row: &ReservationRow) -> i64 {
    row.held_ms + HOLD_MS + i64::from(row.extensions.min(1)) * EXTEND_MS
}

/// Whether a reservation was over at that time. When money came back tells nothing of when the seat was free.
fn was_over(row: &ReservationRow, at_ms: i64) -> bool {
    match row.state {
        State::Held | State::Paying | State::Confirmed => false,
        State::Expired | State::Cancelled => row.changed_ms <= at_ms,
        State::Refunded => true,
    }
}

/// I-14, I-9: money is moved once, and what was said of it stands.
fn outcome(changed: &Changed<String, Outcome>) -> Result<(), String> {
    let given_up = Outcome::Refused(payment::outcome::Refusal::System);
    match (changed.before, changed.after) {
        (Some(before), after) if after != Some(before) && before != given_up => {
            Err(format!("{}: {before:?} became {after:?} (I-14)", changed.key))
        }
        _ => Ok(()),
    }
}

impl Referee {
    /// A referee who counts what has happened.
    pub(crate) fn telling(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }

    /// The reservation with this id, wherever it is.
    pub(crate) fn reservation(&self, id: &str) -> Option<&ReservationRow> {
        let (place, serial) = ids::parse_reservation(id)?;
        self.towns.get(&place)?.rows.reservation.reservations.get(&serial)
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            self.towns.entry(place).or_default().read(history, place, &mut self.catalogue);
            let cursor = self.coupons.entry(place).or_default();
            let announced = cursor.read(history, coupon::INBOX, place);
            announced
                .iter()
                .filter_map(|(_, record)| paper::json(record))
                .for_each(|value| self.catalogue.note(&value));
        }
        for place in 0..history.places() {
            let town = self.towns.entry(place).or_default();
            let changes = town.rows.follow(history, place)?;
            Look { place, town, catalogue: &self.catalogue }.check(&changes)?;
            town.waiting.follow(&changes)?;
        }
        self.facts.follow(history, &self.catalogue)
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        ending::check(self, history)?;
        ending::views(self, stores)?;
        ending::coupons(self, stores)?;
        happened::count(&self.tally, self);
        Ok(())
    }
}
