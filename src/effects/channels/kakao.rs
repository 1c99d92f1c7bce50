//! Kakao Alimtalk through NHN Cloud's KakaoTalk Bizmessage, v2.3, sending the whole text:
//! <https://docs.nhncloud.com/en/Notification/KakaoTalk%20Bizmessage/en/alimtalk-api-guide/>
//!
//! Kakao delivers only what an approved template says. So each notification type has the code of its template, whose text is the notification's with variables
//! in it, and a text that is too long is refused and not cut: cut, it would be another text than the template's.
//!
//! Most failures come with status 200 and a code. The meaning of each is in <https://docs.nhncloud.com/en/Notification/KakaoTalk%20Bizmessage/en/error-code/>.

use super::{not_delivered, refused_credentials};
use crate::config::{ConfigError, Kakao, Secret, needed};
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::{Answer, Exchange, HttpClient};
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest text, in characters.
const CONTENT_MAX: usize = 1_000;

/// Sends Alimtalk messages.
pub struct KakaoNotifier {
    client: HttpClient,
    api_url: String,
    /// Where messages are posted.
    url: String,
    secret_key: Secret,
    sender_key: Secret,
    templates: BTreeMap<String, String>,
    sms_sender: Option<String>,
}

impl KakaoNotifier {
    /// Sends as `settings` say; `None` when the channel is not set.
    ///
    /// # Errors
    /// [`ConfigError`] when a setting is missing that the secret key needs.
    pub fn new(client: HttpClient, settings: &Kakao) -> Result<Option<Self>, ConfigError> {
        let Some(secret_key) = settings.api_key.clone() else { return Ok(None) };
        let app_key = needed(settings.app_key.as_ref(), "kakao_app_key", "KAKAO_API_KEY")?;
        let sender_key = needed(settings.sender_key.as_ref(), "kakao_sender_key", "KAKAO_API_KEY")?.clone();
        let templates = Some(&settings.templates).filter(|templates| !templates.is_empty());
        let templates = needed(templates, "kakao_templates", "KAKAO_API_KEY")?.clone();
        let api_url = settings.api_url.clone();
        let url = format!("{api_url}/alimtalk/v2.3/appkeys/{app_key}/raw-messages");
        Ok(Some(Self {
            client,
            api_url,
            url,
            secret_key,
            sender_key,
            templates,
            sms_sender: settings.sms_sender.clone(),
        }))
    }

    async fn post(&self, body: Value, idempotency_key: &str) -> Called {
        let began_at = self.client.now_ms();
        let request = self
            .client
            .request(Method::POST, &self.url)
            .header("Content-Type", "application/json;charset=UTF-8")
            .header("X-Secret-Key", self.secret_key.reveal())
            .header("X-NC-API-IDEMPOTENCY-KEY", format!("{:x}", Sha256::digest(idempotency_key)))
            .body(body.to_string());
        match self.client.exchange(request).await {
            Exchange::Answered(answer) => self.read(&answer, began_at).into(),
            exchange => self.client.of_exchange(&exchange, began_at),
        }
    }

    fn read(&self, answer: &Answer, began_at: i64) -> CallResult {
        let result = refused_credentials(self.client.of_answer(answer, began_at));
        let Ok(body) = serde_json::from_slice::<Body>(&answer.body) else {
            // A success that is not told as documented may be anything, for instance the page of a proxy.
            let unreadable = CallResult { ended: Ended::Failed, ..result.clone() };
            return if result.ended == Ended::Done {
                not_delivered(unreadable, "not an answer of NHN Cloud")
            } else {
                result
            };
        };
        let of_recipient = body.message.and_then(|message| message.send_results.into_iter().next());
        let code = match of_recipient {
            Some(SendResult { result_code }) if body.header.result_code == ALL_FAILED || result_code != 0 => {
                result_code
            }
            _ => body.header.result_code,
        };
        let ended = match code {
            0 if body.header.is_successful => return result,
            SENT_BEFORE => return CallResult { ended: Ended::Done, reason: None, ..result },
            code if PASSING.contains(&code) => Ended::Failed,
            // The answer to a request that is not ours to judge, with its own status.
            _ if result.ended == Ended::Failed => Ended::Failed,
            _ => Ended::Refused,
        };
        not_delivered(CallResult { ended, ..result }, format!("Alimtalk result code {code}"))
    }
}

/// A request with the same idempotency key came within ten minutes: this try has been made, and only its answer was lost.
const SENT_BEFORE: i64 = -1_005;
/// The request is fine, and its only recipient is not.
const ALL_FAILED: i64 = -2_999;
/// What says nothing about the message: credentials, the sender profile or the service must be put right, or are busy.
const PASSING: &[i64] = &[
    -1_000, // app key
    -1_001, // secret key
    -1_006, // sender key
    -1_014, // sender profile not active
    -1_017, // the day's volume is used up
    -1_027, // sender profile blocked
    -1_030, // identity not verified
    -2_017, // no such sender profile
    -4_004, // no such app key
    -4_005, // service closed
    -7_000, // Kakao did not answer NHN Cloud
    -9_999, // error in the system
];

#[derive(Deserialize)]
struct Body {
    header: Header,
    message: Option<Results>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    result_code: i64,
    is_successful: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    #[serde(default)]
    send_results: Vec<SendResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendResult {
    result_code: i64,
}

/// A number as NHN Cloud wants it: those of Korea as they are dialled there, others with their country code.
fn recipient(phone: &str) -> String {
    let digits = phone.trim_start_matches('+');
    digits.strip_prefix("82").map_or_else(|| digits.to_owned(), |rest| format!("0{rest}"))
}

impl Notifier for KakaoNotifier {
    fn channel(&self) -> Channel {
        Channel::Kakao
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 32, per_second: None, call_max: Duration::from_secs(10) }
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
        Box::pin(async move {
            let ended =
                |ended, reason| Called::from(not_delivered(CallResult::new(ended, self.client.now_ms()), reason));
            let Some(phone) = contact.kakao_phone() else { return ended(Ended::NoContact, "no phone number") };
            let Some(template) = self.templates.get(&message.call.kind) else {
                return ended(Ended::Refused, "no Alimtalk template for this type");
            };
            let content = &message.call.message;
            if content.chars().count() > CONTENT_MAX {
                return ended(Ended::Refused, "longer than 1,000 characters");
            }
            let resend = match &self.sms_sender {
                // What NHN Cloud sends instead is the same text; the console's own setting is not to decide.
                None => json!({"isResend": false}),
                Some(number) => json!({"isResend": true, "resendSendNo": number}),
            };
            let body = json!({
                "senderKey": self.sender_key.reveal(),
                "templateCode": template,
                "recipientList": [{"recipientNo": recipient(phone), "content": content, "resendParameter": resend}],
            });
            self.post(body, &message.idempotency_key).await
        })
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(&self.api_url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_korean_number_is_dialled_in_korea() {
        assert_eq!(recipient("+821012345678"), "01012345678");
        assert_eq!(recipient("+12025550123"), "12025550123");
    }
}
