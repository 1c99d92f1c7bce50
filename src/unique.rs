//! Names that nobody else has.

use holdfast_ports::clock::Clock;
use uuid::{NoContext, Timestamp, Uuid};

/// Something that nobody can guess: 122 random bits as 32 hexadecimal digits.
#[must_use]
pub fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A new name: a UUID of version 7 as 32 hexadecimal digits. Its time is the clock's, its rest is random.
#[must_use]
pub fn name(clock: &dyn Clock) -> String {
    let now_ms = u64::try_from(clock.now_ms()).unwrap_or(0);
    let nanos = u32::try_from(now_ms % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, now_ms / 1000, nanos)).simple().to_string()
}
