//! The executor on a real embedded log, a real stream thread and a small topology of its own.

mod asking;
mod fake;
mod outages;
mod performing;
mod sinking;

use super::channel::{Channel, Limits};
use std::time::Duration;

/// Enough for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many calls at a time, as often as they come.
fn limits(in_flight_max: usize) -> Limits {
    Limits { in_flight_max, per_second: None, call_max: PATIENCE }
}

/// Waits until `what` holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        let mut look = tokio::time::interval(Duration::from_millis(2));
        while !holds() {
            look.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}: not within {PATIENCE:?}");
}
