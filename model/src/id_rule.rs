//! What an id may be that a client or a foreign producer makes up: one rule for records, bodies, queries and paths. Topologies ask it where something
//! begins (a request for a coupon, a hold, a charge, a creation); what speaks of something that exists is compared with what exists, and nothing else.
//!
//! Ids stand in keys, paths and logs, so two that look the same must be the same, and each must survive a URL: clients and proxies take `.` and `..`
//! out of a path, and many trim what they read.

pub use crate::reading::ID_BYTES_MAX;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdFault {
    /// Nothing but blanks.
    Blank,
    /// More than [`ID_BYTES_MAX`].
    TooLong,
    /// A blank at one of its ends.
    BlankEnd,
    /// A control character.
    Control,
    /// `.` or `..`: a step in a path.
    Dots,
}

/// Checks `id`.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(id: &str) -> Result<(), IdFault> {
    if id.len() > ID_BYTES_MAX {
        return Err(IdFault::TooLong);
    }
    let trimmed = id.trim();
    if trimmed.is_empty() {
        return Err(IdFault::Blank);
    }
    // Before the ends: a line feed is both.
    if id.chars().any(char::is_control) {
        return Err(IdFault::Control);
    }
    if trimmed.len() != id.len() {
        return Err(IdFault::BlankEnd);
    }
    if matches!(id, "." | "..") { Err(IdFault::Dots) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_survives_a_url_and_a_log() {
        for good in
            ["1", "1001", "홍길동", "a b", "...", ".a", "a.", "a/b", "e-mail@x.kr", "👩‍👩‍👧", &"x".repeat(ID_BYTES_MAX)]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("", IdFault::Blank),
            (" ", IdFault::Blank),
            ("\u{3000}", IdFault::Blank),
            (" a", IdFault::BlankEnd),
            ("a ", IdFault::BlankEnd),
            ("a\u{a0}", IdFault::BlankEnd),
            ("a\n", IdFault::Control),
            ("a\0b", IdFault::Control),
            ("a\u{7f}", IdFault::Control),
            ("a\u{85}b", IdFault::Control),
            (".", IdFault::Dots),
            ("..", IdFault::Dots),
            (&*"x".repeat(ID_BYTES_MAX + 1), IdFault::TooLong),
        ] {
            assert_eq!(check(bad), Err(fault), "{bad:?}");
        }
    }
}
