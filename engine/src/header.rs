//! Names of the headers that the engine writes and reads.
//!
//! A dead letter has those that begin with `X-`, in the order in which they stand here: the seeds' names, attempts, and the original's CloudEvents id.

/// Topic it came from.
pub const TOPIC: &str = "X-Original-Topic";
/// Partition it came from.
pub const PARTITION: &str = "X-Original-Partition";
/// Offset it came from.
pub const OFFSET: &str = "X-Original-Offset";
/// The machine's word for what was wrong.
pub const CLASS: &str = "X-Exception-Class";
/// The same for humans.
pub const MESSAGE: &str = "X-Exception-Message";
/// When it was given up: the task's `now`, in ms since the epoch.
pub const TIMESTAMP: &str = "X-Failed-Timestamp";
/// Attempts made. Of what the log refuses: 3 when its outcome was refused, too, and 1 otherwise.
pub const ATTEMPTS: &str = "X-Attempts";
/// Of a delayed message that the log refused: the topology that had kept it. Topic and partition are those that it was to be sent to, and there is
/// no offset.
pub const DELAYED_BY: &str = "X-Delayed-By";
/// Of such a message: when it was due, in ms since the epoch.
pub const DELAYED_DUE: &str = "X-Delayed-Due";
/// Of a redriven record: the dead letter it was, as `<topic>-<partition>-<offset>`.
pub const REDRIVEN_FROM: &str = "X-Redriven-From";
/// Of a redriven record: how many times that dead letter has been put back, this time included.
pub const REDRIVE: &str = "X-Redrive-Attempt";
/// Of a redriven record: the operator who has put it back, as the operator says.
pub const REDRIVEN_BY: &str = "X-Redriven-By";
/// Of a redriven record: when it was put back, in ms since the epoch by the clock of the program that did it.
pub const REDRIVEN_AT: &str = "X-Redriven-At";
/// Of a redriven record: where it first entered the log. Unlike the others it outlives another burial, and with it the record's identity.
pub const ENTERED: &str = "x-entered";
/// Of a forwarded record: topic, partition and offset at which it entered the log. Keeps its identity, and marks it as forwarded once.
pub const ORIGIN: &str = "x-origin";
/// Of a record that stands for one that was given up in a foreign place, before it could be forwarded: only its outcome is to be decided. Says where.
pub const GIVEN_UP: &str = "x-given-up";
/// Of a record that brings an effect's result: the effect's name, `<app>/<topology>/<place>/<id>`.
pub const EFFECT_ID: &str = "x-effect-id";
/// Of such a record: the effect's lane, `<channel>/<urgency>`.
pub const EFFECT_LANE: &str = "x-effect-lane";
/// Of such a record: shows that it comes from an executor of effects.
pub const EFFECT_PROOF: &str = "x-effect-proof";

/// Whether a record that is buried again loses its header `name`: it is one of the earlier burial, and the new one writes its own. What tells of the
/// redrive in between stays.
#[must_use]
pub(crate) fn is_of_burial(name: &str) -> bool {
    name.starts_with("X-") && !matches!(name, REDRIVEN_FROM | REDRIVE | REDRIVEN_BY | REDRIVEN_AT)
}
