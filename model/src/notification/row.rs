//! What is stored of a notification. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at
//! the end.

use super::Priority;
use super::channel::Channel;
use super::locale::Locale;
use crate::topics::notification as topics;
use holdfast_engine::prelude::{EncodeLike, Ends};
use serde::{Deserialize, Serialize};

/// A notification, and what became of it on each of its channels. Written from borrowed texts, read into owned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRow<S = String> {
    /// Who is told.
    pub user_id: S,
    /// What it is about: `PAYMENT_CONFIRMED` …
    pub kind: S,
    /// Its lane.
    pub priority: Priority,
    /// Language of its template.
    pub locale: Locale,
    /// Version of its template; 0 = it has none and is told in the words of its request.
    pub template_version: u32,
    /// Title in the request's words; none with a template.
    pub title: Option<S>,
    /// Text in the request's words; none with a template.
    pub message: Option<S>,
    /// What the request brought besides, as JSON: parameters of the template, and what an app needs. Empty = nothing.
    pub data: S,
    /// When it was decided first, in ms since the epoch.
    pub created_ms: i64,
    /// From this moment on it is not sent any more, in ms since the epoch.
    pub valid_until_ms: i64,
    /// The record that asked for it.
    pub original: OriginalRow<S>,
    /// What became of it, in the order in which its channels were chosen.
    pub deliveries: Vec<DeliveryRow>,
}

impl EncodeLike<NoticeRow> for NoticeRow<&str> {}

/// The record that asked for a notification: what a dead letter needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalRow<S = String> {
    /// Its topic.
    pub topic: OriginalTopic,
    /// Its offset, in the place of the notification.
    pub offset: i64,
    /// Its value; empty as soon as no channel can be given up any more.
    pub value: S,
}

/// A topic by which notifications are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OriginalTopic {
    /// `notification.request`.
    Requests,
    /// `notifications.payment-completed`.
    PaymentCompleted,
}

impl OriginalTopic {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => topics::INBOX,
            Self::PaymentCompleted => topics::PAYMENT_COMPLETED,
        }
    }
}

/// What became of a notification on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// Which channel.
    pub channel: Channel,
    /// How far it is.
    pub state: DeliveryState,
    /// Tries begun, those not counted as attempts included: the number of the last one.
    pub tries: u32,
    /// Attempts made since it was opened, the one under way included.
    pub attempts: u32,
    /// How often it has been given up.
    pub deaths: u32,
    /// Since when it is in this state, in ms since the epoch.
    pub since_ms: i64,
    /// Why the last try failed, for people: status codes and kinds of errors.
    pub reason: Option<String>,
}

impl DeliveryRow {
    /// A delivery through `channel` that nothing has been tried of.
    #[must_use]
    pub fn new(channel: Channel, state: DeliveryState, now_ms: i64) -> Self {
        Self { channel, state, tries: 0, attempts: 0, deaths: 0, since_ms: now_ms, reason: None }
    }
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It waits for this moment, in ms since the epoch: quiet hours.
    Queued(i64),
    /// An effect has been asked for, and its result is not decided.
    Sending,
    /// The last try failed, and the next one begins at this moment, in ms since the epoch.
    Retry(i64),
    /// The receiver has it.
    Sent,
    /// Given up: refused by the receiver, or the attempts are used up.
    Dead(Death),
    /// Not to be sent.
    Suppressed(Suppression),
    /// Too old to be sent.
    Stale,
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Death {
    /// The receiver says that it will never take it.
    Refused,
    /// It failed as often as it may.
    AttemptsUsedUp,
}

impl Death {
    /// The class of its dead letter.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Refused => "CallRefused",
            Self::AttemptsUsedUp => "AttemptsUsedUp",
        }
    }
}

/// Why a delivery is not to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suppression {
    /// The shop does not send this type.
    TypeOff,
    /// The user does not want this type.
    UserType,
    /// The user does not want this channel.
    UserChannel,
    /// It would be too old when the user's quiet hours are over.
    QuietHours,
    /// The user has given no contact for this channel.
    NoContact,
}

impl Suppression {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TypeOff => "TYPE_OFF",
            Self::UserType => "USER_TYPE_OFF",
            Self::UserChannel => "USER_CHANNEL_OFF",
            Self::QuietHours => "QUIET_HOURS",
            Self::NoContact => "NO_CONTACT",
        }
    }
}

impl DeliveryState {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued(_) => "QUEUED",
            Self::Sending => "SENDING",
            Self::Retry(_) => "RETRY",
            Self::Sent => "SENT",
            Self::Dead(_) => "DEAD",
            Self::Suppressed(_) => "SUPPRESSED",
            Self::Stale => "STALE",
        }
    }

    /// Whether nothing happens to it any more by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Sent | Self::Dead(_) | Self::Suppressed(_) | Self::Stale)
    }
}

/// A notification is kept from the moment on at which its last channel has come to an end.
impl<S> Ends for NoticeRow<S> {
    fn decided_ms(&self) -> i64 {
        if self.deliveries.iter().all(|delivery| delivery.state.is_over()) {
            self.deliveries.iter().map(|delivery| delivery.since_ms).max().unwrap_or(self.created_ms)
        } else {
            i64::MAX
        }
    }
}

/// That a notification belongs to a user's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// When it was asked for, in ms since the epoch.
    pub created_ms: i64,
}

impl Ends for HistoryRow {
    fn decided_ms(&self) -> i64 {
        self.created_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{borrowed_form_encodes_like, row_bytes};
    use proptest::prelude::*;

    fn delivery(state: DeliveryState, since_ms: i64) -> DeliveryRow {
        DeliveryRow { since_ms, ..DeliveryRow::new(Channel::Webhook, state, 0) }
    }

    fn notice(deliveries: Vec<DeliveryRow>) -> NoticeRow {
        NoticeRow {
            user_id: "u".to_owned(),
            kind: "K".to_owned(),
            priority: Priority::Medium,
            locale: Locale::En,
            template_version: 1,
            title: None,
            message: Some("m".to_owned()),
            data: "{}".to_owned(),
            created_ms: 3,
            valid_until_ms: 4,
            original: OriginalRow { topic: OriginalTopic::PaymentCompleted, offset: 5, value: "v".to_owned() },
            deliveries,
        }
    }

    #[test]
    fn a_notification_is_kept_while_a_channel_is_open() {
        let sent = delivery(DeliveryState::Sent, 7);
        assert_eq!(notice(vec![sent.clone(), delivery(DeliveryState::Stale, 9)]).decided_ms(), 9);
        for open in [DeliveryState::Queued(1), DeliveryState::Sending, DeliveryState::Retry(1)] {
            assert_eq!(notice(vec![sent.clone(), delivery(open, 9)]).decided_ms(), i64::MAX);
        }
        assert_eq!(notice(Vec::new()).decided_ms(), 3);
    }

    /// Rows written by this version must be readable by the next.
    #[test]
    fn the_layout_of_rows_stands() {
        let mut failed = delivery(DeliveryState::Dead(Death::AttemptsUsedUp), 6);
        (failed.tries, failed.attempts, failed.deaths, failed.reason) = (5, 4, 1, Some("r".to_owned()));
        let row = notice(vec![delivery(DeliveryState::Suppressed(Suppression::NoContact), 6), failed]);
        let start = [1, 1, b'u', 1, b'K', 1, 1, 1, 0, 1, 1, b'm', 2, b'{', b'}', 6, 8, 1, 10, 1, b'v', 2];
        let deliveries = [1, 5, 4, 0, 0, 0, 12, 0, 1, 4, 1, 5, 4, 1, 12, 1, 1, b'r'];
        assert_eq!(row_bytes(&row), [&start[..], &deliveries].concat());
        assert_eq!(row_bytes(&HistoryRow { created_ms: 3 }), [1, 6]);
        let states = [DeliveryState::Queued(1), DeliveryState::Sending, DeliveryState::Retry(1), DeliveryState::Sent];
        assert_eq!(states.map(|state| row_bytes(&state)), [vec![1, 0, 2], vec![1, 1], vec![1, 2, 2], vec![1, 3]]);
        assert_eq!(row_bytes(&DeliveryState::Stale), [1, 6]);
        assert_eq!(row_bytes(&Death::Refused), [1, 0]);
    }

    proptest! {
        #[test]
        fn the_borrowed_form_is_the_row(user: String, kind: String, text: Option<String>, data: String, value: String, n: i64) {
            let row = NoticeRow {
                user_id: user,
                kind,
                title: text.clone(),
                message: text,
                data,
                created_ms: n,
                original: OriginalRow { topic: OriginalTopic::Requests, offset: n, value },
                ..notice(vec![delivery(DeliveryState::Sending, n)])
            };
            let borrowed = NoticeRow {
                user_id: &*row.user_id,
                kind: &*row.kind,
                priority: row.priority,
                locale: row.locale,
                template_version: row.template_version,
                title: row.title.as_deref(),
                message: row.message.as_deref(),
                data: &*row.data,
                created_ms: row.created_ms,
                valid_until_ms: row.valid_until_ms,
                original: OriginalRow { topic: OriginalTopic::Requests, offset: n, value: &*row.original.value },
                deliveries: row.deliveries.clone(),
            };
            borrowed_form_encodes_like(&borrowed, &row)?;
        }
    }
}
