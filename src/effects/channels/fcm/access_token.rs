//! Access tokens for messages: asked for once, kept until shortly before they end, and asked for again when one is not taken.

use super::service_account::ServiceAccount;
use crate::effects::channel::Called;
use crate::effects::channels::not_delivered;
use crate::effects::http::{Exchange, HttpClient};
use holdfast_model::call_result::{CallResult, Ended};
use reqwest::Method;
use serde::Deserialize;
use tokio::sync::Mutex;

/// A token is not used any more so long before it ends, in ms: a call may take a while.
const SPARE_MS: i64 = 60_000;
/// How long a token is kept at most, in ms, whatever its receiver says. The clock of the machine may be wrong.
const KEPT_MS_MAX: i64 = 3_600_000;

/// The current token. Callers that need a new one share one request.
pub(super) struct AccessToken {
    account: ServiceAccount,
    url: String,
    kept: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: String,
    /// First moment at which it is not used any more, in ms since the epoch.
    until_ms: i64,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: i64,
}

impl AccessToken {
    /// Tokens of `account`, from `url`.
    pub(super) fn new(account: ServiceAccount, url: String) -> Self {
        Self { account, url, kept: Mutex::new(None) }
    }

    /// Where they come from.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A token that is still good. `not_taken` is one that a call has just been refused with.
    ///
    /// # Errors
    /// What became of the call that needed it.
    pub(super) async fn get(&self, client: &HttpClient, not_taken: Option<&str>) -> Result<String, Called> {
        let mut kept = self.kept.lock().await;
        let now_ms = client.now_ms();
        let good = |token: &&Token| token.until_ms > now_ms && not_taken != Some(&*token.text);
        if let Some(token) = kept.as_ref().filter(good) {
            return Ok(token.text.clone());
        }
        *kept = None;
        let token = self.fetch(client, now_ms).await?;
        let text = token.text.clone();
        *kept = Some(token);
        Ok(text)
    }

    async fn fetch(&self, client: &HttpClient, now_ms: i64) -> Result<Token, Called> {
        let failed = |reason: &str| {
            Called::from(not_delivered(CallResult::new(Ended::Failed, now_ms), format!("access token: {reason}")))
        };
        let Some(assertion) = self.account.assertion(now_ms) else { return Err(failed("the assertion is not signed")) };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &assertion)
            .finish();
        let request = client
            .request(Method::POST, &self.url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        match client.exchange(request).await {
            Exchange::Answered(answer) if answer.status.is_success() => {
                let read: Option<Answer> = serde_json::from_slice(&answer.body).ok();
                // It becomes a header.
                let is_token = |read: &Answer| read.access_token.bytes().all(|byte| byte.is_ascii_graphic());
                let Some(Answer { access_token, expires_in }) = read.filter(is_token) else {
                    return Err(failed("the answer holds none"));
                };
                let kept_ms = expires_in.saturating_mul(1_000).min(KEPT_MS_MAX) - SPARE_MS;
                // One that ends at once is used for this call.
                Ok(Token { text: access_token, until_ms: now_ms + kept_ms.max(0) })
            }
            // Whatever is wrong with the account, it says nothing about the message.
            Exchange::Answered(answer) => {
                let mut result = client.of_answer(&answer, now_ms);
                result.ended = Ended::Failed;
                let status = answer.status.as_u16();
                Err(not_delivered(result, format!("access token: HTTP {status}")).into())
            }
            exchange => Err(match client.of_exchange(&exchange, now_ms) {
                Called::Ended(result) => CallResult { ended: Ended::Failed, ..result }.into(),
                not_reached @ Called::NotReached { .. } => not_reached,
            }),
        }
    }
}
