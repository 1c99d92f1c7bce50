//! Whether the brokers can be reached, as far as the shared producer has noticed.
//!
//! A failed append says Down at once; "all brokers are down" only raises doubt, since librdkafka also says so when one idle connection of one
//! broker is closed, and so does a silence of five seconds: a broker that stands still keeps its connections and tells nobody. The producer's
//! thread asks a broker while there is doubt or trouble, once a second, and an answer says Up.

use holdfast_ports::log::Health;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const PROBE_EVERY_US: u64 = 1_000_000;
/// Silence after which somebody asks.
const SILENCE_US: u64 = 5_000_000;

#[derive(Debug)]
pub(crate) struct Pulse {
    state: Mutex<State>,
    /// When a broker was last heard of; apart, since each delivery writes it.
    heard_us: AtomicU64,
}

const NO_ANSWER_YET: &str = "no broker has answered yet";
const SILENCE: &str = "no broker has been heard of for 5 s";

#[derive(Debug, Default)]
struct State {
    down: Option<String>,
    doubt: Option<String>,
    probed_us: Option<u64>,
}

/// Down until the first answer.
impl Default for Pulse {
    fn default() -> Self {
        let state = State { down: Some(NO_ANSWER_YET.to_owned()), ..State::default() };
        Self { state: Mutex::new(state), heard_us: AtomicU64::default() }
    }
}

impl Pulse {
    pub(crate) fn health(&self) -> Health {
        self.state.lock().down.clone().map_or(Health::Up, |why| Health::Down { why })
    }

    /// Something may be wrong: ask.
    pub(crate) fn doubt(&self, why: &str) {
        self.state.lock().doubt = Some(why.to_owned());
    }

    /// A broker has answered something.
    pub(crate) fn heard(&self, now_us: u64) {
        self.heard_us.store(now_us, Ordering::Relaxed);
    }

    /// An append has failed.
    pub(crate) fn down(&self, why: &str, now_us: u64) {
        let mut state = self.state.lock();
        state.down = Some(why.to_owned());
        state.probed_us = Some(now_us);
    }

    /// Why a broker should be asked now, if one should.
    pub(crate) fn question(&self, now_us: u64) -> Option<String> {
        let mut state = self.state.lock();
        let due = state.probed_us.is_none_or(|at| now_us >= at + PROBE_EVERY_US);
        let is_silent = now_us >= self.heard_us.load(Ordering::Relaxed) + SILENCE_US;
        let why = match (&state.doubt, &state.down) {
            (Some(doubt), None) => doubt.clone(),
            (_, Some(down)) if due => down.clone(),
            (None, None) if due && is_silent => SILENCE.to_owned(),
            _ => return None,
        };
        state.probed_us = Some(now_us);
        Some(why)
    }

    /// The answer to the question that was asked because of `why`.
    pub(crate) fn answer(&self, reached: bool, why: &str, now_us: u64) {
        let mut state = self.state.lock();
        (state.doubt, state.down) = match (reached, why) {
            (true, _) => (None, None),
            // One slow answer after a silence is no outage: it is asked once more.
            (false, SILENCE) => (Some("a broker does not answer".to_owned()), None),
            (false, why) => (None, Some(why.to_owned())),
        };
        drop(state);
        if reached {
            self.heard(now_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered() -> Pulse {
        let pulse = Pulse::default();
        pulse.answer(true, "", 0);
        pulse
    }

    #[test]
    fn nothing_is_up_before_the_first_answer() {
        let pulse = Pulse::default();
        assert_eq!(pulse.health(), Health::Down { why: NO_ANSWER_YET.to_owned() });
        pulse.heard(1);
        assert_eq!(pulse.question(1).as_deref(), Some(NO_ANSWER_YET));
        pulse.answer(true, NO_ANSWER_YET, 2);
        assert_eq!(pulse.health(), Health::Up);
    }

    #[test]
    fn doubt_asks_at_once_and_trouble_once_a_second() {
        let pulse = answered();
        assert_eq!(pulse.question(0), None);

        pulse.doubt("all brokers are down");
        assert_eq!(pulse.health(), Health::Up);
        assert_eq!(pulse.question(5).as_deref(), Some("all brokers are down"));
        pulse.answer(true, "", 4_000_000);
        assert_eq!((pulse.health(), pulse.question(5_000_000)), (Health::Up, None));

        pulse.down("timed out", 6_000_000);
        assert_eq!(pulse.health(), Health::Down { why: "timed out".to_owned() });
        assert_eq!(pulse.question(6_500_000), None);
        assert_eq!(pulse.question(7_000_000).as_deref(), Some("timed out"));
        pulse.answer(false, "nobody answers", 7_000_000);
        assert_eq!(pulse.health(), Health::Down { why: "nobody answers".to_owned() });
        assert!(pulse.question(8_100_000).is_some());
        pulse.answer(true, "", 8_100_000);
        assert_eq!(pulse.health(), Health::Up);
    }

    #[test]
    fn silence_asks_twice() {
        let pulse = answered();
        pulse.heard(1_000_000);
        assert_eq!(pulse.question(5_999_999), None);
        assert_eq!(pulse.question(6_000_000).as_deref(), Some(SILENCE));
        pulse.answer(false, SILENCE, 7_000_000);
        assert_eq!(pulse.health(), Health::Up);

        let again = pulse.question(7_000_000).unwrap();
        pulse.answer(false, &again, 8_000_000);
        assert_eq!(pulse.health(), Health::Down { why: "a broker does not answer".to_owned() });

        pulse.answer(true, &again, 9_000_000);
        assert_eq!((pulse.health(), pulse.question(13_999_999)), (Health::Up, None));
    }
}
