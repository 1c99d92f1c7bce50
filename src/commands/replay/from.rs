//! Where a replay begins, as it is asked for.

use crate::worker::RunError;
use holdfast_ports::record::TopicPartition;
use std::fmt;
use std::str::FromStr;

/// Where a replay begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The first record of the inbox that is still there.
    Earliest,
    /// This offset of the inbox, in one place.
    Offset(i64),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "earliest" {
            return Ok(Self::Earliest);
        }
        match text.parse() {
            Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
            _ => Err("neither \"earliest\" nor an offset".to_owned()),
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Offset(offset) => write!(f, "{offset}"),
        }
    }
}

impl From {
    /// The first offset of `inbox` to be decided again, which begins at `begins`.
    pub(super) fn offset(self, inbox: &TopicPartition, begins: i64) -> Result<i64, RunError> {
        match self {
            Self::Earliest => Ok(begins),
            Self::Offset(offset) if offset >= begins => Ok(offset),
            Self::Offset(offset) => Err(RunError::Failed(format!(
                "--from {offset}: {inbox} begins at offset {begins}, what was before is gone; --from earliest begins with what is left"
            ))),
        }
    }

    /// An offset must have been decided, up to `decided_to`.
    pub(super) fn check_end(self, inbox: &TopicPartition, decided_to: i64) -> Result<(), RunError> {
        match self {
            Self::Offset(offset) if offset >= decided_to => Err(RunError::Failed(format!(
                "--from {offset}: {inbox} is decided up to offset {decided_to}, there is nothing to decide again from there on"
            ))),
            _ => Ok(()),
        }
    }

    /// Before which offset nothing of what was asked for is decided again, when the inbox begins at `begins` and the replay at `start`.
    pub(super) fn skipped_to(self, begins: i64, start: i64) -> Option<i64> {
        let is_all = match self {
            Self::Earliest => begins == 0,
            Self::Offset(offset) => start <= offset,
        };
        (!is_all).then_some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_or_the_earliest() {
        for (text, from) in [("earliest", From::Earliest), ("0", From::Offset(0)), ("17", From::Offset(17))] {
            assert_eq!((text.parse(), from.to_string()), (Ok(from), text.to_owned()));
        }
        for bad in ["", "latest", "-1", "1.5", "99999999999999999999"] {
            assert!(bad.parse::<From>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_decided_again_is_said() {
        let inbox = TopicPartition::new("in", 2);
        assert_eq!(From::Earliest.offset(&inbox, 5).unwrap(), 5);
        assert!(From::Offset(4).offset(&inbox, 5).unwrap_err().to_string().contains("in-2 begins at offset 5"));
        assert!(From::Offset(9).check_end(&inbox, 9).unwrap_err().to_string().contains("decided up to offset 9"));
        assert!(From::Offset(8).check_end(&inbox, 9).is_ok() && From::Earliest.check_end(&inbox, 0).is_ok());
        assert_eq!((From::Earliest.skipped_to(0, 0), From::Earliest.skipped_to(5, 5)), (None, Some(5)));
        assert_eq!((From::Offset(7).skipped_to(5, 6), From::Offset(7).skipped_to(5, 8)), (None, Some(8)));
    }
}
