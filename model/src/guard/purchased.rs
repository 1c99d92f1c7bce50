use super::Subject;
use crate::wire;
use serde::{Deserialize, Serialize};

/// The purchase that a user was let in for is done: the subject's topology says so to the queue, in [`super::QUEUE_INBOX`] under the key `queueId`, once
/// for each admission. It has no outcome of its own.
///
/// ```json
/// {"type":"purchased","queueId":"q","ticket":57,"userId":"1001","subject":{"type":"schedule","id":"schedule_456"}}
/// ```
/// This is what stands beside the `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purchased {
    /// Which queue has let the user in.
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// The user's ticket.
    pub ticket: u64,
    /// Which user.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// What was bought.
    pub subject: Subject,
}

impl Purchased {
    /// The `type` of its record.
    pub const KIND: &'static str = "purchased";

    /// The value of its record.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Record<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(flatten)]
            fields: &'a Purchased,
        }
        // Texts and numbers always encode: there is no failing Serialize in a message.
        serde_json::to_vec(&Record { kind: Self::KIND, fields: self }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::SubjectType;

    #[test]
    fn the_record_reads_so() {
        let purchased = Purchased {
            queue_id: "q".to_owned(),
            ticket: 57,
            user_id: "1001".to_owned(),
            subject: Subject::new(SubjectType::Schedule, "schedule_456"),
        };
        let json = String::from_utf8(purchased.to_json()).unwrap();
        assert_eq!(
            json,
            r#"{"type":"purchased","queueId":"q","ticket":57,"userId":"1001","subject":{"type":"schedule","id":"schedule_456"}}"#
        );
        assert_eq!(serde_json::from_str::<Purchased>(&json).unwrap(), purchased);
    }
}
