//! An assistant without a thread: a commit is carried out when it has been looked for often enough, or when somebody waits for it.

use holdfast_engine::runtime::{self, Commit, Outcome};
use std::time::Duration;

/// See the head of this file.
pub(crate) struct Assistant {
    /// How often the next commit is looked for in vain.
    patience: Box<dyn FnMut() -> u64 + Send>,
    looks: u64,
    commit: Option<Commit>,
}

impl Assistant {
    pub(crate) fn new(patience: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self { patience: Box::new(patience), looks: 0, commit: None }
    }
}

impl runtime::Assistant for Assistant {
    fn take(&mut self, commit: Commit) {
        self.looks = (self.patience)();
        self.commit = Some(commit);
    }

    fn outcome(&mut self, at_most: Duration) -> Option<Outcome> {
        if at_most.is_zero() && self.looks > 0 {
            self.looks -= 1;
            return None;
        }
        self.commit.take().map(Commit::carry_out)
    }
}
