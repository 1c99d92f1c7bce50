//! The records of the placement topic, and what they come to: who works in a place, and who waits for it. Members of the group read them, and workers
//! that only answer; all have to come to the same.
//!
//! ```text
//!  topic  <app>-placement, partition = place
//!  key    claim
//!  value  {"endpoint":"http://10.0.0.7:3000","writer":"holdfast-w1-0","released":false,"yields":false,"secret":"…"}
//!  key    wish
//!  value  {"writer":"holdfast-w2-0"}
//! ```
//!
//! A claim that yields is one whose owner has given the place back to the group and works on until somebody wishes for it. One that is said `again` is its
//! owner's answer to a release that came too late to count: the topic is compacted, and of one key only the last record stays. The `secret` is what peers
//! sign their requests to the owner with: a program that reads this topic is trusted as a replica is.

use crate::log::LogError;
use crate::membership::{Owner, PeerSecret};
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Key of a [`Claim`].
pub const CLAIM_KEY: &[u8] = b"claim";
/// Key of a [`Wish`].
pub const WISH_KEY: &[u8] = b"wish";

/// The placement topic of `app`: compacted, with as many partitions as there are places.
#[must_use]
pub fn topic(app: &str) -> String {
    format!("{app}-placement")
}

/// Who works in a place, or has ceased to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Where the owner's HTTP listens, for peers.
    pub endpoint: String,
    /// Name of the owner's transactional writer.
    pub writer: String,
    /// The place is given up: nobody works there.
    #[serde(default)]
    pub released: bool,
    /// The place is given back to the group, and worked in until somebody wishes for it.
    #[serde(default)]
    pub yields: bool,
    /// It repeats what its writer has claimed before, and is nothing where somebody else has claimed since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What peers sign their requests to the owner with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<PeerSecret>,
}

impl Claim {
    /// The claim of one who begins to work.
    #[must_use]
    pub fn of(owner: &Owner) -> Self {
        Self {
            endpoint: owner.endpoint.clone(),
            writer: owner.writer.clone(),
            released: false,
            yields: false,
            again: false,
            secret: owner.secret.clone(),
        }
    }

    /// The same, given up.
    #[must_use]
    pub fn released(self) -> Self {
        Self { released: true, ..self }
    }

    /// The same, until somebody wishes for it.
    #[must_use]
    pub fn yielding(self) -> Self {
        Self { yields: true, ..self }
    }

    /// The same, repeated.
    #[must_use]
    pub fn again(self) -> Self {
        Self { again: true, ..self }
    }
}

/// Who waits for a place, warm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Name of the transactional writer of whoever waits.
    pub writer: String,
}

/// A claim and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its offset.
    pub offset: i64,
    /// The claim.
    pub claim: Claim,
}

/// What the records of one place have come to so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    last: Option<Seen>,
    /// A claim stands behind the last one that counts, and does not.
    buried: bool,
    /// The last wish and where it stands.
    wish: Option<(i64, Wish)>,
}

impl Standing {
    /// Takes the next record in. Keys that are neither a claim nor a wish are nobody's.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for a claim or a wish that cannot be read: nothing has changed by it.
    pub fn take_in(&mut self, record: &Record<'_>) -> Result<(), LogError> {
        let Record { offset, key, value, .. } = *record;
        let corrupt = |error| LogError::Corrupt(format!("placement record at offset {offset}: {error}"));
        match (key, value) {
            (Some(CLAIM_KEY), Some(value)) => {
                self.note(Seen { offset, claim: serde_json::from_slice(value).map_err(corrupt)? });
            }
            (Some(WISH_KEY), Some(value)) => {
                self.wish = Some((offset, serde_json::from_slice(value).map_err(corrupt)?));
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a claim, also one that comes back later through the log. The later one counts. But nobody can release, yield or repeat what another one has
    /// claimed since: he was asleep between the thought and the deed.
    pub fn note(&mut self, seen: Seen) {
        let is_later = self.last.as_ref().is_none_or(|known| known.offset < seen.offset);
        let is_claim = !(seen.claim.released || seen.claim.yields || seen.claim.again);
        let counts = is_claim || self.last.as_ref().is_none_or(|known| known.claim.writer == seen.claim.writer);
        if is_later {
            self.buried = !counts;
        }
        if is_later && counts {
            self.last = Some(seen);
        }
    }

    /// The last claim that counts, released or not.
    #[must_use]
    pub fn last(&self) -> Option<&Seen> {
        self.last.as_ref()
    }

    /// Whether the last claim that counts is not the last of all: who begins to read after the topic was compacted will not see it, unless its writer says it
    /// again.
    #[must_use]
    pub fn is_buried(&self) -> bool {
        self.buried
    }

    /// Who works there; `None` when nobody does, or nobody ever has.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        let claim = self.last.as_ref().map(|seen| &seen.claim).filter(|claim| !claim.released)?;
        Some(Owner { endpoint: claim.endpoint.clone(), writer: claim.writer.clone(), secret: claim.secret.clone() })
    }

    /// Whether somebody but `writer` has wished for the place since its last claim.
    #[must_use]
    pub fn is_wished_for(&self, writer: &str) -> bool {
        let claimed = self.last.as_ref().map_or(-1, |seen| seen.offset);
        self.wish.as_ref().is_some_and(|(offset, wish)| *offset > claimed && wish.writer != writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NoHeaders;

    fn record<'a>(offset: i64, key: &'a [u8], value: Option<&'a [u8]>) -> Record<'a> {
        Record { offset, append_ms: 0, key: Some(key), value, headers: &NoHeaders }
    }

    fn by(writer: &str) -> Claim {
        Claim::of(&Owner::new(format!("http://{writer}"), writer))
    }

    /// What these claims come to, one after the other from offset 0 on, through the log and back.
    fn after(claims: &[Claim]) -> Standing {
        let mut standing = Standing::default();
        for (offset, claim) in (0..).zip(claims) {
            let json = serde_json::to_vec(claim).unwrap();
            standing.take_in(&record(offset, CLAIM_KEY, Some(&json))).unwrap();
        }
        standing
    }

    fn wish(standing: &mut Standing, offset: i64, writer: &str) {
        let json = serde_json::to_vec(&Wish { writer: writer.to_owned() }).unwrap();
        standing.take_in(&record(offset, WISH_KEY, Some(&json))).unwrap();
    }

    #[test]
    fn the_json_is_the_documented_one() {
        let text = |claim: Claim| serde_json::to_string(&claim).unwrap();
        let claim = Claim { endpoint: "http://10.0.0.7:3000".to_owned(), ..by("holdfast-w1-0") };
        assert_eq!(
            text(claim.clone()),
            r#"{"endpoint":"http://10.0.0.7:3000","writer":"holdfast-w1-0","released":false,"yields":false}"#
        );
        assert!(text(claim.clone().released()).contains(r#""released":true,"yields":false"#));
        assert!(text(claim.yielding()).contains(r#""released":false,"yields":true"#));
        let signed = Claim { secret: Some(PeerSecret::new("5ec")), ..by("a") };
        assert!(text(signed).ends_with(r#""yields":false,"secret":"5ec"}"#));
        let wish = Wish { writer: "holdfast-w2-0".to_owned() };
        assert_eq!(serde_json::to_string(&wish).unwrap(), r#"{"writer":"holdfast-w2-0"}"#);
        assert_eq!(topic("holdfast"), "holdfast-placement");
    }

    #[test]
    fn a_claim_from_before_there_were_wishes_is_one_that_does_not_yield() {
        let mut standing = Standing::default();
        let before = br#"{"endpoint":"http://a","writer":"a"}"#;
        standing.take_in(&record(7, CLAIM_KEY, Some(before))).unwrap();
        assert_eq!(standing.last(), Some(&Seen { offset: 7, claim: by("a") }));
    }

    #[test]
    fn the_secret_of_a_claim_comes_to_its_owner_and_is_not_shown() {
        let signed = Claim { secret: Some(PeerSecret::new("5ecret")), ..by("a") };
        let standing = after(&[signed.clone(), signed.clone().yielding()]);
        assert_eq!(standing.owner(), Some(Owner::new("http://a", "a").with_secret(PeerSecret::new("5ecret"))));
        assert!(!format!("{signed:?} {standing:?} {:?}", standing.owner()).contains("5ecret"));
        assert_eq!(
            after(&[signed, by("b")]).owner(),
            Some(Owner::new("http://b", "b")),
            "a claim without one has none"
        );
    }

    #[test]
    fn what_claims_come_to() {
        let (a, b) = (by("a"), by("b"));
        // The claims, who owns the place after them, and which of them counts.
        let table: &[(&[Claim], Option<&str>, Option<i64>)] = &[
            (&[], None, None),
            (std::slice::from_ref(&a), Some("a"), Some(0)),
            (&[a.clone(), a.clone().released()], None, Some(1)),
            (&[a.clone(), a.clone().yielding()], Some("a"), Some(1)),
            (&[a.clone(), a.clone().yielding(), a.clone().released()], None, Some(2)),
            (&[a.clone(), a.clone().released(), b.clone()], Some("b"), Some(2)),
            (&[a.clone(), a.clone().released(), a.clone()], Some("a"), Some(2)),
            // Dead, and succeeded.
            (&[a.clone(), b.clone()], Some("b"), Some(1)),
            // He wakes up too late, and gives up nothing.
            (&[a.clone(), b.clone(), a.clone().released()], Some("b"), Some(1)),
            (&[a.clone(), b.clone(), a.clone().yielding(), a.clone().released()], Some("b"), Some(1)),
            (&[a.clone(), b.clone(), a.clone().released(), b.clone().released()], None, Some(3)),
            (&[a.clone().released(), b.clone().yielding()], None, Some(0)),
            // A claim is a claim: its generation is what counts.
            (&[a.clone(), b.clone(), a.clone()], Some("a"), Some(2)),
            // All that compaction may have left.
            (&[a.clone().released()], None, Some(0)),
            (&[a.clone().yielding()], Some("a"), Some(0)),
        ];
        for (claims, owner, counts) in table {
            let standing = after(claims);
            assert_eq!(standing.owner().map(|owner| owner.writer).as_deref(), *owner, "{claims:?}");
            assert_eq!(standing.owner().map(|owner| owner.endpoint), owner.map(|owner| format!("http://{owner}")));
            assert_eq!(standing.last().map(|seen| seen.offset), *counts, "{claims:?}");
        }
    }

    #[test]
    fn what_compaction_would_take_away_is_said_again() {
        let (a, b) = (by("a"), by("b"));
        // Before: b works there, and all that compaction would leave is a's word that nobody does.
        let buried = [a.clone(), b.clone(), a.clone().released()];
        assert!(after(&buried).is_buried());
        for (claims, owner) in [
            (vec![b.clone().again()], "b"),
            (vec![b.clone().yielding().again()], "b"),
            // Whoever was asleep over it repeats nothing: the third has claimed meanwhile.
            (vec![by("c")], "c"),
        ] {
            let all = [&buried[..], &claims].concat();
            assert_eq!(
                (after(&all).owner().unwrap().writer.as_str(), after(&all).is_buried()),
                (owner, false),
                "{all:?}"
            );
            assert_eq!(after(&claims).owner().unwrap().writer, owner, "compacted: {claims:?}");
        }
        let late = after(&[&buried[..], &[by("c"), b.again()]].concat());
        assert_eq!((late.owner().unwrap().writer.as_str(), late.is_buried()), ("c", true));
        assert!(!after(&[a.clone(), a.released()]).is_buried() && !Standing::default().is_buried());
    }

    #[test]
    fn our_own_claim_counts_before_it_comes_back() {
        let mut standing = after(&[by("a")]);
        standing.note(Seen { offset: 2, claim: by("b") });
        let json = serde_json::to_vec(&by("c")).unwrap();
        standing.take_in(&record(1, CLAIM_KEY, Some(&json))).unwrap();
        assert_eq!(standing.owner().unwrap().writer, "b");
    }

    #[test]
    fn a_wish_counts_until_the_place_is_claimed() {
        let mut standing = after(&[by("a"), by("a").yielding()]);
        assert!(!standing.is_wished_for("a"));
        wish(&mut standing, 2, "b");
        assert!(standing.is_wished_for("a") && !standing.is_wished_for("b"), "nobody is asked by himself");
        standing.note(Seen { offset: 3, claim: by("b") });
        assert!(!standing.is_wished_for("a"));
        wish(&mut standing, 4, "a");
        assert!(standing.is_wished_for("b"));
    }

    #[test]
    fn other_keys_are_nobodys_and_nonsense_changes_nothing() {
        let mut standing = after(&[by("a")]);
        let before = standing.clone();
        standing.take_in(&record(7, b"other", Some(b"?"))).unwrap();
        standing.take_in(&record(7, CLAIM_KEY, None)).unwrap();
        for key in [CLAIM_KEY, WISH_KEY] {
            let error = standing.take_in(&record(7, key, Some(b"?"))).unwrap_err();
            assert!(matches!(&error, LogError::Corrupt(why) if why.contains("offset 7")), "{error}");
        }
        assert_eq!(standing, before);
    }
}
