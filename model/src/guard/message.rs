use super::{QueueKey, Subject, SubjectType};
use crate::reading::{self, Unreadable, check_lengths, missing, unreadable};
use crate::wire;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a queue says to a subject that it guards, in the inbox of the subject's topology.
///
/// ```json
/// {"type":"guard","queueId":"q","key":"…base64…","scheduleId":"schedule_456"}
/// {"type":"unguard","queueId":"q","policyId":"1"}
/// {"type":"admit","queueId":"q","ticket":57,"userId":"1001","activeUntilMs":1773573000000,"timeSaleId":"1"}
/// {"type":"end-admission","queueId":"q","ticket":57,"userId":"1001","scheduleId":"schedule_456"}
/// ```
/// The record's key is [`Subject::inbox_key`]. A message has no outcome of its own: it may be sent again, and changes nothing then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardMessage {
    /// Which queue says it.
    pub queue_id: String,
    /// About which subject.
    pub subject: Subject,
    /// What it says.
    pub command: GuardCommand,
}

/// What a [`GuardMessage`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardCommand {
    /// The queue guards the subject from now on.
    Guard {
        /// With this key the queue signs its tokens.
        key: QueueKey,
    },
    /// The queue does not guard the subject any more.
    Unguard,
    /// The queue has let a user in.
    Admit {
        /// The user's ticket: its number in the queue. A user has a higher one each time.
        ticket: u64,
        /// Which user.
        user_id: String,
        /// First moment at which the user may not buy any more, in ms since the epoch.
        active_until_ms: i64,
    },
    /// The user may not buy any more, whatever `activeUntilMs` said.
    EndAdmission {
        /// The ticket that has ended.
        ticket: u64,
        /// Whose it is.
        user_id: String,
    },
}

impl GuardCommand {
    /// The `type` of its record.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Guard { .. } => "guard",
            Self::Unguard => "unguard",
            Self::Admit { .. } => "admit",
            Self::EndAdmission { .. } => "end-admission",
        }
    }

    /// Whose admission it is about.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::Guard { .. } | Self::Unguard => None,
            Self::Admit { user_id, .. } | Self::EndAdmission { user_id, .. } => Some(user_id),
        }
    }
}

/// All fields that any of them has. Every inbox reads its own id and leaves the others unread.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(deserialize_with = "wire::id")]
    queue_id: String,
    #[serde(default, deserialize_with = "wire::id_if")]
    schedule_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    policy_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    time_sale_id: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    ticket: Option<u64>,
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    #[serde(default)]
    active_until_ms: Option<i64>,
}

impl GuardMessage {
    /// Whether a record of this `type` is one.
    #[must_use]
    pub fn is(kind: &str) -> bool {
        matches!(kind, "guard" | "unguard" | "admit" | "end-admission")
    }

    /// Reads the value of a record whose `type` is `kind`, from the inbox of subjects of type `of`.
    ///
    /// # Errors
    /// [`Unreadable`]: `UnknownType` unless [`GuardMessage::is`], else as other messages.
    pub fn read(kind: &str, text: &str, of: SubjectType) -> Result<Self, Unreadable> {
        let fields: Fields = reading::fields(text)?;
        let id = match of {
            SubjectType::Schedule => fields.schedule_id,
            SubjectType::Policy => fields.policy_id,
            SubjectType::Sale => fields.time_sale_id,
        };
        let id = id.ok_or_else(|| missing(of.id_field()))?;
        let command = match kind {
            "guard" => {
                let key = fields.key.ok_or_else(|| missing("key"))?;
                let key = QueueKey::from_base64(&key).map_err(|why| unreadable("InvalidField", why.to_string()))?;
                GuardCommand::Guard { key }
            }
            "unguard" => GuardCommand::Unguard,
            "admit" | "end-admission" => {
                let ticket = fields.ticket.ok_or_else(|| missing("ticket"))?;
                let user_id = fields.user_id.ok_or_else(|| missing("userId"))?;
                match fields.active_until_ms {
                    Some(active_until_ms) if kind == "admit" => {
                        GuardCommand::Admit { ticket, user_id, active_until_ms }
                    }
                    None if kind == "admit" => return Err(missing("activeUntilMs")),
                    _ => GuardCommand::EndAdmission { ticket, user_id },
                }
            }
            _ => return Err(unreadable("UnknownType", format!("{kind:?} is no message of a queue"))),
        };
        let message = Self { queue_id: fields.queue_id, subject: Subject { kind: of, id }, command };
        check_lengths(message.ids())?;
        Ok(message)
    }

    /// The ids it speaks of.
    #[must_use]
    pub fn ids(&self) -> [Option<&str>; 3] {
        [Some(&self.queue_id), Some(&self.subject.id), self.command.user_id()]
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts and numbers always encode: there is no failing Serialize in a message.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn put_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("queueId", &self.queue_id)?;
        match &self.command {
            GuardCommand::Guard { key } => map.serialize_entry("key", key)?,
            GuardCommand::Unguard => {}
            GuardCommand::Admit { ticket, user_id, active_until_ms } => {
                map.serialize_entry("ticket", ticket)?;
                map.serialize_entry("userId", user_id)?;
                map.serialize_entry("activeUntilMs", active_until_ms)?;
            }
            GuardCommand::EndAdmission { ticket, user_id } => {
                map.serialize_entry("ticket", ticket)?;
                map.serialize_entry("userId", user_id)?;
            }
        }
        map.serialize_entry(self.subject.kind.id_field(), &self.subject.id)
    }
}

/// The whole record, its `type` included.
impl Serialize for GuardMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.command.kind())?;
        self.put_fields(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, of: SubjectType) -> Result<GuardMessage, &'static str> {
        let kind = serde_json::from_str::<serde_json::Value>(json).unwrap()["type"].as_str().unwrap().to_owned();
        GuardMessage::read(&kind, json, of).map_err(|unreadable| unreadable.class)
    }

    fn message(kind: SubjectType, command: GuardCommand) -> GuardMessage {
        GuardMessage { queue_id: "q".to_owned(), subject: Subject::new(kind, "1"), command }
    }

    #[test]
    fn what_is_written_is_read_by_every_inbox() {
        let user_id = || "u".to_owned();
        for kind in SubjectType::ALL {
            for command in [
                GuardCommand::Guard { key: QueueKey::new([7; 32]) },
                GuardCommand::Unguard,
                GuardCommand::Admit { ticket: 5, user_id: user_id(), active_until_ms: -1 },
                GuardCommand::EndAdmission { ticket: u64::MAX, user_id: user_id() },
            ] {
                let message = message(kind, command);
                let json = String::from_utf8(message.to_json()).unwrap();
                assert!(GuardMessage::is(message.command.kind()));
                assert_eq!(read(&json, kind), Ok(message), "{json}");
            }
        }
    }

    #[test]
    fn the_records_read_so() {
        let admit = GuardCommand::Admit { ticket: 57, user_id: "1001".to_owned(), active_until_ms: 1_773_573_000_000 };
        assert_eq!(
            String::from_utf8(message(SubjectType::Sale, admit).to_json()).unwrap(),
            r#"{"type":"admit","queueId":"q","ticket":57,"userId":"1001","activeUntilMs":1773573000000,"timeSaleId":"1"}"#
        );
        assert_eq!(
            String::from_utf8(message(SubjectType::Policy, GuardCommand::Unguard).to_json()).unwrap(),
            r#"{"type":"unguard","queueId":"q","policyId":"1"}"#
        );
        let end = GuardCommand::EndAdmission { ticket: 57, user_id: "1001".to_owned() };
        assert_eq!(
            read(
                r#"{"type":"end-admission","queueId":"q","ticket":57,"userId":1001,"activeUntilMs":1,"more":[],"scheduleId":1}"#,
                SubjectType::Schedule
            ),
            Ok(message(SubjectType::Schedule, end))
        );
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        let long = format!(r#"{{"type":"unguard","queueId":"{}","scheduleId":"s"}}"#, "x".repeat(513));
        for (json, class) in [
            (r#"{"type":"ask","queueId":"q","scheduleId":"s"}"#, "UnknownType"),
            (r#"{"type":"unguard","scheduleId":"s"}"#, "MissingField"),
            (r#"{"type":"unguard","queueId":"q","policyId":"s"}"#, "MissingField"),
            (r#"{"type":"guard","queueId":"q","scheduleId":"s"}"#, "MissingField"),
            (r#"{"type":"guard","queueId":"q","scheduleId":"s","key":"short"}"#, "InvalidField"),
            (r#"{"type":"admit","queueId":"q","scheduleId":"s","userId":"u","activeUntilMs":1}"#, "MissingField"),
            (r#"{"type":"admit","queueId":"q","scheduleId":"s","ticket":1,"activeUntilMs":1}"#, "MissingField"),
            (r#"{"type":"admit","queueId":"q","scheduleId":"s","ticket":1,"userId":"u"}"#, "MissingField"),
            (r#"{"type":"end-admission","queueId":"q","scheduleId":"s","ticket":-1,"userId":"u"}"#, "InvalidField"),
            (&long, "IdTooLong"),
        ] {
            assert_eq!(read(json, SubjectType::Schedule), Err(class), "{json}");
        }
    }
}
