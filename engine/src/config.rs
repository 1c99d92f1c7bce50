//! Settings of the engine: data, no components.

use holdfast_ports::membership::Member;
use holdfast_ports::membership::Owner;

use crate::topology::DELETE_RETENTION_MS;

/// A day less than tombstones are kept: for clocks that are wrong, and for restores that take long.
const STORE_AGE_MAX_MS: i64 = DELETE_RETENTION_MS - 24 * 60 * 60 * 1000;
/// How often a running store is noted to be level with its changelog, at most.
const FRESH_INTERVAL_MAX_MS: i64 = 60_000;

/// When a stream thread commits. Adaptive: a single request is committed at once, a flood in large groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitConfig {
    /// A commit happens at the latest after this many input records.
    pub records_max: usize,
    /// … or this many bytes: of outputs, and of what was written to stores. Asked after each record, so it is passed by one record at most. In memory are up
    /// to two transactions, one open and one being committed, and the copies that a commit makes of one.
    pub bytes_max: u64,
    /// … or this long after its first record, in µs.
    pub interval_max_us: u64,
    /// Two commits begin at least this far apart while more may come, in µs: groups small requests on a log whose transactions are dear.
    pub spacing_min_us: u64,
    /// After a commit nothing is committed for this share of the time it took, in %, while more may come. A log that is slow because it is busy is
    /// asked less often, and has more done at once. None after one that was carried out beside the thread, which has gathered meanwhile.
    pub rest_percent: u64,
    /// A step that finds fewer records than this has caught up: a commit need not wait for the interval. 1 = only a step that finds nothing has. Where
    /// records trickle in all the time, hardly any step finds nothing.
    pub few_records: usize,
    /// A commit of at least so many records is carried out beside the stream thread, which decides on meanwhile. For fewer it is not worth the way to another
    /// thread and back.
    pub beside_records_min: usize,
}

impl CommitConfig {
    /// For brokers: a transaction costs milliseconds there, so commits keep 5 ms distance, and take at most half of the time while nothing is decided meanwhile.
    pub const KAFKA: Self = Self {
        records_max: 5_000,
        bytes_max: 32 << 20,
        interval_max_us: 100_000,
        spacing_min_us: 5_000,
        rest_percent: 100,
        few_records: 500,
        beside_records_min: 100,
    };

    /// For the embedded log: a transaction costs one sync, so nothing is gained by waiting.
    pub const EMBEDDED: Self = Self {
        records_max: 10_000,
        bytes_max: 16 << 20,
        interval_max_us: 50_000,
        spacing_min_us: 0,
        rest_percent: 0,
        few_records: 1,
        beside_records_min: 100,
    };
}

/// What a task does whose inbox has lost records that were not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostInput {
    /// It decides nothing more, and its worker is not ready, until an operator has looked.
    Stop,
    /// It goes on with the first record that is still there.
    Continue,
}

/// Settings of one stream thread.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The app's group, names of its changelogs, and number of places.
    pub member: Member,
    /// What places are claimed with; `owner.writer` is the transactional writer's name.
    pub owner: Owner,
    /// When to commit.
    pub commit: CommitConfig,
    /// Input records taken in one step, at most: bounds how long a step lasts.
    pub fetch_records_max: usize,
    /// Delayed messages sent in one step by one task, at most.
    pub delayed_records_max: usize,
    /// How often the group is asked for changes, in µs.
    pub membership_interval_us: u64,
    /// A store that was level with its changelog longer ago than this may have missed tombstones, and is rebuilt; in ms, less than tombstones are kept.
    pub store_age_max_ms: i64,
    /// Offsets of a changelog that may still be missing when a place is asked for in which another one works: they are restored while nobody does.
    pub tail_max: i64,
    /// What results of effects are proved with in tasks whose state has no such secret yet: drawn at random by each worker.
    pub effect_secret: [u8; 32],
    /// How long a place that is to be given up waits for effects that are under way, in µs.
    pub effect_drain_us: u64,
    /// What is done about records that retention deleted before they were decided.
    pub on_lost_input: OnLostInput,
}

impl StreamConfig {
    /// Settings for `member` and `owner` with the given commit policy and defaults for the rest.
    #[must_use]
    pub fn new(member: Member, owner: Owner, commit: CommitConfig) -> Self {
        Self {
            member,
            owner,
            commit,
            fetch_records_max: 2_000,
            delayed_records_max: 10_000,
            membership_interval_us: 20_000,
            store_age_max_ms: STORE_AGE_MAX_MS,
            tail_max: 5_000,
            effect_secret: [0; 32],
            effect_drain_us: 2_000_000,
            on_lost_input: OnLostInput::Stop,
        }
    }

    /// How often a running store is noted to be level with its changelog, in µs.
    pub(crate) fn fresh_interval_us(&self) -> u64 {
        u64::try_from((self.store_age_max_ms / 8).min(FRESH_INTERVAL_MAX_MS)).unwrap_or(0) * 1_000
    }
}
