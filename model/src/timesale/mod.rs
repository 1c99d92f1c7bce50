//! The words of time sales: orders, commands about sales, and the outcomes of both.

pub mod command_outcome;
pub mod keys;
pub mod message;
pub mod order_id;
pub mod outcome;
pub mod outcome_record;
pub mod published;
pub mod row;
pub mod sample;
pub mod settings;

pub use crate::topics::timesale::{DEAD_LETTERS, FAILURES, INBOX, SUCCESS};
pub use settings::Settings;

use crate::feature::{Feature, Settable};
use crate::guard::AdmissionKey;
use crate::guard::row::{AdmissionRow, GuardsRow};
use crate::settings::SettingsRow;
use crate::topics;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::BuyerKey;
use row::{BuyerRow, CommandRow, OrderRow, RefusedRow, SaleRow, TermsRow};

/// Name of the topology.
pub const NAME: &str = "timesale";
/// Group under which its positions are shown.
pub const GROUP: &str = "timesale-service-group";
/// Where queues that guard sales are told of purchases.
pub const QUEUES: &str = topics::queue::INBOX;
/// Where notifications are requested.
pub const NOTIFICATIONS: &str = topics::notification::INBOX;

/// What all rooms need to know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: sample::SAMPLE };

/// What the decision about an order needs to know of a sale, by sale id: stock, limit, window, price, title. Read for each order, so it is small.
pub const SALES: Table<String, SaleRow> = Table::new(16, "sales");
/// What only people read of a sale, by sale id.
pub const TERMS: Table<String, TermsRow> = Table::new(17, "terms");
/// The orders that were confirmed, by order id. They stay, cancelled or not.
pub const ORDERS: Table<String, OrderRow> = Table::new(18, "orders");
/// The orders that were refused, by order id: outcomes that end with their retention.
pub const REFUSED: EndingTable<String, RefusedRow> = EndingTable::new(19, "refused");
/// How many units of a sale each buyer has, cancelled ones not counted.
pub const BUYERS: Table<BuyerKey, BuyerRow> = Table::new(20, "buyers");
/// The outcome of each command, by command id (its `requestId`, else `eventId`, else where it entered the log).
pub const COMMANDS: EndingTable<String, CommandRow> = EndingTable::new(21, "commands");
/// Settings by the offset of the first record that was decided with them. No command reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(22, "settings");
/// The queues that guard a sale, by sale id.
pub const GUARDS: Table<String, GuardsRow> = Table::new(23, "guards");
/// Who was let in by such a queue, and until when.
pub const ADMISSIONS: EndingTable<AdmissionKey, AdmissionRow> = EndingTable::new(24, "admissions");
