//! Of seats: a deadline that was set, a hold that is over, a deadline that came for nothing (S0-18 to S0-21, S0-29).

use super::{Source, Story, TARGET};
use holdfast_engine::inspect::Queries;
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{EXPIRATIONS, INBOX, NAME, RESERVATIONS, SEATS_EXPIRED, ids};
use holdfast_model::wire::{self, When};
use holdfast_ports::record::Record;
use serde::Deserialize;
use std::collections::VecDeque;

/// How a deadline's command begins in the inbox: everything else there is passed over without being read.
const EXPIRE: &[u8] = br#"{"type":"expire","#;

/// Deadlines of holds.
#[derive(Default)]
pub(super) struct Deadlines {
    open: VecDeque<Due>,
}

/// A deadline's command that may not be decided yet.
struct Due {
    place: u32,
    offset: i64,
    append_ms: i64,
    reservation_id: String,
}

impl Story for Deadlines {
    fn topology(&self) -> &'static str {
        NAME
    }

    fn topics(&self) -> &'static [&'static str] {
        &[EXPIRATIONS, SEATS_EXPIRED, INBOX]
    }

    fn read(&mut self, source: Source, record: &Record<'_>) {
        self.open.extend(tell(source, record));
    }

    /// Deadlines whose commands are decided by now, and have changed nothing.
    fn look(&mut self, queries: &Queries) {
        self.open.retain(|due| {
            // A place that has left is told of by the worker that has it.
            let Ok(view) = queries.task(NAME, due.place) else { return false };
            if view.next_offset() <= due.offset {
                return true;
            }
            let serial = ids::parse_reservation(&due.reservation_id).map(|(_, serial)| serial);
            let row = serial.and_then(|serial| view.get(&RESERVATIONS, &serial).ok().flatten());
            if let Some(row) = row.filter(|row| came_for_nothing(row.state, row.changed_ms, due.append_ms)) {
                let (reservation, state) = (&*due.reservation_id, row.state.as_str());
                tracing::info!(
                    target: TARGET,
                    reservation,
                    state,
                    "[ReservationExpirationConsumer] Reservation was already expired or confirmed"
                );
            }
            false
        });
    }

    fn pass(&mut self) {
        self.open.clear();
    }
}

/// Whether a deadline's command, appended at `append_ms`, has found nothing to do: the reservation is what it is since
/// before.
fn came_for_nothing(state: State, changed_ms: i64, append_ms: i64) -> bool {
    match state {
        // Too early: it is asked again.
        State::Held => false,
        State::Expired => changed_ms < append_ms,
        State::Paying | State::Confirmed | State::Cancelled | State::Refunded => true,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deadline {
    event_id: String,
    occurred_at: When,
    payload: DeadlinePayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeadlinePayload {
    expires_at: When,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expired {
    #[serde(deserialize_with = "wire::id")]
    reservation_id: String,
}

/// Tells of a record. A deadline's command is returned, since what it has done is seen later.
fn tell(source: Source, record: &Record<'_>) -> Option<Due> {
    let value = record.value?;
    match source.topic {
        EXPIRATIONS => {
            let deadline: Deadline = serde_json::from_slice(value).ok()?;
            let (When::Ms(from_ms), When::Ms(to_ms)) = (deadline.occurred_at, deadline.payload.expires_at) else {
                return None;
            };
            let (topic, place, event, ms) = (source.topic, source.place, deadline.event_id, to_ms - from_ms);
            tracing::info!(target: TARGET, "[KafkaProducerService] Message sent to topic: {topic}");
            tracing::info!(target: TARGET, "[ReservationExpirationConsumer] Received expiration event from {topic}-{place}: {event}");
            tracing::info!(target: TARGET, "[ReservationExpirationConsumer] Waiting {ms}ms until expiration time...");
            None
        }
        SEATS_EXPIRED => {
            let id = serde_json::from_slice::<Expired>(value).ok()?.reservation_id;
            tracing::info!(target: TARGET, "[ReservationExpirationConsumer] Reservation {id} expired successfully");
            None
        }
        _ if value.starts_with(EXPIRE) => {
            let Command::Expire(expire) = Message::parse(Some(value)).ok()?.command else { return None };
            let (place, offset, append_ms) = (source.place, record.offset, record.append_ms);
            Some(Due { place, offset, append_ms, reservation_id: expire.reservation_id })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::message::{Expire, Hold};
    use holdfast_ports::record::NoHeaders;

    fn due(command: Command) -> Option<String> {
        let value = Message::new("id", command).to_json();
        let record = Record { offset: 7, append_ms: 5, key: None, value: Some(&value), headers: &NoHeaders };
        tell(Source { story: 0, topic: INBOX, place: 2 }, &record).map(|due| due.reservation_id)
    }

    #[test]
    fn deadlines_are_found_among_other_commands() {
        let expire = Expire { reservation_id: "res_2_1".to_owned(), expires_at: Some(When::Ms(0)), due_at: Some(1) };
        assert_eq!(due(Command::Expire(expire)).as_deref(), Some("res_2_1"));
        assert_eq!(due(Command::Hold(Hold::default())), None);
    }

    #[test]
    fn only_a_deadline_that_changed_nothing_came_for_nothing() {
        assert!(!came_for_nothing(State::Held, 1, 5));
        assert!(!came_for_nothing(State::Expired, 5, 5), "it has done it");
        assert!(came_for_nothing(State::Expired, 4, 5), "another one has");
        assert!(came_for_nothing(State::Confirmed, 4, 5));
    }
}
