//! Notifications: the ledger against the requests in the log, the shop's state, and what a receiver says that it has got.
//!
//! | | |
//! |---|---|
//! | I-15 | each request has a row, each row a request; what is SENT has arrived at the receiver, once but for crashes, which are counted |
//! | I-16 | what was sent is true: no expiry of a seat that is paid, no payment of a seat that was not, nothing after its time |
//! | I-22 | at most a first attempt and three retries, with the back-off between them; what was given up has its letter |
//! | I-28 | of a user whose contact is erased nothing is left in the ledger, results, effects and letters |
//!
//! | module | holds |
//! |---|---|
//! | [`requests`] | what was asked for |
//! | [`ledger`] | the rows, judged |
//! | [`truth`] | what was sent against the state of seats |
//! | [`receipts`] | what the receiver has got |
//! | [`erased`] | contacts that are erased, and where they must not be |

mod erased;
mod ledger;
mod receipts;
mod requests;
mod truth;

use crate::Question;
use crate::feature::{Audit, Feature};
use crate::findings::Findings;
use erased::Erased;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::notification::{self, DEAD_LETTERS, INBOX, RESULTS};
use holdfast_tools::Failure;
use ledger::Ledger;
use receipts::Receipts;
use std::path::PathBuf;

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Notifications {
    sink: Option<PathBuf>,
}

impl Notifications {
    pub(crate) fn new(question: &Question) -> Self {
        Self { sink: question.sink.clone() }
    }
}

impl Feature for Notifications {
    fn name(&self) -> &'static str {
        notification::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    /// What is still there is judged: a notification is no matter of any other.
    fn rests_on(&self) -> Option<&'static str> {
        None
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        let mut receipts = self.sink.as_deref().map(Receipts::read).transpose()?;
        let mut erased = Erased::default();
        for place in 0..audit.cut.places {
            let Some(state) = audit.state(notification::NAME, place) else { continue };
            let requests = requests::read(audit, place)?;
            erased.read(audit, place, state)?;
            let is_whole = requests::TOPICS
                .into_iter()
                .all(|topic| audit.cut.span(&TopicPartition::new(topic, place)).begins == 0);
            Ledger { state, is_whole, states: audit.states, receipts: receipts.as_mut(), erased: &erased }
                .compare(requests, audit.findings)?;
            search(audit, place, &erased)?;
        }
        if let Some(receipts) = &receipts {
            receipts.leftover(audit.findings);
        }
        Ok(())
    }
}

/// Looks for erased contacts in what came of notifications.
fn search(audit: &mut Audit<'_>, place: u32, erased: &Erased) -> Result<(), Failure> {
    let look = |at: String, value: Option<&[u8]>, findings: &mut Findings| erased.look(at, value, findings);
    audit.walk(RESULTS, place, &mut |arrival, _, _, findings| {
        look(arrival.entry.to_string(), arrival.entry.value, findings);
        Ok(())
    })?;
    let letters = TopicPartition::new(DEAD_LETTERS, place);
    audit.reader.read(&letters, audit.cut, audit.findings, &mut |entry, _, findings| {
        look(entry.to_string(), entry.value, findings);
        Ok(())
    })
}
