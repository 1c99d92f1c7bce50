//! What clients were told about seats and their payments.

use super::book::{self, Book};
use super::facts::{name, parse};
use crate::answers::{Answer, Claim, Claims, Spot};
use crate::findings::Findings;
use crate::invariant::Invariant;

/// The code of a refusal of a reservation that is not there: an id that makes no sense is told so before the log.
const NO_RESERVATION: &str = "RESERVATION_NOT_FOUND";

/// What an answer claims. Its names stand in verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A reservation is its user's until then.
    Held { user: String, schedule: String, seat: String, expires_ms: i64 },
    /// A payment was taken, and was or is good for a seat.
    Paid { reservation: String, amount: Option<i64>, is_back: bool },
}

/// A user who was told, under a request of this id, that there is no such reservation, or none of that user.
#[derive(Debug)]
struct Missed {
    at: Spot,
    request: String,
    wanted: String,
    user: Option<String>,
}

/// What a payment came to, as far as its buyer may hear of it. Its names stand in verdicts.
#[derive(Debug, Clone, Copy)]
struct Payment<'a> {
    reservation: &'a str,
    /// KRW.
    amount: i64,
    /// It has the seat now.
    has_seat: bool,
    /// It has had it.
    had_seat: bool,
}

/// A reservation as it was granted. Its names stand in verdicts.
#[derive(Debug, Clone, Copy)]
struct Hold<'a> {
    user: &'a str,
    schedule: &'a str,
    seat: u64,
    /// The deadline that it was granted with, and the one that it has.
    expires_ms: [i64; 2],
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) claims: Claims<Told>,
    missed: Vec<Missed>,
}

impl Heard {
    /// Notes what an answer claims; false when that is nothing.
    pub(super) fn note(&mut self, answer: &Answer<'_>) -> bool {
        let (asked, said) = (&answer.asked, &answer.said);
        let (holds, pays) = (matches!(answer.path, "/reservations" | "/reserve"), answer.path == "/payments");
        let found = match answer.status {
            _ if answer.is_refusal() => {
                let is_missed = answer.code() == NO_RESERVATION;
                if let (true, Some(request)) = (is_missed, said.id("requestId")) {
                    let named = answer.path.strip_prefix("/reservations/").and_then(|rest| rest.split('/').next());
                    if let Some(wanted) = named.map(str::to_owned).or_else(|| asked.id("reservationId")) {
                        let (at, user) = (answer.at.clone(), asked.id("userId"));
                        self.missed.push(Missed { at, request, wanted, user });
                    }
                }
                // What these routes refuse before the log are values, names and keys; the rest is decided.
                answer.refused((holds || pays) && !is_missed)
            }
            _ if answer.is_acceptance() => {
                let id = said.id("paymentId").or_else(|| said.id("requestId"));
                id.map(|id| (id, Claim::Accepted))
            }
            200 | 201 if holds => {
                let user = said.id("userId").or_else(|| asked.id("userId"));
                let parts = (user, asked.id("scheduleId"), asked.id("seatNo"));
                match (said.id("reservationId"), parts, said.get("expiresAt").when()) {
                    (Some(id), (Some(user), Some(schedule), Some(seat)), Some(expires_ms)) => {
                        Some((id, Claim::Told(Told::Held { user, schedule, seat, expires_ms })))
                    }
                    _ => None,
                }
            }
            200 | 201 if pays => said.id("paymentId").zip(said.id("reservationId")).map(|(id, reservation)| {
                let (amount, is_back) = (said.get("amount").int(), answer.word() == "CANCELLED");
                (id, Claim::Told(Told::Paid { reservation, amount, is_back }))
            }),
            _ => None,
        };
        self.claims.note(answer, found)
    }

    /// A command is decided, with this refusal; what is granted to a payment is not its end. `has_ended`: the outcome need not be kept any more.
    pub(super) fn command(
        &mut self,
        id: &str,
        (refused, has_ended): (Option<&str>, bool),
        is_pay: bool,
        findings: &mut Findings,
    ) {
        self.claims.decided(id, has_ended, findings, |claim| match (claim, refused) {
            (Claim::Refused { code, .. }, Some(is)) if code == is => Some(Ok(())),
            (Claim::Refused { .. }, None) if is_pay => None,
            (Claim::Refused { code, .. }, is) => {
                Some(Err(format!("was told no ({code}), and by the log it is {}", is.unwrap_or("yes"))))
            }
            (Claim::Told(Told::Paid { .. }), Some(is)) => {
                Some(Err(format!("was told paid, and by the log it is {is}")))
            }
            _ => None,
        });
    }

    /// Compares what was told of reservations and payments with the book of a place.
    pub(super) fn compare(&mut self, book: &Book, findings: &mut Findings) {
        if self.claims.is_empty() {
            return;
        }
        for (serial, booking) in &book.bookings {
            let (user, schedule) = (&*booking.user, &*booking.schedule);
            let expires_ms = [booking.granted_until_ms, booking.expires_ms];
            let hold = Hold { user, schedule, seat: booking.seat, expires_ms };
            self.hold(&name((book.place, *serial)), hold, findings);
        }
        for (id, payment) in &book.payments {
            let reservation = name((book.place, payment.serial));
            let (amount, had_seat) = (payment.amount, payment.had_seat);
            let has_seat = payment.paid == book::Paid::Seat;
            self.payment(id, Payment { reservation: &reservation, amount, has_seat, had_seat }, findings);
        }
        self.missed(book, findings);
    }

    /// A reservation was granted.
    fn hold(&mut self, id: &str, hold: Hold<'_>, findings: &mut Findings) {
        self.claims.compare(id, findings, |claim| {
            let Claim::Told(Told::Held { user, schedule, seat, expires_ms }) = claim else { return None };
            let is_so = (&**user, &**schedule, seat.parse()) == (hold.user, hold.schedule, Ok(hold.seat))
                && hold.expires_ms.contains(expires_ms);
            let told = || {
                format!(
                    "was told to be seat {seat} of {schedule} for {user} until {expires_ms} ms, by the log it is {hold:?}"
                )
            };
            Some(if is_so { Ok(()) } else { Err(told()) })
        });
    }

    /// What a payment that was granted has come to.
    fn payment(&mut self, id: &str, payment: Payment<'_>, findings: &mut Findings) {
        self.claims.compare(id, findings, |claim| {
            let is_so = match claim {
                Claim::Told(Told::Paid { reservation, amount, is_back }) => {
                    let is_its = reservation == payment.reservation && amount.is_none_or(|krw| krw == payment.amount);
                    is_its && if *is_back { !payment.has_seat } else { payment.had_seat }
                }
                // A buyer who has lost the seat since may hear that instead.
                Claim::Refused { code, .. } => {
                    !payment.has_seat && (!payment.had_seat || code == "RESERVATION_CANCELLED")
                }
                _ => return None,
            };
            Some(if is_so { Ok(()) } else { Err(format!("was told as {claim:?}, by the log it is {payment:?}")) })
        });
    }

    /// A user who was told without the log that there is no such reservation has none, as far as it is one of this place.
    fn missed(&self, book: &Book, findings: &mut Findings) {
        for Missed { at, request, wanted, user } in &self.missed {
            let owner = book.find(parse(wanted)).map(|(_, booking)| &*booking.user);
            if let (false, Some(owner)) = (self.claims.is_met(request), owner)
                && user.as_ref().is_none_or(|user| *user == owner)
            {
                let what = format!("{wanted} was told to be no reservation, and {owner} has it");
                findings.breach(Invariant::Agreement, at, what);
            }
        }
    }
}
