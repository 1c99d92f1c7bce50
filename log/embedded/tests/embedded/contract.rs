//! The embedded log keeps every promise of the contract.

use crate::harness::EmbeddedHarness;

holdfast_log_contract::contract_tests!(EmbeddedHarness::new());
