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
    /// The future may be dropped at any point, when the task moves away or the call takes longer than [`Limits::call_max`].
    fn call<'a>(&'a self, effect: &'a Effect, view: &'a TaskView) -> Calling<'a, Called>;

    /// Whose call it is, the same for each attempt: the breaker counts failures of different subjects, so that one message that always fails does not
    /// stop its channel.
    fn subject<'a>(&self, effect: &'a Effect) -> &'a [u8] {
        &effect.key
    }

    /// Whether somebody answers at all, found out without delivering anything. True when that cannot be found out.
    fn answers(&self) -> Calling<'_, bool>;
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// It ended like this: the effect's result. [`CallResult::retry_after_ms`] with status 429, or of a call that was done, also pauses the channel.
    Ended(CallResult),
    /// No connection could be made, so nothing has reached the receiver: no result. The breaker of the channel opens, and the effect stays pending.
    NotReached {
        /// What kept it, for humans; names no address.
        reason: String,
    },
}

impl From<CallResult> for Called {
    fn from(result: CallResult) -> Self {
        Self::Ended(result)
    }
}

/// What a channel stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls under way at one time, in one worker; a call is under way until its result is in the log.
    pub in_flight_max: usize,
    /// Calls a second, for all workers together; `None`: as many as there are.
    pub per_second: Option<f64>,
    /// A call that takes longer has failed.
    pub call_max: Duration,
}
