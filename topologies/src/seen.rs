//! Whether a record has been here before, by the row that its id has.

/// Whether a request or command has been here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never: decide it.
    Never,
    /// The same one, and it has its outcome: that stands.
    Before,
    /// Given up then, put back by an operator now: decide it, and its outcome supersedes the one that gave it up. This can happen once, since no other
    /// outcome is ever superseded.
    GivenUp,
    /// Another one with the same id: refuse it, whatever it wants.
    Another,
}
