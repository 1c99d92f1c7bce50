//! Holdfast's worker: wires the engine, the state, one log and the shop's topologies together, and shows them over HTTP.
//!
//! It is not where anything is decided: decisions stand in `topologies/*/decide.rs`, and what the log holds is true.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`], [`commands`] | what can be said on the command line, and the operator's verbs |
//! | [`config`] | settings: defaults < holdfast.toml < environment < flags |
//! | [`worker`] | the wiring, the threads, start and stop |
//! | [`http`] | the API |
//! | [`lag`], [`alerts`] | how far behind decisions are; operators told of what is wrong |
//! | [`effects`] | what topologies want done outside, performed |
//! | [`dead_letters`] | dead letters listed and put back |
//! | [`unconfirmed`] | payments without a confirmation, counted |
//! | [`telemetry`], [`tls`], [`unique`] | log lines; cryptography; new names |

pub mod alerts;
pub mod cli;
pub mod commands;
pub mod config;
pub mod dead_letters;
pub mod effects;
pub mod http;
pub mod lag;
pub mod telemetry;
pub mod tls;
pub mod unconfirmed;
pub mod unique;
pub mod worker;
