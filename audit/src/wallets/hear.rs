//! What clients were told about charges.

use crate::answers::{Answer, Claim, Claims};
use crate::findings::Findings;

/// Where a wallet is charged.
const CHARGE: &str = "/api/points/charge";

/// What an answer claims about a charge. Its name stands in verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It left so much in the wallet, in KRW.
    Charged { user: String, amount: Option<i64>, balance: Option<i64> },
}

/// Notes what an answer claims.
pub(super) fn note(claims: &mut Claims<Told>, answer: &Answer<'_>) -> bool {
    let (asks, said) = (answer.is_of(CHARGE), &answer.said);
    let found = match answer.status {
        _ if answer.is_refusal() => answer.refused(asks),
        _ if answer.is_acceptance() => said.id("requestId").map(|id| (id, Claim::Accepted)),
        200 | 201 if asks => said.id("requestId").zip(said.id("userId")).map(|(id, user)| {
            let (amount, balance) = (said.get("amount").int(), said.get("balanceAfter").int());
            (id, Claim::Told(Told::Charged { user, amount, balance }))
        }),
        _ => None,
    };
    claims.note(answer, found)
}

/// A charge of so many KRW is decided; `balance` after it, if it was posted; `has_ended`: that need not be kept any more.
pub(super) fn charged(
    claims: &mut Claims<Told>,
    id: &str,
    of: (&str, i64),
    balance: Option<i64>,
    has_ended: bool,
    findings: &mut Findings,
) {
    claims.decided(id, has_ended, findings, |claim| {
        let is_so = match claim {
            Claim::Told(Told::Charged { user, amount, balance: told }) => {
                (&**user, *amount) == (of.0, Some(of.1)) && balance.is_some() && *told == balance
            }
            Claim::Refused { .. } => balance.is_none(),
            Claim::Accepted => return None,
        };
        Some(if is_so {
            Ok(())
        } else {
            Err(format!("was told as {claim:?}, by the log it is {of:?} leaving {balance:?}"))
        })
    });
}
