//! Commands of the shop and of customers: policies, stock, and coupons that are used.

use super::message::Message;
use super::redemptions::Terms;
use super::{Policy, Sale};
use crate::cut::Cut;
use crate::feature::Shared;
use crate::findings::Findings;
use crate::guards;
use crate::invariant::Invariant;
use crate::known;
use crate::reader::Entry;
use crate::record::Field;
use crate::retention::Kept;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::{COMMANDS, TERMS};
use holdfast_tools::Failure;
use std::borrow::Cow;

impl Sale<'_> {
    pub(super) fn command(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Result<Option<()>, Failure> {
        let kind = said.kind.text();
        let policy = match kind {
            "use-coupon" => said.coupon_id.id().map(|coupon| policy_of_coupon(&coupon, cut.places)),
            _ => said.policy_id.id().map(|policy| Some(policy.into_owned())),
        };
        let Some(policy) = policy else { return Ok(None) };
        if policy.as_ref().is_some_and(|policy| place_of(key_of(policy).as_bytes(), cut.places) != self.place) {
            shared.copies.must_have(entry);
            return Ok(Some(()));
        }
        let id = said.ids.get().unwrap_or_else(|| Cow::Owned(entry.entered()));
        let seen = self.commands.see(&id, command_wish(said), entry.heads.origin.is_redriven());
        known::retried(seen, &id, entry, findings);
        if !seen.is_to_decide() {
            findings.count(Invariant::NoGap, "records known already", 1);
            return Ok(Some(()));
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        let kept = self.state.map(|state| Kept::of(state, &COMMANDS, &id, self.now_ms)).transpose()?;
        let has_ended = matches!(kept, Some(Kept::Ended));
        match &kept {
            Some(Kept::Ended) => {
                findings.count(Invariant::OneOutcome, "coupon commands whose outcome has ended", 1);
            }
            Some(Kept::Missing) => {
                findings.breach(Invariant::OneOutcome, entry, format!("{id} ({kind}) has no outcome"))
            }
            Some(Kept::Row(_)) | None => {}
        }
        let is_refused = matches!(kept, Some(Kept::Row(row)) if row.refused.is_some());
        let Some(policy) = policy.filter(|_| !is_refused) else { return Ok(Some(())) };
        match kind {
            // Its outcome has ended, and a policy does not: that says when it was created.
            "create-policy" if has_ended && !self.has_created(&policy)? => {}
            "create-policy" => {
                let total = said.total_quantity.int().unwrap_or(0);
                let (starts_ms, ends_ms) = (said.start_time.when(), said.end_time.when());
                let (created_ms, terms) = (self.now_ms, Terms::of(said));
                let new = Policy { created_ms, total, starts_ms, ends_ms, terms, ..Policy::default() };
                self.policies.entry(policy).or_insert(new).count_left(created_ms);
            }
            "adjust-stock" => {
                if let (Some(policy), Some(by)) = (self.policies.get_mut(&policy), said.by.int())
                    && let Some(total) = policy.total.checked_add(by).filter(|total| *total >= policy.issued)
                {
                    policy.total = total;
                    policy.is_adjusted = true;
                    policy.count_left(self.now_ms);
                }
            }
            _ => {
                if let (Some(coupon), Some(user), Some(order)) =
                    (said.coupon_id.id(), said.user_id.id(), said.order_id.id())
                {
                    self.redemptions.use_by_hand(&coupon, &user, &order);
                }
            }
        }
        Ok(Some(()))
    }

    /// Whether the state has this policy, and it was created now.
    fn has_created(&self, policy: &str) -> Result<bool, Failure> {
        let row = self.state.map(|state| state.get(&TERMS, &policy.to_owned())).transpose()?;
        Ok(row.flatten().is_some_and(|row| row.created_ms == self.now_ms))
    }

    /// Whether it is decided in another place, and told there.
    pub(super) fn is_elsewhere(&self, said: &Message<'_>, cut: &Cut) -> bool {
        let policy = match said.kind.text() {
            "return-coupon" => None,
            kind if guards::KINDS.contains(&kind) => None,
            "use-coupon" => said.coupon_id.id().and_then(|coupon| policy_of_coupon(&coupon, cut.places)),
            "create-policy" | "adjust-stock" => said.policy_id.id().map(Cow::into_owned),
            _ => said.policy().filter(|_| said.user_id.id().is_some()).map(Cow::into_owned),
        };
        policy.is_some_and(|policy| place_of(key_of(&policy).as_bytes(), cut.places) != self.place)
    }

    /// A payment wants a coupon, and is told what that takes off.
    pub(super) fn redeem(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Option<()> {
        let (coupon, user, payment) = (said.coupon_id.id()?, said.user_id.id()?, said.order_id.id()?);
        let order = (said.order_amount.int()?, said.minimum_discount.int().unwrap_or(0));
        let policy = policy_of_coupon(&coupon, cut.places);
        if policy.as_ref().is_some_and(|policy| place_of(key_of(policy).as_bytes(), cut.places) != self.place) {
            shared.copies.must_have(entry);
            return Some(());
        }
        let terms = policy.and_then(|policy| self.policies.get(&policy)).map(|policy| policy.terms).unwrap_or_default();
        match self.redemptions.use_for(&payment, &coupon, &user, order, terms) {
            None => findings.count(Invariant::NoGap, "records known already", 1),
            Some(off) => {
                findings.count(Invariant::NoGap, "records decided", 1);
                shared.books.discounts.wish(&payment, off, entry, findings);
            }
        }
        Some(())
    }

    /// A queue says something about a policy.
    pub(super) fn guard(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Option<()> {
        if place_of(key_of(&said.policy_id.id()?).as_bytes(), cut.places) != self.place {
            shared.copies.must_have(entry);
            return Some(());
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        self.guards.hear(entry.value, self.now_ms)
    }

    pub(super) fn give_back(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Option<()> {
        let (coupon, payment) = (said.coupon_id.id()?, said.order_id.id()?);
        let policy = policy_of_coupon(&coupon, cut.places)?;
        if place_of(key_of(&policy).as_bytes(), cut.places) != self.place {
            shared.copies.must_have(entry);
            return Some(());
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        self.redemptions.give_back(&payment);
        Some(())
    }
}

/// The key of what concerns a policy.
pub(super) fn key_of(policy: &str) -> String {
    format!("coupon-{policy}")
}

/// What a command wants, as far as two commands of one id must not differ in it.
pub(super) fn command_wish(said: &Message<'_>) -> impl std::hash::Hash {
    (
        said.kind.text(),
        [&said.policy_id, &said.coupon_id, &said.user_id, &said.order_id].map(Field::id),
        [said.total_quantity.int(), said.by.int()],
    )
}

/// The policy in the id of a coupon, `cpn_<place>_<policy>_<number>`, if its place is the policy's: any other id was made up.
fn policy_of_coupon(coupon: &str, places: u32) -> Option<String> {
    let (place, rest) = coupon.strip_prefix("cpn_")?.split_once('_')?;
    let (policy, number) = rest.rsplit_once('_')?;
    number.parse::<u64>().ok()?;
    (place.parse() == Ok(place_of(key_of(policy).as_bytes(), places))).then(|| policy.to_owned())
}
