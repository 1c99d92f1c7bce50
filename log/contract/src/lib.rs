//! What every log promises, as tests that every log passes.
//!
//! It is not a log, and it knows none: `log/kafka`, `log/embedded` and the simulated log each bring a [`Harness`] and run the whole list:
//!
//! ```ignore
//! holdfast_log_contract::contract_tests!(EmbeddedHarness::new());
//! ```
//!
//! The expression is evaluated once for each promise. It may also be a `&'static` harness that all of them share. No promise sleeps: each waits for
//! what it wants to see, and fails when that takes longer than 30 s.
//!
//! | promise | the log keeps it for every caller |
//! |---|---|
//! | L-1 | From the acknowledged offset on the record is read with its key, value and headers. |
//! | L-2 | The acknowledged append time is the one that is read, and it lies between before and after. |
//! | L-3 | No key and an empty key, no value (a tombstone) and an empty value are told apart. |
//! | L-4 | A value of 1,000,000 bytes is taken, appended as well as in a transaction. |
//! | L-5 | A value of 11 MB is refused at once, and the appender goes on working. |
//! | L-6 | An append to a topic or partition that does not exist is refused, and creates neither. |
//! | L-7 | Appends of 16 threads are acknowledged exactly once, with offsets that are unique, dense and in each thread's order. |
//! | L-8 | Appends that one thread makes without waiting keep their order within a partition. |
//! | L-9 | Reading from Earliest hands over every record of the partition in offset order. |
//! | L-10 | Reading from an offset starts with it; from the end, with the next record to come. |
//! | L-11 | A start beyond the end is OutOfRange with the slot's name and what the log holds; that slot stays idle, the others go on. |
//! | L-12 | A fetch ends after `records_max` records or after a `Break`, and the next one goes on with the next record. |
//! | L-13 | Several partitions and topics are read together, each in order under its own slot, and no slot is given twice. |
//! | L-14 | After `unassign` no record of that slot arrives, and the others go on. |
//! | L-15 | `wait` ends when a record comes, read ahead of others or not, and after its timeout when none does. |
//! | L-16 | The position is the offset of the next record: at the end once all is read, and at the end of an empty partition without any. |
//! | L-17 | A transaction over several topics and partitions is invisible before its commit and wholly visible after it. |
//! | L-18 | Nothing of an aborted transaction is ever seen; the position passes it. |
//! | L-19 | Commit names exactly the partitions written, each with the offset after its last record. |
//! | L-20 | The records of a transaction lie in the order in which they were sent. |
//! | L-21 | Who takes `End::Written` while a transaction is open and reads up to it has seen that transaction's outcome. (Records that hold offsets hold the reader back until the outcome stands. In a log where they hold none, an open transaction that was begun by a writer fenced before can no longer commit: L-28.) |
//! | L-22 | A writer does one transaction after another, aborted and empty ones among them. |
//! | L-23 | A record that can never be written makes the transaction fail with Refused, which names it; after an abort the writer goes on. |
//! | L-24 | Appends and transactions on one partition lie between each other in offset order, and none is lost. |
//! | L-25 | Writers of different names commit beside each other. |
//! | L-26 | A new writer of a name ends what the earlier one left open and fences it: the earlier one can neither commit nor begin again. |
//! | L-27 | What a writer left open when it was dropped is over once a new writer of its name exists, and is never seen. |
//! | L-28 | Once a writer was fenced, a reader at `End::Written` taken after that has seen all that the fenced writer ever committed. |
//! | L-29 | Positions are committed with the transaction under the app's group, or not at all. |
//! | L-30 | A generation that is over is refused as Stale and nothing of that transaction is seen; after an abort the same writer goes on, and the generation that followed is good. |
//! | L-31 | The only member of an app is given every place, once. |
//! | L-32 | A second member either shares the places with the first or takes them all, as the log's [`crate::Capabilities`] say; no place has two owners. |
//! | L-33 | A claim is what `owners` shows for its place, until it is released. |
//! | L-34 | A claim fences the writer of the claim before it, if that was not released. |
//! | L-35 | A claim after a release, or over a claim with the same writer, fences nobody. |
//! | L-36 | Who leaves makes room at once, and its generation is over. |
//! | L-37 | Missing topics are created as asked; creating again changes nothing; `partitions` tells the count, `None` for a missing topic. |
//! | L-38 | A check reports what is missing and what differs, the partition count and the cleanup among it, and neither it nor create changes that. |
//! | L-39 | Mirrored positions are those last mirrored, lower ones too; groups and partitions that were not mirrored show nothing. |
//! | L-40 | A log that works says so. |
//! | L-41 | Topics, acknowledged appends and committed transactions outlive the log that took them, at their offsets; the next record comes after them. |
//! | L-42 | Committed positions, mirrors and claims outlive it. |
//! | L-43 | What was open when the log went is not there when it comes back and a new writer of that name exists. |
//! | L-44 | The group confirms a member whose generation counts, again and again, and no other. |
//! | L-45 | Where members share, whoever works in a place that the group has given away goes on until the next owner asks for it; the place is held until it was released, and nobody is fenced. Elsewhere the next owner has it at once. |
//! | L-46 | A member has joined once it was given its share: not while others have still to give places up for it. Then it has, for good. |
//! | L-47 | A program that is no member of a group commits transactions without positions. |
//! | L-48 | What is read ahead of others comes soon, however much is ready elsewhere; of one fetch it comes first, and takes up half of it at most. |
//!
//! Where logs may differ and still keep the contract stands in [`Capabilities`].
#![warn(missing_docs)]

mod deadline;
mod harness;
mod promises;
mod reader;
mod system_clock;
mod world;

pub use harness::{Capabilities, Harness, OpenTransaction, SecondMember};
pub use promises::*;
pub use system_clock::SystemClock;

/// Expands into one `#[test]` for each promise. `$harness` is an expression whose value implements [`Harness`]; it is evaluated in each test.
///
/// `@each ($harness) promise promise …` expands into the tests of these promises alone: for a log that keeps some of them in two ways.
#[macro_export]
macro_rules! contract_tests {
    ($harness:expr) => {
        $crate::contract_tests! { @each ($harness)
            l1_an_acknowledged_append_is_readable_at_its_offset
            l2_the_append_time_is_when_the_log_took_it
            l3_missing_and_empty_are_told_apart
            l4_a_value_of_a_megabyte_is_taken
            l5_a_record_too_large_is_refused
            l6_an_append_to_nowhere_is_refused
            l7_concurrent_appends_are_acknowledged_exactly_once
            l8_appends_without_waiting_keep_their_order
            l9_earliest_reads_everything_in_order
            l10_reading_starts_at_the_offset_asked_for
            l11_a_start_beyond_the_end_is_out_of_range
            l12_a_fetch_ends_when_asked_and_nothing_is_lost
            l13_each_partition_has_a_slot_of_its_own
            l14_nothing_arrives_after_unassign
            l15_wait_ends_with_a_record_or_its_timeout
            l16_the_position_tells_that_all_was_read
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
            l31_a_member_alone_gets_every_place
            l32_no_place_has_two_owners
            l33_claims_are_shown_until_released
            l34_a_claim_fences_the_writer_before_it
            l35_a_claim_in_good_order_fences_nobody
            l36_leaving_makes_room
            l37_topics_are_created_once
            l38_a_check_tells_and_changes_nothing
            l39_mirrors_show_what_was_mirrored
            l40_a_working_log_is_up
            l41_records_outlive_a_restart
            l42_positions_and_claims_outlive_a_restart
            l43_an_open_transaction_does_not_outlive_a_restart
            l44_the_group_confirms_its_members
            l45_a_place_is_held_until_it_was_asked_for
            l46_who_has_joined_has_its_share
            l47_a_program_that_is_no_member_commits
            l48_what_is_read_ahead_does_not_wait_for_others
        }
    };
    (@each ($harness:expr) $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                let harness = $harness;
                $crate::$promise(&harness);
            }
        )*
    };
}
