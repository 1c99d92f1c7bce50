//! What records about queues and tickets say.

use crate::record::{Field, Identity, record};

record! {
    /// A record of the inbox.
    pub(super) struct Message<'a> {
        kind: Field<'a> = "type",
        queue_id: Field<'a> = "queueId",
        user_id: Field<'a> = "userId",
        ..ids: Identity<'a>,
    }
}

/// Records that a queue understands, by their `type`.
pub(super) const KINDS: [&str; 11] = [
    "create-queue",
    "change-queue",
    "join",
    "leave",
    "touch",
    "purchased",
    "admit",
    "open",
    "tell",
    "active-end",
    "silence",
];

record! {
    /// What happened to a queue or a ticket.
    pub(super) struct Fact<'a> {
        kind: Field<'a> = "type",
        queue_id: Field<'a> = "queueId",
        ticket: Field<'a> = "ticket",
        user_id: Field<'a> = "userId",
        position: Field<'a> = "position",
        reason: Field<'a> = "reason",
        active_until: Field<'a> = "activeUntil",
        occurred_at: Field<'a> = "occurredAt",
        max_active: Field<'a> = "maxActive",
        admit_per_second: Field<'a> = "admitPerSecond",
        state: Field<'a> = "state",
        opens_at: Field<'a> = "opensAt",
        seed_hash: Field<'a> = "seedHash",
        seed: Field<'a> = "seed",
        /// Tickets up to this one were drawn.
        drawn: Field<'a> = "drawn",
    }
}
