//! The words of the waiting room: queues, tickets, and what becomes of both.

pub mod command_outcome;
pub mod draw;
pub mod fact;
pub mod keys;
pub mod message;
pub mod published;
pub mod row;
pub mod sample;
pub mod settings;
pub mod ticket_state;
pub mod token;

pub use crate::topics::queue::{DEAD_LETTERS, EVENTS, INBOX};
pub use settings::Settings;

use crate::feature::{Feature, Settable};
use crate::place_id::{self, Kind};
use crate::settings::SettingsRow;
use crate::topics;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::{ChunkKey, NodeKey, TicketKey, UserKey};
use row::{
    BitsRow, CommandRow, CountsRow, EndedRow, NodeRow, PaceRow, PackedRow, QueueRow, SeenRow, TicketRow, UserRow,
};

/// Name of the topology.
pub const NAME: &str = "queue";
/// Group under which its positions are shown.
pub const GROUP: &str = "queue-service-group";
/// Where notifications are requested.
pub const NOTIFICATIONS: &str = topics::notification::INBOX;

/// What all rooms need to know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: sample::SAMPLE };

/// How many tickets, or places in line, one packed row speaks of.
pub const CHUNK: u64 = 1_024;

/// What a queue is, by queue id: read for each join and written seldom.
pub const QUEUES: Table<String, QueueRow> = Table::new(16, "queues");
/// How many tickets a queue has in each state, by queue id: written for each join.
pub const COUNTS: Table<String, CountsRow> = Table::new(17, "counts");
/// How many tickets were admitted lately, by queue id: written for each admission.
pub const PACE: Table<String, PaceRow> = Table::new(18, "pace");
/// The live tickets.
pub const TICKETS: Table<TicketKey, TicketRow> = Table::new(19, "tickets");
/// The live ticket of each user of a queue: at most one.
pub const USERS: Table<UserKey, UserRow> = Table::new(20, "users");
/// Tickets that have ended, for a time.
pub const ENDED: EndingTable<TicketKey, EndedRow> = EndingTable::new(21, "ended");
/// Which places in line are taken by a waiting ticket: a bit each, [`CHUNK`] places a row. No row = none.
pub const LINE: Table<ChunkKey, BitsRow> = Table::new(22, "line");
/// How many waiting tickets lie under each node of the tree above [`LINE`].
pub const NODES: Table<NodeKey, NodeRow> = Table::new(23, "nodes");
/// When each ticket of a chunk was last heard of, and when the chunk is looked at for silent ones.
pub const SEEN: Table<ChunkKey, SeenRow> = Table::new(24, "seen");
/// The place in line of each ticket that was drawn: 0 = it had left before. Tickets that came after the draw have the place of their number.
pub const DRAWN_PLACES: Table<ChunkKey, PackedRow> = Table::new(25, "drawn-places");
/// The ticket in each place in line that was drawn: the same, the other way round.
pub const DRAWN_TICKETS: Table<ChunkKey, PackedRow> = Table::new(26, "drawn-tickets");
/// The outcome of each command, by command id (its `requestId`, else `eventId`, else where it entered the log).
pub const COMMANDS: EndingTable<String, CommandRow> = EndingTable::new(27, "commands");
/// Settings by the offset of the first record that was decided with them. No command reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(28, "settings");

/// The id of a request that will be decided in `place`; `unique` is the caller's, a UUID say.
#[must_use]
pub fn request_id(place: u32, unique: &str) -> String {
    place_id::format(Kind::Request, place, unique)
}

/// The place that decides the request `id`; `None` for an id that [`request_id`] did not make.
#[must_use]
pub fn request_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Request, id).map(|(place, _)| place)
}
