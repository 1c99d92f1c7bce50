//! A channel: one way out of the shop. It calls, and says how the call ended; how often, how fast and whether at all is the executor's business.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::CallResult;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A call that is under way.
pub type Calling<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One way out.
pub trait Channel: Send + Sync {
    /// The channel that effects name.
    fn name(&self) -> &'static str;

    /// What it stands.
    fn limits(&self) -> Limits;

    /// Performs an effect once. `view` is the committed state of the task that asked: contact data is read there at this moment, and nowhere else.
    fn call<'a>(&'a self, effect: &'a Effect, view: &'a TaskView) -> Calling<'a, CallResult>;

    /// Whether somebody answers at all, found out without delivering anything. True when that cannot be found out.
    fn answers(&self) -> Calling<'_, bool>;
}

/// What a channel stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls under way at one time, in one worker.
    pub in_flight_max: usize,
    /// Calls a second, for all workers together; `None`: as many as there are.
    pub per_second: Option<f64>,
    /// A call that takes longer has failed.
    pub call_max: Duration,
}
