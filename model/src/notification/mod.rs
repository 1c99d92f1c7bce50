//! The words of notifications: what asks for one, what becomes of it on each channel, what a user prefers and how a user can be reached.
//!
//! | module | holds |
//! |---|---|
//! | `request` | the record that asks for a notification, as the shop's topologies write it |
//! | [`message`] | the records of [`INBOX`], read |
//! | [`payment_completed`] | the records of [`PAYMENT_COMPLETED`], read |
//! | [`preferences`] | what a user prefers: the command and the row |
//! | [`contact`] | how a user can be reached |
//! | [`call`] | what an effect carries |
//! | [`channel`], [`locale`] | names |
//! | [`step`] | keys and values of records in [`RESULTS`] |
//! | [`letter`] | the headers of a dead letter that name what was given up |
//! | [`row`], [`keys`] | what is stored |
//! | [`problem`] | what a question without an answer is told |
//! | [`settings`] | what the shop may set |

pub mod call;
pub mod channel;
pub mod contact;
pub mod keys;
pub mod letter;
pub mod locale;
pub mod message;
pub mod payment_completed;
pub mod preferences;
pub mod problem;
pub mod published;
mod request;
pub mod row;
pub mod settings;
pub mod step;

pub use crate::topics::notification::{CONTACTS as USER_CONTACTS, DEAD_LETTERS, INBOX, PAYMENT_COMPLETED, RESULTS};
pub use contact::CONTACTS;
pub use request::{EVENT_TYPE, NotificationRequest, Priority};
pub use settings::Settings;

use crate::feature::{Feature, Sample, Settable};
use crate::settings::SettingsRow;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::HistoryKey;
use preferences::{CommandRow, PreferencesRow};
use row::{HistoryRow, NoticeRow};

/// Name of the topology.
pub const NAME: &str = "notification";
/// Group under which its positions are shown.
pub const GROUP: &str = "notification-service-group";
/// Topic of the requests, for those who send some.
pub const REQUESTS: &str = INBOX;

/// What all rooms need to know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: Sample::NONE };

/// The ledger, by notification id: each notification with what became of it on each of its channels. A row ends some time after the last channel has come
/// to an end.
pub const NOTICES: EndingTable<String, NoticeRow> = EndingTable::new(17, "notices");
/// The notifications of a user, the newest first.
pub const HISTORY: EndingTable<HistoryKey, HistoryRow> = EndingTable::new(18, "history");
/// What users prefer, by user id.
pub const PREFERENCES: Table<String, PreferencesRow> = Table::new(19, "preferences");
/// The commands that were carried out, by command id.
pub const COMMANDS: EndingTable<String, CommandRow> = EndingTable::new(20, "commands");
/// Settings by the time of the first record that was decided with them, in ms since the epoch. No command reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(21, "settings");
