//! The receivers of one history: what they answer is drawn, and what they have got is kept for the referee. A history has a thread of its own.

use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::call::NotificationCall;
use holdfast_sim::simulation::{Call, World};
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static RECEIVED: RefCell<BTreeMap<(String, String), Received>> = RefCell::default();
}

/// What the receiver behind one channel has got of one notification.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// Calls, by the attempt that they say they are.
    pub(crate) calls: Vec<u32>,
    /// Calls that it has taken.
    pub(crate) taken: usize,
}

/// A history begins: nothing has been received.
pub(crate) fn begin() {
    RECEIVED.with_borrow_mut(BTreeMap::clear);
}

/// What has been received, by notification and channel.
pub(crate) fn received<R>(look: impl FnOnce(&BTreeMap<(String, String), Received>) -> R) -> R {
    RECEIVED.with_borrow(look)
}

/// A call arrives. Returns how it ended, as the caller sees it.
pub(crate) fn call(payload: &[u8], came: Call, world: &mut World<'_>) -> CallResult {
    let now_ms = world.now_ms();
    let Some(call) = NotificationCall::parse(payload) else { return CallResult::new(Ended::Refused, now_ms) };
    // As a channel does, before it calls.
    if call.valid_until.is_some_and(|until_ms| now_ms >= until_ms) {
        return CallResult::new(Ended::Stale, now_ms);
    }
    let drawn = world.rng().below(100);
    let (ended, is_taken) = match (came, drawn) {
        (Call::Failed, _) => (Ended::Failed, false),
        (Call::Unanswered, _) => (Ended::Failed, true),
        (Call::Done, 0..85) => (Ended::Done, true),
        (Call::Done, 85..93) => (Ended::Refused, false),
        (Call::Done, _) => (Ended::NoContact, false),
    };
    let is_busy = ended == Ended::Failed && world.rng().chance(20);
    let mut result = CallResult::new(ended, now_ms);
    result.reason = Some(format!("drew {drawn}")).filter(|_| ended != Ended::Done);
    result.retry_after_ms = is_busy.then_some(100);
    result.channel_away = ended == Ended::Failed && !is_taken && world.rng().chance(25);
    if ended != Ended::NoContact {
        RECEIVED.with_borrow_mut(|received| {
            let received = received.entry((call.notification_id, call.channel)).or_default();
            received.calls.push(call.attempt);
            received.taken += usize::from(is_taken);
        });
    }
    result
}
