//! Each channel against a receiver on this machine that checks the request as the interface's documentation has it, and answers each kind of failure.

mod chats;
mod fcm;
mod kakao;
mod receiver;
mod registry;
mod sms;
mod webhook;

use crate::config::{Secret, Settings, Sources, load};
use crate::effects::channel::Called;
use crate::effects::http::HttpClient;
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::call::NotificationCall;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use holdfast_ports::clock::Clock;
use receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-03-15T08:00:00Z.
const NOW_MS: i64 = 1_773_561_600_000;

/// Every way to reach the user of these tests. None of it may be seen anywhere but in requests.
fn contact() -> ContactRow {
    ContactRow {
        phone: Some("+821012345678".to_owned()),
        kakao_phone: None,
        fcm_tokens: vec!["token-of-a-phone".to_owned()],
        discord_user_id: Some("80351110224678912".to_owned()),
        slack_user_id: Some("U012AB3CD".to_owned()),
    }
}

/// What a receiver could have repeated in an answer, or a client in an error.
const SECRETS: [&str; 7] =
    ["1012345678", "token-of-a-phone", "80351110224678912", "U012AB3CD", "127.0.0.1", "hush", "localhost"];

/// A message for `channel`.
pub(super) fn message(channel: Channel) -> NotificationMessage {
    NotificationMessage {
        call: NotificationCall {
            notification_id: "evt_1".to_owned(),
            channel: channel.as_str().to_owned(),
            kind: "PAYMENT_CONFIRMED".to_owned(),
            user_id: "1001".to_owned(),
            title: "결제 완료".to_owned(),
            message: "아이유 콘서트 예약이 확정되었습니다.".to_owned(),
            data: BTreeMap::from([("reservationId".to_owned(), json!("res_0_1")), ("seats".to_owned(), json!(2))]),
            attempt: 1,
            locale: "ko".to_owned(),
            template_version: 1,
            created_at: NOW_MS,
            valid_until: None,
        },
        urgency: 0,
        idempotency_key: "app/notification/0/7".to_owned(),
        valid_for: None,
    }
}

/// A clock that is set.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        0
    }
}

fn clock() -> Arc<SetClock> {
    Arc::new(SetClock(AtomicI64::new(NOW_MS)))
}

fn client() -> HttpClient {
    HttpClient::new(clock(), 4).unwrap()
}

/// The settings that these variables make.
fn settings(environment: &[(&str, &str)]) -> Settings {
    let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    load(&Sources { environment, ..Sources::default() }).unwrap()
}

/// Sends `message` to `contact` and checks what may be said of it.
async fn send_to(notifier: &dyn Notifier, message: &NotificationMessage, contact: &ContactRow) -> CallResult {
    match notifier.send(message, contact).await {
        Called::Ended(result) => {
            let said = format!("{result:?}");
            assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{said}");
            assert_eq!(result.reason.is_some(), result.ended != Ended::Done, "{said}");
            result
        }
        Called::NotReached { reason } => panic!("{reason}"),
    }
}

/// Sends the usual message to the usual user.
async fn send(notifier: &dyn Notifier) -> CallResult {
    send_to(notifier, &message(notifier.channel()), &contact()).await
}

/// What a failure is judged by.
fn judged(result: &CallResult) -> (Ended, Option<u16>, Option<i64>) {
    (result.ended, result.status, result.retry_after_ms)
}

/// No receiver at all is no result, whichever the channel: nothing was sent.
async fn is_not_reached(notifier: &dyn Notifier) {
    assert!(!notifier.answers().await);
    match notifier.send(&message(notifier.channel()), &contact()).await {
        Called::NotReached { reason } => {
            assert!(SECRETS.iter().all(|secret| !reason.contains(secret)), "{reason}");
        }
        Called::Ended(result) => panic!("{result:?}"),
    }
}
