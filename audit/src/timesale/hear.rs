//! What clients were told about orders.

use super::TimeSales;
use super::book::{Book, State};
use crate::answers::{Answer, Claim, Spot};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::print;
use holdfast_engine::prelude::place_of;

/// What an answer claims about an order. Its names stand in verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Its units were its buyer's.
    Confirmed,
    /// They were, and went back.
    Cancelled,
    /// It has none, for the reason with this code.
    Failed { code: String },
}

/// An order that was refused without a record in the log.
#[derive(Debug)]
pub(super) struct Refusal {
    at: Spot,
    sale: String,
    why: Why,
    /// First and last moment at which it may have been said, in ms since the epoch by the log's clock.
    when_ms: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    NoSale,
    NotStarted,
    Ended,
}

impl TimeSales {
    /// Notes what an answer claims; false when that is nothing.
    pub(super) fn note(&mut self, answer: &Answer<'_>) -> bool {
        let said = &answer.said;
        if answer.is_refusal() {
            return self.refusal(answer) || self.claims.note(answer, answer.refused(false));
        }
        let id = said.id("orderId").or_else(|| said.id("requestId"));
        let claim = match (answer.status, answer.word()) {
            _ if answer.is_acceptance() => Some(Claim::Accepted),
            (200, "QUEUED") => Some(Claim::Accepted),
            (200 | 201, "CONFIRMED" | "SUCCESS") if said.id("orderId").is_some() => Some(Claim::Told(Told::Confirmed)),
            (200, "CANCELLED") => Some(Claim::Told(Told::Cancelled)),
            // What was given up may come to something else when an operator puts it back.
            (200, "FAILED") if answer.code() != "SYSTEM_ERROR" => {
                Some(Claim::Told(Told::Failed { code: answer.code().to_owned() }))
            }
            _ => None,
        };
        self.claims.note(answer, id.zip(claim))
    }

    /// Notes an order that was refused before the log; false when the answer is none.
    fn refusal(&mut self, answer: &Answer<'_>) -> bool {
        let why = match answer.code() {
            "TIMESALE_NOT_FOUND" => Why::NoSale,
            "TIMESALE_NOT_STARTED" => Why::NotStarted,
            "TIMESALE_ENDED" => Why::Ended,
            _ => return false,
        };
        let sale = answer.path.strip_prefix("/api/timesales/").and_then(|rest| rest.strip_suffix("/orders"));
        // What is escaped is not looked at: it would be another sale's name.
        let Some(sale) = sale.filter(|sale| !sale.contains(['/', '%'])) else { return false };
        self.refusals.push(Refusal { at: answer.at.clone(), sale: sale.to_owned(), why, when_ms: answer.moments() });
        true
    }

    /// Compares refusals before the log with the sales of a place.
    pub(super) fn refused(&mut self, book: &Book, (place, places): (u32, u32), findings: &mut Findings) {
        self.refusals.retain(|refusal| {
            if place_of(refusal.sale.as_bytes(), places) != place {
                return true;
            }
            match refusal.judge(book) {
                Ok(()) => findings.count(Invariant::Agreement, "refusals at the door", 1),
                Err(what) => findings.breach(Invariant::Agreement, &refusal.at, what),
            }
            false
        });
    }

    /// Compares what was told about orders with what became of them in the end, as far as they are in the book of a place.
    pub(super) fn compare(&mut self, book: &Book, findings: &mut Findings) {
        self.claims.compare_all(findings, |order_id, claim| {
            let order = book.orders.get(&print(order_id))?;
            let is_so = match claim {
                Claim::Accepted => return None,
                Claim::Told(Told::Confirmed) => !matches!(order.state, State::Refused(_)),
                Claim::Told(Told::Cancelled) => order.state == State::Cancelled,
                Claim::Told(Told::Failed { code }) | Claim::Refused { code, .. } => {
                    matches!(order.state, State::Refused(is) if is == code) || book.was_refused(order_id, code)
                }
            };
            Some(if is_so { Ok(()) } else { Err(format!("was told as {claim:?}, by the log it is {:?}", order.state)) })
        });
    }
}

impl Refusal {
    /// Whether it could be so at any moment between asking and hearing.
    fn judge(&self, book: &Book) -> Result<(), String> {
        let ((from_ms, to_ms), name) = (self.when_ms, &self.sale);
        match (self.why, book.sales.get(&**name)) {
            (Why::NoSale, None) => Ok(()),
            (Why::NoSale, Some(sale)) if sale.created_ms < from_ms => {
                let before_ms = from_ms - sale.created_ms;
                Err(format!("{name} was told to be no sale, and was created {before_ms} ms before"))
            }
            (Why::NotStarted, Some(sale)) if sale.starts_ms.is_none_or(|start| from_ms >= start) => {
                Err(format!("{name} was told not to have begun, and it had"))
            }
            (Why::Ended, Some(sale)) if sale.ends_ms.is_none_or(|end| to_ms < end) => {
                Err(format!("{name} was told to be over, and it was not"))
            }
            (Why::NotStarted | Why::Ended, None) => Err(format!("{name} was told to be closed, and is no sale")),
            _ => Ok(()),
        }
    }
}
