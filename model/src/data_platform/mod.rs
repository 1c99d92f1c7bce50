//! The words of the data platform's deliveries: the facts they are made of, what the topology tells itself, and the ledger.
//!
//! | module | holds |
//! |---|---|
//! | [`fact`] | what is read of `reservation.confirmed` and `payment.completed` |
//! | [`message`] | what the topology sends to its own results topic |
//! | [`problem`] | what a question without an answer is told |
//! | [`row`] | the ledger: one row for each reservation |
//! | [`settings`] | what an operator may set |

pub mod fact;
pub mod message;
pub mod problem;
pub mod published;
pub mod row;
pub mod settings;

pub use crate::topics::data_platform::{DEAD_LETTERS, RESULTS};
pub use crate::topics::payment::COMPLETED;
pub use crate::topics::reservation::CONFIRMED;
pub use settings::Settings;

use crate::feature::{Feature, Sample, Settable};
use crate::settings::SettingsRow;
use holdfast_engine::prelude::{EndingTable, Table};
use row::DeliveryRow;

/// Name of the topology.
pub const NAME: &str = "data-platform";
/// Group under which its positions are shown.
pub const GROUP: &str = "data-platform-service-group";
/// The channel that performs its effects.
pub const CHANNEL: &str = "data-platform";

/// Calls that a delivery gets in all: one try and three retries. Calls that failed while the channel as a whole was away do not count.
pub const ATTEMPTS_MAX: u32 = 4;

/// What all rooms need to know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: CONFIRMED, settings: Some(Settable::of::<Settings>()), sample: Sample::NONE };

/// The ledger, by reservation id. A row ends with its retention once its delivery is done or given up.
pub const DELIVERIES: EndingTable<String, DeliveryRow> = EndingTable::new(16, "deliveries");
/// Settings by the `now` of the first record that was decided with them, in ms since the epoch: there are several sources, so no offset tells.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(17, "settings");
