//! What can go wrong in a simulation, by kind, so that kinds can be chosen, counted and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)*
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// As it is written on a command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// The power fails between two steps.
    Crash = "crash",
    /// The power fails in the middle of a step: before or after any call to the log or the disk.
    Fuse = "fuse",
    /// A worker stops as on SIGTERM and comes back.
    Stop = "stop",
    /// A worker that was down finds its disk empty.
    Wipe = "wipe",
    /// A worker that was down finds an old copy of its disk.
    OldDisk = "old-disk",
    /// A write to a store fails.
    DiskWrite = "disk-write",
    /// A store cannot be read any more.
    DiskCorrupt = "disk-corrupt",
    /// The log refuses a commit for now.
    CommitRetry = "commit-retry",
    /// The request of a commit is lost.
    LostRequest = "lost-request",
    /// The answer to a commit is lost.
    LostAnswer = "lost-answer",
    /// The request of a commit arrives when nobody waits for it any more.
    LateRequest = "late-request",
    /// Readers see a commit long after it was answered.
    LateMarkers = "late-markers",
    /// A commit is refused as if by a successor.
    Fenced = "fenced",
    /// A worker is not heard of for a while, and then goes on as if nothing had been.
    Zombie = "zombie",
    /// The same, with the clock of its machine standing still, as when a virtual machine is suspended: it does not ask the group first.
    Suspend = "suspend",
    /// The group gives a worker up that lives.
    Expiry = "expiry",
    /// The group moves a place.
    Move = "move",
    /// A worker does not reach the log.
    Outage = "outage",
    /// A worker's wall clock jumps.
    ClockJump = "clock-jump",
    /// The log's clock steps back or ahead, as append times do when a leader changes.
    LogClock = "log-clock",
    /// Changelogs are compacted, some of them as far as they are committed, some of them not so far.
    Compaction = "compaction",
    /// Retention takes the beginning of a topic: of an inbox, what has been decided.
    Retention = "retention",
    /// An operator resets a group to some offset that has been decided.
    GroupReset = "group-reset",
}

impl FaultKind {
    /// The one called `name`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// All of them, as a set.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.iter().copied().collect()
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many faults of each kind were injected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultCounts(pub BTreeMap<FaultKind, u64>);

impl FaultCounts {
    pub(super) fn count(&mut self, kind: FaultKind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(*kind).or_default() += count;
        }
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (kind, count)) in self.0.iter().enumerate() {
            write!(f, "{}{kind}={count}", if nth > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}
