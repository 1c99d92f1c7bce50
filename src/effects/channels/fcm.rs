//! Push messages through Firebase Cloud Messaging, HTTP v1: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>,
//! its errors: <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>
//!
//! | module | holds |
//! |---|---|
//! | [`service_account`] | the account and what it signs |
//! | [`access_token`] | tokens, asked for and kept |
//!
//! A message goes to each device of the user, one after the other. It is delivered when one device has it: trying again for the others would tell the first one
//! twice. It is refused when every device is gone. Firebase takes 600,000 messages a minute for a project and 4,096 bytes in each.

mod access_token;
mod service_account;

use super::not_delivered;
use super::text::cut_bytes;
use crate::config::{ConfigError, Fcm};
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::{Answer, Exchange, HttpClient};
use crate::effects::notifier::{NotificationMessage, Notifier};
use access_token::AccessToken;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service_account::ServiceAccount;
use std::time::Duration;

/// Most bytes of title, text, and keys and values of the data.
const PAYLOAD_MAX: usize = 4_096;
/// Longest time that Firebase keeps a message for a device that is off: four weeks, in seconds.
const TTL_MAX_S: u64 = 2_419_200;
/// For all devices of a user together, and a token before them.
const CALL_MAX: Duration = Duration::from_secs(20);

/// Sends push messages.
pub struct FcmNotifier {
    client: HttpClient,
    token: AccessToken,
    api_url: String,
    /// Where messages are posted.
    url: String,
}

impl FcmNotifier {
    /// Sends as `settings` say; `None` when the channel is not set.
    ///
    /// # Errors
    /// [`ConfigError`] when the service account cannot be read or names no project.
    pub fn new(client: HttpClient, settings: &Fcm) -> Result<Option<Self>, ConfigError> {
        let Some(credentials) = &settings.credentials else { return Ok(None) };
        let account = ServiceAccount::read(credentials.reveal());
        let account = account.map_err(|why| ConfigError::new("fcm_credentials", why))?;
        let project = settings.project_id.as_ref().or(account.project_id.as_ref());
        let project = project.ok_or_else(|| {
            ConfigError::new("fcm_project_id", "is not set, and the service account names no project")
        })?;
        let api_url = settings.api_url.clone();
        let url = format!("{api_url}/v1/projects/{project}/messages:send");
        let token_url = settings.token_url.clone().unwrap_or_else(|| account.token_uri.clone());
        Ok(Some(Self { client, token: AccessToken::new(account, token_url), api_url, url }))
    }

    async fn send_to_all(&self, message: &NotificationMessage, devices: &[String]) -> Called {
        let Some(payload) = payload(message) else {
            let result = CallResult::new(Ended::Refused, self.client.now_ms());
            return not_delivered(result, "the data is larger than 4 KiB").into();
        };
        let mut sum: Option<Called> = None;
        for device in devices {
            let mut body = payload.clone();
            body["message"]["token"] = json!(device);
            let called = self.send_to_one(&body).await;
            sum = Some(match sum {
                Some(before) => more_telling(before, called),
                None => called,
            });
            // Nobody answers: the next device would not be reached either.
            if matches!(sum, Some(Called::NotReached { .. })) {
                break;
            }
        }
        sum.unwrap_or_else(|| {
            not_delivered(CallResult::new(Ended::NoContact, self.client.now_ms()), "no device").into()
        })
    }

    async fn send_to_one(&self, body: &Value) -> Called {
        let mut token = match self.token.get(&self.client, None).await {
            Ok(token) => token,
            Err(called) => return called,
        };
        let mut is_second = false;
        loop {
            let began_at = self.client.now_ms();
            let request = self.client.request(Method::POST, &self.url).bearer_auth(&token).json(body);
            let answer = match self.client.exchange(request).await {
                Exchange::Answered(answer) => answer,
                exchange => return self.client.of_exchange(&exchange, began_at),
            };
            if answer.status.as_u16() != 401 || is_second {
                return self.read(&answer, began_at).into();
            }
            // The token may have ended early, or been revoked.
            is_second = true;
            token = match self.token.get(&self.client, Some(&token)).await {
                Ok(token) => token,
                Err(called) => return called,
            };
        }
    }

    fn read(&self, answer: &Answer, began_at: i64) -> CallResult {
        let result = self.client.of_answer(answer, began_at);
        if result.ended == Ended::Done {
            return result;
        }
        let status = answer.status.as_u16();
        let error = serde_json::from_slice::<ErrorBody>(&answer.body).ok().map(|body| body.error);
        let code = error.as_ref().and_then(|error| {
            let detailed = error.details.iter().find_map(|detail| detail.error_code.as_deref());
            let code = detailed.or(error.status.as_deref())?;
            FINAL.iter().chain(PASSING).copied().find(|known| *known == code)
        });
        let ended = match code {
            Some(code) if FINAL.contains(&code) => Ended::Refused,
            Some(_) => Ended::Failed,
            // A 404 without UNREGISTERED is a project that does not exist, a 403 an account without the right: the message is not to blame.
            None if matches!(status, 401 | 403 | 404) => Ended::Failed,
            None => result.ended,
        };
        let reason = code.map_or_else(|| format!("HTTP {status}"), |code| format!("HTTP {status} {code}"));
        not_delivered(CallResult { ended, ..result }, reason)
    }
}

/// What says that this device will never get this message.
const FINAL: &[&str] = &["UNREGISTERED", "INVALID_ARGUMENT", "SENDER_ID_MISMATCH"];
/// What says nothing about the message.
const PASSING: &[&str] = &[
    "QUOTA_EXCEEDED",
    "UNAVAILABLE",
    "INTERNAL",
    "THIRD_PARTY_AUTH_ERROR",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
];

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorStatus,
}

#[derive(Deserialize)]
struct ErrorStatus {
    status: Option<String>,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    error_code: Option<String>,
}

/// Which of two devices' answers stands for the message: one that has it, else one that may get it later, else one that is gone.
fn more_telling(a: Called, b: Called) -> Called {
    let weight = |called: &Called| match called {
        Called::Ended(result) if result.ended == Ended::Done => 3,
        Called::Ended(result) if result.ended == Ended::Failed => 2,
        Called::NotReached { .. } => 1,
        Called::Ended(_) => 0,
    };
    if weight(&b) > weight(&a) { b } else { a }
}

/// Keys that Firebase keeps for itself.
fn is_reserved(key: &str) -> bool {
    matches!(key, "from" | "message_type" | "collapse_key" | "notification")
        || key.starts_with("google")
        || key.starts_with("gcm")
}

/// The body of a request but the device. The text is cut to what fits; `None` when not even the data does.
fn payload(message: &NotificationMessage) -> Option<Value> {
    let call = &message.call;
    let mut data = Map::new();
    data.insert("notificationId".to_owned(), json!(call.notification_id));
    data.insert("type".to_owned(), json!(call.kind));
    for (key, value) in call.data.iter().filter(|(key, _)| !is_reserved(key)) {
        // Firebase takes texts only.
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        data.entry(key.clone()).or_insert(json!(text));
    }
    let data_bytes: usize = data.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    let left = PAYLOAD_MAX.checked_sub(data_bytes)?;
    let title = cut_bytes(&call.title, left.min(PAYLOAD_MAX / 4));
    let text = cut_bytes(&call.message, left - title.len());
    let is_urgent = message.urgency == 0;
    let mut android = json!({"priority": if is_urgent { "HIGH" } else { "NORMAL" }});
    let mut apns = json!({"apns-priority": if is_urgent { "10" } else { "5" }});
    if let (Some(valid_for), Some(until_ms)) = (message.valid_for, call.valid_until) {
        android["ttl"] = json!(format!("{}s", valid_for.as_secs().min(TTL_MAX_S)));
        apns["apns-expiration"] = json!(until_ms.div_euclid(1_000).to_string());
    }
    Some(json!({"message": {
        "notification": {"title": title, "body": text},
        "data": data,
        "android": android,
        "apns": {"headers": apns},
    }}))
}

impl Notifier for FcmNotifier {
    fn channel(&self) -> Channel {
        Channel::Fcm
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 128, per_second: Some(10_000.0), call_max: CALL_MAX }
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
        Box::pin(self.send_to_all(message, &contact.fcm_tokens))
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(async { self.client.reaches(&self.api_url).await && self.client.reaches(self.token.url()).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::channels::tests::message;

    #[test]
    fn a_payload_fits_or_is_none() {
        let mut long = message(Channel::Fcm);
        long.call.message = "가".repeat(4_000);
        long.call.title = "나".repeat(4_000);
        let body = payload(&long).unwrap();
        let notification = &body["message"]["notification"];
        let bytes = |value: &Value| value.as_str().unwrap().len();
        let data: usize = body["message"]["data"].as_object().unwrap().iter().map(|(k, v)| k.len() + bytes(v)).sum();
        let all = bytes(&notification["title"]) + bytes(&notification["body"]) + data;
        assert!((PAYLOAD_MAX - 3..=PAYLOAD_MAX).contains(&all), "{all}");
        assert!(notification["body"].as_str().unwrap().ends_with("가…"));
        long.call.data.insert("more".to_owned(), json!("a".repeat(4_096)));
        assert_eq!(payload(&long), None);
    }

    #[test]
    fn data_is_texts_under_keys_that_are_not_firebases() {
        let mut message = message(Channel::Fcm);
        for key in ["from", "google.x", "gcm", "message_type", "type"] {
            message.call.data.insert(key.to_owned(), json!("x"));
        }
        message.call.data.insert("seatIds".to_owned(), json!(["A1", "A2"]));
        assert_eq!(
            payload(&message).unwrap()["message"]["data"],
            json!({
                "notificationId": "evt_1", "type": "PAYMENT_CONFIRMED", "reservationId": "res_0_1", "seats": "2",
                "seatIds": "[\"A1\",\"A2\"]",
            })
        );
    }

    #[test]
    fn one_device_that_has_it_is_enough() {
        let of = |ended| Called::from(CallResult::new(ended, 0));
        for (a, b, sum) in [
            (Ended::Done, Ended::Failed, Ended::Done),
            (Ended::Refused, Ended::Done, Ended::Done),
            (Ended::Refused, Ended::Failed, Ended::Failed),
            (Ended::Refused, Ended::Refused, Ended::Refused),
        ] {
            assert_eq!(more_telling(of(a), of(b)), of(sum));
        }
    }
}
