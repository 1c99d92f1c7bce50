//! The worker from outside: a real process, real HTTP, both logs, kill -9.
//!
//! Every test has its own worker on a free port, its own directory and, on Kafka, its own broker (topic names are fixed), all gone at its end.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report, in its helpers too")]

#[path = "e2e/alerts.rs"]
mod alerts;
#[path = "e2e/api_schema.rs"]
mod api_schema;
#[path = "e2e/audit.rs"]
mod audit;
#[path = "e2e/auditor.rs"]
mod auditor;
#[path = "e2e/bad_input.rs"]
mod bad_input;
#[path = "e2e/coupon_flow.rs"]
mod coupon_flow;
#[path = "e2e/crash_audit.rs"]
mod crash_audit;
#[path = "e2e/crowd.rs"]
mod crowd;
#[path = "e2e/data_platform.rs"]
mod data_platform;
#[path = "e2e/discounts.rs"]
mod discounts;
#[path = "e2e/dlq.rs"]
mod dlq;
#[path = "e2e/kafka.rs"]
mod kafka;
#[path = "e2e/load.rs"]
mod load;
#[path = "e2e/notifications.rs"]
mod notifications;
#[path = "e2e/old_data.rs"]
mod old_data;
#[path = "e2e/queue.rs"]
mod queue;
#[path = "e2e/rankings.rs"]
mod rankings;
#[path = "e2e/redrives.rs"]
mod redrives;
#[path = "e2e/replay.rs"]
mod replay;
#[path = "e2e/replicas.rs"]
mod replicas;
#[path = "e2e/rights.rs"]
mod rights;
#[path = "e2e/seats.rs"]
mod seats;
#[path = "e2e/seats_on_kafka.rs"]
mod seats_on_kafka;
#[path = "e2e/security.rs"]
mod security;
#[path = "e2e/seeds.rs"]
mod seeds;
#[path = "e2e/settings.rs"]
mod settings;
#[path = "e2e/starting.rs"]
mod starting;
#[path = "support/mod.rs"]
#[expect(dead_code, reason = "the other binary of tests uses the rest")]
mod support;
#[path = "e2e/timesales.rs"]
mod timesales;
#[path = "e2e/unsafe_topics.rs"]
mod unsafe_topics;
#[path = "e2e/verdict.rs"]
mod verdict;
#[path = "e2e/waitlist.rs"]
mod waitlist;
