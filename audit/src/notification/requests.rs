//! What was asked for: the records of a place that a notification comes of.

use crate::feature::{Arrival, Audit, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader::Entry;
use crate::record::{self, Field, Named, record};
use holdfast_engine::prelude::place_of;
use holdfast_model::notification::{INBOX, PAYMENT_COMPLETED};
use holdfast_model::reservation;
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::hash_map::Entry as Slot;

/// The topics that notifications are asked for by.
pub(super) const TOPICS: [&str; 2] = [INBOX, PAYMENT_COMPLETED];
/// The type that a payment is told as.
const PAID: &str = "PAYMENT_CONFIRMED";

record! {
    /// An envelope with a request or a payment inside, or a payment by itself.
    struct Envelope<'a> {
        command: Field<'a> = "type",
        event_id: Field<'a> = "eventId",
        payload: Option<Asked<'a>> = "payload",
        ..plain: Plain<'a>,
    }
}

record! {
    /// What is asked for.
    struct Asked<'a> {
        kind: Field<'a> = "type",
        data: Option<Named<'a>> = "data",
        ..plain: Plain<'a>,
    }
}

record! {
    /// What requests and payments have in common.
    struct Plain<'a> {
        user_id: Field<'a> = "userId",
        payment_id: Field<'a> = "paymentId",
        reservation_id: Field<'a> = "reservationId",
    }
}

/// A notification that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) user_id: String,
    pub(super) kind: String,
    /// The reservation that it is about, if the shop's reservations asked for it: then it has to be true.
    pub(super) reservation_id: Option<String>,
    /// Topic and offset of the first record that asked.
    pub(super) first: (&'static str, i64),
    /// Append time of the latest, in ms since the epoch.
    pub(super) last_ms: i64,
    /// Records of it that lie among the dead letters.
    pub(super) letters: u32,
}

/// By notification id.
pub(super) type Requests = FxHashMap<String, Request>;

/// Reads all requests of `place`.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn read(audit: &mut Audit<'_>, place: u32) -> Result<Requests, Failure> {
    let mut requests = Requests::default();
    for topic in TOPICS {
        audit.walk(topic, place, &mut |Arrival { entry, is_decided, way }, cut, shared, findings| {
            if !is_decided {
                return Ok(());
            }
            let is_buried = matches!(way, Way::Buried { .. });
            match said(topic, entry) {
                Some(Said::Command { user_id }) => {
                    if place_of(user_id.as_bytes(), cut.places) != place && !is_buried {
                        shared.copies.must_have(entry);
                    }
                }
                Some(Said::Request(_, request)) if place_of(request.user_id.as_bytes(), cut.places) != place => {
                    if !is_buried {
                        shared.copies.must_have(entry);
                    }
                }
                Some(Said::Request(id, request)) => add(&mut requests, id, request, is_buried, findings),
                None if is_buried => {}
                None => {
                    findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters");
                }
            }
            Ok(())
        })?;
    }
    Ok(requests)
}

enum Said {
    Command { user_id: String },
    Request(String, Request),
}

fn said(topic: &'static str, entry: &Entry<'_>) -> Option<Said> {
    let envelope = record::read::<Envelope<'_>>(entry.value)?;
    if topic == INBOX && envelope.command != Field::Absent {
        return Some(Said::Command { user_id: envelope.plain.user_id.id()?.into_owned() });
    }
    let own_id = envelope.event_id.identity();
    let request = |user: &Field<'_>, kind: String, reservation_id: Option<String>| {
        let is_the_shops = entry.heads.is_by(reservation::NAME);
        Some(Request {
            user_id: user.id()?.into_owned(),
            kind,
            reservation_id: reservation_id.filter(|_| is_the_shops),
            first: (topic, entry.offset),
            last_ms: entry.append_ms,
            letters: 0,
        })
    };
    if topic == INBOX {
        let asked = envelope.payload?;
        let about = asked.data.as_ref().and_then(|data| data.id("reservationId"));
        let id = own_id.map_or_else(|| entry.entered(), Cow::into_owned);
        return Some(Said::Request(id, request(&asked.plain.user_id, asked.kind.id()?.into_owned(), about)?));
    }
    let fact = envelope.payload.map_or(envelope.plain, |payload| payload.plain);
    let named = own_id.or_else(|| fact.payment_id.identity())?;
    Some(Said::Request(format!("{named}.{PAID}"), request(&fact.user_id, PAID.to_owned(), None)?))
}

/// Notes one more record that asks for a notification. The first one that was decided says what it is.
fn add(requests: &mut Requests, id: String, mut request: Request, is_buried: bool, findings: &mut Findings) {
    request.letters = u32::from(is_buried);
    match requests.entry(id) {
        Slot::Vacant(slot) => drop(slot.insert(request)),
        Slot::Occupied(mut known) => {
            let known = known.get_mut();
            known.letters += request.letters;
            known.last_ms = known.last_ms.max(request.last_ms);
            findings.count(Invariant::NoGap, "records known already", 1);
        }
    }
}
