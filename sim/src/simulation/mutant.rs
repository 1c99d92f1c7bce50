//! Mistakes that an engine could make, made on purpose: a simulation that cannot find them proves nothing.
//!
//! None of them is in the engine. Each is a lie told to it by the machine it runs on, after which it behaves as if its code had the mistake.

use std::fmt;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// Claims fence nobody, and commits show no generation: a zombie goes on writing.
    NoFence,
    /// The store is committed before the log: it is ahead when the log says no.
    StoreFirst,
    /// A commit whose outcome is unknown is taken for one that failed, and the same writer goes on.
    ReuseWriter,
    /// A restore ends at the last stable offset instead of the end as written.
    RestoreToStable,
    /// A delayed message is lost now and then.
    LoseDelayed,
    /// What was not committed stays in the store after a setback.
    NoRollback,
    /// A store of any age is taken for one that has missed no tombstone.
    TrustOldStore,
    /// A new writer goes on in places that are ours only until somebody asks for them.
    KeepYielded,
    /// Who asks for an offset that retention has taken goes on at the end, whatever is undecided before it.
    SkipToLatest,
    /// Effects are performed before the results that earlier owners appended are decided.
    OpenEarly,
    /// A place is given up while calls are under way in it.
    NoDrain,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoFence,
        Self::StoreFirst,
        Self::ReuseWriter,
        Self::RestoreToStable,
        Self::LoseDelayed,
        Self::NoRollback,
        Self::TrustOldStore,
        Self::KeepYielded,
        Self::SkipToLatest,
        Self::OpenEarly,
        Self::NoDrain,
    ];

    /// As it is written on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFence => "no-fence",
            Self::StoreFirst => "store-first",
            Self::ReuseWriter => "reuse-writer",
            Self::RestoreToStable => "restore-to-stable",
            Self::LoseDelayed => "lose-delayed",
            Self::NoRollback => "no-rollback",
            Self::TrustOldStore => "trust-old-store",
            Self::KeepYielded => "keep-yielded",
            Self::SkipToLatest => "skip-to-latest",
            Self::OpenEarly => "open-early",
            Self::NoDrain => "no-drain",
        }
    }

    /// The one called `name`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
