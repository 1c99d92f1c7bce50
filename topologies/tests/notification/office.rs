//! The worker that the tests talk to, and the outside that they play.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification;
use holdfast_model::notification::call::NotificationCall;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::settings::Settings;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::notification::invariants::Books;
use holdfast_topologies::notification::{topology_with, view};
use serde_json::{Value, json};

pub(crate) const PLACES: u32 = 3;

/// A worker with the notification topology.
pub(crate) struct Office {
    pub(crate) driver: TestDriver,
}

/// A call that the outside was asked for.
pub(crate) struct Call {
    pub(crate) effect: Effect,
    pub(crate) call: NotificationCall,
}

impl Office {
    /// With these channels on.
    pub(crate) fn with(channels: &[Channel]) -> Self {
        Self::of(&Settings { channels: channels.to_vec(), ..Settings::default() })
    }

    pub(crate) fn of(settings: &Settings) -> Self {
        let mut office = Self { driver: TestDriver::new(&topology_with(settings), PLACES) };
        office.driver.settle();
        office
    }

    pub(crate) fn now_ms(&self) -> i64 {
        use holdfast_engine::inspect::ports::clock::Clock;
        self.driver.clock().now_ms()
    }

    /// A request of this event, user and type, with these other fields of its payload.
    pub(crate) fn request(event_id: &str, user_id: &str, kind: &str, fields: &Value) -> String {
        let mut payload = json!({"userId": user_id, "type": kind});
        payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"eventId": event_id, "eventType": "notification.request", "payload": payload}).to_string()
    }

    /// Asks for a notification.
    pub(crate) fn ask(&mut self, event_id: &str, user_id: &str, kind: &str) {
        self.ask_with(event_id, user_id, kind, &json!({}));
    }

    pub(crate) fn ask_with(&mut self, event_id: &str, user_id: &str, kind: &str, fields: &Value) {
        self.pipe(notification::INBOX, user_id, &Self::request(event_id, user_id, kind, fields));
    }

    pub(crate) fn pipe(&mut self, topic: &str, key: &str, value: &str) {
        self.driver.pipe(topic, Some(key), value);
        self.driver.settle();
    }

    /// The calls that the outside has been asked for since it was looked at last.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let read = |effect: Effect| Call { call: NotificationCall::parse(&effect.payload).unwrap(), effect };
        self.driver.take_effects().into_iter().map(read).collect()
    }

    /// The only one.
    pub(crate) fn call(&self) -> Call {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1);
        calls.remove(0)
    }

    /// Appends how a call ended, as the executor does.
    pub(crate) fn tell(&mut self, call: &Call, result: &CallResult) {
        let headers = call.effect.result_headers();
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let value = serde_json::to_vec(result).unwrap();
        self.driver.append(&NewRecord {
            topic: notification::RESULTS,
            partition: call.effect.task.place,
            key: Some(&call.effect.key),
            value: Some(&value),
            headers: &headers,
        });
        self.driver.settle();
    }

    pub(crate) fn end(&mut self, call: &Call, ended: Ended) {
        self.tell(call, &CallResult { reason: Some("HTTP 503".to_owned()), ..CallResult::new(ended, 0) });
    }

    /// Time passes until the next try of the only delivery that waits for one.
    pub(crate) fn wait_for_next_try(&mut self, notification_id: &str, user_id: &str) {
        let deliveries = self.ledger(notification_id, user_id);
        let next = deliveries.iter().find_map(|delivery| delivery.next_try_at.as_deref()).unwrap();
        let due_ms = holdfast_model::rfc3339::parse(next).unwrap();
        self.driver.advance_ms(u64::try_from(due_ms - self.now_ms()).unwrap());
    }

    pub(crate) fn task(&self, user_id: &str) -> TaskView {
        self.driver.queries().task(notification::NAME, place_of(user_id.as_bytes(), PLACES)).unwrap()
    }

    pub(crate) fn ledger(&self, notification_id: &str, user_id: &str) -> Vec<view::DeliveryView> {
        let (whose, deliveries) = view::ledger(&self.task(user_id), notification_id).unwrap().unwrap();
        assert_eq!(whose, user_id);
        deliveries
    }

    /// Channel, status and attempts of each delivery.
    pub(crate) fn states(&self, notification_id: &str, user_id: &str) -> Vec<(&'static str, &'static str, u32)> {
        let deliveries = self.ledger(notification_id, user_id);
        deliveries.iter().map(|delivery| (delivery.channel, delivery.status, delivery.attempts)).collect()
    }

    pub(crate) fn letters(&self) -> Vec<Out> {
        self.driver.read(notification::DEAD_LETTERS)
    }

    /// Puts a dead letter back where it came from, as an operator does.
    pub(crate) fn redrive(&mut self, letter: &Out) {
        let topic = letter.header(holdfast_engine::inspect::header::TOPIC).unwrap();
        self.driver.append_again(&topic, letter);
        self.driver.settle();
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(notification::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }
}
