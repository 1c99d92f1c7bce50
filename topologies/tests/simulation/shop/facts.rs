//! The facts that the shop has told the world: each once, and none that the rules forbid.

use super::catalogue::Catalogue;
use crate::simulation::paper::{self, head, is_forwarded, is_redriven};
use crate::simulation::wrapped::CLUMSY;
use holdfast_model::envelope::header;
use holdfast_model::reservation::{self, ids};
use holdfast_model::{notification, payment, published};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Cursor, History};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How late an expiry may be besides what clocks are behind, in ms: workers die and come back, and a transaction that was left open stands in the way
/// until it is given up.
const LATE_MS_MAX: i64 = 25_000;

const TOPICS: [&str; 7] = [
    reservation::EXPIRATIONS,
    reservation::PAYMENTS,
    reservation::CONFIRMED,
    reservation::SEATS_EXPIRED,
    reservation::RANKING,
    notification::REQUESTS,
    payment::COMPLETED,
];

/// All facts so far.
#[derive(Default)]
pub(crate) struct Facts {
    cursors: BTreeMap<(&'static str, u32), Cursor>,
    /// By topic: the id of each event.
    seen: BTreeMap<&'static str, BTreeSet<String>>,
    /// By kind of fact: the reservation, or the payment, that it is about.
    pub(crate) about: BTreeMap<String, BTreeSet<String>>,
    /// The latest expiry against its deadline, in ms.
    pub(crate) late_ms: i64,
}

impl Facts {
    /// Reads what has been told since the last call.
    pub(crate) fn follow(&mut self, history: &History<'_>, catalogue: &Catalogue) -> Result<(), String> {
        for topic in TOPICS {
            for place in 0..history.places() {
                for (offset, record) in self.cursors.entry((topic, place)).or_default().read(history, topic, place) {
                    // What others send brings no such id; what is sent on or put back has been told before.
                    let (Some(source), Some(id)) = (head(&record, header::SOURCE), head(&record, header::ID)) else {
                        continue;
                    };
                    // An id is its source's own.
                    let id = format!("{source} {id}");
                    if is_forwarded(&record) || is_redriven(&record) {
                        continue;
                    }
                    let here = format!("{topic}-{place} offset {offset}");
                    if !self.seen.entry(topic).or_default().insert(id.clone()) {
                        return Err(format!("{here}: {id} is told a second time (I-9, I-15)"));
                    }
                    let published =
                        published::topic(topic).ok_or_else(|| format!("{topic} is not published (I-32)"))?;
                    published.check(record.value.as_deref()).map_err(|misfit| format!("{here}: {misfit} (I-32)"))?;
                    let value = paper::json(&record).ok_or_else(|| format!("{here} is no JSON"))?;
                    self.take(topic, &record, &value, catalogue, history.behind_ms())
                        .map_err(|why| format!("{here}: {why}: {value}"))?;
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        topic: &str,
        record: &Stored,
        value: &Value,
        catalogue: &Catalogue,
        behind_ms: i64,
    ) -> Result<(), String> {
        let text = |value: &Value| paper::text(value).unwrap_or_default();
        let price = |schedule: &Value, seat: &Value| catalogue.price(&text(schedule), text(seat).parse().ok()?);
        let (kind, about) = match topic {
            reservation::EXPIRATIONS => {
                let is_first = text(&value["eventId"]).ends_with(".expiration");
                let kind = if is_first { "deadline" } else { "deadline moved" };
                (kind.to_owned(), text(&value["payload"]["reservationId"]))
            }
            reservation::PAYMENTS => {
                let kind = text(&value["type"]);
                let owed = price(&value["scheduleId"], &value["seatNo"]);
                let discount = &value["discount"];
                let off = if discount.is_null() {
                    Some(0)
                } else {
                    catalogue.discount(&text(&discount["couponId"]), owed.unwrap_or_default())
                };
                let asked = value["amount"].as_u64().zip(off).map(|(amount, off)| amount + off);
                let is_off = discount.is_null() || discount["amount"].as_u64() == off;
                if kind == "debit" && (owed.is_none() || asked != owed || !is_off) {
                    return Err(format!("{owed:?} KRW are owed, less {off:?} (I-3)"));
                }
                (kind, text(&value["paymentId"]))
            }
            reservation::CONFIRMED => {
                let owed = price(&value["scheduleId"], &value["seatNo"]);
                if owed.is_none() || value["amount"].as_u64() > owed {
                    return Err(format!("{owed:?} KRW are owed (I-3)"));
                }
                ("confirmed".to_owned(), text(&value["reservationId"]))
            }
            reservation::SEATS_EXPIRED => {
                let (Some(expired_ms), Some(expires_ms)) =
                    (paper::moment(&value["expiredAt"]), paper::moment(&value["expiresAt"]))
                else {
                    return Err("it has no times".to_owned());
                };
                let late_ms = expired_ms - expires_ms;
                if late_ms < 0 {
                    return Err(format!("{} ms early (I-6)", -late_ms));
                }
                // Whose records stumble waits until somebody puts them back.
                if !text(&value["userId"]).starts_with(CLUMSY) {
                    self.late_ms = self.late_ms.max(late_ms - behind_ms);
                    if late_ms > LATE_MS_MAX + behind_ms {
                        return Err(format!("{late_ms} ms late (I-7)"));
                    }
                }
                ("expired".to_owned(), text(&value["reservationId"]))
            }
            reservation::RANKING => (text(&value["type"]), text(&value["reservationId"])),
            notification::REQUESTS => {
                let payload = &value["payload"];
                if payload["data"]["reservationId"].is_null() {
                    if payload["type"] == "SEAT_OPENED" {
                        self.about
                            .entry("told that a seat is free".to_owned())
                            .or_default()
                            .insert(text(&value["eventId"]));
                    }
                    return Ok(());
                }
                (format!("notice {}", text(&payload["type"])), text(&payload["data"]["reservationId"]))
            }
            _ => ("completed".to_owned(), text(&value["payload"]["paymentId"])),
        };
        let of_a_reservation = topic != reservation::PAYMENTS && topic != payment::COMPLETED;
        if of_a_reservation && ids::parse_reservation(&about).is_none() {
            return Err("it is about nothing".to_owned());
        }
        let key = record.key.as_deref().unwrap_or_default();
        if key.is_empty() {
            return Err("it has no key".to_owned());
        }
        if !self.about.entry(kind.clone()).or_default().insert(about) {
            return Err(format!("a second {kind}"));
        }
        Ok(())
    }

    /// What facts of a kind are about.
    pub(crate) fn of(&self, kind: &str) -> BTreeSet<String> {
        self.about.get(kind).cloned().unwrap_or_default()
    }
}
