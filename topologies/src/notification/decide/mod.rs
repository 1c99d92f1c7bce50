//! What becomes of a notification: pure. Rows, settings and the time of the record in; rows out.
//!
//! | file | decides |
//! |---|---|
//! | [`routing`] | through which channels, and which one stands in for one that failed |
//! | [`quiet_hours`] | when quiet hours are over |
//! | [`delivery`] | what becomes of one channel: by a result, by its time, by a redrive |

pub mod delivery;
pub mod quiet_hours;
pub mod routing;

use super::kinds;
use delivery::Terms;
use holdfast_model::notification::Priority;
use holdfast_model::notification::preferences::PreferencesRow;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, Suppression};
use holdfast_model::notification::settings::Settings;

/// A notification that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What it is about.
    pub kind: &'a str,
    /// Its lane, as the request has it.
    pub priority: Option<Priority>,
    /// When the fact happened, in ms since the epoch; none = now.
    pub event_ms: Option<i64>,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its lane.
    pub priority: Priority,
    /// From this moment on it is not sent, in ms since the epoch.
    pub valid_until_ms: i64,
    /// Its channels.
    pub deliveries: Vec<DeliveryRow>,
}

/// Decides about a notification that is asked for at `now_ms`. A fact is not taken to be younger than its record.
#[must_use]
pub fn request(asked: Asked<'_>, settings: &Settings, preferences: &PreferencesRow, now_ms: i64) -> Plan {
    let kind = kinds::of(asked.kind);
    let priority = asked.priority.unwrap_or(kind.priority);
    let valid_until_ms = asked.event_ms.unwrap_or(now_ms).min(now_ms).saturating_add(kind.valid_ms);
    let terms = Terms { priority, valid_until_ms, quiet: preferences.quiet };
    let is_off = asked.kind == kinds::RESERVATION_HELD && !settings.notify_held;
    let off = if is_off {
        Some(Suppression::TypeOff)
    } else if preferences.types_off.iter().any(|off| off == asked.kind) {
        Some(Suppression::UserType)
    } else {
        None
    };
    let mut deliveries = Vec::new();
    for chain in routing::chains(asked.kind, priority, settings) {
        for channel in chain {
            let is_off = preferences.channels_off.contains(&channel);
            let suppression = off.or_else(|| is_off.then_some(Suppression::UserChannel));
            let state = suppression.map_or(DeliveryState::Sending, DeliveryState::Suppressed);
            let row = DeliveryRow::new(channel, state, now_ms);
            if suppression.is_none() {
                deliveries.push(delivery::begin(&row, &terms, now_ms));
                break;
            }
            deliveries.push(row);
            // A type that is off is off on all of them: one row says so.
            if off.is_some() {
                break;
            }
        }
    }
    Plan { priority, valid_until_ms, deliveries }
}

#[cfg(test)]
mod tests;
