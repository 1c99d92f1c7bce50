//! Coupons: each request of `coupon-issue-requests` decided a second time, first come first served, and compared with its outcome.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | what records say |
//! | [`policy`], [`commands`], [`redemptions`] | policies and stock; coupons that are used |
//! | [`rows`] | what is kept |
//! | [`hear`], [`door`] | what clients were told; refusals that never came into the log |

mod commands;
mod door;
mod hear;
mod message;
mod policy;
mod redemptions;
mod rows;

use crate::answers::{Answer, Claims};
use crate::cut::Cut;
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::guards::{self, Guards, Pass};
use crate::invariant::Invariant;
use crate::known::{self, Known, Print, Seen, print, short};
use crate::outcomes::{self, Outcomes};
use crate::reader::Entry;
use crate::rebuilt::Rebuilt;
use crate::record::{self, Field, is_user};
use crate::retention::{Kept, Retention};
use crate::times::Times;
use commands::{command_wish, key_of};
use door::{Refusal, Sold};
use hear::{Issued, issued};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::{self, ADMISSIONS, COMMANDS, FAILURES, GUARDS, INBOX, REQUESTS, SETTINGS, SUCCESS};
use holdfast_model::reservation;
use holdfast_tools::Failure;
use message::Message;
use policy::Policy;
use redemptions::Redemptions;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What was told about a request.
#[derive(Debug)]
struct Outcome {
    coupon: Option<Box<str>>,
    /// Hash of policy and user.
    who: u64,
    remaining: Option<i64>,
}

/// The sale of one place.
struct Sale<'a> {
    place: u32,
    now_ms: i64,
    policies: BTreeMap<String, Policy>,
    guards: Guards,
    /// Users and the policy that each asked for, and when the user got a coupon, if any.
    wanted: FxHashMap<Print, Option<i64>>,
    known: Known,
    commands: Known,
    redemptions: Redemptions,
    outcomes: Outcomes<Outcome>,
    /// What queries show of each request, by id: read once, in the order of the rows.
    shown: FxHashMap<Print, u8>,
    state: Option<&'a Rebuilt>,
}

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Coupons {
    /// All coupons that were given out.
    given: FxHashSet<Print>,
    claims: Claims<Issued>,
    /// Users who were refused before there was a request in the log.
    refusals: Vec<Refusal>,
}

impl Feature for Coupons {
    fn name(&self) -> &'static str {
        coupon::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    fn notices(&self) -> &'static [(&'static str, &'static str)] {
        &[("COUPON_ISSUED", "couponId")]
    }

    fn routes(&self) -> &'static [&'static str] {
        &["/api/coupons/*"]
    }

    fn names(&self) -> &'static [&'static str] {
        &["couponId"]
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        self.note(answer)
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let mut sale = Sale::open(place, audit)?;
            for topic in [SUCCESS, FAILURES] {
                let source = TopicPartition::new(topic, place);
                audit.reader.read(&source, audit.cut, audit.findings, &mut |entry, _, findings| {
                    sale.told(topic, entry, findings);
                    Ok(())
                })?;
            }
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                sale.arrived(arrival, cut, self, shared, findings)
            })?;
            self.refused(&sale, audit.cut.places, audit.findings);
            sale.close(audit.findings)?;
        }
        self.claims.leftover(audit.findings);
        Ok(())
    }
}

impl Coupons {
    /// Users who were refused before the log were refused for a reason, as far as their policy is one of this place.
    fn refused(&mut self, sale: &Sale<'_>, places: u32, findings: &mut Findings) {
        self.refusals.retain(|refusal| {
            let Some(sold) = sale.sold(&refusal.policy, &refusal.user, places) else { return true };
            match refusal.judge(sold) {
                Ok(()) => findings.count(Invariant::Agreement, "refusals at the door", 1),
                Err(what) => findings.breach(Invariant::Agreement, &refusal.at, what),
            }
            false
        });
    }
}

impl<'a> Sale<'a> {
    /// The sale of `place`, before anything has happened.
    fn open(place: u32, audit: &mut Audit<'a>) -> Result<Self, Failure> {
        let state = audit.state(coupon::NAME, place);
        let counted = "coupon requests with their outcome";
        let mut outcomes = Outcomes::new(place, [SUCCESS, FAILURES], counted, audit.cut);
        let shown = rows::shown(state, &mut outcomes.statuses)?;
        let requests = Retention::of(&REQUESTS, state, &SETTINGS, audit.findings)?;
        let commands = Retention::of(&COMMANDS, state, &SETTINGS, audit.findings)?;
        Ok(Self {
            place,
            now_ms: i64::MIN,
            policies: BTreeMap::new(),
            guards: Guards::default(),
            wanted: FxHashMap::default(),
            known: Known::for_records(audit.cut.records(&TopicPartition::new(INBOX, place)), requests),
            commands: Known::for_records(0, commands),
            redemptions: Redemptions::default(),
            outcomes,
            shown,
            state,
        })
    }
}

impl Sale<'_> {
    fn told(&mut self, topic: &'static str, entry: &Entry<'_>, findings: &mut Findings) {
        let said = record::read::<message::Outcome<'_>>(entry.value);
        let Some((said, id)) = said.as_ref().and_then(|said| Some((said, said.request_id.id()?))) else {
            findings.breach(Invariant::OneOutcome, entry, "an outcome of nothing");
            return;
        };
        Times::value(entry, &said.stamps, &said.stamps, findings);
        let told = Outcome {
            who: short((said.policy_id.id().as_deref(), said.user_id.id().as_deref())),
            coupon: said.coupon_id.id().map(|coupon| (*coupon).into()),
            remaining: said.remaining.int(),
        };
        let supersedes = said.supersedes != Field::Absent;
        self.outcomes.note((topic, entry), (&id, said.status.text()), supersedes, told, findings);
    }

    /// A record of the inbox.
    fn arrived(
        &mut self,
        arrival: &Arrival<'_, '_>,
        cut: &Cut,
        coupons: &mut Coupons,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let entry = arrival.entry;
        let said = record::read::<Message<'_>>(entry.value);
        // A copy is no second return.
        if let Some(said) = said.as_ref().filter(|said| said.kind.text() == "return-coupon")
            && entry.heads.is_by(reservation::NAME)
        {
            shared.books.discounts.came_back(&said.order_id.id().unwrap_or_default(), entry, findings);
        }
        if let Some(said) = said.as_ref().filter(|_| !coupons.claims.is_empty()) {
            coupons.claims.in_log(said.ids.get().as_deref(), findings);
        }
        if !arrival.is_decided {
            return Ok(());
        }
        self.now_ms = self.now_ms.max(entry.append_ms);
        self.known.at(entry.offset, self.now_ms);
        self.commands.at(entry.offset, self.now_ms);
        match (said, arrival.way) {
            (Some(said), Way::Buried { is_given_up: true }) if self.is_elsewhere(&said, cut) => {
                shared.copies.must_have(entry);
            }
            (Some(said), Way::Buried { is_given_up }) => self.buried(&said, entry, is_given_up, findings),
            (None, Way::Buried { .. }) => {}
            (Some(said), Way::GivenUpElsewhere) => self.buried(&said, entry, true, findings),
            (said, _) => {
                let read = said.map(|said| self.record(&said, entry, cut, coupons, shared, findings)).transpose()?;
                if read.flatten().is_none() {
                    findings.breach(
                        Invariant::NoGap,
                        entry,
                        "it cannot be read, and is not among the dead letters: each such record is buried once",
                    );
                }
            }
        }
        Ok(())
    }

    /// A record that was buried.
    fn buried(&mut self, said: &Message<'_>, entry: &Entry<'_>, is_given_up: bool, findings: &mut Findings) {
        if guards::KINDS.contains(&said.kind.text()) {
            return;
        }
        let id = said.ids.get().unwrap_or_else(|| Cow::Owned(entry.entered()));
        let (Some(policy), Some(user), Field::Absent) = (said.policy(), said.user_id.id(), &said.kind) else {
            if is_given_up {
                self.commands.give_up(&id, command_wish(said));
            }
            return;
        };
        if is_given_up {
            if self.known.give_up(&id, (&*policy, &*user)) {
                self.outcomes.given_up(&id, entry, findings);
            }
        } else if !self.known.has(&id) {
            self.outcomes.rejected(&id, entry, findings);
        }
    }

    /// A record that is not buried; `None` when it should be.
    fn record(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        coupons: &mut Coupons,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Result<Option<()>, Failure> {
        match said.kind.text() {
            "" if said.kind == Field::Absent => {}
            "use-coupon" if said.reply_place != Field::Absent => {
                return Ok(self.redeem(said, entry, cut, shared, findings));
            }
            "return-coupon" => return Ok(self.give_back(said, entry, cut, shared, findings)),
            "create-policy" | "adjust-stock" | "use-coupon" => return self.command(said, entry, cut, shared, findings),
            kind if guards::KINDS.contains(&kind) => return Ok(self.guard(said, entry, cut, shared, findings)),
            _ => return Ok(None),
        }
        let (Some(policy), Some(user)) = (said.policy(), said.user_id.id()) else { return Ok(None) };
        if place_of(key_of(&policy).as_bytes(), cut.places) != self.place {
            shared.copies.must_have(entry);
            return Ok(Some(()));
        }
        let id = said.ids.get().unwrap_or_else(|| Cow::Owned(entry.entered()));
        let known = print(&*id);
        let seen = self.known.see_print(known, (&*policy, &*user), entry.heads.origin.is_redriven());
        known::retried(seen, &id, entry, findings);
        if !seen.is_to_decide() {
            findings.count(Invariant::NoGap, "records known already", 1);
            return Ok(Some(()));
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        let (status, left, pass) = self.issue(&policy, &user);
        let Some(outcome) = self.outcomes.take(known, seen == Seen::Again) else {
            let topic = if status == outcomes::SUCCESS { SUCCESS } else { FAILURES };
            if !cut.may_be_forgotten(topic, self.now_ms) {
                findings.breach(
                    Invariant::OneOutcome,
                    entry,
                    format!("{id} has no outcome: by the log it is {status}"),
                );
            } else if status == outcomes::SUCCESS {
                // Its outcome is gone, and the coupon may be used all the same.
                let number = self.policies.get(&*policy).map_or(0, |policy| policy.issued);
                self.redemptions.give(&format!("cpn_{}_{policy}_{number}", self.place), &user);
            }
            return Ok(Some(()));
        };
        self.outcomes.count(findings);
        let told = &outcome.told;
        let has_ended = self.state.is_some_and(|state| state.has_ended(REQUESTS.id(), self.now_ms));
        issued(&mut coupons.claims, &id, (status, told.coupon.as_deref()), has_ended, findings);
        let told_status = self.outcomes.status(&outcome);
        let at = || self.outcomes.at(&outcome);
        Guards::judge(pass, told_status == outcomes::SUCCESS, entry, &id, findings);
        if told_status != status || told.who != short((Some(&*policy), Some(&*user))) {
            let what =
                format!("{id} of {user} for {policy} was told {told_status}, by the order of the log it is {status}");
            findings.breach(Invariant::FirstCome, at(), what);
        } else {
            findings.count(Invariant::FirstCome, "requests decided again in order", 1);
        }
        if status == outcomes::SUCCESS {
            let rank = self.policies.get(&*policy).map_or(0, |policy| policy.issued - 1);
            if told.remaining != left {
                let what =
                    format!("{policy}: place {rank} in the queue, {id}, left {left:?}, told are {:?}", told.remaining);
                findings.breach(Invariant::Stock, at(), what);
            }
            match &told.coupon {
                Some(coupon) if coupons.given.insert(print(&**coupon)) => {
                    findings.count(Invariant::Stock, "coupons", 1);
                    self.redemptions.give(coupon, &user);
                    shared.notices.expect("COUPON_ISSUED", coupon, entry, self.now_ms, cut, findings);
                }
                Some(coupon) => findings.breach(Invariant::Stock, at(), format!("{coupon} was given out before")),
                None => findings.breach(Invariant::Stock, at(), format!("{id} got no coupon")),
            }
        }
        if let Some(state) = self.state {
            let shown = self.shown.get(&known).copied();
            if shown == Some(outcome.status) {
                findings.count(Invariant::Agreement, "coupon requests shown as told", 1);
            } else if let Kept::Ended = Kept::of(state, &REQUESTS, &id, self.now_ms)? {
                findings.count(Invariant::Agreement, "coupon requests whose outcome has ended", 1);
            } else {
                let shown = shown.map(|shown| self.outcomes.statuses.text(shown));
                let what = format!("{id} was told {told_status}, shown is {shown:?}");
                findings.breach(Invariant::Agreement, at(), what);
            }
        }
        Ok(Some(()))
    }

    /// Who comes first has one, as long as there are some, and is let in where a queue guards the policy; how many are left after it.
    fn issue(&mut self, policy_id: &str, user: &str) -> (&'static str, Option<i64>, Pass) {
        let now_ms = self.now_ms;
        let Some(policy) = self.policies.get_mut(policy_id) else { return ("VALIDATION_FAILED", None, Pass::Free) };
        if !is_user(user) || !policy.is_open(now_ms) {
            return ("VALIDATION_FAILED", None, Pass::Free);
        }
        let key = print((policy_id, user));
        if self.wanted.get(&key).is_some_and(Option::is_some) {
            return ("DUPLICATE_REQUEST", None, Pass::Free);
        }
        let is_left = policy.issued < policy.total;
        let pass = if is_left { self.guards.pass(policy_id, user, now_ms) } else { Pass::Free };
        // A user that is not let in has wanted nothing of the stock.
        if pass == Pass::Out {
            return ("BUSINESS_ERROR", None, pass);
        }
        let given = self.wanted.entry(key).or_insert_with(|| {
            policy.wanted += 1;
            None
        });
        if !is_left {
            return ("OUT_OF_STOCK", None, pass);
        }
        *given = Some(now_ms);
        policy.issued += 1;
        policy.count_left(now_ms);
        let left = policy.total - policy.issued;
        self.guards.use_up(policy_id, user, now_ms);
        (outcomes::SUCCESS, Some(left), pass)
    }

    /// What there is to say of a policy and a user; `None` where the policy is another place's.
    fn sold(&self, policy: &str, user: &str, places: u32) -> Option<Option<Sold<'_>>> {
        let is_here = place_of(key_of(policy).as_bytes(), places) == self.place;
        let given_ms = || self.wanted.get(&print((policy, user))).copied().flatten();
        is_here.then(|| {
            self.policies.get(policy).map(|known| Sold {
                created_ms: known.created_ms,
                starts_ms: known.starts_ms,
                ends_ms: known.ends_ms,
                empty: &known.empty,
                given_ms: given_ms(),
            })
        })
    }

    /// The place is done.
    fn close(self, findings: &mut Findings) -> Result<(), Failure> {
        self.outcomes.leftover(findings);
        for (id, policy) in &self.policies {
            let due = policy.total.min(policy.wanted);
            if policy.issued > policy.total || (!policy.is_adjusted && policy.issued != due) {
                let what =
                    format!("{} of {} were given out, {} users asked", policy.issued, policy.total, policy.wanted);
                findings.breach(Invariant::Stock, format!("policy {id}"), what);
            } else {
                findings.count(Invariant::Stock, "policies", 1);
            }
        }
        let Some(state) = self.state else { return Ok(()) };
        self.guards.compare((&GUARDS, &ADMISSIONS), state, findings)?;
        rows::compare(&self, state, findings)
    }
}
