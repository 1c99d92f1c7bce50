//! Whether the brokers can be reached, as far as the shared producer has noticed.
//!
//! A failed append says Down at once; "all brokers are down" only raises doubt, since librdkafka also says so when one idle connection of one
//! broker is closed. The producer's thread asks a broker while there is doubt or trouble, once a second, and an answer says Up.

use holdfast_ports::log::Health;
use parking_lot::Mutex;

const PROBE_EVERY_US: u64 = 1_000_000;

#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    down: Option<String>,
    doubt: Option<String>,
    probed_us: Option<u64>,
}

impl Pulse {
    pub(crate) fn health(&self) -> Health {
        self.0.lock().down.clone().map_or(Health::Up, |why| Health::Down { why })
    }

    /// Something may be wrong: ask.
    pub(crate) fn doubt(&self, why: &str) {
        self.0.lock().doubt = Some(why.to_owned());
    }

    /// An append has failed.
    pub(crate) fn down(&self, why: &str, now_us: u64) {
        let mut state = self.0.lock();
        state.down = Some(why.to_owned());
        state.probed_us = Some(now_us);
    }

    /// Why a broker should be asked now, if one should.
    pub(crate) fn question(&self, now_us: u64) -> Option<String> {
        let mut state = self.0.lock();
        let due = state.probed_us.is_none_or(|at| now_us >= at + PROBE_EVERY_US);
        let why = match (&state.doubt, &state.down) {
            (Some(doubt), None) => doubt.clone(),
            (_, Some(down)) if due => down.clone(),
            _ => return None,
        };
        state.probed_us = Some(now_us);
        Some(why)
    }

    /// The answer to the question.
    pub(crate) fn answer(&self, reached: bool, why: &str) {
        let mut state = self.0.lock();
        state.doubt = None;
        state.down = (!reached).then(|| why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_asks_at_once_and_trouble_once_a_second() {
        let pulse = Pulse::default();
        assert_eq!(pulse.question(0), None);

        pulse.doubt("all brokers are down");
        assert_eq!(pulse.health(), Health::Up);
        assert_eq!(pulse.question(5).as_deref(), Some("all brokers are down"));
        pulse.answer(true, "");
        assert_eq!((pulse.health(), pulse.question(5_000_000)), (Health::Up, None));

        pulse.down("timed out", 6_000_000);
        assert_eq!(pulse.health(), Health::Down { why: "timed out".to_owned() });
        assert_eq!(pulse.question(6_500_000), None);
        assert_eq!(pulse.question(7_000_000).as_deref(), Some("timed out"));
        pulse.answer(false, "nobody answers");
        assert_eq!(pulse.health(), Health::Down { why: "nobody answers".to_owned() });
        assert!(pulse.question(8_100_000).is_some());
        pulse.answer(true, "");
        assert_eq!(pulse.health(), Health::Up);
    }
}
