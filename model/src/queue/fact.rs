//! The records that tell the world what became of queues and tickets, in `queue.events`.
//!
//! ```json
//! {"eventId":"evt_q_57.entered","type":"ENTERED","queueId":"q","ticket":57,"userId":"1001","position":12,"occurredAt":"…"}
//! {"eventId":"evt_q_57.admitted","type":"ADMITTED","queueId":"q","ticket":57,"userId":"1001","activeUntil":"…","occurredAt":"…"}
//! {"eventId":"evt_q_57.ended","type":"ENDED","queueId":"q","ticket":57,"userId":"1001","reason":"PURCHASED","occurredAt":"…"}
//! {"eventId":"…","type":"CREATED","queueId":"q","maxActive":100,"admitPerSecond":50,"activeMs":600000,"state":"OPEN",…,"occurredAt":"…"}
//! ```

use crate::guard::Subject;
use crate::json::Object;
use crate::queue::draw;
use crate::queue::row::QueueRow;
use crate::queue::ticket_state::{EndReason, QueueState};
use crate::rfc3339;
use serde::{Deserialize, Serialize};

/// What happened to a ticket.
#[derive(Debug, Clone, Copy)]
pub struct TicketFact<'a> {
    /// Id of this event.
    pub event_id: &'a str,
    /// Of which queue.
    pub queue_id: &'a str,
    /// Which ticket.
    pub ticket: u64,
    /// Whose it is.
    pub user_id: &'a str,
    /// What happened.
    pub step: Step,
    /// When, in ms since the epoch.
    pub occurred_ms: i64,
}

/// A step of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It was given out.
    Entered {
        /// Its position when it was; none = the queue is not open yet. It is out of date with the next record.
        position: Option<u64>,
    },
    /// It is ACTIVE.
    Admitted {
        /// Until then at most.
        until_ms: i64,
    },
    /// It is worth nothing any more.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// `type` of [`Step::Entered`].
pub const ENTERED: &str = "ENTERED";
/// `type` of [`Step::Admitted`].
pub const ADMITTED: &str = "ADMITTED";
/// `type` of [`Step::Ended`].
pub const TICKET_ENDED: &str = "ENDED";

impl TicketFact<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.step {
            Step::Entered { .. } => ENTERED,
            Step::Admitted { .. } => ADMITTED,
            Step::Ended { .. } => TICKET_ENDED,
        };
        let object = Object::begin(out)
            .text("eventId", self.event_id)
            .text("type", kind)
            .text("queueId", self.queue_id)
            .number("ticket", self.ticket)
            .text("userId", self.user_id);
        match self.step {
            Step::Entered { position } => object.number_if("position", position),
            Step::Admitted { until_ms } => object.time("activeUntil", until_ms),
            Step::Ended { reason } => object.text("reason", reason.as_str()),
        }
        .time("occurredAt", self.occurred_ms)
        .end();
    }
}

/// What happened to a queue, and what it is from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueFact {
    /// Id of this event.
    pub event_id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: QueueStep,
    /// Which queue.
    pub queue_id: String,
    /// Most tickets that may be ACTIVE at a time.
    pub max_active: u32,
    /// Most admissions in any second.
    pub admit_per_second: u32,
    /// How long a ticket stays ACTIVE at most, in ms.
    pub active_ms: i64,
    /// What it does.
    pub state: QueueState,
    /// When it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    /// Whether those who came before are drawn.
    pub shuffle: bool,
    /// What it guards.
    #[serde(default)]
    pub guards: Vec<Subject>,
    /// SHA-256 of the seed of its draw, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_hash: Option<String>,
    /// The seed, in hexadecimal digits, once the queue has opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Tickets up to this one were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<u64>,
    /// When, RFC 3339.
    pub occurred_at: String,
}

/// A step of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum QueueStep {
    /// It was created.
    Created,
    /// It works otherwise.
    Changed,
    /// Its tickets have positions.
    Opened,
}

impl QueueFact {
    /// What a queue is, told after a step.
    #[must_use]
    pub fn of(kind: QueueStep, event_id: String, queue_id: &str, row: &QueueRow, now_ms: i64) -> Self {
        let is_drawn = row.shuffle && row.opened_ms.is_some();
        Self {
            event_id,
            kind,
            queue_id: queue_id.to_owned(),
            max_active: row.max_active,
            admit_per_second: row.admit_per_second,
            active_ms: row.active_ms,
            state: row.state,
            opens_at: row.opens_ms.map(rfc3339::to_string),
            shuffle: row.shuffle,
            guards: row.guards.clone(),
            seed_hash: row.seed.as_ref().map(|seed| draw::hex(&draw::seed_hash(seed.as_bytes()))),
            seed: row.seed.as_ref().filter(|_| row.opened_ms.is_some()).map(|seed| draw::hex(seed.as_bytes())),
            drawn: is_drawn.then_some(row.drawn),
            occurred_at: rfc3339::to_string(now_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_a_ticket_read_so() {
        let written = |step| {
            let fact = TicketFact { event_id: "e", queue_id: "q", ticket: 57, user_id: "1001", step, occurred_ms: 1 };
            let mut out = Vec::new();
            fact.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(Step::Entered { position: Some(3) }),
            r#"{"eventId":"e","type":"ENTERED","queueId":"q","ticket":57,"userId":"1001","position":3,"occurredAt":"1970-01-01T00:00:00.001Z"}"#
        );
        assert_eq!(
            written(Step::Admitted { until_ms: 2 }),
            r#"{"eventId":"e","type":"ADMITTED","queueId":"q","ticket":57,"userId":"1001","activeUntil":"1970-01-01T00:00:00.002Z","occurredAt":"1970-01-01T00:00:00.001Z"}"#
        );
        assert_eq!(
            written(Step::Ended { reason: EndReason::TimedOut }),
            r#"{"eventId":"e","type":"ENDED","queueId":"q","ticket":57,"userId":"1001","reason":"TIMED_OUT","occurredAt":"1970-01-01T00:00:00.001Z"}"#
        );
    }
}
