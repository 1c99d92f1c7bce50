//! What happened in histories: a referee that was never asked the hard questions has proved nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How often each thing happened, in all histories that share it.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    /// How often it happened.
    #[cfg(test)]
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    /// Everything, in a line each.
    #[cfg(test)]
    pub(crate) fn shown(&self) -> String {
        self.0.lock().unwrap().iter().map(|(what, times)| format!("{times:>8}  {what}\n")).collect()
    }

    /// Counts that it happened so often.
    pub(crate) fn add(&self, what: &str, times: usize) {
        if let Ok(mut counts) = self.0.lock() {
            *counts.entry(what.to_owned()).or_default() += times as u64;
        }
    }
}
