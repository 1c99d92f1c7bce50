//! Where notifications go outside: the settings of each channel to a user. A channel that is not set writes to the log.

use super::table::{Entry, secret, secret_url};
use super::values::url;
use super::{ConfigError, Secret};
use holdfast_model::config_def::put;
use std::collections::BTreeMap;

/// Push through Firebase Cloud Messaging, HTTP v1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fcm {
    /// The service account: a file name, or its JSON. Set = the channel is on.
    pub credentials: Option<Secret>,
    /// The project, where it is not the account's.
    pub project_id: Option<String>,
    /// Where messages go.
    pub api_url: String,
    /// Where access tokens come from, where it is not what the account says.
    pub token_url: Option<String>,
}

/// Kakao Alimtalk through NHN Cloud's KakaoTalk Bizmessage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kakao {
    /// Where messages go.
    pub api_url: String,
    /// The project at NHN Cloud.
    pub app_key: Option<String>,
    /// Its secret. Set = the channel is on.
    pub api_key: Option<Secret>,
    /// The sender profile that messages come from.
    pub sender_key: Option<Secret>,
    /// The code of the approved template, by notification type.
    pub templates: BTreeMap<String, String>,
    /// The number that NHN Cloud sends a text message from when the Alimtalk cannot be delivered. Unset = it sends none.
    pub sms_sender: Option<String>,
}

/// Text messages through Amazon SNS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sms {
    /// Where messages go, where it is not the region's endpoint.
    pub api_url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Id of the access key.
    pub api_key_id: Option<Secret>,
    /// Its secret. Set = the channel is on.
    pub api_key: Option<Secret>,
    /// The number (with `+`) or the name that messages come from.
    pub sender: Option<String>,
}

/// All of them but the chat channels, which alerts use as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notifiers {
    /// Push.
    pub fcm: Fcm,
    /// Alimtalk.
    pub kakao: Kakao,
    /// Text messages.
    pub sms: Sms,
    /// The generic webhook.
    pub webhook_url: Option<Secret>,
}

/// A setting that `because` makes necessary.
///
/// # Errors
/// When it is unset.
pub(crate) fn needed<'a, T>(value: Option<&'a T>, key: &str, because: &str) -> Result<&'a T, ConfigError> {
    value.ok_or_else(|| ConfigError::new(key, format!("is not set, and {because} is")))
}

/// `TYPE:code`, comma-separated.
fn templates(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut templates = BTreeMap::new();
    for pair in text.split(',').map(str::trim) {
        let good =
            |text: &str, longest| (1..=longest).contains(&text.chars().count()) && !text.contains(char::is_whitespace);
        let named = pair.split_once(':').map(|(kind, code)| (kind.trim(), code.trim()));
        let Some((kind, code)) = named.filter(|(kind, code)| good(kind, 100) && good(code, 20)) else {
            return Err(format!("{pair:?} is not TYPE:code with a code of at most 20 characters"));
        };
        if templates.insert(kind.to_owned(), code.to_owned()).is_some() {
            return Err(format!("{kind} is there twice"));
        }
    }
    Ok(templates)
}

/// A region of AWS: it becomes a part of a host name.
fn region(text: &str) -> Result<Option<String>, String> {
    let good = text.len() <= 30 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good { Ok(Some(text.to_owned())) } else { Err(format!("{text:?} is no region such as ap-northeast-1")) }
}

/// A name that text messages come from, or a number.
fn sms_sender(text: &str) -> Result<Option<String>, String> {
    let is_number = text
        .strip_prefix('+')
        .is_some_and(|digits| (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    let is_name = (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    if is_number || is_name {
        Ok(Some(text.to_owned()))
    } else {
        Err(format!("{text:?} is neither a number with '+' and country code nor a name of 1 to 11 letters and digits"))
    }
}

/// A part of a URL's path.
fn path_part(text: &str) -> Result<Option<String>, String> {
    let good = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b));
    if good {
        Ok(Some(text.to_owned()))
    } else {
        Err("may hold letters, digits, '.', '_', '-' and ':' only".to_owned())
    }
}

/// Digits of a number that NHN Cloud knows.
fn domestic_number(text: &str) -> Result<Option<String>, String> {
    let good = (1..=13).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if good { Ok(Some(text.to_owned())) } else { Err(format!("{text:?} is not 1 to 13 digits")) }
}

/// A secret that is sent as a header, or as a part of one.
fn header_secret(text: &str) -> Result<Option<Secret>, String> {
    let good = text.bytes().all(|b| b.is_ascii_graphic());
    if good { secret(text) } else { Err("may hold visible ASCII characters only".to_owned()) }
}

/// A URL that paths are appended to.
fn base_url(text: &str) -> Result<String, String> {
    url(text).map(|url| url.trim_end_matches('/').to_owned())
}

/// The settings of channels to a user.
pub(super) const OF_NOTIFIERS: &[Entry] = &[
    Entry::new("webhook_url", "generic webhook; unset = written to the log", |d, text| {
        put(&mut d.settings.channels.notifiers.webhook_url, secret_url(text))
    })
    .secret(),
    Entry::new(
        "fcm_credentials",
        "Firebase service account of push messages, as a file name or JSON; unset = written to the log",
        |d, text| put(&mut d.settings.channels.notifiers.fcm.credentials, secret(text)),
    )
    .secret(),
    Entry::new("fcm_project_id", "Firebase project; unset = the service account's", |d, text| {
        put(&mut d.settings.channels.notifiers.fcm.project_id, path_part(text))
    }),
    Entry::new("fcm_api_url", "where push messages go", |d, text| {
        put(&mut d.settings.channels.notifiers.fcm.api_url, base_url(text))
    })
    .default("https://fcm.googleapis.com"),
    Entry::new("fcm_token_url", "where access tokens come from; unset = as the service account says", |d, text| {
        put(&mut d.settings.channels.notifiers.fcm.token_url, url(text).map(Some))
    }),
    Entry::new(
        "kakao_api_key",
        "secret key at NHN Cloud, for Kakao Alimtalk; unset = written to the log",
        |d, text| put(&mut d.settings.channels.notifiers.kakao.api_key, header_secret(text)),
    )
    .secret(),
    Entry::new("kakao_app_key", "app key at NHN Cloud", |d, text| {
        put(&mut d.settings.channels.notifiers.kakao.app_key, path_part(text))
    }),
    Entry::new("kakao_sender_key", "key of the sender profile", |d, text| {
        put(&mut d.settings.channels.notifiers.kakao.sender_key, secret(text))
    })
    .secret(),
    Entry::new(
        "kakao_templates",
        "approved Alimtalk templates as TYPE:code, comma-separated; a type without one is refused",
        |d, text| put(&mut d.settings.channels.notifiers.kakao.templates, templates(text)),
    ),
    Entry::new(
        "kakao_sms_sender",
        "number that NHN Cloud sends a text message from when an Alimtalk is not delivered; unset = none is sent",
        |d, text| put(&mut d.settings.channels.notifiers.kakao.sms_sender, domestic_number(text)),
    ),
    Entry::new("kakao_api_url", "where Alimtalk messages go", |d, text| {
        put(&mut d.settings.channels.notifiers.kakao.api_url, base_url(text))
    })
    .default("https://kakaotalk-bizmessage.api.nhncloudservice.com"),
    Entry::new(
        "sms_api_key",
        "AWS secret access key, for text messages through SNS; unset = written to the log",
        |d, text| put(&mut d.settings.channels.notifiers.sms.api_key, secret(text)),
    )
    .secret(),
    Entry::new("sms_api_key_id", "AWS access key id", |d, text| {
        put(&mut d.settings.channels.notifiers.sms.api_key_id, header_secret(text))
    })
    .secret(),
    Entry::new("sms_region", "AWS region that sends text messages, for instance ap-northeast-1", |d, text| {
        put(&mut d.settings.channels.notifiers.sms.region, region(text))
    }),
    Entry::new("sms_sender", "what text messages come from: a number with '+', or a sender id", |d, text| {
        put(&mut d.settings.channels.notifiers.sms.sender, sms_sender(text))
    }),
    Entry::new("sms_api_url", "where text messages go; unset = https://sns.<sms_region>.amazonaws.com", |d, text| {
        put(&mut d.settings.channels.notifiers.sms.api_url, base_url(text).map(Some))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_codes_by_type() {
        let two = templates("PAYMENT_CONFIRMED:pay-1, RESERVATION_EXPIRED : exp-1").unwrap();
        assert_eq!(two["PAYMENT_CONFIRMED"], "pay-1");
        assert_eq!(two["RESERVATION_EXPIRED"], "exp-1");
        for wrong in ["PAYMENT_CONFIRMED", "A:", ":b", "A:b,A:c", "A:b c", "A:123456789012345678901", "A:b,"] {
            assert!(templates(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sender_is_a_number_or_a_name() {
        for good in ["+821012345678", "Holdfast", "1A"] {
            assert_eq!(sms_sender(good).unwrap().as_deref(), Some(good));
        }
        for wrong in ["0212345678", "+82", "+82-10", "holdfast-shop", "abcdefghijkl", "홀드"] {
            assert!(sms_sender(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_becomes_part_of_an_address_holds_nothing_else() {
        assert!(region("ap-northeast-1").is_ok());
        assert!(path_part("my-project").is_ok());
        for wrong in ["a.b", "evil.example/", "US"] {
            assert!(region(wrong).is_err(), "{wrong}");
        }
        for wrong in ["a/b", "a?b", "a b"] {
            assert!(path_part(wrong).is_err(), "{wrong}");
        }
        for wrong in ["a b", "a\nb", "열쇠"] {
            assert!(header_secret(wrong).is_err(), "{wrong}");
        }
        assert_eq!(base_url("https://proxy.example/fcm/"), Ok("https://proxy.example/fcm".to_owned()));
    }
}
