//! Refusals at the door: nothing was appended, so the log knows no such request. But the client has written down what he asked for and why he was sent away, and
//! whether that could be so at any moment between asking and hearing is in the log.

use crate::answers::{Answer, Spot};

/// The reason that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no such policy.
    NoPolicy,
    /// Before the sale, or after it.
    Closed,
    /// He has one already.
    HasOne,
    /// There are none left.
    SoldOut,
}

impl Why {
    /// By the code of the answer; none for a reason that the log knows nothing of.
    pub(super) fn of(code: &str) -> Option<Self> {
        match code {
            "POLICY_NOT_FOUND" => Some(Self::NoPolicy),
            "OUTSIDE_ISSUE_WINDOW" => Some(Self::Closed),
            "DUPLICATE_REQUEST" => Some(Self::HasOne),
            "SOLD_OUT" | "OUT_OF_STOCK" => Some(Self::SoldOut),
            _ => None,
        }
    }
}

/// Somebody who was sent away.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: Spot,
    pub(super) policy: String,
    pub(super) user: String,
    pub(super) why: Why,
    /// First and last moment at which it may have been said, in ms since the epoch by the log's clock.
    pub(super) when_ms: (i64, i64),
}

/// What the log says of a policy, and of the user who was sent away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sold<'a> {
    /// When the policy was created, in ms since the epoch.
    pub(super) created_ms: i64,
    pub(super) starts_ms: Option<i64>,
    pub(super) ends_ms: Option<i64>,
    /// Since when there was none left, and until when, if there were some again.
    pub(super) empty: &'a [(i64, Option<i64>)],
    /// When he got his.
    pub(super) given_ms: Option<i64>,
}

impl Refusal {
    /// Whether it could be so, by what the log says of its policy, if there is one.
    pub(super) fn judge(&self, sold: Option<Sold<'_>>) -> Result<(), String> {
        let (from_ms, to_ms) = self.when_ms;
        let (policy, user) = (&self.policy, &self.user);
        let Some(sold) = sold else {
            let told = match self.why {
                Why::NoPolicy => return Ok(()),
                Why::Closed => "is closed",
                Why::HasOne => "has given him one",
                Why::SoldOut => "is sold out",
            };
            return Err(format!("{user} was told that {policy} {told}, and there is no such policy"));
        };
        match self.why {
            Why::NoPolicy if sold.created_ms < from_ms => {
                let before_ms = from_ms - sold.created_ms;
                Err(format!("{user} was told that there is no {policy}, which was created {before_ms} ms before"))
            }
            Why::Closed
                if sold.starts_ms.is_none_or(|start| from_ms >= start)
                    && sold.ends_ms.is_none_or(|end| to_ms < end) =>
            {
                Err(format!("{user} was told that {policy} is closed, and it was open"))
            }
            Why::HasOne => match sold.given_ms {
                None => Err(format!("{user} was told that he has a coupon of {policy}, and he has none")),
                Some(given_ms) if given_ms > to_ms => {
                    let after_ms = given_ms - to_ms;
                    Err(format!("{user} was told that he has a coupon of {policy}, and got it {after_ms} ms later"))
                }
                Some(_) => Ok(()),
            },
            Why::SoldOut
                if !sold.empty.iter().any(|(since, until)| *since <= to_ms && until.is_none_or(|ms| ms > from_ms)) =>
            {
                Err(format!("{user} was told that {policy} is sold out, and there were some left"))
            }
            Why::NoPolicy | Why::Closed | Why::SoldOut => Ok(()),
        }
    }
}

/// Policy and user of a request for a coupon, however its route takes them.
pub(super) fn wish(answer: &Answer<'_>) -> Option<(String, String)> {
    named(answer.path, answer.query, (answer.asked.id("policyId"), answer.asked.id("userId")))
}

fn named(path: &str, query: &str, asked: (Option<String>, Option<String>)) -> Option<(String, String)> {
    if path == "/api/coupons/issue" {
        return asked.0.zip(asked.1);
    }
    let policy = path.strip_prefix("/api/coupons/")?.strip_suffix("/issue").filter(|policy| !policy.contains('/'))?;
    let user = query.split('&').find_map(|pair| pair.strip_prefix("userId="))?;
    // What is escaped is not looked at: it would be somebody else's name.
    (!policy.contains('%') && !user.contains(['%', '+'])).then(|| (policy.to_owned(), user.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(why: Why, when_ms: (i64, i64)) -> Refusal {
        Refusal { at: Spot::default(), policy: "p".to_owned(), user: "u".to_owned(), why, when_ms }
    }

    #[test]
    fn a_refusal_is_right_if_it_was_at_any_moment_between() {
        let empty = [(300, Some(400)), (500, None)];
        let sold =
            Sold { created_ms: 100, starts_ms: Some(200), ends_ms: Some(600), empty: &empty, given_ms: Some(250) };
        for (why, when_ms, is_right) in [
            (Why::NoPolicy, (100, 150), true),
            (Why::NoPolicy, (101, 150), false),
            (Why::Closed, (199, 250), true),
            (Why::Closed, (200, 599), false),
            (Why::Closed, (550, 600), true),
            (Why::HasOne, (0, 249), false),
            (Why::HasOne, (0, 250), true),
            (Why::SoldOut, (0, 299), false),
            (Why::SoldOut, (350, 450), true),
            (Why::SoldOut, (400, 499), false),
            (Why::SoldOut, (700, 800), true),
        ] {
            assert_eq!(refused(why, when_ms).judge(Some(sold)).is_ok(), is_right, "{why:?} {when_ms:?}");
        }
        let always = Sold { starts_ms: None, ends_ms: None, given_ms: None, empty: &[], ..sold };
        for why in [Why::NoPolicy, Why::Closed, Why::HasOne, Why::SoldOut] {
            assert!(refused(why, (1_000, 2_000)).judge(Some(always)).is_err(), "{why:?}");
            assert_eq!(refused(why, (1_000, 2_000)).judge(None).is_ok(), why == Why::NoPolicy, "{why:?}");
        }
    }

    #[test]
    fn a_wish_is_found_in_body_or_path() {
        let pair = |policy: &str, user: &str| Some((policy.to_owned(), user.to_owned()));
        let asked = || (Some("1".to_owned()), Some("u".to_owned()));
        assert_eq!(named("/api/coupons/issue", "strategy=v1", asked()), pair("1", "u"));
        assert_eq!(named("/api/coupons/p/issue", "x=1&userId=v", (None, None)), pair("p", "v"));
        for (path, query) in [
            ("/api/coupons/issue", ""),
            ("/api/coupons/p/issue", "user=v"),
            ("/api/coupons/p/use", "userId=v"),
            ("/api/coupons/p/q/issue", "userId=v"),
            ("/api/coupons/p/issue", "userId=a%20b"),
        ] {
            assert_eq!(named(path, query, (None, None)), None, "{path}");
        }
    }
}
