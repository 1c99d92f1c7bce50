//! The command shell: what surrounds the decisions of every feature, once. A feature plugs in with its messages, its rows, its decisions.
//!
//! ```text
//!  record ─► parse ─► home: another place? ─► forward, once            (given up: its outcome is asked for there)
//!                         │ here
//!                         ▼
//!            settings in force are kept ─► Feature::decide ─┬─► Case::once    identity ─► earlier row? ─► decide ─► outcome row
//!                                                           │                                └► the same: nothing; another: refused
//!                                                           └─► Case::answer  decide: the feature's rows say whether it has been here
//! ```
//!
//! | the shell does | the feature says |
//! |---|---|
//! | parses, forwards | [`Feature::parse`], [`Feature::home`] |
//! | keeps the settings that decisions rest on | [`Feature::Settings`], [`Feature::SETTINGS`] |
//! | recognises a command that comes again ([`Seen`]) | [`Once`]: its identity, whether it is the same, whether it was given up |
//! | writes the outcome row, also of what was given up | [`Once::find`], [`Once::keep`], [`Once::SYSTEM_ERROR`], [`Once::brief`] |
//! | sends events with their envelope ([`Events`]) | [`Event`]: id, kind, sink, key, and how its value is written |
//!
//! | file | holds |
//! |---|---|
//! | `feature.rs` | [`Feature`], [`Home`]; [`Described`]: what a feature says whose processor is its own |
//! | `processor.rs` | [`Shell`], the engine's processor of any feature |
//! | `case.rs` | [`Case`]: a record that is to be decided, or to be given up |
//! | `once.rs` | [`Once`], [`Seen`] |
//! | `command_context.rs` | [`CommandContext`]: what decisions work with |
//! | `events.rs` | [`Events`] |
//! | `in_force.rs` | settings in force |
//! | `origin.rs` | [`Origin`]: where a record has been |

mod case;
mod command_context;
mod events;
mod feature;
mod in_force;
mod once;
mod origin;
mod processor;

pub(crate) use case::{Case, Handled};
pub(crate) use command_context::CommandContext;
pub(crate) use events::Event;
pub(crate) use feature::{Described, Feature, Home};
pub(crate) use in_force::InForce;
pub(crate) use once::Once;
#[cfg(test)]
pub(crate) use once::Seen;
pub(crate) use processor::Shell;

/// `buffer` holds `text` and nothing else: a feature keeps its buffers, so that a record costs no allocation.
#[inline]
pub(crate) fn set(buffer: &mut String, text: &str) {
    buffer.clear();
    buffer.push_str(text);
}
