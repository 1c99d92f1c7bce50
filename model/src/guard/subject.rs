use crate::topics;
use crate::wire;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// What kind of thing is guarded. In JSON `schedule`, `policy` (also `coupon`) or `sale` (also `timesale`); kept in rows by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    /// A schedule: its seats are not held without an admission.
    Schedule,
    /// A coupon policy: its coupons are not issued without one.
    Policy,
    /// A time sale: its units are not ordered without one.
    Sale,
}

impl SubjectType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Policy, Self::Sale];

    /// As JSON writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Policy => "policy",
            Self::Sale => "sale",
        }
    }

    /// The type that `text` names, in upper or lower case, by its name or its alias; `None` for every other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match &*text.to_ascii_uppercase() {
            "SCHEDULE" => Some(Self::Schedule),
            "POLICY" | "COUPON" => Some(Self::Policy),
            "SALE" | "TIMESALE" => Some(Self::Sale),
            _ => None,
        }
    }

    /// The field that carries the id of such a subject in a [`super::GuardMessage`].
    #[must_use]
    pub const fn id_field(self) -> &'static str {
        match self {
            Self::Schedule => "scheduleId",
            Self::Policy => "policyId",
            Self::Sale => "timeSaleId",
        }
    }

    /// The inbox of the topology that decides about such subjects.
    #[must_use]
    pub const fn inbox(self) -> &'static str {
        match self {
            Self::Schedule => topics::GUARDED_SCHEDULES,
            Self::Policy => topics::GUARDED_POLICIES,
            Self::Sale => topics::GUARDED_SALES,
        }
    }
}

impl<'de> Deserialize<'de> for SubjectType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// As rows have it.
        #[derive(Deserialize)]
        enum Number {
            Schedule,
            Policy,
            Sale,
        }
        if deserializer.is_human_readable() {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            return Self::parse(&text).ok_or_else(|| D::Error::custom("a type is one of schedule, policy, sale"));
        }
        Number::deserialize(deserializer).map(|number| match number {
            Number::Schedule => Self::Schedule,
            Number::Policy => Self::Policy,
            Number::Sale => Self::Sale,
        })
    }
}

/// Something that a queue guards. In JSON `{"type":"schedule","id":"schedule_456"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: SubjectType,
    /// Its id.
    #[serde(deserialize_with = "id")]
    pub id: String,
}

/// As JSON has ids, or as a row has texts: a queue keeps its subjects in its row.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    if deserializer.is_human_readable() { wire::id(deserializer) } else { String::deserialize(deserializer) }
}

impl Subject {
    /// The subject `id` of this kind.
    #[must_use]
    pub fn new(kind: SubjectType, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Key of its records in [`SubjectType::inbox`]: it places them.
    #[must_use]
    pub fn inbox_key(&self) -> Cow<'_, str> {
        match self.kind {
            SubjectType::Schedule | SubjectType::Sale => Cow::Borrowed(&self.id),
            SubjectType::Policy => Cow::Owned([topics::GUARDED_POLICY_KEY, &self.id].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes;
    use holdfast_engine::inspect::codec;

    #[test]
    fn a_type_has_its_name_and_its_alias() {
        for (text, kind) in [
            ("schedule", SubjectType::Schedule),
            ("SCHEDULE", SubjectType::Schedule),
            ("policy", SubjectType::Policy),
            ("Coupon", SubjectType::Policy),
            ("sale", SubjectType::Sale),
            ("timeSale", SubjectType::Sale),
        ] {
            assert_eq!(SubjectType::parse(text), Some(kind), "{text}");
        }
        for other in ["", "seat", " sale", "policies"] {
            assert_eq!(SubjectType::parse(other), None, "{other:?}");
        }
        for kind in SubjectType::ALL {
            assert_eq!(SubjectType::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_subject_is_read_as_it_is_written_and_its_id_may_be_a_number() {
        let subject = Subject::new(SubjectType::Policy, "1");
        assert_eq!(serde_json::to_string(&subject).unwrap(), r#"{"type":"policy","id":"1"}"#);
        assert_eq!(serde_json::from_str::<Subject>(r#"{"type":"Coupon","id":1}"#).unwrap(), subject);
        assert!(serde_json::from_str::<Subject>(r#"{"type":"seat","id":1}"#).is_err());
    }

    #[test]
    fn records_go_to_where_the_subject_is_decided() {
        let way = |kind| (SubjectType::inbox(kind), Subject::new(kind, "1").inbox_key().into_owned());
        assert_eq!(way(SubjectType::Schedule), ("reservation.requests", "1".to_owned()));
        assert_eq!(way(SubjectType::Policy), ("coupon-issue-requests", "coupon-1".to_owned()));
        assert_eq!(way(SubjectType::Sale), ("timesale-order-requests", "1".to_owned()));
    }

    #[test]
    fn a_subject_is_a_part_of_rows() {
        let subject = Subject::new(SubjectType::Sale, "1");
        assert_eq!(row_bytes(&subject), [1, 2, 1, b'1']);
        assert_eq!(codec::decode::<Subject>(&row_bytes(&subject)), Ok(subject));
    }

    #[test]
    fn types_are_kept_by_their_number() {
        for (number, kind) in (0u8..).zip(SubjectType::ALL) {
            assert_eq!(row_bytes(&kind), [1, number]);
            assert_eq!(codec::decode::<SubjectType>(&[1, number]), Ok(kind));
        }
    }
}
