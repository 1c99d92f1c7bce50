//! The receiver: what it has got, and what it says.

use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_sim::simulation::World;
use holdfast_sim::simulation::workload::Call;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    /// What the platform of this history has got. A history has a thread of its own, and begins with nothing.
    static RECEIVED: RefCell<Received> = RefCell::default();
}

/// Works with what the platform of this history has got.
pub(crate) fn with<R>(look: impl FnOnce(&mut Received) -> R) -> R {
    RECEIVED.with_borrow_mut(look)
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Values that it has taken, by idempotency key, and how often.
    pub(crate) taken: BTreeMap<String, (Vec<u8>, u64)>,
    /// Values that it has seen, taken or not.
    pub(crate) seen: BTreeMap<String, Vec<u8>>,
    /// The rest of an outage, in calls.
    away: u64,
    /// It refuses nothing any more, and what fails is only away.
    pub(crate) is_willing: bool,
}

impl Received {
    /// A call has come in: what is said to it.
    pub(crate) fn call(&mut self, effect: &Effect, call: Call, world: &mut World<'_>) -> CallResult {
        let id = String::from_utf8_lossy(&effect.key).into_owned();
        self.seen.insert(id.clone(), effect.payload.clone());
        let now_ms = world.now_ms();
        let failed =
            |reason: &str| CallResult { reason: Some(reason.to_owned()), ..CallResult::new(Ended::Failed, now_ms) };
        if call == Call::Failed {
            let is_only_away = self.is_willing || self.taken.contains_key(&id);
            return self.mood(is_only_away, failed("HTTP 503"), world);
        }
        self.taken.entry(id).or_insert_with(|| (effect.payload.clone(), 0)).1 += 1;
        match call {
            Call::Unanswered => failed("no answer in time"),
            _ => CallResult::new(Ended::Done, now_ms),
        }
    }

    fn mood(&mut self, is_only_away: bool, failed: CallResult, world: &mut World<'_>) -> CallResult {
        if self.away == 0 && world.rng().chance(10) {
            self.away = world.rng().between(5, 20);
        }
        self.away = self.away.saturating_sub(1);
        if self.away > 0 || is_only_away {
            return CallResult { channel_away: true, ..failed };
        }
        match world.rng().below(5) {
            0 => CallResult { ended: Ended::Refused, reason: Some("HTTP 400".to_owned()), ..failed },
            1 => CallResult { retry_after_ms: Some(world.rng().between(1, 3_000).cast_signed()), ..failed },
            _ => failed,
        }
    }
}
