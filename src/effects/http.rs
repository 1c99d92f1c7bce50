//! Calls over HTTP, for all channels that speak it: one client with one pool of connections, and one reading of answers.
//!
//! | answer | is |
//! |---|---|
//! | 2xx | [`Ended::Done`] |
//! | 408, 425, 429, 5xx, none in time, a connection that broke | [`Ended::Failed`], with `Retry-After` if there is one |
//! | any other: 3xx, since a redirected POST may arrive as a GET, and 4xx | [`Ended::Refused`] |
//! | no connection: refused, no such host, TLS | [`Called::NotReached`] |
//!
//! What is said of a failure is a status or a kind of error. URLs are secrets of some channels, and bodies may repeat contact data.

use super::channel::Called;
use bytes::{Bytes, BytesMut};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_ports::clock::Clock;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// How long connecting may take, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// A connection that is not used for so long is closed. Shorter than what servers usually allow, since a call on one that they have just closed fails.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read. Channels look for an error code there; what is longer is of no use to them.
const BODY_MAX: usize = 64 << 10;

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("HTTP client of effects: {0}")]
pub struct HttpClientError(String);

/// Makes calls. Clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// An answer.
    Answered(Answer),
    /// No connection could be made, for this reason.
    NotReached(&'static str),
    /// The request may have arrived, and no answer came, for this reason.
    Broken(&'static str),
    /// There was nothing to be sent: the request itself is wrong.
    Invalid,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most the first 64 KiB.
    pub body: Bytes,
}

impl HttpClient {
    /// A client that keeps up to `connections_max` idle connections to each host.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(clock: Arc<dyn Clock>, connections_max: usize) -> Result<Self, HttpClientError> {
        crate::tls::provide();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(connections_max)
            .tcp_nodelay(true)
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // The settings say where calls go, and nothing else in the environment does.
            .no_proxy()
            .build();
        client.map(|client| Self { client, clock }).map_err(|error| HttpClientError(error.to_string()))
    }

    /// A request to be given to [`HttpClient::call`] or [`HttpClient::exchange`].
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// The clock that says when calls begin.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The time by which calls are said to have begun, in ms since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Sends `request` and reads the answer by its status.
    pub async fn call(&self, request: RequestBuilder) -> Called {
        let began_at = self.now_ms();
        let exchange = self.exchange(request).await;
        self.of_exchange(&exchange, began_at)
    }

    /// Sends `request` and takes the answer as it is.
    pub async fn exchange(&self, request: RequestBuilder) -> Exchange {
        match request.send().await {
            Ok(response) => read(response).await,
            Err(error) if error.is_builder() => Exchange::Invalid,
            Err(error) if error.is_connect() || error.is_dns() => {
                Exchange::NotReached(if error.is_timeout() { "no connection in time" } else { "no connection" })
            }
            Err(error) if error.is_timeout() => Exchange::Broken(TIMED_OUT),
            Err(_) => Exchange::Broken("connection broken"),
        }
    }

    /// What `exchange` means for an effect whose call began at `began_at`, in ms since the epoch.
    #[must_use]
    pub fn of_exchange(&self, exchange: &Exchange, began_at: i64) -> Called {
        let ended =
            |ended, reason: &str| CallResult { reason: Some(reason.to_owned()), ..CallResult::new(ended, began_at) };
        match exchange {
            Exchange::Answered(answer) => self.of_answer(answer, began_at).into(),
            Exchange::NotReached(reason) => Called::NotReached { reason: (*reason).to_owned() },
            Exchange::Broken(reason) => ended(Ended::Failed, reason).into(),
            Exchange::Invalid => ended(Ended::Refused, "not a valid request").into(),
        }
    }

    /// What `answer` means for an effect whose call began at `began_at`, in ms since the epoch.
    #[must_use]
    pub fn of_answer(&self, answer: &Answer, began_at: i64) -> CallResult {
        of_response(answer.status, &answer.headers, began_at, self.now_ms())
    }

    /// Whether a connection to the host of `url` can be made. Sends nothing over it.
    pub async fn reaches(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let connected = tokio::time::timeout(CONNECT_MAX, tokio::net::TcpStream::connect((host, port))).await;
        matches!(connected, Ok(Ok(_)))
    }
}

/// The reason of a call that got no answer in time.
pub const TIMED_OUT: &str = "no answer in time";

async fn read(mut response: Response) -> Exchange {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                body.extend_from_slice(chunk.get(..chunk.len().min(BODY_MAX - body.len())).unwrap_or_default());
                if body.len() >= BODY_MAX {
                    break;
                }
            }
            Ok(None) => break,
            // The status has come, and with it what the receiver has to say.
            Err(_) => break,
        }
    }
    Exchange::Answered(Answer { status, headers, body: body.freeze() })
}

/// What an answer with this status and these headers means.
#[must_use]
pub fn of_response(status: StatusCode, headers: &HeaderMap, began_at: i64, now_ms: i64) -> CallResult {
    let code = status.as_u16();
    let ended = match code {
        200..=299 => Ended::Done,
        408 | 425 | 429 | 500..=599 => Ended::Failed,
        _ => Ended::Refused,
    };
    let mut result = CallResult { status: Some(code), ..CallResult::new(ended, began_at) };
    if ended != Ended::Done {
        result.reason = Some(format!("HTTP {code}"));
    }
    if ended == Ended::Failed {
        result.retry_after_ms = retry_after_ms(headers, now_ms);
    }
    result
}

/// What `Retry-After` says, in ms from `now_ms` on: seconds or a date (RFC 9110, 10.2.3).
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(i64::try_from(at.as_millis()).ok()?.saturating_sub(now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn with_retry_after(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn a_status_says_whether_the_same_call_may_succeed_later() {
        for (status, ended) in [
            (200, Ended::Done),
            (202, Ended::Done),
            (204, Ended::Done),
            (301, Ended::Refused),
            (307, Ended::Refused),
            (400, Ended::Refused),
            (404, Ended::Refused),
            (408, Ended::Failed),
            (410, Ended::Refused),
            (425, Ended::Failed),
            (429, Ended::Failed),
            (500, Ended::Failed),
            (503, Ended::Failed),
            (599, Ended::Failed),
            (600, Ended::Refused),
        ] {
            let result = of_response(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), 7, 8);
            assert_eq!((result.ended, result.status, result.began_at), (ended, Some(status), 7));
            assert_eq!(result.reason, (ended != Ended::Done).then(|| format!("HTTP {status}")));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06T08:49:37Z.
        let date_ms = 784_111_777_000;
        for (text, now_ms, after_ms) in [
            ("0", 0, Some(0)),
            ("120", 0, Some(120_000)),
            (" 5 ", 0, Some(5_000)),
            ("4294967295", 0, Some(4_294_967_295_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", date_ms - 1_500, Some(1_500)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", date_ms + 1, Some(0)),
            ("-1", 0, None),
            ("1.5", 0, None),
            ("soon", 0, None),
        ] {
            assert_eq!(retry_after_ms(&with_retry_after(text), now_ms), after_ms, "{text}");
        }
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(of_response(status, &with_retry_after("2"), 0, 0).retry_after_ms, Some(2_000));
        let refused = of_response(StatusCode::NOT_FOUND, &with_retry_after("2"), 0, 0);
        assert_eq!(refused.retry_after_ms, None, "it is not tried again");
    }
}
