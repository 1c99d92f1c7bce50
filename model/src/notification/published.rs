//! What the records of notifications look like, published.

use super::preferences::SetPreferences;
use crate::call_result;
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID};
use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::notification::{CONTACTS, DEAD_LETTERS, INBOX, PAYMENT_COMPLETED, RESULTS};

/// The topics of notifications.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "What users are to be told, and what they prefer.",
        key: "userId",
        way: Way::In,
        records: &[
            Record::new("notification-request", "A user is to be told something.", ToldBy::Nothing, REQUEST),
            Record::command(SetPreferences::TYPE, "A user prefers something.", SET_PREFERENCES),
        ],
    },
    Topic {
        name: PAYMENT_COMPLETED,
        about: "Payments that are to be told.",
        key: "userId",
        way: Way::In,
        records: &[Record::new(
            "payment-to-tell",
            "A payment that is to be told: in the envelope of `payment.completed`, or its payload by itself.",
            ToldBy::Nothing,
            PAYMENT,
        )
        .with_one_of(&["payload", "userId"])],
    },
    Topic {
        name: RESULTS,
        about: "How tries to tell a user ended, and that the time for one has come.",
        key: "<try> <channel> <notificationId>",
        way: Way::Within,
        records: &[
            Record::new("call-result", "How a call ended.", ToldBy::Nothing, call_result::PUBLISHED),
            Record::command("due", "The time for a try has come.", &[]),
        ],
    },
    Topic {
        name: CONTACTS,
        about: "How users can be reached. A record without a value erases that.",
        key: "userId",
        way: Way::In,
        records: &[
            Record::new("user-contact", "How a user can be reached.", ToldBy::Nothing, CONTACT),
            Record::new("user-contact-erased", "The user cannot be reached any more.", ToldBy::NoValue, &[]),
        ],
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const REQUEST: &[Field] = &[
    may("eventId", Kind::Id, "Names the notification; missing = where the record entered the log does."),
    may("eventType", Kind::Any, "`notification.request`."),
    may("eventTime", Kind::When, "When the fact happened; missing = when the record entered the log."),
    must("payload", Kind::Object(PAYLOAD), "What is to be told."),
];

const PAYLOAD: &[Field] = &[
    must("userId", Kind::Id, "Who is told."),
    must("type", Kind::Id, "What about: `PAYMENT_CONFIRMED` …"),
    may("priority", Kind::Id, "`HIGH`, `MEDIUM` or `LOW`; missing = that of the type."),
    may("title", Kind::Id, "Title, where no template has one."),
    may("message", Kind::Id, "Text, where no template has one."),
    may("data", Kind::Map(&Kind::Any), "What a template or an app needs besides."),
];

const QUIET_HOURS: &[Field] =
    &[must("from", Kind::Text, "`HH:MM`, in Korean time."), must("to", Kind::Text, "The same.")];

const SET_PREFERENCES: &[Field] = &[
    REQUEST_ID,
    must("userId", Kind::Id, "Whose."),
    may("locale", Kind::Text, "Language: `ko` or `en`."),
    may("channels", Kind::Map(&Kind::Flag), "`false` switches a channel off."),
    may("types", Kind::Map(&Kind::Flag), "`false` switches a type off."),
    may("quietHours", Kind::Object(QUIET_HOURS), "When nothing but HIGH is sent."),
];

const PAYMENT: &[Field] = &[
    EVENT_ID,
    may("eventTime", Kind::When, "When it was made."),
    may("payload", Kind::Object(FACT), "The payment, in the envelope."),
    may("paymentId", Kind::Id, "The payment, by itself."),
    may("userId", Kind::Id, "Who paid, without an envelope."),
];

const FACT: &[Field] = &[
    may("paymentId", Kind::Id, "Which payment."),
    must("userId", Kind::Id, "Who paid."),
    may("reservationId", Kind::Id, "For which reservation."),
    may("seatId", Kind::Id, "Which seat."),
    may("amount", Kind::Id, "KRW."),
    may("concertTitle", Kind::Id, "What the concert is called."),
    may("concertDate", Kind::Id, "When it is."),
];

const CONTACT: &[Field] = &[
    may("phone", Kind::Text, "E.164: `+`, then 8 to 15 digits."),
    may("kakaoPhone", Kind::Text, "The same, if Kakao knows another number."),
    may("fcmTokens", Kind::List(&Kind::Text), "Tokens of devices, at most 10."),
    may("discordUserId", Kind::Text, "The user's id at Discord."),
    may("slackUserId", Kind::Text, "The user's id at Slack."),
];
