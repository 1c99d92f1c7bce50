//! What the operator has announced: the prices of seats and the terms of coupons, as they stand in the inboxes.

use crate::simulation::paper::text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Prices and terms. The first word under an id is the one that counts.
#[derive(Default)]
pub(crate) struct Catalogue {
    /// KRW of each seat, by schedule.
    prices: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Schedules whose released seats are offered.
    offering: BTreeSet<String>,
    /// By policy.
    terms: BTreeMap<String, Value>,
}

fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

fn prices(value: &Value) -> BTreeMap<u64, u64> {
    let seats = &value["seats"];
    match (number(&seats["count"]), number(&seats["price"]), seats.as_array()) {
        (Some(count), Some(price), _) => (1..=count).map(|seat| (seat, price)).collect(),
        (_, _, Some(each)) => {
            each.iter().filter_map(|seat| Some((number(&seat["seatNo"])?, number(&seat["price"])?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

impl Catalogue {
    /// Takes what a record says, if it announces something.
    pub(crate) fn note(&mut self, value: &Value) {
        match value["type"].as_str() {
            Some("create-schedule") => {
                if let Some(id) = text(&value["scheduleId"])
                    && !self.prices.contains_key(&id)
                {
                    self.prices.insert(id.clone(), prices(value));
                    if value["waitlist"] == "OFFER" {
                        self.offering.insert(id);
                    }
                }
            }
            Some("create-policy") => {
                if let Some(id) = text(&value["policyId"]) {
                    self.terms.entry(id).or_insert_with(|| value.clone());
                }
            }
            _ => {}
        }
    }

    /// Whether seats of a schedule that are released while users wait are offered.
    pub(crate) fn offers(&self, schedule_id: &str) -> bool {
        self.offering.contains(schedule_id)
    }

    /// KRW of each seat of a schedule.
    pub(crate) fn prices(&self, schedule_id: &str) -> Option<&BTreeMap<u64, u64>> {
        self.prices.get(schedule_id)
    }

    /// KRW of a seat.
    pub(crate) fn price(&self, schedule_id: &str, seat_no: u64) -> Option<u64> {
        self.prices(schedule_id)?.get(&seat_no).copied()
    }

    /// KRW that a coupon takes off an order of so many; none = it takes nothing off such an order.
    pub(crate) fn discount(&self, coupon_id: &str, order: u64) -> Option<u64> {
        let terms = self.terms.get(coupon_id.split('_').nth(2)?)?;
        if number(&terms["minimumOrderAmount"]).is_some_and(|minimum| order < minimum) {
            return None;
        }
        let value = number(&terms["discountValue"])?;
        let full = if terms["discountType"] == "PERCENTAGE" { order * value / 100 } else { value };
        Some(full.min(number(&terms["maximumDiscountAmount"]).unwrap_or(order)).min(order))
    }
}
