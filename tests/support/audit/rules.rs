//! The rules of the sale, written down a second time and by themselves: who gets a coupon follows from the inbox alone.

use crate::support::topics::{PARTITIONS, Seen};
use holdfast_ports::place::place_of;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What has to become of a record of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has an outcome, unless it repeats one that has.
    Request,
    /// It changes what is sold.
    Command,
    /// It is sent on to where its policy lies.
    Misplaced,
    /// It is buried.
    Bad,
}

/// What a request has to be told.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) status: &'static str,
    pub(crate) policy: String,
    pub(crate) user: String,
}

/// The sale as it has to be.
#[derive(Debug, Default)]
pub(crate) struct Sale {
    /// Beside each record of the inbox.
    pub(crate) fates: Vec<Fate>,
    /// By request id.
    pub(crate) decided: BTreeMap<String, Decided>,
    /// By policy: how many there are.
    pub(crate) stock: BTreeMap<String, u64>,
    /// By policy: request ids, in the order of the log.
    pub(crate) winners: BTreeMap<String, Vec<String>>,
    /// By policy: the users who asked for one.
    pub(crate) wanted: BTreeMap<String, BTreeSet<String>>,
}

/// A JSON value as text: ids may come as numbers.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The record's value, if it can be read.
pub(crate) fn json(record: &Seen) -> Option<Value> {
    serde_json::from_slice(record.value.as_deref()?).ok()
}

/// Under which id a request is known.
pub(crate) fn identity(value: &Value) -> Option<String> {
    ["requestId", "eventId"].iter().map(|name| &value[*name]).find(|id| !id.is_null()).map(text)
}

fn policy_of(value: &Value) -> String {
    text(if value["policyId"].is_null() { &value["couponId"] } else { &value["policyId"] })
}

/// Decides everything again. `inbox` is by partition, in the order of offsets.
pub(crate) fn decide_again(inbox: &[Seen]) -> Sale {
    let mut sale = Sale::default();
    for record in inbox {
        let fate = sale.decide(record);
        sale.fates.push(fate);
    }
    sale
}

impl Sale {
    fn decide(&mut self, record: &Seen) -> Fate {
        let Some(value) = json(record) else { return Fate::Bad };
        let policy = policy_of(&value);
        if place_of(format!("coupon-{policy}").as_bytes(), PARTITIONS) != record.partition {
            return Fate::Misplaced;
        }
        if value["type"] == "create-policy" {
            // The same words again change nothing.
            self.stock.entry(policy.clone()).or_insert_with(|| value["totalQuantity"].as_u64().unwrap());
            self.winners.entry(policy.clone()).or_default();
            self.wanted.entry(policy).or_default();
            return Fate::Command;
        }
        let id = identity(&value).unwrap_or_else(|| panic!("the crowd names its requests: {value}"));
        if self.decided.contains_key(&id) {
            return Fate::Request;
        }
        let user = text(&value["userId"]);
        let status = self.status(&policy, &user, &id);
        self.decided.insert(id, Decided { status, policy, user });
        Fate::Request
    }

    fn status(&mut self, policy: &str, user: &str, id: &str) -> &'static str {
        let (Some(stock), Some(winners), Some(wanted)) =
            (self.stock.get(policy), self.winners.get_mut(policy), self.wanted.get_mut(policy))
        else {
            return "VALIDATION_FAILED";
        };
        let is_new = wanted.insert(user.to_owned());
        let has_one = !is_new && winners.iter().any(|winner| self.decided[winner].user == user);
        if has_one {
            "DUPLICATE_REQUEST"
        } else if winners.len() as u64 >= *stock {
            "OUT_OF_STOCK"
        } else {
            winners.push(id.to_owned());
            "SUCCESS"
        }
    }
}
