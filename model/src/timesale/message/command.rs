use crate::command_ids::command_ids;
use crate::fingerprint;
use crate::reading::{self, Unreadable, unreadable};
use crate::wire::{self, Id, When};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Command {
    /// Create a sale.
    CreateSale(CreateSale),
    /// Change the stock of a sale.
    AdjustStock(AdjustStock),
    /// Cancel a confirmed order.
    CancelOrder(CancelOrder),
}

/// Create a sale.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeSaleBody)]
pub struct CreateSale {
    /// Id of the event that carries the command.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it. Over HTTP: instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Id of the sale.
    #[schema(value_type = Id<'static>, example = "1")]
    #[serde(deserialize_with = "wire::id")]
    pub time_sale_id: String,
    /// What it is called.
    #[schema(example = "오늘의 타임세일")]
    pub title: String,
    /// A longer text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is sold.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// What a unit costs outside the sale, in KRW: at least the discount price.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_price: Option<i64>,
    /// What a unit costs in the sale, in KRW.
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 9_900)]
    pub discount_price: i64,
    /// How many units there are.
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 100)]
    pub total_quantity: i64,
    /// Most units that one buyer may have; none = no limit.
    #[schema(minimum = 1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_per_user: Option<i64>,
    /// First moment at which orders are confirmed, RFC 3339 or epoch ms; none = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<When>,
    /// First moment at which orders are no longer confirmed, RFC 3339 or epoch ms; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<When>,
}

/// Change the stock of a sale.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustStock {
    /// Id of the event that carries the command.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Of which sale.
    #[serde(deserialize_with = "wire::id")]
    pub time_sale_id: String,
    /// How many units more; negative = fewer.
    pub by: i64,
}

/// Cancel a confirmed order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrder {
    /// Id of the event that carries the command.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which order.
    #[serde(deserialize_with = "wire::id")]
    pub order_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

command_ids!(Command { CreateSale, AdjustStock, CancelOrder });

impl Command {
    pub(super) fn read(kind: &str, text: &str) -> Result<Self, Unreadable> {
        let command = match kind {
            "create-sale" => Self::CreateSale(reading::fields(text)?),
            "adjust-stock" => Self::AdjustStock(reading::fields(text)?),
            "cancel-order" => Self::CancelOrder(reading::fields(text)?),
            _ => {
                return Err(unreadable(
                    "UnknownType",
                    format!("{kind:?} is none of create-sale, adjust-stock, cancel-order"),
                ));
            }
        };
        Ok(command.without_blank_ids())
    }

    /// Hash of what it says, its ids apart. Stored, so it is FNV-1a over the command's JSON and stays that.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint::of_json(&self.without_ids())
    }
}
