//! What lies in the topics of rankings, published. What they count is written and described by the reservations.

use crate::published::Topic;
use crate::topics::ranking::DEAD_LETTERS;

/// The topics of rankings but for their inbox.
pub const TOPICS: &[Topic] = &[Topic::of_dead_letters(DEAD_LETTERS)];
