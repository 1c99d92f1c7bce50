//! A feature of the shop, as the auditor sees it: one inbox that is decided again, what was told about it, and what must have come out.

use crate::answers::Answer;
use crate::books::Books;
use crate::copies::Copies;
use crate::cut::{Cut, States};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::letters::{self, Letters};
use crate::notices::Notices;
use crate::reader::{Entry, Reader};
use crate::rebuilt::{Rebuilt, Watch};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_tools::Failure;

/// The rules of one topology.
pub(crate) trait Feature {
    /// The topology's name: its invariants are those that this name owns.
    fn name(&self) -> &'static str;

    /// Its inbox.
    fn inbox(&self) -> &'static str;

    /// The topic whose beginning has to be there for anything to be said of this feature; `None`: what is left can be judged.
    fn rests_on(&self) -> Option<&'static str> {
        Some(self.inbox())
    }

    /// Features that have to be judged together with this one: when the beginning of their inbox is gone, nothing can be said of this one.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Rows of its changelog that are looked at as they pass.
    fn watches(&self) -> &'static [Watch] {
        &[]
    }

    /// Kinds of notices that it asks for, and the field of a notice's `data` that names the fact.
    fn notices(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Routes whose answers it judges, see [`Answer::is_of`].
    fn routes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Fields of its answers that name what was made: a repetition of the request has to get the same.
    fn names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Notes what an answer of its routes claims; false when that is nothing.
    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        let _ = answer;
        false
    }

    /// Reads what was told, before anything is decided.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        let _ = audit;
        Ok(())
    }

    /// Decides its inbox again, and compares.
    ///
    /// # Errors
    /// When the log or a state cannot be read.
    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure>;

    /// All features have decided: what they owe each other.
    fn settle(&mut self, shared: &mut Shared, findings: &mut Findings) {
        let _ = (shared, findings);
    }
}

/// Everything that an audit works with.
pub(crate) struct Audit<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) cut: &'a mut Cut,
    pub(crate) states: &'a States,
    pub(crate) letters: Letters,
    pub(crate) shared: Shared,
    pub(crate) findings: &'a mut Findings,
}

/// What the features write into together.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) copies: Copies,
    pub(crate) notices: Notices,
    pub(crate) books: Books,
    /// What is under way at the cut: debits, refunds and answers.
    pub(crate) in_flight: u64,
}

/// A record of an inbox.
pub(crate) struct Arrival<'a, 'e> {
    pub(crate) entry: &'a Entry<'e>,
    /// The topology has passed it at the cut.
    pub(crate) is_decided: bool,
    pub(crate) way: Way,
}

/// How a record was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As any other.
    Usual,
    /// It lies among the dead letters; `is_given_up`: as a request that could not be decided, rather than as no request.
    Buried { is_given_up: bool },
    /// It stands for a record that was given up in another place: it has an outcome, and nothing else is decided.
    GivenUpElsewhere,
}

/// What is done with each record of an inbox.
pub(crate) type Each<'f> = dyn FnMut(&Arrival<'_, '_>, &Cut, &mut Shared, &mut Findings) -> Result<(), Failure> + 'f;

impl<'a> Audit<'a> {
    /// The state of a topology in a place, if there is a changelog.
    pub(crate) fn state(&self, topology: &str, place: u32) -> Option<&'a Rebuilt> {
        self.states.get(&(topology.to_owned(), place))
    }

    /// Hands over each record of an inbox partition, with its dead letter.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn walk(&mut self, inbox: &'static str, place: u32, each: &mut Each<'_>) -> Result<(), Failure> {
        let source = TopicPartition::new(inbox, place);
        let mut buried = self.letters.take_of(&source);
        let decided = self.cut.decided(&source);
        let (shared, redrives) = (&mut self.shared, &mut self.letters.redrives);
        self.reader.read(&source, self.cut, self.findings, &mut |entry, cut, findings| {
            shared.copies.look(entry);
            redrives.look(entry, cut, findings);
            let is_decided = entry.offset < decided;
            let way = match letters::meet(&mut buried, entry, findings) {
                Some(letter) => {
                    findings.count(Invariant::NoGap, "records buried", u64::from(is_decided));
                    Way::Buried { is_given_up: letter.is_given_up }
                }
                None if entry.heads.is_given_up => Way::GivenUpElsewhere,
                None => Way::Usual,
            };
            each(&Arrival { entry, is_decided, way }, cut, shared, findings)
        })?;
        letters::leftover(&buried, &source, self.cut.span(&source).begins, decided, self.findings);
        Ok(())
    }
}
