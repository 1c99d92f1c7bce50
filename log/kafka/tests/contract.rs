//! The contract of `ports::log`, against real brokers.

mod brokers;

use brokers::{Brokers, brokers};
use holdfast_log_contract::{Harness, OpenTransaction, SecondMember, Ways};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use std::sync::Arc;

struct Kafka(&'static Brokers);

impl Harness for Kafka {
    fn open(&self) -> Arc<dyn Log> {
        self.0.connect()
    }

    fn restart(&self) -> Arc<dyn Log> {
        self.open()
    }

    fn fresh(&self, stem: &str) -> String {
        self.0.fresh(stem)
    }

    fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The brokers stamp with their own clock.
    fn clock_slack_ms(&self) -> i64 {
        5_000
    }

    fn ways(&self) -> Ways {
        Ways { open_transaction: OpenTransaction::HoldsOffsets, second_member: SecondMember::Shares }
    }
}

holdfast_log_contract::contract_tests!(Kafka(brokers()));
