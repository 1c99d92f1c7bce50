//! I-28: contacts that were erased. Compaction takes the older records of `user-contact` away some time later; as long as they are there, they tell what must
//! be found nowhere else.

use crate::feature::{Arrival, Audit};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use holdfast_model::notification::contact::ContactRow;
use holdfast_model::notification::{CONTACTS, USER_CONTACTS};
use holdfast_tools::Failure;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Texts that are looked for, at most: each is looked for in every row.
const TEXTS_MAX: usize = 1_000;
/// Shorter texts stand anywhere by chance.
const TEXT_BYTES_MIN: usize = 8;

/// What is known of erased contacts.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// Phone numbers, tokens and ids that belonged to erased contacts, and to no other one.
    texts: BTreeSet<String>,
}

/// A user's contact by the log.
#[derive(Default)]
struct Known {
    is_erased: bool,
    texts: BTreeSet<String>,
}

impl Erased {
    /// Reads the contacts of a place, and holds the state against them.
    ///
    /// # Errors
    /// When log or state cannot be read.
    pub(super) fn read(&mut self, audit: &mut Audit<'_>, place: u32, state: &Rebuilt) -> Result<(), Failure> {
        let mut users: BTreeMap<String, Known> = BTreeMap::new();
        audit.walk(USER_CONTACTS, place, &mut |Arrival { entry, is_decided, .. }, _, _, _| {
            let Some(user) = entry.key.and_then(|key| std::str::from_utf8(key).ok()).filter(|_| *is_decided) else {
                return Ok(());
            };
            let known = users.entry(user.to_owned()).or_default();
            known.is_erased = entry.value.is_none();
            if let Some(value) = entry.value.and_then(|value| serde_json::from_slice::<Value>(value).ok()) {
                texts_of(&value, &mut known.texts);
            }
            Ok(())
        })?;
        state.each(&CONTACTS, &mut |user: String, row: ContactRow| {
            let is_erased = users.get(&user).is_some_and(|known| known.is_erased);
            if is_erased && row != ContactRow::default() {
                let at = format!("{} of {user}", CONTACTS.spec().name);
                audit.findings.breach(Invariant::Erased, at, "it was erased, and is kept");
            } else if !is_erased {
                audit.findings.count(Invariant::Erased, "contacts kept", 1);
            }
        })?;
        let (erased, kept): (Vec<_>, Vec<_>) = users.into_values().partition(|known| known.is_erased);
        audit.findings.count(Invariant::Erased, "contacts erased", erased.len() as u64);
        let kept: BTreeSet<String> = kept.into_iter().flat_map(|known| known.texts).collect();
        for text in erased.into_iter().flat_map(|known| known.texts).filter(|text| !kept.contains(text)) {
            if self.texts.len() >= TEXTS_MAX {
                audit
                    .findings
                    .note(Invariant::Erased, format!("more than {TEXTS_MAX} texts: the rest is not looked for"));
                break;
            }
            self.texts.insert(text);
        }
        Ok(())
    }

    /// Looks for erased contacts in something that is kept at `at`.
    pub(super) fn look(&self, at: String, value: Option<&[u8]>, findings: &mut Findings) {
        let Some(value) = value.filter(|_| !self.texts.is_empty()) else { return };
        let is_in = |text: &String| value.windows(text.len()).any(|part| part == text.as_bytes());
        if self.texts.iter().any(is_in) {
            // It is not repeated: a verdict goes to a log.
            findings.breach(Invariant::Erased, at, "it holds an erased contact");
        }
        findings.count(Invariant::Erased, "places looked at for erased contacts", 1);
    }
}

/// The texts in a contact that lead to a user.
fn texts_of(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() >= TEXT_BYTES_MIN => drop(out.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, out)),
        Value::Object(fields) => fields.values().for_each(|field| texts_of(field, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_leads_to_a_user_is_looked_for() {
        let mut texts = BTreeSet::new();
        texts_of(&json!({"phone": "+821012345678", "fcmTokens": ["device-token"], "slackUserId": "U1"}), &mut texts);
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["+821012345678", "device-token"]);
        let erased = Erased { texts };
        for (value, is_found) in [("call +821012345678 now", true), ("+82101234567", false), ("", false)] {
            let mut findings = Findings::default();
            erased.look("here".to_owned(), Some(value.as_bytes()), &mut findings);
            assert_eq!(findings.take(Invariant::Erased).breaches, u64::from(is_found), "{value}");
        }
    }
}
