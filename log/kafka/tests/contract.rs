//! The contract of `ports::log`, against real brokers.

mod brokers;

use brokers::{Brokers, brokers};
use holdfast_log_contract::{Capabilities, Harness, OpenTransaction, SecondMember};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use std::sync::Arc;

/// Spoken to directly, or through librdkafka.
struct Kafka {
    brokers: &'static Brokers,
    speaks_directly: bool,
}

impl Harness for Kafka {
    fn open(&self) -> Arc<dyn Log> {
        self.brokers.connect_with(|config| config.speaks_directly = self.speaks_directly)
    }

    fn restart(&self) -> Arc<dyn Log> {
        self.open()
    }

    fn fresh(&self, stem: &str) -> String {
        self.brokers.fresh(stem)
    }

    fn clock(&self) -> &dyn Clock {
        &*self.brokers.clock
    }

    /// The brokers stamp with their own clock.
    fn clock_slack_ms(&self) -> i64 {
        5_000
    }

    fn ways(&self) -> Capabilities {
        Capabilities { open_transaction: OpenTransaction::HoldsOffsets, second_member: SecondMember::Shares }
    }
}

holdfast_log_contract::contract_tests!(Kafka { brokers: brokers(), speaks_directly: true });

/// What appenders and writers promise, by way of librdkafka: brokers before 4.0, TLS and SASL have no other.
mod through_librdkafka {
    use super::{Kafka, brokers};
    use holdfast_log_contract::Harness as _;
    use holdfast_ports::log::{Cleanup, Health, TopicSpec};
    use holdfast_ports::record::NewRecord;
    use std::thread;

    holdfast_log_contract::contract_tests! { @each (Kafka { brokers: brokers(), speaks_directly: false })
        l1_an_acknowledged_append_is_readable_at_its_offset
        l2_the_append_time_is_when_the_log_took_it
        l3_missing_and_empty_are_told_apart
        l4_a_value_of_a_megabyte_is_taken
        l5_a_record_too_large_is_refused
        l6_an_append_to_nowhere_is_refused
        l7_concurrent_appends_are_acknowledged_exactly_once
        l8_appends_without_waiting_keep_their_order
        l17_a_transaction_is_visible_after_its_commit_only
        l18_an_aborted_transaction_is_never_seen
        l19_commit_returns_the_offset_after_the_last_record
        l20_a_transaction_keeps_its_order
        l21_no_reader_passes_an_open_transaction
        l22_a_writer_goes_from_transaction_to_transaction
        l23_a_refused_record_spoils_only_its_transaction
        l24_appends_and_transactions_interleave
        l25_writers_of_different_names_work_beside_each_other
        l26_a_new_writer_fences_the_old_one_of_its_name
        l27_a_dropped_writer_leaves_nothing_behind
        l28_after_fencing_the_end_is_final
        l29_positions_are_committed_with_the_transaction
        l30_a_stale_generation_is_refused
        l34_a_claim_fences_the_writer_before_it
        l43_an_open_transaction_does_not_outlive_a_restart
    }

    /// Ended the whole process, one time in fifty: see `Drop` in `writer.rs`.
    #[test]
    fn writers_are_dropped_in_the_middle_of_their_first_record() {
        const WRITERS: usize = 48;
        const AT_ONCE: usize = 6;
        let kafka = Kafka { brokers: brokers(), speaks_directly: false };
        let log = kafka.open();
        let topic = kafka.fresh("dropped");
        let cleanup = Cleanup::Delete { retention_ms: 3_600_000 };
        let spec = TopicSpec { name: topic.clone(), partitions: 1, replication: None, cleanup };
        log.create_topics(&[spec]).expect("created");
        let names: Vec<_> = (0..WRITERS).map(|_| kafka.fresh("dropped")).collect();
        thread::scope(|scope| {
            for names in names.chunks(WRITERS / AT_ONCE) {
                let (log, topic) = (&log, &topic);
                scope.spawn(move || {
                    for name in names {
                        let mut writer = log.writer(name).expect("a writer");
                        writer.begin().expect("begun");
                        let record = NewRecord { topic, partition: 0, key: None, value: Some(b"x"), headers: &[] };
                        writer.send(&record).expect("sent");
                    }
                });
            }
        });
        assert_eq!(log.health(), Health::Up);
    }
}
