//! The engine's promises, on the real step.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report, in its helpers too")]

#[path = "engine/beside.rs"]
mod beside;
#[path = "engine/commits.rs"]
mod commits;
#[path = "engine/crashes.rs"]
mod crashes;
#[path = "engine/dead_letters.rs"]
mod dead_letters;
#[path = "engine/delayed.rs"]
mod delayed;
#[path = "engine/draining.rs"]
mod draining;
#[path = "engine/effects.rs"]
mod effects;
#[path = "engine/ending.rs"]
mod ending;
#[path = "engine/ending_again.rs"]
mod ending_again;
#[path = "engine/ending_before.rs"]
mod ending_before;
#[path = "engine/ending_random.rs"]
mod ending_random;
#[path = "engine/ending_seeds.rs"]
mod ending_seeds;
#[path = "engine/forgetting.rs"]
mod forgetting;
#[path = "engine/led_group.rs"]
mod led_group;
#[path = "engine/lost_input.rs"]
mod lost_input;
#[path = "engine/memory.rs"]
mod memory;
#[path = "engine/moves.rs"]
mod moves;
#[path = "engine/places.rs"]
mod places;
#[path = "engine/queries.rs"]
mod queries;
#[path = "engine/receipts.rs"]
mod receipts;
#[path = "engine/shadow.rs"]
mod shadow;
#[path = "engine/takeover.rs"]
mod takeover;
#[path = "engine/tally.rs"]
mod tally;
