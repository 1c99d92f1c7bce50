//! A task's life.

/// Where a task is in its life.
///
/// ```text
///   Created ──► Restoring ──► Running ──► Closed
///      │            ▲ ▲          │           ▲
///      │            │ └──────────┘           │
///      │            │  commit unknown, fenced, store failed
///      └► Warming ──┘          └─► Halted ──►┤
///         while another works there          │   place revoked, lost, worker stops
///      └───────┴────┴────────────────────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The store is open, nothing else has happened.
    Created,
    /// The store is being brought nearly level with its changelog, beside the one who still works in the place.
    Warming,
    /// The store is being brought level with its changelog.
    Restoring,
    /// Records are being decided.
    Running,
    /// Records of its inbox were deleted before they were decided, and the settings say that nothing is to be decided without them.
    Halted,
    /// Gone.
    Closed,
}

impl State {
    /// All of them, in order of life.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Warming, Self::Restoring, Self::Running, Self::Halted, Self::Closed];

    /// Whether a task may go from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Created | Self::Warming | Self::Restoring, Self::Warming | Self::Restoring)
                | (Self::Restoring, Self::Running)
                | (Self::Running, Self::Restoring | Self::Halted)
                | (Self::Created | Self::Warming | Self::Restoring | Self::Running | Self::Halted, Self::Closed)
        )
    }

    /// For logs and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Warming => "warming",
            Self::Restoring => "restoring",
            Self::Running => "running",
            Self::Halted => "halted",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn legal_moves_are_the_ones_of_the_diagram() {
        use State::{Closed, Created, Halted, Restoring, Running, Warming};
        let legal: Vec<(State, State)> = State::ALL
            .into_iter()
            .flat_map(|from| State::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(
            legal,
            [
                (Created, Warming),
                (Created, Restoring),
                (Created, Closed),
                (Warming, Warming),
                (Warming, Restoring),
                (Warming, Closed),
                (Restoring, Warming),
                (Restoring, Restoring),
                (Restoring, Running),
                (Restoring, Closed),
                (Running, Restoring),
                (Running, Halted),
                (Running, Closed),
                (Halted, Closed),
            ]
        );
    }
}
