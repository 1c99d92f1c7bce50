//! The name of a dead letter: where it lies.

use holdfast_ports::record::TopicPartition;
use std::fmt;

/// A dead letter's name, `<topic>-<partition>-<offset>` when it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterId {
    /// The partition of a topic of dead letters.
    pub at: TopicPartition,
    /// The offset in it.
    pub offset: i64,
}

impl LetterId {
    /// Reads a name. `None` for a text that is none.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (rest, offset) = id.rsplit_once('-')?;
        let (topic, partition) = rest.rsplit_once('-')?;
        let partition = Some(partition).filter(is_number)?.parse().ok()?;
        let offset = Some(offset).filter(is_number)?.parse().ok()?;
        let is_topic = !topic.is_empty() && !topic.ends_with('-');
        is_topic.then(|| Self { at: TopicPartition::new(topic, partition), offset })
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_by_where_it_lies() {
        let id = LetterId::parse("coupon-issue-dlq-2-17").unwrap();
        assert_eq!((&*id.at.topic, id.at.partition, id.offset), ("coupon-issue-dlq", 2, 17));
        assert_eq!(id.to_string(), "coupon-issue-dlq-2-17");
        for bad in ["", "17", "2-17x", "dlq-2", "dlq-2-", "dlq--1-5", "dlq-2--5", "dlq-+2-5", "-2-5"] {
            assert_eq!(LetterId::parse(bad), None, "{bad}");
        }
    }
}
