//! I-10 and I-11: what is kept of coupons, and shown by queries, is what the log says.

use super::Sale;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::outcomes::Statuses;
use crate::rebuilt::Rebuilt;
use holdfast_engine::inspect::codec;
use holdfast_model::coupon::keys::CouponKey;
use holdfast_model::coupon::row::{CouponRow, PolicyRow, RequestRow};
use holdfast_model::coupon::{COUPONS, POLICIES, REQUESTS};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;

/// What queries show of each request.
pub(super) fn shown(state: Option<&Rebuilt>, statuses: &mut Statuses) -> Result<FxHashMap<Print, u8>, Failure> {
    let mut shown = FxHashMap::default();
    let Some(state) = state else { return Ok(shown) };
    state.each_raw(REQUESTS.stored(), &mut |id: String, row| {
        let row: RequestRow<&str> = codec::decode_borrowed(row)?;
        shown.insert(print(&*id), statuses.number(row.outcome.status().as_str()));
        Ok(())
    })?;
    Ok(shown)
}

/// Compares the sale of a place with its state.
pub(super) fn compare(sale: &Sale<'_>, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let mut kept = 0;
    state.each(&COUPONS, &mut |key: CouponKey, row: CouponRow| {
        kept += 1;
        let id = format!("cpn_{}_{}_{}", sale.place, key.policy_id, key.serial);
        let order = row.used.as_ref().map(|used| &*used.order_id);
        if sale.redemptions.is_as(&id, &row.user_id, order) {
            findings.count(Invariant::Agreement, "coupons shown as the log has them", 1);
        } else {
            let what = format!("{id} of {} is shown as used for {order:?}, and is not by the log", row.user_id);
            findings.breach(Invariant::Agreement, state.source(), what);
        }
    })?;
    if kept != sale.redemptions.given() {
        let what = format!("{kept} coupons are kept, by the log there are {}", sale.redemptions.given());
        findings.breach(Invariant::Agreement, state.source(), what);
    }
    state.each(&POLICIES, &mut |id: String, row: PolicyRow| {
        let own = sale.policies.get(&id).map(|policy| (policy.total, policy.issued));
        let kept = (row.total.cast_signed(), row.issued.cast_signed());
        if own != Some(kept) {
            let at = format!("{}, policy {id}", state.source());
            findings.breach(Invariant::Stock, at, format!("total and issued are {kept:?}, by the log {own:?}"));
        }
    })
}
