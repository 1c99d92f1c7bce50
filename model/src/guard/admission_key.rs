use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, take_text};

/// Key of the last admission of a user by a queue to a subject.
///
/// ```text
/// subject id  text       so the admissions to a subject lie together, and in it those of a queue
/// queue id    text
/// user id     text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdmissionKey {
    /// To which subject. Its type is that of the table.
    pub subject_id: String,
    /// By which queue.
    pub queue_id: String,
    /// Which user.
    pub user_id: String,
}

impl AdmissionKey {
    /// Prefix of all admissions to a subject.
    #[must_use]
    pub fn prefix_of_subject(subject_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, subject_id);
        prefix
    }
}

impl Key for AdmissionKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.subject_id);
        put_text(out, &self.queue_id);
        put_text(out, &self.user_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self {
            subject_id: take_text(&mut bytes)?,
            queue_id: take_text(&mut bytes)?,
            user_id: take_text(&mut bytes)?,
        };
        bytes.is_empty().then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_and_sort_like_their_fields(a: (String, String, String), b: (String, String, String)) {
            let key = |(subject, queue, user): &(String, String, String)| AdmissionKey {
                subject_id: subject.clone(),
                queue_id: queue.clone(),
                user_id: user.clone(),
            };
            laws::keys_come_back_and_sort(key, |fields| AdmissionKey::prefix_of_subject(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = AdmissionKey::decode(&bytes);
        }
    }
}
