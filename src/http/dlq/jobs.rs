//! Redrives that run in this worker, and the last ones that have ended.

use crate::dead_letters::{Progress, Report};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use utoipa::ToSchema;

/// Redrives that may run at a time.
const RUNNING_MAX: usize = 8;
/// Redrives that are remembered, running or not.
const KNOWN_MAX: usize = 100;

/// A redrive, as it is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    /// Its name.
    pub(super) id: String,
    /// What it has come to so far.
    #[serde(flatten)]
    pub(super) report: Report,
}

/// The redrives that this worker knows, the newest last.
#[derive(Debug, Clone, Default)]
pub struct Jobs(Arc<Mutex<VecDeque<Known>>>);

/// A redrive and its name.
type Known = (String, Arc<Progress>);

impl Jobs {
    /// Takes a redrive in under the name `id`; false when too many run.
    pub(super) fn begin(&self, id: &str, progress: &Arc<Progress>) -> bool {
        let mut known = self.0.lock();
        if known.iter().filter(|(_, progress)| !progress.has_ended()).count() >= RUNNING_MAX {
            return false;
        }
        if known.len() >= KNOWN_MAX
            && let Some(oldest) = known.iter().position(|(_, progress)| progress.has_ended())
        {
            known.remove(oldest);
        }
        known.push_back((id.to_owned(), progress.clone()));
        true
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Progress>> {
        self.0.lock().iter().find(|(known, _)| known == id).map(|(_, progress)| progress.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_run_than_may() {
        let (jobs, progress) = (Jobs::default(), Arc::new(Progress::new(|| false)));
        for number in 0..RUNNING_MAX {
            assert!(jobs.begin(&number.to_string(), &progress));
        }
        assert!(!jobs.begin("one more", &progress));
        assert!(jobs.get("0").is_some() && jobs.get("one more").is_none());
    }
}
