//! Text messages through Amazon SNS: `Publish` to a phone number.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>, <https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>
//!
//! SNS splits a text into messages of 140 bytes and takes at most 1,600 bytes at once; it cuts none itself. Twenty messages a second are its default for an account.

use super::sigv4::{Post, Signer};
use super::text::cut;
use super::{not_delivered, refused_credentials};
use crate::config::{ConfigError, Secret, Sms, needed};
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::{Answer, Exchange, HttpClient};
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use holdfast_model::rfc3339;
use reqwest::{Method, Url};
use std::time::Duration;

/// Most bytes of a text.
const TEXT_MAX: usize = 1_600;
/// The body of a request.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Codes of a 400 that say nothing about the message: wait and try again.
const PASSING: &[&str] = &["Throttled", "Throttling", "ThrottlingException", "ThrottledException", "RequestExpired"];
/// Codes of a 400 that are told, since an operator knows what to do about them.
const FINAL: &[&str] = &["InvalidParameter", "InvalidParameterValue", "ValidationError", "OptedOut", "UserError"];

/// Publishes text messages.
pub struct SmsNotifier {
    client: HttpClient,
    url: Url,
    /// As the header `Host` has it.
    host: String,
    region: String,
    key_id: Secret,
    secret: Secret,
    sender: Option<String>,
}

impl SmsNotifier {
    /// Publishes as `settings` say; `None` when the channel is not set.
    ///
    /// # Errors
    /// [`ConfigError`] when a setting is missing that an access key needs.
    pub fn new(client: HttpClient, settings: &Sms) -> Result<Option<Self>, ConfigError> {
        let Some(secret) = settings.api_key.clone() else { return Ok(None) };
        let key_id = needed(settings.api_key_id.as_ref(), "sms_api_key_id", "SMS_API_KEY")?.clone();
        let region = needed(settings.region.as_ref(), "sms_region", "SMS_API_KEY")?.clone();
        let url = settings.api_url.clone().unwrap_or_else(|| format!("https://sns.{region}.amazonaws.com"));
        let url = Url::parse(&url).map_err(|error| ConfigError::new("sms_api_url", error))?;
        if url.path() != "/" || url.query().is_some() {
            return Err(ConfigError::new("sms_api_url", "must name a host only, since the signature covers the path"));
        }
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Some(Self { client, host, url, region, key_id, secret, sender: settings.sender.clone() }))
    }

    fn body(&self, phone: &str, text: &str) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "Publish")
            .append_pair("Version", "2010-03-31")
            .append_pair("PhoneNumber", phone)
            .append_pair("Message", text);
        let sender = self.sender.as_deref().map(|sender| match sender.strip_prefix('+') {
            Some(_) => ("AWS.MM.SMS.OriginationNumber", sender),
            None => ("AWS.SNS.SMS.SenderID", sender),
        });
        let attributes = [("AWS.SNS.SMS.SMSType", "Transactional")].into_iter().chain(sender);
        for (number, (name, value)) in (1..).zip(attributes) {
            let key = |part: &str| format!("MessageAttributes.entry.{number}.{part}");
            form.append_pair(&key("Name"), name)
                .append_pair(&key("Value.DataType"), "String")
                .append_pair(&key("Value.StringValue"), value);
        }
        form.finish()
    }

    async fn publish(&self, body: String) -> Called {
        let began_at = self.client.now_ms();
        let date = amz_date(began_at);
        let (key_id, secret) = (self.key_id.reveal(), self.secret.reveal());
        let signer = Signer { key_id, secret, region: &self.region, service: "sns" };
        let authorization =
            signer.authorization(&Post { host: &self.host, content_type: FORM, body: &body, date: &date });
        let request = self
            .client
            .request(Method::POST, self.url.as_str())
            .header("Content-Type", FORM)
            .header("X-Amz-Date", date)
            .header("Authorization", authorization)
            .body(body);
        match self.client.exchange(request).await {
            Exchange::Answered(answer) => self.read(&answer, began_at).into(),
            exchange => self.client.of_exchange(&exchange, began_at),
        }
    }

    fn read(&self, answer: &Answer, began_at: i64) -> CallResult {
        let result = refused_credentials(self.client.of_answer(answer, began_at));
        if result.ended != Ended::Refused {
            return result;
        }
        let code = error_code(&answer.body);
        let one_of = |codes: &[&'static str]| codes.iter().copied().find(|known| Some(*known) == code);
        let status = answer.status.as_u16();
        if let Some(code) = one_of(PASSING) {
            let failed = CallResult { ended: Ended::Failed, ..result };
            return not_delivered(failed, format!("HTTP {status} {code}"));
        }
        match one_of(FINAL) {
            Some(code) => not_delivered(result, format!("HTTP {status} {code}")),
            None => result,
        }
    }
}

/// `20150830T123600Z`.
fn amz_date(now_ms: i64) -> String {
    let text = rfc3339::to_string(now_ms);
    let seconds = text.split('.').next().unwrap_or_default();
    seconds.chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect()
}

/// What stands in `<Code>` of an `ErrorResponse`.
fn error_code(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    Some(rest.split_once("</Code>")?.0.trim())
}

/// `text`, cut to what SNS takes. In ASCII a character is a byte. One character outside it, as an ellipsis is, and the whole text goes as UTF-16.
fn fitting(text: &str) -> String {
    if !text.is_ascii() {
        return cut(text, TEXT_MAX, |c| c.len_utf16() * 2);
    }
    match text.get(..TEXT_MAX - DOTS.len()) {
        Some(short) if text.len() > TEXT_MAX => format!("{short}{DOTS}"),
        _ => text.to_owned(),
    }
}

/// An ellipsis in ASCII.
const DOTS: &str = "...";

impl Notifier for SmsNotifier {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 16, per_second: Some(20.0), call_max: Duration::from_secs(10) }
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
        Box::pin(async move {
            let Some(phone) = &contact.phone else {
                return not_delivered(CallResult::new(Ended::NoContact, self.client.now_ms()), "no phone number")
                    .into();
            };
            self.publish(self.body(phone, &fitting(&message.call.message))).await
        })
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(self.url.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_aws_has_it() {
        assert_eq!(amz_date(1_440_938_160_000), "20150830T123600Z");
        assert_eq!(amz_date(1_773_561_600_999), "20260315T080000Z");
    }

    #[test]
    fn a_text_has_at_most_1_600_bytes_on_its_way() {
        assert_eq!(fitting(&"a".repeat(1_600)), "a".repeat(1_600));
        assert_eq!(fitting(&"a".repeat(1_601)), format!("{}...", "a".repeat(1_597)));
        for text in [format!("가{}", "a".repeat(1_600)), "가".repeat(801), "🎫".repeat(401)] {
            let short = fitting(&text);
            assert!(short.ends_with('…') && short.encode_utf16().count() * 2 <= 1_600, "{}", short.len());
        }
        assert_eq!(fitting(&"가".repeat(800)), "가".repeat(800));
    }

    #[test]
    fn a_code_is_found_or_not() {
        assert_eq!(error_code(b"<ErrorResponse><Error><Code>Throttled</Code></Error>"), Some("Throttled"));
        for strange in [&b""[..], b"<Code>", b"\xff<Code>a</Code>"] {
            assert_eq!(error_code(strange), None);
        }
    }
}
