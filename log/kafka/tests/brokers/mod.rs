//! The brokers that tests run against: those of `HOLDFAST_TEST_BROKERS`. Without them a test fails: a promise that was not looked at is not kept.

use holdfast_log_contract::SystemClock;
use holdfast_log_kafka::{KafkaConfig, KafkaLog};
use holdfast_ports::clock::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) struct Brokers {
    addresses: String,
    /// Begins every name of this run.
    run: String,
    names: AtomicU64,
    pub(crate) clock: Arc<SystemClock>,
}

#[expect(clippy::disallowed_methods, reason = "where the brokers are is the only setting of these tests")]
pub(crate) fn brokers() -> &'static Brokers {
    static BROKERS: OnceLock<Brokers> = OnceLock::new();
    BROKERS.get_or_init(|| {
        let addresses = std::env::var("HOLDFAST_TEST_BROKERS").unwrap_or_else(|_| {
            panic!("HOLDFAST_TEST_BROKERS names no Kafka brokers: run `make test`, which starts some and names them")
        });
        let clock = Arc::new(SystemClock::new());
        let run = format!("{:x}", clock.now_ms());
        Brokers { addresses, run, names: AtomicU64::new(0), clock }
    })
}

impl Brokers {
    pub(crate) fn connect_with(&self, set: impl FnOnce(&mut KafkaConfig)) -> Arc<KafkaLog> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let mut config = KafkaConfig::new(&self.addresses, "holdfast-test", clock);
        set(&mut config);
        KafkaLog::connect(config).expect("connected")
    }

    pub(crate) fn fresh(&self, stem: &str) -> String {
        format!("{stem}-{}-{}", self.run, self.names.fetch_add(1, Ordering::Relaxed))
    }
}
