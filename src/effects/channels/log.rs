//! The worker's log: where a notification goes when no other way is configured.

use super::text::one_line;
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use holdfast_ports::clock::Clock;
use std::sync::Arc;
use std::time::Duration;

/// Writes a line for each notification, in place of `channel`.
pub struct LogNotifier {
    channel: Channel,
    clock: Arc<dyn Clock>,
}

impl LogNotifier {
    /// Stands in for `channel`.
    #[must_use]
    pub fn new(channel: Channel, clock: Arc<dyn Clock>) -> Self {
        Self { channel, clock }
    }
}

/// The line as operators of the seeds know it.
fn line(message: &NotificationMessage) -> String {
    let call = &message.call;
    let [user, kind, title, text] = [&call.user_id, &call.kind, &call.title, &call.message].map(|text| one_line(text));
    format!("[NotificationService] [Mock Notification] userId: {user}, type: {kind}, title: {title}, message: {text}")
}

impl Notifier for LogNotifier {
    fn channel(&self) -> Channel {
        self.channel
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 256, per_second: None, call_max: Duration::from_secs(5) }
    }

    fn reads_contact(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, _: &'a ContactRow) -> Calling<'a, Called> {
        let result = CallResult::new(Ended::Done, self.clock.now_ms());
        tracing::info!("{}", line(message));
        Box::pin(async { result.into() })
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(async { true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::channels::tests::message;

    #[test]
    fn the_line_is_the_seeds() {
        let mut message = message(Channel::Log);
        message.call.user_id = "user_123".to_owned();
        message.call.kind = "RESERVATION_EXPIRED".to_owned();
        message.call.title = "예약 만료".to_owned();
        message.call.message = "5분 이내 결제하지 않아 예약이 만료되었습니다.".to_owned();
        assert_eq!(
            line(&message),
            "[NotificationService] [Mock Notification] userId: user_123, type: RESERVATION_EXPIRED, title: 예약 만료, message: 5분 이내 결제하지 않아 예약이 만료되었습니다."
        );
        message.call.title = "a\n2026-01-01 INFO forged".to_owned();
        assert!(!line(&message).contains('\n'));
    }
}
