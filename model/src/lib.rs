//! The shop's words: what its topics are called, what its records, ids and rows look like, and what its outcomes and refusals are.
//!
//! No decision is made here and no machine is known: `topologies` decides with these words, `audit` decides again with the same words and rules of its own,
//! `load` and the worker write and read them.
//!
//! | module | holds |
//! |---|---|
//! | [`topics`] | the name of every topic |
//! | [`coupon`], [`reservation`], [`expiration`], [`payment`], [`timesale`], [`notification`], [`data_platform`], [`ranking`] | a feature each: its messages, rows, ids, outcomes and sample |
//! | [`coupon`], [`reservation`], [`expiration`], [`payment`], [`timesale`], [`notification`], [`data_platform`] | a feature each: its messages, rows, ids, outcomes and sample |
//! | [`guard`] | what a waiting room says to schedules, policies and sales that it guards |
//! | [`coupon`], [`reservation`], [`expiration`], [`payment`], [`timesale`], [`queue`], [`notification`], [`data_platform`] | a feature each: its messages, rows, ids, outcomes and sample |
//! | [`settings`] | settings that decisions rest on, as the state keeps them |
//! | [`feature`] | what all rooms need of each feature; [`FEATURES`] lists them |
//! | [`config_def`] | settings as an operator writes them |
//! | [`call_result`], [`backoff`] | how a call outside ended; how long the next one waits |
//! | [`problem`] | refusals as clients are told them |
//! | [`command_row`], [`command_status`] | what became of a command |
//! | [`place_id`], [`id_rule`] | ids that route themselves; what an id may be |
//! | `numbered_key`, `user_key` | keys of what belongs to something and has a number there, or a user |
//! | `command_ids` | what commands of all features do with their ids |
//! | [`envelope`] | CloudEvents headers of outgoing records |
//! | [`wire`], [`json`], [`rfc3339`] | how ids, texts and times look in JSON |
//! | [`published`] | what records look like, as `/asyncapi.json` shows it and the audit checks it |
//! | [`schema`] | shapes for the OpenAPI document that no derive can see |
//! | [`reading`], [`flat`] | reading records, and reading those that come by the thousand |
#![warn(missing_docs)]

pub mod backoff;
pub mod call_result;
mod command_ids;
pub mod command_row;
pub mod command_status;
pub mod config_def;
pub mod coupon;
pub mod data_platform;
pub mod envelope;
pub mod expiration;
pub mod feature;
mod fingerprint;
pub mod flat;
pub mod guard;
pub mod id_rule;
pub mod json;
#[cfg(test)]
mod laws;
pub mod notification;
mod numbered_key;
pub mod payment;
pub mod place_id;
pub mod problem;
pub mod published;
pub mod queue;
pub mod ranking;
pub mod reading;
pub mod reservation;
pub mod rfc3339;
pub mod schema;
pub mod settings;
pub mod timesale;
pub mod topics;
mod user_key;
pub mod wire;

use feature::Feature;

/// Every feature, in the order of the catalogue.
pub const FEATURES: &[&Feature] = &[
    &coupon::FEATURE,
    &reservation::FEATURE,
    &expiration::FEATURE,
    &payment::FEATURE,
    &timesale::FEATURE,
    &queue::FEATURE,
    &notification::FEATURE,
    &data_platform::FEATURE,
    &ranking::FEATURE,
];

/// What the records of each feature's topics look like, in the same order.
pub const PUBLISHED: &[&[published::Topic]] = &[
    coupon::published::TOPICS,
    reservation::published::TOPICS,
    expiration::published::TOPICS,
    payment::published::TOPICS,
    timesale::published::TOPICS,
    notification::published::TOPICS,
    data_platform::published::TOPICS,
    queue::published::TOPICS,
    ranking::published::TOPICS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_features_share_a_name_or_an_inbox() {
        let distinct = |of: fn(&&Feature) -> &'static str| FEATURES.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(
            (distinct(|feature| feature.name), distinct(|feature| feature.inbox)),
            (FEATURES.len(), FEATURES.len())
        );
    }

    #[test]
    fn ids_of_sample_commands_are_distinct() {
        let commands: Vec<_> = FEATURES.iter().flat_map(|feature| (feature.sample.commands)()).collect();
        let ids: BTreeSet<_> = commands.iter().map(|command| &command.id).collect();
        assert_eq!(ids.len(), commands.len());
        assert!(commands.iter().all(|command| command.id.starts_with("sample-") && !command.key.is_empty()));
    }

    #[test]
    fn defaults_of_the_table_are_those_of_the_type() {
        for settings in FEATURES.iter().filter_map(|feature| feature.settings.as_ref()) {
            let usual = (settings.usual)();
            for about in (settings.abouts)() {
                let default = about.default.expect("a decision needs a value");
                assert_eq!((settings.set)(&usual, about.key, default).as_ref(), Ok(&usual), "{}", about.key);
            }
        }
    }
}
