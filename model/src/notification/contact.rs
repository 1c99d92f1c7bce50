//! How a user can be reached: the record of the topic `user-contact` (key: user id; a record without a value erases the user's contact), and the row
//! that the notification topology makes of it. Contact data lies there and nowhere else.
//!
//! ```json
//! {"phone":"+821012345678","fcmTokens":["dGVzdA:APA91b…"],"discordUserId":"80351110224678912","slackUserId":"U012AB3CD"}
//! ```
//! No field is required. `kakaoPhone` stands for a number other than `phone`. Discord and Slack have one channel for the whole shop, whose address is a
//! setting: a user is mentioned there by id. Addresses that users choose are not called: they could name hosts inside the operator's network.

use holdfast_engine::prelude::Table;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The contacts, by user id.
pub const CONTACTS: Table<String, ContactRow> = Table::new(16, "contacts");
/// Most devices that one user is told on.
pub const FCM_TOKENS_MAX: usize = 10;
/// Longest token of a device, in bytes. Firebase promises no bound; today's tokens have about 170.
pub const FCM_TOKEN_BYTES_MAX: usize = 4_096;

/// How a user can be reached, as JSON.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Contact {
    /// E.164: `+`, then 8 to 15 digits. Text messages go there, and Alimtalk if there is no `kakao_phone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The number under which Kakao knows the user, if it is another. E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kakao_phone: Option<String>,
    /// Tokens of the user's devices at Firebase, at most [`FCM_TOKENS_MAX`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fcm_tokens: Vec<String>,
    /// The user's id at Discord: 17 to 20 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discord_user_id: Option<String>,
    /// The user's id at Slack: `U` or `W`, then capitals and digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack_user_id: Option<String>,
}

/// A field of a contact that nobody could be reached by. It names the field and never repeats what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct ContactFault {
    /// Which field.
    pub field: &'static str,
    /// What it must be.
    pub why: &'static str,
}

impl Contact {
    /// Whether each field is what it has to be.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn check(&self) -> Result<(), ContactFault> {
        let is_phone = |text: &str| {
            text.strip_prefix('+').is_some_and(|digits| {
                (8..=15).contains(&digits.len()) && !digits.starts_with('0') && all_digits(digits)
            })
        };
        let is_token = |text: &String| {
            (1..=FCM_TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let is_slack = |text: &str| {
            text.starts_with(['U', 'W'])
                && (9..=20).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let fault = |field, why| Err(ContactFault { field, why });
        for (field, phone) in [("phone", &self.phone), ("kakaoPhone", &self.kakao_phone)] {
            if phone.as_deref().is_some_and(|text| !is_phone(text)) {
                return fault(field, "must be '+', the country code and the number, 8 to 15 digits");
            }
        }
        if self.fcm_tokens.len() > FCM_TOKENS_MAX {
            return fault("fcmTokens", "must be at most 10");
        }
        if !self.fcm_tokens.iter().all(is_token) {
            return fault("fcmTokens", "must be tokens of 1 to 4,096 visible ASCII characters");
        }
        if self.discord_user_id.as_deref().is_some_and(|id| !((17..=20).contains(&id.len()) && all_digits(id))) {
            return fault("discordUserId", "must be 17 to 20 digits");
        }
        if self.slack_user_id.as_deref().is_some_and(|id| !is_slack(id)) {
            return fault("slackUserId", "must be 'U' or 'W' and then 8 to 19 capitals or digits");
        }
        Ok(())
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How a user can be reached, as it is stored.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRow {
    /// E.164.
    pub phone: Option<String>,
    /// E.164, if it is another number.
    pub kakao_phone: Option<String>,
    /// Tokens of devices.
    pub fcm_tokens: Vec<String>,
    /// Id at Discord.
    pub discord_user_id: Option<String>,
    /// Id at Slack.
    pub slack_user_id: Option<String>,
}

impl ContactRow {
    /// The number for Alimtalk.
    #[must_use]
    pub fn kakao_phone(&self) -> Option<&str> {
        self.kakao_phone.as_deref().or(self.phone.as_deref())
    }
}

impl From<Contact> for ContactRow {
    fn from(contact: Contact) -> Self {
        let Contact { phone, kakao_phone, fcm_tokens, discord_user_id, slack_user_id } = contact;
        Self { phone, kakao_phone, fcm_tokens, discord_user_id, slack_user_id }
    }
}

/// Says which fields there are: a contact is never written to a log by accident.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ContactRow::from(self.clone()).fmt(f)
    }
}

/// As [`Contact`].
impl fmt::Debug for ContactRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("phone", &self.phone.is_some())
            .field("kakao_phone", &self.kakao_phone.is_some())
            .field("fcm_tokens", &self.fcm_tokens.len())
            .field("discord_user_id", &self.discord_user_id.is_some())
            .field("slack_user_id", &self.slack_user_id.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes;

    fn contact(json: &str) -> Result<Contact, String> {
        let contact: Contact = serde_json::from_str(json).map_err(|error| error.to_string())?;
        contact.check().map_err(|fault| fault.to_string())?;
        Ok(contact)
    }

    #[test]
    fn a_contact_says_how_to_reach_a_user() {
        let text = r#"{"phone":"+821012345678","fcmTokens":["dGVzdA:APA91b_-"],"discordUserId":"80351110224678912","slackUserId":"U012AB3CD"}"#;
        let all = contact(text).unwrap();
        assert_eq!(serde_json::to_string(&all).unwrap(), text);
        assert_eq!(ContactRow::from(all).kakao_phone(), Some("+821012345678"));
        assert_eq!(contact("{}").unwrap(), Contact::default());
        let other = contact(r#"{"phone":"+821012345678","kakaoPhone":"+821087654321"}"#).unwrap();
        assert_eq!(ContactRow::from(other).kakao_phone(), Some("+821087654321"));
    }

    #[test]
    fn what_reaches_nobody_is_named_and_not_repeated() {
        for (field, value) in [
            ("phone", r#""01012345678""#),
            ("phone", r#""+8210""#),
            ("phone", r#""+82 10 1234 5678""#),
            ("phone", r#""+0821012345678""#),
            ("kakaoPhone", r#""+1234567890123456""#),
            ("fcmTokens", r#"[""]"#),
            ("fcmTokens", r#"["a b"]"#),
            ("fcmTokens", r#"["1","2","3","4","5","6","7","8","9","10","11"]"#),
            ("discordUserId", r#""@someone""#),
            ("slackUserId", r#""someone""#),
        ] {
            let said = contact(&format!(r#"{{"{field}":{value}}}"#)).unwrap_err();
            assert!(said.starts_with(&format!("{field}: must be")), "{said}");
        }
        assert!(contact(r#"{"discordWebhookUrl":"http://10.0.0.1/"}"#).is_err());
    }

    #[test]
    fn a_contact_is_not_shown_by_accident() {
        let text = r#"{"phone":"+821012345678","fcmTokens":["secret-token"]}"#;
        let shown = format!("{:?} {:?}", contact(text).unwrap(), ContactRow::from(contact(text).unwrap()));
        assert!(!shown.contains("8210") && !shown.contains("secret"), "{shown}");
    }

    /// Rows written by this version must be readable by the next.
    #[test]
    fn the_layout_of_rows_stands() {
        let row = ContactRow {
            phone: Some("p".to_owned()),
            kakao_phone: None,
            fcm_tokens: vec!["t".to_owned()],
            discord_user_id: Some("d".to_owned()),
            slack_user_id: Some("s".to_owned()),
        };
        assert_eq!(row_bytes(&row), [1, 1, 1, b'p', 0, 1, 1, b't', 1, 1, b'd', 1, 1, b's']);
    }
}
