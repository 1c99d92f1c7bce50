//! The words of deadlines: the topic that holds are written to, and where they come back as `expire`.

pub mod published;

pub use crate::topics::expiration::{DEAD_LETTERS, INBOX};

use crate::feature::{Feature, Sample};
use crate::topics;

/// Name of the topology.
pub const NAME: &str = "expiration";
/// Group under which its positions are shown.
pub const GROUP: &str = "reservation-expiration-group";
/// Where deadlines are decided.
pub const SINK: &str = topics::reservation::INBOX;

/// What all rooms know of it.
pub const FEATURE: Feature = Feature { name: NAME, inbox: INBOX, settings: None, sample: Sample::NONE };
