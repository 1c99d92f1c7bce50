//! What the shop may set of notifications. Each place keeps what it decides with: see [`super::SETTINGS`].

use super::channel::Channel;
use crate::config_def::{Setting, flag, put, whole};
use crate::feature;
use crate::settings;
use serde::{Deserialize, Serialize};

/// The least time that the ledger is kept: what the topics of requests and of dead letters keep, and a day more, so that whatever may come again is
/// recognised. No notification is valid for longer, so none that has been forgotten is sent.
const RETENTION_MIN_MS: i64 = 8 * 86_400_000;

/// What the shop may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The channels that are on.
    pub channels: Vec<Channel>,
    /// The types that the generic webhook gets; empty = all.
    pub webhook_types: Vec<String>,
    /// The first back-off, in ms.
    pub retry_base_ms: i64,
    /// The longest back-off, in ms.
    pub retry_max_ms: i64,
    /// How long a notification is kept after its last channel has come to an end, in ms.
    pub retention_ms: i64,
    /// Whether the user is told that a seat is held.
    pub notify_held: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            channels: vec![Channel::Log],
            webhook_types: Vec::new(),
            retry_base_ms: 1_000,
            retry_max_ms: 60_000,
            retention_ms: RETENTION_MIN_MS,
            notify_held: false,
        }
    }
}

impl Settings {
    /// Whether `channel` is on.
    #[must_use]
    pub fn is_on(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    const TABLE: &'static [Setting<Self>] = &[
        Setting::new(
            "notify_channels",
            "channels that notifications go through, comma-separated; not set = those that have their URL or key, else the log",
            |s: &mut Self, text| put(&mut s.channels, channels(text)),
        )
        .default("log"),
        Setting::new(
            "webhook_types",
            "notification types that the generic webhook gets, comma-separated; all = every type",
            |s: &mut Self, text| put(&mut s.webhook_types, types(text)),
        )
        .default("all"),
        Setting::new("notify_retry_base_ms", "back-off before the first retry of a notification", |s: &mut Self, text| {
            put(&mut s.retry_base_ms, whole(text, 1..=3_600_000))
        })
        .default("1000"),
        Setting::new(
            "notify_retry_max_ms",
            "longest back-off between tries of a notification; a Retry-After may be longer",
            |s: &mut Self, text| put(&mut s.retry_max_ms, whole(text, 1..=86_400_000)),
        )
        .default("60000"),
        Setting::new(
            "notify_retention_ms",
            "how long a notification stays in the history, at least 691200000",
            |s: &mut Self, text| put(&mut s.retention_ms, whole(text, RETENTION_MIN_MS..=10 * 365 * 86_400_000)),
        )
        .default("691200000"),
        settings::notify_held(|s: &mut Self, text| put(&mut s.notify_held, flag(text))),
    ];
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Reads a list of channels, without repetitions and in one order.
fn channels(text: &str) -> Result<Vec<Channel>, String> {
    let known = || Channel::ALL.map(Channel::as_str).join(", ");
    let named: Result<Vec<Channel>, String> = parts(text)
        .map(|name| Channel::from_name(name).ok_or_else(|| format!("{name:?} is none of the channels {}", known())))
        .collect();
    let mut named = named?;
    named.sort_unstable();
    named.dedup();
    if named.is_empty() { Err(format!("names none of the channels {}", known())) } else { Ok(named) }
}

/// Reads a list of types; `all` = the empty list.
fn types(text: &str) -> Result<Vec<String>, String> {
    if text == "all" {
        return Ok(Vec::new());
    }
    let is_type = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if let Some(strange) = parts(text).find(|name| !is_type(name)) {
        return Err(format!("{strange:?} is no type: capitals, digits and '_', such as PAYMENT_CONFIRMED"));
    }
    Ok(parts(text).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{Settable, from_json};

    fn set(key: &str, text: &str) -> Result<Settings, String> {
        let settings = Settable::of::<Settings>();
        (settings.set)(&(settings.usual)(), key, text).map(|json| from_json(&json))
    }

    #[test]
    fn lists_are_read_and_checked() {
        let channels = |text| set("notify_channels", text).map(|settings| settings.channels);
        assert_eq!(channels("webhook, fcm,webhook"), Ok(vec![Channel::Webhook, Channel::Fcm]));
        assert!(channels("email").unwrap_err().contains("\"email\" is none of the channels log, webhook"));
        assert!(channels(",").is_err());
        let types = |text| set("webhook_types", text).map(|settings| settings.webhook_types);
        assert_eq!(types("REFUNDED,SEAT_OPENED"), Ok(vec!["REFUNDED".to_owned(), "SEAT_OPENED".to_owned()]));
        assert_eq!(types("all"), Ok(Vec::new()));
        assert!(types("refunded").is_err());
    }

    #[test]
    fn bounds_are_kept() {
        assert_eq!(set("notify_retry_base_ms", "50").map(|s| s.retry_base_ms), Ok(50));
        assert!(set("notify_retry_base_ms", "0").is_err());
        assert!(set("notify_retention_ms", "691199999").is_err());
        assert_eq!(set("notify_held", "true").map(|s| s.notify_held), Ok(true));
        assert!(set("notify_held", "yes").is_err());
    }

    #[test]
    fn what_an_earlier_version_did_not_keep_is_the_default() {
        assert_eq!(from_json::<Settings>("{}"), Settings::default());
        let json = r#"{"channels":["kakao","sms"]}"#;
        assert_eq!(from_json::<Settings>(json).channels, [Channel::Kakao, Channel::Sms]);
    }
}
