//! Records in `notification.results`: how a try ended, and that the time for one has come.
//!
//! Both have the key `<try> <channel> <notificationId>`, which names the try. Results come from the worker's executor, with headers that prove it, and
//! have a [`crate::call_result::CallResult`] as their value. The topology sends `due` to itself, with a delay:
//!
//! ```json
//! {"type":"due"}
//! ```

use super::channel::Channel;
use std::fmt::Write;

/// Value of a `due`.
pub const DUE: &[u8] = br#"{"type":"due"}"#;

/// Names one try to tell a user something through one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// 1 for the first try, and one more for each after it, whether it counts as an attempt or not.
    pub number: u32,
    /// Through which channel.
    pub channel: Channel,
    /// Of which notification.
    pub notification_id: &'a str,
}

impl<'a> Step<'a> {
    /// Sets `out` to the key.
    pub fn write(&self, out: &mut String) {
        out.clear();
        // Writing to a text cannot fail.
        let _ = write!(out, "{} {} {}", self.number, self.channel.as_str(), self.notification_id);
    }

    /// Reads a key; `None` for any other text.
    #[must_use]
    pub fn parse(key: &'a [u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(key).ok()?.splitn(3, ' ');
        let number = crate::place_id::number(parts.next()?)?.try_into().ok()?;
        let channel = Channel::from_name(parts.next()?)?;
        parts.next().filter(|id| !id.is_empty()).map(|notification_id| Self { number, channel, notification_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_names_a_try() {
        let step = Step { number: 2, channel: Channel::Webhook, notification_id: "evt 1/2" };
        let mut key = "old".to_owned();
        step.write(&mut key);
        assert_eq!((&*key, Step::parse(key.as_bytes())), ("2 webhook evt 1/2", Some(step)));
        for strange in ["", "1", "1 webhook", "1 webhook ", "01 webhook e", "-1 webhook e", "1 email e", "x webhook e"]
        {
            assert_eq!(Step::parse(strange.as_bytes()), None, "{strange:?}");
        }
    }

    proptest! {
        #[test]
        fn any_try_comes_back(number: u32, id in ".{1,20}") {
            let mut key = String::new();
            let step = Step { number, channel: Channel::Log, notification_id: &id };
            step.write(&mut key);
            prop_assert_eq!(Step::parse(key.as_bytes()), Some(step));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Step::parse(&bytes);
        }
    }
}
