//! A notifier: it sends one message to one user. It decides nothing about templates, retries or preferences, and knows nothing of effects, so a new way to a
//! user is a new file and nothing else. [`NotificationChannel`] makes any of them a [`Channel`] of the executor.

use super::channel::{Called, Calling, Channel, Limits};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::call::NotificationCall;
use holdfast_model::notification::channel;
use holdfast_model::notification::contact::{CONTACTS, ContactRow};
use holdfast_model::notification::step::Step;
use holdfast_ports::clock::Clock;
use std::sync::Arc;
use std::time::Duration;

/// What is sent: the same for every channel.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationMessage {
    /// What the notification topology asked for.
    pub call: NotificationCall,
    /// 0 is the most urgent.
    pub urgency: u8,
    /// The same whenever this try is made again: after a crash, say. Another try of the same notification has another one.
    pub idempotency_key: String,
    /// For how long from now on it is of use; `None` = for ever.
    pub valid_for: Option<Duration>,
}

/// A way to a user.
pub trait Notifier: Send + Sync {
    /// Which one.
    fn channel(&self) -> channel::Channel;

    /// What it stands.
    fn limits(&self) -> Limits;

    /// Whether `send` looks at the contact. Where it does not, none is read.
    fn reads_contact(&self) -> bool {
        true
    }

    /// Sends `message` once. `contact` is empty for a user that has given none. What goes wrong is told by status codes and kinds of errors: it names no
    /// contact, no address and no secret.
    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called>;

    /// Whether the receiver can be reached. Nothing is delivered.
    fn answers(&self) -> Calling<'_, bool>;
}

/// A notifier as a channel: reads the effect, and the user's contact in the committed state of the task that asked.
pub struct NotificationChannel {
    notifier: Arc<dyn Notifier>,
    clock: Arc<dyn Clock>,
}

impl NotificationChannel {
    /// `notifier`, with a clock that says what has become too late.
    #[must_use]
    pub fn new(notifier: Arc<dyn Notifier>, clock: Arc<dyn Clock>) -> Self {
        Self { notifier, clock }
    }

    /// Sends what `effect` asks for. `contact_of` reads a user's contact.
    async fn deliver(
        &self,
        effect: &Effect,
        contact_of: impl FnOnce(&String) -> Result<Option<ContactRow>, QueryError>,
    ) -> Called {
        let began_at = self.clock.now_ms();
        let ended = |ended, reason: &str| {
            Called::from(CallResult { reason: Some(reason.to_owned()), ..CallResult::new(ended, began_at) })
        };
        let Some(call) = NotificationCall::parse(&effect.payload) else {
            return ended(Ended::Refused, "the effect is no notification");
        };
        let left_ms = call.valid_until.map(|until| until.saturating_sub(began_at));
        let valid_for = match left_ms.map(u64::try_from) {
            None => None,
            Some(Ok(ms)) if ms > 0 => Some(Duration::from_millis(ms)),
            Some(_) => return ended(Ended::Stale, "too late"),
        };
        let contact = if self.notifier.reads_contact() {
            match contact_of(&call.user_id) {
                Ok(contact) => contact.unwrap_or_default(),
                Err(error) => {
                    tracing::warn!(%error, effect = effect.name, "the contact of a user cannot be read");
                    return ended(Ended::Failed, "the contact cannot be read");
                }
            }
        } else {
            ContactRow::default()
        };
        let message =
            NotificationMessage { call, urgency: effect.lane.urgency, idempotency_key: effect.name.clone(), valid_for };
        self.notifier.send(&message, &contact).await
    }
}

impl Channel for NotificationChannel {
    fn name(&self) -> &'static str {
        self.notifier.channel().as_str()
    }

    fn limits(&self) -> Limits {
        self.notifier.limits()
    }

    fn call<'a>(&'a self, effect: &'a Effect, view: &'a TaskView) -> Calling<'a, Called> {
        Box::pin(self.deliver(effect, |user_id| view.get(&CONTACTS, user_id)))
    }

    fn subject<'a>(&self, effect: &'a Effect) -> &'a [u8] {
        Step::parse(&effect.key).map_or(&effect.key, |step| step.notification_id.as_bytes())
    }

    fn answers(&self) -> Calling<'_, bool> {
        self.notifier.answers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::runtime::{EffectId, Lane};
    use holdfast_ports::store::TaskId;
    use parking_lot::Mutex;

    struct At(i64);

    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }

        fn monotonic_us(&self) -> u64 {
            0
        }
    }

    /// Keeps what it is told to send.
    #[derive(Default)]
    struct Recorder {
        reads_contact: bool,
        sent: Mutex<Vec<(NotificationMessage, ContactRow)>>,
    }

    impl Notifier for Recorder {
        fn channel(&self) -> channel::Channel {
            channel::Channel::Sms
        }

        fn limits(&self) -> Limits {
            Limits { in_flight_max: 1, per_second: None, call_max: Duration::from_secs(1) }
        }

        fn reads_contact(&self) -> bool {
            self.reads_contact
        }

        fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
            self.sent.lock().push((message.clone(), contact.clone()));
            Box::pin(async { CallResult::new(Ended::Done, 0).into() })
        }

        fn answers(&self) -> Calling<'_, bool> {
            Box::pin(async { true })
        }
    }

    fn effect(payload: &str) -> Effect {
        Effect {
            task: TaskId { topology: "notification".into(), place: 0 },
            lane: Lane { channel: "sms".to_owned(), urgency: 2 },
            id: EffectId(7),
            key: Vec::new(),
            payload: payload.as_bytes().to_vec(),
            name: "app/notification/0/7".to_owned(),
            proof: String::new(),
        }
    }

    const CALL: &str = r#"{"notificationId":"e","channel":"sms","type":"T","userId":"1001","title":"t","message":"m","attempt":2,"locale":"ko","createdAt":0,"validUntil":5000}"#;

    fn contact() -> ContactRow {
        ContactRow { phone: Some("+821012345678".to_owned()), ..ContactRow::default() }
    }

    async fn deliver(
        recorder: &Arc<Recorder>,
        now_ms: i64,
        payload: &str,
        contact: Result<Option<ContactRow>, QueryError>,
    ) -> CallResult {
        let channel = NotificationChannel::new(recorder.clone(), Arc::new(At(now_ms)));
        match channel.deliver(&effect(payload), |_| contact).await {
            Called::Ended(result) => result,
            Called::NotReached { reason } => panic!("{reason}"),
        }
    }

    #[tokio::test]
    async fn the_message_and_the_contact_reach_the_notifier() {
        let recorder = Arc::new(Recorder { reads_contact: true, ..Recorder::default() });
        assert_eq!(deliver(&recorder, 2_000, CALL, Ok(Some(contact()))).await.ended, Ended::Done);
        let (message, to) = recorder.sent.lock().pop().unwrap();
        assert_eq!(to, contact());
        assert_eq!((message.call.attempt, message.urgency, message.valid_for), (2, 2, Some(Duration::from_secs(3))));
        assert_eq!(message.idempotency_key, "app/notification/0/7");
        deliver(&recorder, 2_000, CALL, Ok(None)).await;
        assert_eq!(recorder.sent.lock().pop().unwrap().1, ContactRow::default());
    }

    #[tokio::test]
    async fn a_notifier_that_needs_no_contact_gets_none() {
        let recorder = Arc::new(Recorder::default());
        deliver(&recorder, 0, CALL, Ok(Some(contact()))).await;
        assert_eq!(recorder.sent.lock().pop().unwrap().1, ContactRow::default());
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_not() {
        let recorder = Arc::new(Recorder { reads_contact: true, ..Recorder::default() });
        for (now_ms, payload, contact, ended) in [
            (5_000, CALL, Ok(None), Ended::Stale),
            (9_000, CALL, Ok(None), Ended::Stale),
            (0, "{}", Ok(None), Ended::Refused),
            (0, CALL, Err(QueryError::Failed("disk".to_owned())), Ended::Failed),
        ] {
            let result = deliver(&recorder, now_ms, payload, contact).await;
            assert_eq!((result.ended, result.began_at), (ended, now_ms));
            assert!(result.reason.is_some_and(|reason| !reason.contains("disk")));
        }
        assert!(recorder.sent.lock().is_empty());
    }
}
