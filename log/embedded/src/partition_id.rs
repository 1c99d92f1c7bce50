//! A partition as keys name it.

/// Topic and partition in numbers: they are shorter than names, and keys with them sort by topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PartitionId {
    /// The topic's number.
    pub(crate) topic: u32,
    /// The partition's number.
    pub(crate) number: u16,
}
