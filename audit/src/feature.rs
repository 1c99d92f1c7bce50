//! A feature of the shop, as the auditor sees it: one inbox that is decided again, what was told about it, and what must have come out. [`all`] is the one list.

use crate::answers::Answer;
use crate::copies::Copies;
use crate::cut::{Cut, States};
use crate::findings::Findings;
use crate::invariant::{Invariant, Owner};
use crate::letters::{self, Letters};
use crate::notices::Notices;
use crate::reader::{Entry, Reader};
use crate::rebuilt::{Rebuilt, Watch};
use crate::seats::{Discounts, Seats};
use crate::wallets::{Money, Wallets};
use crate::{Question, coupons};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_tools::Failure;

/// Every feature. One comes after those whose [`Books`] it reads.
pub(crate) fn all(question: &Question) -> Vec<Box<dyn Feature>> {
    vec![Box::new(Wallets::default()), Box::new(Seats::new(question)), Box::new(coupons::Coupons::default())]
}

/// What features have to tell each other.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// What wallets have decided. Written by wallets; seats explain each debit and refund.
    pub(crate) money: Money,
    /// What payments were told about their coupons, and coupons that have to come back. Written by seats; coupons compare.
    pub(crate) discounts: Discounts,
}

/// The rules of one topology.
pub(crate) trait Feature {
    /// The topology's name: its invariants are those that this name owns.
    fn name(&self) -> &'static str;

    /// Its inbox.
    fn inbox(&self) -> &'static str;

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
    fn routes(&self) -> &'static [&'static str];

    /// Fields of its answers that name what was made: a repetition of the request has to get the same.
    fn names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Notes what an answer of its routes claims; false when that is nothing.
    fn hear(&mut self, answer: &Answer<'_>) -> bool;

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
        let shared = &mut self.shared;
        self.reader.read(&source, self.cut, self.findings, &mut |entry, cut, findings| {
            shared.copies.look(entry);
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

/// What cannot be said when the beginning of the inbox of `feature` is gone.
pub(crate) fn resting_on(feature: &dyn Feature, all: &[Box<dyn Feature>]) -> Vec<Invariant> {
    let with_it: Vec<_> = all
        .iter()
        .filter(|other| other.name() == feature.name() || other.needs().contains(&feature.name()))
        .map(|other| other.name())
        .collect();
    let rests = |invariant: &Invariant| match invariant.owner() {
        Owner::Feature(name) => with_it.contains(&name),
        Owner::Requests => true,
        Owner::Topics | Owner::States => false,
    };
    Invariant::ALL.into_iter().filter(rests).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_owns_what_it_proves_and_has_routes_of_its_own() {
        let features = all(&Question::default());
        for invariant in Invariant::ALL {
            if let Owner::Feature(name) = invariant.owner() {
                assert!(features.iter().any(|feature| feature.name() == name), "{} is nobody's", invariant.id());
            }
        }
        for feature in &features {
            let owns = |invariant: &Invariant| invariant.owner() == Owner::Feature(feature.name());
            assert!(Invariant::ALL.iter().any(owns), "{} proves nothing", feature.name());
            assert!(!feature.routes().is_empty());
        }
    }

    #[test]
    fn what_rests_on_an_inbox_goes_with_it() {
        let features = all(&Question::default());
        let gone = |name: &str| {
            let feature = features.iter().find(|feature| feature.name() == name).unwrap();
            resting_on(&**feature, &features).into_iter().map(Invariant::number).collect::<Vec<_>>()
        };
        // Of seats and money one cannot be judged without the other.
        let money = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 25];
        assert_eq!((gone("payment"), gone("reservation")), (money.to_vec(), money.to_vec()));
        assert_eq!(gone("coupon"), [9, 10, 11, 12, 14, 15, 25]);
    }
}
