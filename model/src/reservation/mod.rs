//! The words of seats: concerts and schedules, holds, payments and their answers, and what becomes of them.

pub mod facts;
mod fees;
pub mod ids;
pub mod keys;
pub mod message;
pub mod published;
pub mod refusal;
pub mod row;
pub mod sample;
pub mod serial;
pub mod settings;
pub mod state;
pub mod waitlist;

pub use crate::topics::reservation::{CONFIRMED, DEAD_LETTERS, INBOX, SEATS_EXPIRED};
pub use settings::Settings;

use crate::feature::{Feature, Settable};
use crate::guard::AdmissionKey;
use crate::guard::row::{AdmissionRow, GuardsRow};
use crate::settings::SettingsRow;
use crate::topics;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::{BuyerKey, EntryKey, SeatKey};
use row::{
    AnswerRow, BuyerRow, CommandRow, ConcertRow, CouponRow, PaymentRow, ReservationRow, ScheduleRow, SweepRow, TakenRow,
};
use serial::Serial;
use waitlist::{BlockRow, EntryRow, WaiterRow, WaitlistRow};

/// Name of the topology.
pub const NAME: &str = "reservation";
/// Group under which its positions are shown.
pub const GROUP: &str = "reservation-service-group";
/// Deadlines of holds.
pub const EXPIRATIONS: &str = topics::expiration::INBOX;
/// What the wallets shall do.
pub const PAYMENTS: &str = topics::payment::INBOX;
/// What coupons shall do.
pub const COUPONS: &str = topics::coupon::INBOX;
/// What rankings count.
pub const RANKING: &str = topics::ranking::INBOX;
/// Where queues that guard schedules are told of purchases.
pub const QUEUES: &str = topics::queue::INBOX;
/// Where notifications are asked for.
pub const NOTIFICATIONS: &str = topics::notification::INBOX;

/// What all rooms know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: sample::SAMPLE };

/// How long deadlines stay in their topic, in ms: a day, as the seeds say. They are in the state as well.
pub const EXPIRATIONS_RETENTION_MS: i64 = 86_400_000;

/// Concerts, by id.
pub const CONCERTS: Table<String, ConcertRow> = Table::new(16, "concerts");
/// Schedules with their counts, by id. Read and written for each move, so it is small.
pub const SCHEDULES: Table<String, ScheduleRow> = Table::new(17, "schedules");
/// Price in KRW of each seat, where seats have prices of their own.
pub const PRICES: Table<SeatKey, u64> = Table::new(18, "prices");
/// Seats that somebody has.
pub const TAKEN: Table<SeatKey, TakenRow> = Table::new(19, "taken");
/// What each user has of a schedule.
pub const BUYERS: Table<BuyerKey, BuyerRow> = Table::new(20, "buyers");
/// Reservations, by serial.
pub const RESERVATIONS: Table<Serial, ReservationRow> = Table::new(21, "reservations");
/// Payments, by id.
pub const PAYMENT_STATES: Table<String, PaymentRow> = Table::new(22, "payments");
/// The outcome of each command, by command id.
pub const COMMANDS: EndingTable<String, CommandRow> = EndingTable::new(23, "commands");
/// The coupon of each payment that wants one, by payment id.
pub const PAYMENT_COUPONS: Table<String, CouponRow> = Table::new(24, "payment-coupons");
/// The sweep that is due, by schedule id.
pub const SWEEPS: Table<String, SweepRow> = Table::new(25, "sweeps");
/// Settings by the offset of the first record that was decided with them. No command reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(26, "settings");

/// What commands were told, by command id, where their rows say something else by now: so a repetition is told the same. They stay: a row does not say
/// when it was decided.
pub const ANSWERS: Table<String, AnswerRow> = Table::new(27, "answers");
/// The queues that guard a schedule, by schedule id.
pub const GUARDS: Table<String, GuardsRow> = Table::new(28, "guards");
/// Who was let in by such a queue, and until when.
pub const ADMISSIONS: EndingTable<AdmissionKey, AdmissionRow> = EndingTable::new(29, "admissions");

/// Waitlists with their counts, by schedule id: of schedules that have had one, or say how theirs shall be.
pub const WAITLISTS: Table<String, WaitlistRow> = Table::new(30, "waitlists");
/// Entries that are on a waitlist, by number.
pub const ENTRIES: Table<EntryKey, EntryRow> = Table::new(31, "waitlist-entries");
/// What each user has of a waitlist.
pub const WAITERS: Table<BuyerKey, WaiterRow> = Table::new(32, "waiters");
/// Which entries are on a waitlist, by number divided by 256.
pub const ENTRY_BLOCKS: Table<EntryKey, BlockRow> = Table::new(33, "waitlist-blocks");
