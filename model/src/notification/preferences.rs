//! What a user prefers: language, channels, types, quiet hours.

use super::channel::Channel;
use super::locale::Locale;
use super::message::{TYPE_BYTES_MAX, user_id};
use crate::fingerprint;
use crate::reading::{self, Unreadable, check_lengths, unreadable};
use crate::wire;
use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most types that one user may switch.
const TYPES_MAX: usize = 100;

/// Sets all preferences of a user: what is left out is as if it had never been set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationPreferencesBody)]
pub struct SetPreferences {
    /// Id of the command: a repetition is recognised by it.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Whose.
    #[schema(value_type = wire::Id<'static>, example = "1001")]
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// Language.
    #[serde(default)]
    pub locale: Locale,
    /// `false` switches a channel off: `log`, `webhook`, `fcm`, `kakao`, `sms`, `discord`, `slack`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, bool>,
    /// `false` switches a type off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, bool>,
    /// When nothing but HIGH is sent, in Korean time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
}

/// A time of the day from which on a user wants to be left alone, and one at which that ends: `HH:MM` in Korean time (Asia/Seoul). May go over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuietHours {
    /// First minute.
    #[schema(example = "22:00")]
    pub from: String,
    /// First minute after.
    #[schema(example = "08:00")]
    pub to: String,
}

/// A field of preferences that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct PreferencesFault {
    /// Which field.
    pub field: &'static str,
    /// What it must be.
    pub why: &'static str,
}

impl SetPreferences {
    /// `type` of the command.
    pub const TYPE: &'static str = "set-preferences";

    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        let command: Self = reading::fields(text)?;
        check_lengths([command.request_id.as_deref()])?;
        user_id(Some(wire::Id(command.user_id.as_str().into())))?;
        match command.row(0) {
            Ok(_) => Ok(command),
            Err(fault) => Err(unreadable("InvalidField", fault.to_string())),
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Typed<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(flatten)]
            command: &'a SetPreferences,
        }
        // Texts and flags always encode.
        serde_json::to_vec(&Typed { kind: Self::TYPE, command: self }).unwrap_or_default()
    }

    /// Hash of what it says, its id left out.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint::of_json(&Self { request_id: None, ..self.clone() })
    }

    /// The row that it makes, set at `now_ms`.
    ///
    /// # Errors
    /// The first field that makes no sense.
    pub fn row(&self, now_ms: i64) -> Result<PreferencesRow, PreferencesFault> {
        let fault = |field, why| PreferencesFault { field, why };
        let mut channels_off = Vec::new();
        for (name, is_on) in &self.channels {
            let channel = Channel::from_name(name)
                .ok_or_else(|| fault("channels", "must name log, webhook, fcm, kakao, sms, discord or slack"))?;
            channels_off.extend((!is_on).then_some(channel));
        }
        if self.types.len() > TYPES_MAX || self.types.keys().any(|name| name.len() > TYPE_BYTES_MAX) {
            return Err(fault("types", "must be at most 100 names of at most 64 bytes"));
        }
        let types_off = self.types.iter().filter(|(_, is_on)| !**is_on).map(|(name, _)| name.clone()).collect();
        let quiet = match &self.quiet_hours {
            None => None,
            Some(QuietHours { from, to }) => {
                let time = |text: &str| minute_of_day(text).ok_or_else(|| fault("quietHours", "must be HH:MM"));
                let quiet = QuietRow { from: time(from)?, to: time(to)? };
                if quiet.from == quiet.to {
                    return Err(fault("quietHours", "must not end when they begin"));
                }
                Some(quiet)
            }
        };
        Ok(PreferencesRow { locale: self.locale, channels_off, types_off, quiet, set_ms: now_ms })
    }
}

/// `HH:MM` as a minute of the day.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |digits: &str, max: u16| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<u16>().ok())
            .flatten()
            .filter(|n| *n <= max)
    };
    Some(part(hours, 23)? * 60 + part(minutes, 59)?)
}

/// What a user prefers, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencesRow {
    /// Language.
    pub locale: Locale,
    /// Channels that are switched off.
    pub channels_off: Vec<Channel>,
    /// Types that are switched off.
    pub types_off: Vec<String>,
    /// Quiet hours.
    pub quiet: Option<QuietRow>,
    /// When they were set, in ms since the epoch.
    pub set_ms: i64,
}

/// Quiet hours in minutes of the day, in Korean time: from the first up to but not including the second. They are never the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietRow {
    /// First minute.
    pub from: u16,
    /// First minute after.
    pub to: u16,
}

impl QuietRow {
    /// As the user wrote them.
    #[must_use]
    pub fn shown(&self) -> QuietHours {
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        QuietHours { from: text(self.from), to: text(self.to) }
    }
}

/// A command that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Hash of what the command said: another command under the same id is refused.
    pub fingerprint: u64,
    /// When it was decided, in ms since the epoch.
    pub decided_ms: i64,
}

impl Ends for CommandRow {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes;
    use crate::notification::message::Message;

    fn read(json: &str) -> Result<SetPreferences, Unreadable> {
        match Message::parse(Some(json.as_bytes()))? {
            Message::SetPreferences(command) => Ok(command),
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    #[test]
    fn a_command_is_read_and_becomes_a_row() {
        let command = read(
            r#"{"type":"set-preferences","requestId":"r","userId":1001,"locale":"en","channels":{"sms":false,"fcm":true},"types":{"A":true,"B":false},"quietHours":{"from":"22:00","to":"08:30"}}"#,
        )
        .unwrap();
        let quiet = QuietRow { from: 22 * 60, to: 8 * 60 + 30 };
        let row = PreferencesRow {
            locale: Locale::En,
            channels_off: vec![Channel::Sms],
            types_off: vec!["B".to_owned()],
            quiet: Some(quiet),
            set_ms: 9,
        };
        assert_eq!(command.row(9), Ok(row));
        assert_eq!(Some(quiet.shown()), command.quiet_hours);
        assert_eq!(read(std::str::from_utf8(&command.to_json()).unwrap()), Ok(command.clone()));
        let again = SetPreferences { request_id: Some("other".to_owned()), ..command.clone() };
        assert_eq!(again.fingerprint(), command.fingerprint());
        let other = SetPreferences { locale: Locale::Ko, ..command.clone() };
        assert_ne!(other.fingerprint(), command.fingerprint());
        let least = read(r#"{"type":"set-preferences","userId":"u"}"#).unwrap();
        assert_eq!(least.row(0), Ok(PreferencesRow::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for fields in [
            r#""locale":"fr""#,
            r#""channels":{"email":false}"#,
            r#""channels":{"sms":"no"}"#,
            r#""quietHours":{"from":"24:00","to":"08:00"}"#,
            r#""quietHours":{"from":"8:00","to":"09:00"}"#,
            r#""quietHours":{"from":"+8:00","to":"09:00"}"#,
            r#""quietHours":{"from":"08:00","to":"08:00"}"#,
        ] {
            let json = format!(r#"{{"type":"set-preferences","userId":"u",{fields}}}"#);
            assert_eq!(read(&json).unwrap_err().class, "InvalidField", "{fields}");
        }
        assert_eq!(read(r#"{"type":"set-preferences","userId":" "}"#).unwrap_err().class, "InvalidField");
        let half = r#"{"type":"set-preferences","userId":"u","quietHours":{"from":"08:00"}}"#;
        assert_eq!(read(half).unwrap_err().class, "MissingField");
    }

    /// Rows written by this version must be readable by the next.
    #[test]
    fn the_layout_of_rows_stands() {
        let row = PreferencesRow {
            locale: Locale::En,
            channels_off: vec![Channel::Slack],
            types_off: vec!["T".to_owned()],
            quiet: Some(QuietRow { from: 1, to: 2 }),
            set_ms: 3,
        };
        assert_eq!(row_bytes(&row), [1, 1, 1, 6, 1, 1, b'T', 1, 1, 2, 6]);
        assert_eq!(row_bytes(&CommandRow { fingerprint: 5, decided_ms: 3 }), [1, 5, 6]);
    }
}
