//! A channel that does what a test tells it to do.

use super::super::channel::{Called, Calling, Channel, Limits};
use holdfast_engine::inspect::TaskView;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    Takes,
    Fails,
    IsAway,
    Panics,
}

pub(super) struct Fake {
    name: &'static str,
    limits: Limits,
    pub(super) outside: Mutex<Outside>,
    /// A call waits for a permit and uses it up.
    pub(super) permits: Semaphore,
    /// Payloads of calls that were begun, in order.
    pub(super) begun: Mutex<Vec<String>>,
    /// Payloads of calls that arrived, in order.
    pub(super) arrived: Mutex<Vec<String>>,
}

/// More calls than any test makes.
const MANY: usize = 1_000_000;

impl Fake {
    pub(super) fn new(name: &'static str, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            name,
            limits,
            outside: Mutex::new(Outside::Takes),
            permits: Semaphore::new(MANY),
            begun: Mutex::default(),
            arrived: Mutex::default(),
        })
    }

    /// One whose calls wait for permits.
    pub(super) fn held(name: &'static str, limits: Limits) -> Arc<Self> {
        let fake = Self::new(name, limits);
        fake.permits.forget_permits(MANY);
        fake
    }

    pub(super) fn becomes(&self, outside: Outside) {
        *self.outside.lock() = outside;
    }
}

impl Channel for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn call<'a>(&'a self, effect: &'a Effect, _: &'a TaskView) -> Calling<'a, Called> {
        Box::pin(async move {
            let payload = String::from_utf8(effect.payload.clone()).unwrap();
            self.begun.lock().push(payload.clone());
            self.permits.acquire().await.unwrap().forget();
            let outside = *self.outside.lock();
            match outside {
                Outside::Takes => {
                    self.arrived.lock().push(payload);
                    CallResult::new(Ended::Done, 1).into()
                }
                Outside::Fails => CallResult { status: Some(503), ..CallResult::new(Ended::Failed, 1) }.into(),
                Outside::IsAway => Called::NotReached { reason: "away".to_owned() },
                Outside::Panics => panic!("as the test wants"),
            }
        })
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(async { *self.outside.lock() != Outside::IsAway })
    }
}
