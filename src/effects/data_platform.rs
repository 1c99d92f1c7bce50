//! The data platform: whatever the operator runs at `DATA_PLATFORM_URL`.
//!
//! ```text
//! POST <DATA_PLATFORM_URL>
//! Content-Type: application/json
//! Idempotency-Key: <reservationId>
//!
//! <the value of the record in reservation.confirmed, byte for byte>
//! ```
//! A 2xx is a delivery. 408, 425, 429, 5xx and no answer in time are tried again, `Retry-After` is obeyed; every other status refuses the delivery for
//! good. Without a URL a line in the worker's log is the delivery.

use super::channel::{Called, Calling, Channel, Limits};
use super::http::HttpClient;
use holdfast_engine::inspect::TaskView;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::data_platform::CHANNEL;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use std::time::Duration;

/// A call that takes longer has failed.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Posts confirmations.
#[derive(Debug)]
pub struct DataPlatformChannel {
    client: HttpClient,
    url: Option<String>,
}

impl DataPlatformChannel {
    /// Posts to `url`; `None`: writes to the log.
    #[must_use]
    pub fn new(client: HttpClient, url: Option<String>) -> Self {
        Self { client, url }
    }

    async fn post(&self, url: &str, effect: &Effect) -> Called {
        let request = self
            .client
            .request(Method::POST, url)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &*effect.key)
            .body(effect.payload.clone());
        self.client.call(request).await
    }
}

/// The line that stands for a delivery. An id has no control character: the topology refuses such a record.
fn line(effect: &Effect) -> String {
    format!("[DataPlatformService] [Mock Data Platform] reservationId: {}", String::from_utf8_lossy(&effect.key))
}

impl Channel for DataPlatformChannel {
    fn name(&self) -> &'static str {
        CHANNEL
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 256, per_second: None, call_max: CALL_MAX }
    }

    fn call<'a>(&'a self, effect: &'a Effect, _: &'a TaskView) -> Calling<'a, Called> {
        match &self.url {
            Some(url) => Box::pin(self.post(url, effect)),
            None => {
                tracing::info!("{}", line(effect));
                let result = CallResult::new(Ended::Done, self.client.now_ms());
                Box::pin(async { result.into() })
            }
        }
    }

    fn answers(&self) -> Calling<'_, bool> {
        match &self.url {
            Some(url) => Box::pin(self.client.reaches(url)),
            None => Box::pin(async { true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use holdfast_engine::runtime::{EffectId, Lane};
    use holdfast_ports::store::TaskId;
    use holdfast_tools::clock::SystemClock;
    use std::sync::Arc;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    fn effect(id: &str, value: &[u8]) -> Effect {
        Effect {
            task: TaskId { topology: "data-platform".into(), place: 0 },
            lane: Lane { channel: CHANNEL.to_owned(), urgency: 1 },
            id: EffectId(1),
            key: id.as_bytes().to_vec(),
            payload: value.to_vec(),
            name: "app/data-platform/0/1".to_owned(),
            proof: String::new(),
        }
    }

    fn channel(url: Option<String>) -> DataPlatformChannel {
        DataPlatformChannel::new(HttpClient::new(Arc::new(SystemClock::new()), 4).unwrap(), url)
    }

    /// What a platform that answers `status` to everything has got.
    async fn platform(status: StatusCode) -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
        let (got, received) = mpsc::unbounded_channel();
        let answer = move |headers: HeaderMap, body: Bytes| async move {
            got.send((headers, body)).unwrap();
            (status, [("retry-after", "7")])
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/reservations", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, Router::new().route("/reservations", post(answer))).await });
        (url, received)
    }

    #[tokio::test]
    async fn the_value_is_posted_byte_for_byte_under_its_key() {
        let (url, mut received) = platform(StatusCode::ACCEPTED).await;
        let channel = channel(Some(url.clone()));
        let value = "{ \"reservationId\" : \"예약_1\",\n\"seatNo\":7}".as_bytes();
        let called = channel.post(&url, &effect("예약_1", value)).await;
        assert!(
            matches!(called, Called::Ended(CallResult { ended: Ended::Done, status: Some(202), .. })),
            "{called:?}"
        );
        let (headers, body) = received.recv().await.unwrap();
        assert_eq!(&*body, value);
        assert_eq!(headers["idempotency-key"].as_bytes(), "예약_1".as_bytes());
        assert_eq!(headers["content-type"], "application/json");
        assert!(channel.answers().await);
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        for (status, ended, after_ms) in [
            (StatusCode::SERVICE_UNAVAILABLE, Ended::Failed, Some(7_000)),
            (StatusCode::TOO_MANY_REQUESTS, Ended::Failed, Some(7_000)),
            (StatusCode::BAD_REQUEST, Ended::Refused, None),
        ] {
            let (url, _received) = platform(status).await;
            match channel(Some(url.clone())).post(&url, &effect("r", b"{}")).await {
                Called::Ended(result) => assert_eq!((result.ended, result.retry_after_ms), (ended, after_ms)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn nobody_there_is_no_result() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let channel = channel(Some(url.clone()));
        assert!(matches!(channel.post(&url, &effect("r", b"{}")).await, Called::NotReached { .. }));
        assert!(!channel.answers().await);
    }

    #[test]
    fn the_line_names_the_reservation() {
        assert_eq!(
            line(&effect("res_0_1", b"{}")),
            "[DataPlatformService] [Mock Data Platform] reservationId: res_0_1"
        );
    }
}
