//! The member of a group that commits positions.

/// The member that commits positions, as the coordinator knows it: the proof of membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) group: String,
    pub(crate) generation: i32,
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
}
