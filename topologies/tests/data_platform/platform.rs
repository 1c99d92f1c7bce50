//! The shop's side and the platform's side of deliveries, for the tests to play.

use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::{Topology, place_of};
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::data_platform::row::DeliveryRow;
use holdfast_model::data_platform::{CHANNEL, COMPLETED, CONFIRMED, DEAD_LETTERS, DELIVERIES, NAME, RESULTS, Settings};
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::data_platform::{invariants, topology_with, view};

pub(crate) const PLACES: u32 = 3;

/// Short waits without doubling out of sight.
pub(crate) const SETTINGS: Settings =
    Settings { retry_base_ms: 1_000, retry_max_ms: 60_000, delivery_retention_ms: 8 * 86_400_000 };

/// A worker that delivers, and the platform that the test plays.
pub(crate) struct Platform {
    pub(crate) driver: TestDriver,
}

/// The value of a confirmation as the reservations write it.
pub(crate) fn value(id: &str) -> String {
    format!(
        r#"{{"reservationId":"{id}","userId":"user_123","scheduleId":"schedule_456","seatNo":7,"amount":50000,"paymentId":"pay_0_1","concertTitle":"아이유 콘서트","confirmedAt":"2026-03-15T11:00:00.000Z"}}"#
    )
}

pub(crate) fn done() -> CallResult {
    CallResult::new(Ended::Done, 0)
}

pub(crate) fn failed() -> CallResult {
    CallResult { reason: Some("HTTP 503".to_owned()), status: Some(503), ..CallResult::new(Ended::Failed, 0) }
}

pub(crate) fn refused() -> CallResult {
    CallResult { reason: Some("HTTP 400".to_owned()), status: Some(400), ..CallResult::new(Ended::Refused, 0) }
}

impl Platform {
    pub(crate) fn open() -> Self {
        Self::of(&topology_with(&SETTINGS))
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let mut platform = Self { driver: TestDriver::new(topology, PLACES) };
        platform.driver.settle();
        platform
    }

    pub(crate) fn place(id: &str) -> u32 {
        place_of(id.as_bytes(), PLACES)
    }

    /// The reservations confirm `id`.
    pub(crate) fn confirm(&mut self, id: &str) {
        self.append(CONFIRMED, Self::place(id), id, &value(id), &[("ce_id", b"evt_1"), ("traceparent", b"00-1-2-3")]);
    }

    /// The wallets debit a payment of `user` for `id`.
    pub(crate) fn pay(&mut self, id: &str, user: &str) {
        let json = format!(
            r#"{{"eventId":"e","eventType":"payment.completed","eventTime":"2026-03-15T11:00:00.000Z","payload":{{"paymentId":"pay_0_1","userId":"{user}","reservationId":"{id}","seatId":"s","amount":50000,"concertScheduleId":"c"}}}}"#
        );
        self.append(COMPLETED, Self::place(user), user, &json, &[]);
    }

    pub(crate) fn append(&mut self, topic: &str, partition: u32, key: &str, json: &str, headers: &[(&str, &[u8])]) {
        let (key, value) = (Some(key.as_bytes()), Some(json.as_bytes()));
        self.driver.append(&NewRecord { topic, partition, key, value, headers });
        self.driver.settle();
    }

    /// The calls that are to be made now.
    pub(crate) fn calls(&self) -> Vec<Effect> {
        let calls = self.driver.take_effects();
        assert!(calls.iter().all(|call| call.lane.channel == CHANNEL));
        calls
    }

    /// The one call that is to be made now.
    pub(crate) fn call(&self) -> Effect {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    /// The platform answers.
    pub(crate) fn answer(&mut self, call: &Effect, result: &CallResult) {
        let headers = call.result_headers();
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let value = serde_json::to_vec(result).unwrap();
        self.driver.append(&NewRecord {
            topic: RESULTS,
            partition: call.task.place,
            key: Some(&call.key),
            value: Some(&value),
            headers: &headers,
        });
        self.driver.settle();
    }

    /// Calls and answers until `id` has been called `times` more often; each wait is waited for.
    pub(crate) fn answer_times(&mut self, times: usize, result: &CallResult) {
        for _ in 0..times {
            let call = self.call();
            self.answer(&call, result);
            self.driver.advance_ms(60_000);
        }
    }

    pub(crate) fn status(&self, id: &str) -> &'static str {
        let task = self.driver.queries().task(NAME, Self::place(id)).unwrap();
        view::delivery(&task, id).unwrap().map_or("UNKNOWN", |delivery| delivery.status)
    }

    pub(crate) fn row(&self, id: &str) -> DeliveryRow {
        let task = self.driver.queries().task(NAME, Self::place(id)).unwrap();
        task.get_kept(&DELIVERIES, &id.to_owned()).unwrap().unwrap()
    }

    pub(crate) fn letters(&self) -> Vec<Out> {
        self.driver.read(DEAD_LETTERS)
    }

    pub(crate) fn classes(&self) -> Vec<String> {
        self.letters().iter().map(|letter| letter.header(header::CLASS).unwrap()).collect()
    }

    /// An operator puts a letter back where it came from.
    pub(crate) fn redrive(&mut self, letter: &Out) {
        self.driver.append_again(CONFIRMED, letter);
        self.driver.settle();
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            invariants::check(&self.driver.queries().task(NAME, place).unwrap()).unwrap();
        }
    }
}
