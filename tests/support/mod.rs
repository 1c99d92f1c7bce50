//! What the tests from outside need: brokers, workers, a crowd, things that break, an auditor.
//!
//! | module | holds |
//! |---|---|
//! | `broker`, `worker` | processes of ours, gone when dropped |
//! | `secured` | a broker with TLS and SASL, and its certificates |
//! | `proxy` | between a worker and a broker: requests that are late, lost, or answered to nobody |
//! | `load`, `ledger` | clients and a producer that never give up, and what they were told |
//! | `seats` | buyers of seats, what they were told, and whether that was true |
//! | `alerts` | a receiver of alerts |
//! | `audit` | what must be true afterwards, whatever happened |
//! | `command` | the worker's other verbs, and what they printed |
//! | `letters` | dead letters that can be put back |
//! | `topics` | reading and writing topics beside the worker |
//! | `dice`, `rounds`, `wait` | chance that can be repeated, how long to go on, waiting for a condition |

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod broker;
pub(crate) mod command;
pub(crate) mod dice;
pub(crate) mod ledger;
pub(crate) mod letters;
pub(crate) mod load;
pub(crate) mod proxy;
pub(crate) mod rounds;
pub(crate) mod seats;
pub(crate) mod secured;
pub(crate) mod topics;
pub(crate) mod wait;
pub(crate) mod worker;
