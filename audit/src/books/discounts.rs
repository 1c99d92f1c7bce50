//! What payments were told about their coupons, and the coupons that have to come back. Written by seats; coupons compare.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader::{At, Entry};
use rustc_hash::FxHashMap;

/// An answer of a wallet, or of coupons.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) result: &'static str,
    pub(crate) amount: Option<i64>,
    pub(crate) balance_after: Option<i64>,
    pub(crate) at: At,
    pub(crate) is_firm: bool,
    /// The reservation topology has passed it.
    pub(crate) is_decided: bool,
    pub(crate) is_met: bool,
}

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Discounts {
    /// By payment id: what coupons take off.
    pub(crate) answers: FxHashMap<String, Answer>,
    /// By payment id: where its coupon became of no use to it, and has not been seen to come back.
    returns: FxHashMap<String, At>,
}

impl Discounts {
    /// A payment has asked for a coupon at `at`; by the log that takes off so many KRW, or nothing as it cannot be used.
    pub(crate) fn wish(&mut self, payment_id: &str, off: Option<i64>, at: &Entry<'_>, findings: &mut Findings) {
        match self.answers.get_mut(payment_id) {
            None => {
                findings.breach(Invariant::NoGap, at, format!("{payment_id} asked for a coupon, and was not answered"))
            }
            Some(answer) => {
                answer.is_met = true;
                if answer.amount == off {
                    findings.count(Invariant::Agreement, "discounts of payments", 1);
                } else {
                    let what = format!(
                        "{payment_id} is told that its coupon takes off {:?} KRW, by the log {off:?}",
                        answer.amount
                    );
                    findings.breach(Invariant::Agreement, answer.at, what);
                }
            }
        }
    }

    /// The coupon of a payment has to go back, since `at`.
    pub(crate) fn expect_back(&mut self, payment_id: &str, at: At) {
        self.returns.insert(payment_id.to_owned(), at);
    }

    /// The shop gives the coupon of a payment back at `at`.
    pub(crate) fn came_back(&mut self, payment_id: &str, at: &Entry<'_>, findings: &mut Findings) {
        if self.returns.remove(payment_id).is_some() {
            findings.count(Invariant::PaidOnce, "coupons given back", 1);
        } else if at.is_firm {
            findings.breach(Invariant::PaidOnce, at, format!("a coupon of {payment_id} goes back, and none is due"));
        }
    }

    /// All coupons are decided.
    pub(crate) fn settle(&self, findings: &mut Findings) {
        for (id, at) in &self.returns {
            findings.breach(Invariant::NoGap, at, format!("{id} has no use for its coupon, and nobody gave it back"));
        }
        for (id, answer) in self.answers.iter().filter(|(_, answer)| answer.is_firm && !answer.is_met) {
            findings.breach(
                Invariant::OneOutcome,
                answer.at,
                format!("an answer of a coupon that {id} did not ask for"),
            );
        }
    }
}
