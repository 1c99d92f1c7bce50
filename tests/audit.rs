//! The auditor: of a shop that is right he says PROVED, and each kind of wrong he finds, where it is.
//!
//! The shop runs on the simulated log, in the real step with all its topologies; the crimes are records that somebody forges behind its back. On both real
//! logs, and with real processes, he is at work in `e2e/audit.rs`.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report, in its helpers too")]

#[path = "audit/again.rs"]
mod again;
#[path = "audit/answers.rs"]
mod answers;
#[path = "audit/clean.rs"]
mod clean;
#[path = "audit/crimes.rs"]
mod crimes;
#[path = "audit/deliveries.rs"]
mod deliveries;
#[path = "audit/discounts.rs"]
mod discounts;
#[path = "audit/ended.rs"]
mod ended;
#[path = "audit/guards.rs"]
mod guards;
#[path = "audit/limits.rs"]
mod limits;
#[path = "audit/notifications.rs"]
mod notifications;
#[path = "audit/outage.rs"]
mod outage;
#[path = "audit/published.rs"]
mod published;
#[path = "audit/rankings.rs"]
mod rankings;
#[path = "audit/settings.rs"]
mod settings;
#[path = "audit/shop.rs"]
mod shop;
#[path = "audit/timesale.rs"]
mod timesale;
#[path = "audit/waitlist.rs"]
mod waitlist;
