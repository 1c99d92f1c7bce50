//! The ways to a user, by the names that effects, preferences, results and histories have for them.

use serde::{Deserialize, Serialize};

/// One way to a user. A stored row keeps the variant's number: variants are only added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The worker's log: what is sent where nothing else is configured.
    Log,
    /// The generic webhook.
    Webhook,
    /// Push through Firebase Cloud Messaging.
    Fcm,
    /// Kakao Alimtalk.
    Kakao,
    /// Text messages.
    Sms,
    /// A channel of Discord.
    Discord,
    /// A channel of Slack.
    Slack,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Log, Self::Webhook, Self::Fcm, Self::Kakao, Self::Sms, Self::Discord, Self::Slack];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook => "webhook",
            Self::Fcm => "fcm",
            Self::Kakao => "kakao",
            Self::Sms => "sms",
            Self::Discord => "discord",
            Self::Slack => "slack",
        }
    }

    /// The channel of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_is_found_by_its_name_only() {
        for channel in Channel::ALL {
            assert_eq!(Channel::from_name(channel.as_str()), Some(channel));
        }
        for strange in ["", "LOG", "email"] {
            assert_eq!(Channel::from_name(strange), None);
        }
    }
}
