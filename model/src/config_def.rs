//! Settings as an operator writes them. Each is one entry in one table: its key, its default, what it means, and how
//! its text is read. The table stands with the type that the settings are read into; the file's keys, the variables of
//! the environment, flags and what is shown derive from it.

use std::fmt::{self, Debug, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// One setting of the settings type `S`.
pub struct Setting<S> {
    /// All of it but the type.
    pub about: About,
    /// Reads its text into the settings; the error says what is wrong with the text.
    pub set: fn(&mut S, &str) -> Result<(), String>,
}

/// What can be said of a setting whatever it is read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Key in the file; the environment variable is the same in upper case.
    pub key: &'static str,
    /// Its default, as text; `None` = unset.
    pub default: Option<&'static str>,
    /// Never printed.
    pub is_secret: bool,
    /// Whether the empty text is refused. Elsewhere it means the default.
    pub is_required: bool,
    /// One line for humans.
    pub meaning: &'static str,
    /// Help text of its flag on the command line; `None` = it has no flag.
    pub flag: Option<&'static str>,
}

impl<S> Setting<S> {
    /// A setting that is unset by default.
    #[must_use]
    pub const fn new(key: &'static str, meaning: &'static str, set: fn(&mut S, &str) -> Result<(), String>) -> Self {
        let about = About { key, default: None, is_secret: false, is_required: false, meaning, flag: None };
        Self { about, set }
    }

    /// Gives it a default.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.about.default = Some(text);
        self
    }

    /// Refuses the empty text.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.about.is_required = true;
        self
    }

    /// Never prints it. A secret has no flag: every user of the machine can read a command line.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.about.is_secret = true;
        self
    }

    /// Gives it a flag with this help text.
    #[must_use]
    pub const fn flag(mut self, help: &'static str) -> Self {
        self.about.flag = Some(help);
        self
    }
}

impl<S> Debug for Setting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about.fmt(f)
    }
}

/// Reads a whole number.
///
/// # Errors
/// When it is none, or lies outside of `range`.
pub fn whole<N: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<N>) -> Result<N, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is not a whole number from {} to {}", range.start(), range.end())),
    }
}

/// Reads a flag.
///
/// # Errors
/// When it is neither `true` nor `false`.
pub fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither true nor false"))
}

/// Reads a text into a field.
///
/// # Errors
/// What was wrong with the text.
pub fn put<T>(field: &mut T, read: Result<T, String>) -> Result<(), String> {
    *field = read?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_within_its_bounds() {
        assert_eq!((whole("1", 1..=5), whole("5", 1..=5)), (Ok(1), Ok(5)));
        for text in ["0", "6", "-1", "1.5", "many", "", "99999999999999999999"] {
            let said = whole::<i64>(text, 1..=5).unwrap_err();
            assert_eq!(said, format!("{text:?} is not a whole number from 1 to 5"));
        }
    }
}
