use crate::command_ids::command_ids;
use crate::coupon::row::Discount;
use crate::fingerprint;
use crate::reading::{self, Unreadable, unreadable};
use crate::schema::or_null;
use crate::wire::{self, Id, When};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Command {
    /// There shall be a policy.
    CreatePolicy(CreatePolicy),
    /// There shall be more or fewer coupons.
    AdjustStock(AdjustStock),
    /// This coupon is used for that order.
    UseCoupon(UseCoupon),
}

/// There shall be a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PolicyBody)]
pub struct CreatePolicy {
    /// Id of the event that carries the command.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it. Over HTTP: instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Its id.
    #[schema(value_type = Id<'static>, example = "1")]
    #[serde(deserialize_with = "wire::id")]
    pub policy_id: String,
    /// What it is called.
    #[schema(example = "첫 구매 쿠폰")]
    pub title: String,
    /// A longer text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many coupons there are.
    #[schema(minimum = 0, example = 100)]
    pub total_quantity: i64,
    /// First moment at which they are issued, RFC 3339 or epoch ms; none = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<When>,
    /// First moment at which they are not issued any more, RFC 3339 or epoch ms; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<When>,
    /// `FIXED_AMOUNT` or `PERCENTAGE`.
    #[schema(schema_with = discount_type)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_type: Option<String>,
    /// KRW, or percent.
    #[schema(minimum = 0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_value: Option<i64>,
    /// Smallest order, in KRW.
    #[schema(minimum = 0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_order_amount: Option<i64>,
    /// Most it takes off, in KRW.
    #[schema(minimum = 0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_discount_amount: Option<i64>,
}

fn discount_type() -> Schema {
    or_null(Discount::kinds())
}

/// There shall be more or fewer coupons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustStock {
    /// Id of the event that carries the command.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Of which policy.
    #[serde(deserialize_with = "wire::id")]
    pub policy_id: String,
    /// How many more; negative = fewer.
    pub by: i64,
}

/// This coupon is used for that order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UseCoupon {
    /// Id of the event that carries the command.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which coupon.
    #[serde(deserialize_with = "wire::id")]
    pub coupon_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// For which order.
    #[serde(deserialize_with = "wire::id")]
    pub order_id: String,
}

command_ids!(Command { CreatePolicy, AdjustStock, UseCoupon });

impl Command {
    pub(super) fn read(kind: &str, text: &str) -> Result<Self, Unreadable> {
        let command = match kind {
            "create-policy" => Self::CreatePolicy(reading::fields(text)?),
            "adjust-stock" => Self::AdjustStock(reading::fields(text)?),
            "use-coupon" => Self::UseCoupon(reading::fields(text)?),
            _ => {
                return Err(unreadable(
                    "UnknownType",
                    format!("{kind:?} is none of create-policy, adjust-stock, use-coupon, return-coupon"),
                ));
            }
        };
        if let Self::UseCoupon(command) = &command {
            reading::check_lengths([Some(&*command.order_id)])?;
        }
        Ok(command.without_blank_ids())
    }

    /// Hash of what it says, its ids apart. Stored, so it is FNV-1a over the command's JSON and stays that.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint::of_json(&self.without_ids())
    }
}
