//! What clients were told about coupons.

use super::Coupons;
use super::door::{self, Refusal, Why};
use crate::answers::{Answer, Claim, Claims};
use crate::findings::Findings;

/// A request came to this. Its fields are read where a verdict shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issued {
    status: String,
    coupon: Option<String>,
}

impl Coupons {
    pub(super) fn note(&mut self, answer: &Answer<'_>) -> bool {
        if answer.is_refusal() {
            if let Some(why) = Why::of(answer.code())
                && let Some((policy, user)) = door::wish(answer)
            {
                let when_ms = answer.moments();
                self.refusals.push(Refusal { at: answer.at.clone(), policy, user, why, when_ms });
                return true;
            }
            return self.claims.note(answer, answer.refused(false));
        }
        let found = match answer.status {
            _ if answer.is_acceptance() => answer.said.id("requestId").map(|id| (id, Claim::Accepted)),
            // What was given up may come to something else when an operator puts it back.
            200 if answer.word() != "SYSTEM_ERROR" => answer.said.id("requestId").map(|id| {
                let (status, coupon) = (answer.word().to_owned(), answer.said.id("couponId"));
                (id, Claim::Told(Issued { status, coupon }))
            }),
            _ => None,
        };
        self.claims.note(answer, found)
    }
}

/// A request came to `status`, by the log; `has_ended`: that need not be kept any more.
pub(super) fn issued(
    claims: &mut Claims<Issued>,
    id: &str,
    (status, coupon): (&str, Option<&str>),
    has_ended: bool,
    findings: &mut Findings,
) {
    claims.decided(id, has_ended, findings, |claim| {
        let Claim::Told(Issued { status: told, coupon: given }) = claim else { return None };
        let is_so = told == status && given.as_deref() == coupon;
        Some(if is_so {
            Ok(())
        } else {
            Err(format!("was told {told} {given:?}, by the log it is {status} {coupon:?}"))
        })
    });
}
