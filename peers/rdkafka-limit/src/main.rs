//! Load generator, end-to-end probe, and what librdkafka alone can do on a machine. Used by scripts/bench.sh; see peers/README.md.
//!
//! `BOOTSTRAP` names the brokers (localhost:9092).

mod limit;
mod load;
mod probe;

use clap::{Parser, Subcommand};
use rdkafka::config::ClientConfig;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Creates coupon policies 0 to COUNT-1 by command records
    Policies {
        topic: String,
        count: u64,
        /// Coupons of each policy
        #[arg(default_value_t = 1000)]
        stock: u64,
    },
    /// Appends COUNT coupon requests, as fast as possible or at a rate
    Produce {
        topic: String,
        count: u64,
        #[command(flatten)]
        shape: load::Shape,
    },
    /// Waits until GROUP has committed everything that is in TOPIC now, and says how fast it went
    Drain {
        topic: String,
        group: String,
        /// Give up after this many seconds without progress
        #[arg(long, default_value_t = 60)]
        patience: u64,
    },
    /// Waits for COUNT outcomes in TOPICS (comma-separated) that arrive from now on, and says how old their requests are
    Latency {
        topics: String,
        count: usize,
        /// Outcomes to leave out first
        #[arg(long, default_value_t = 0)]
        warm_up: usize,
    },
    /// Reads COUNT records
    Consume { topic: String, count: u64 },
    /// Consumes COUNT records and passes OUTPUTS copies of each to limit-out-0, limit-out-1 …, in transactions
    Eos {
        topic: String,
        count: u64,
        outputs: u64,
        /// Commit every so many ms
        #[arg(long, default_value_t = 100)]
        commit_ms: u64,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Policies { topic, count, stock } => load::policies(&topic, count, stock),
        Command::Produce { topic, count, shape } => load::produce(&topic, count, &shape),
        Command::Drain { topic, group, patience } => probe::drain(&topic, &group, patience),
        Command::Latency { topics, count, warm_up } => probe::latency(&topics, count, warm_up),
        Command::Consume { topic, count } => limit::consume(&topic, count),
        Command::Eos { topic, count, outputs, commit_ms } => limit::pass_through(&topic, count, outputs, commit_ms),
    }
}

/// A client of the brokers in `BOOTSTRAP`.
fn client() -> ClientConfig {
    let brokers = std::env::var("BOOTSTRAP").unwrap_or_else(|_| "localhost:9092".to_owned());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn say_rate(what: &str, count: u64, seconds: f64) {
    println!("{what}: {count} in {seconds:.2} s = {:.0}/s", count as f64 / seconds.max(1e-9));
}
