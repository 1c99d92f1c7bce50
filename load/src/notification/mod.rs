//! Demand for notifications, and what a receiver got of it.

pub(crate) mod notification_delivery;
pub(crate) mod notification_flood;

use holdfast_model::notification::Priority;

/// All priorities, the most urgent first.
const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Medium, Priority::Low];
/// The field of a request's data that says when it was asked for, in ms since the epoch: the receiver gets it back.
const ASKED_AT: &str = "askedAt";

/// The id of the `n`th notification of a flood with this priority.
fn event_id(seed: u64, priority: Priority, n: u64) -> String {
    format!("flood-{seed}-{}-{n}", priority.as_str())
}

/// The priority of a notification of the flood `seed`; `None` for the id of anything else.
fn priority_of(seed: u64, event_id: &str) -> Option<Priority> {
    let rest = event_id.strip_prefix("flood-")?.strip_prefix(&seed.to_string())?.strip_prefix('-')?;
    let (name, n) = rest.split_once('-')?;
    let is_number = !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
    PRIORITIES.into_iter().find(|priority| priority.as_str() == name && is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_flood_and_priority() {
        for priority in PRIORITIES {
            assert_eq!(priority_of(7, &event_id(7, priority, 12)), Some(priority));
            assert_eq!(priority_of(8, &event_id(7, priority, 12)), None);
        }
        for other in ["", "flood-7-HIGH", "flood-7-HIGH-", "flood-7-HIGH-x", "flood-7-high-1", "flood-77-HIGH-1"] {
            assert_eq!(priority_of(7, other), None, "{other}");
        }
    }
}
