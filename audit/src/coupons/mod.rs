//! Coupons: each request of `coupon-issue-requests` decided a second time, first come first served, and compared with its outcome.

mod commands;
mod told;

use super::answers::Answers;
use super::copies::Copies;
use super::cut::{Cut, States};
use super::door::Sold;
use super::findings::Findings;
use super::invariant::Invariant;
use super::known::{self, Known, Print, Seen, print, room, short};
use super::letters::{self, Letters};
use super::notices::Notices;
use super::reader::{Entry, Reader};
use super::rebuilt::Rebuilt;
use super::redemptions::{Redemptions, Terms};
use super::said::{Field, Said, is_user};
use super::seats::Ending;
use super::times::Times;
use commands::{command_wish, key_of};
use holdfast_engine::inspect::codec;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::keys::CouponKey;
use holdfast_model::coupon::row::{CouponRow, PolicyRow, RequestRow};
use holdfast_model::coupon::{self, COUPONS, FAILURES, INBOX, POLICIES, REQUESTS, SUCCESS};
use holdfast_model::reservation;
use holdfast_tools::Failure;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;
use told::{Outcome, Statuses};

#[derive(Debug, Default)]
struct Policy {
    created_ms: i64,
    total: i64,
    issued: i64,
    starts_ms: Option<i64>,
    ends_ms: Option<i64>,
    /// Users who asked for one while it was open.
    wanted: i64,
    /// More or fewer than there were at first: who came when there was none is not asked again.
    is_adjusted: bool,
    terms: Terms,
    /// Since when there was none left, and until when, if there were some again.
    empty: Vec<(i64, Option<i64>)>,
}

impl Policy {
    /// Notes whether there are any left from now on.
    fn count_left(&mut self, now_ms: i64) {
        let is_empty = self.issued >= self.total;
        match self.empty.last_mut().filter(|(_, until)| until.is_none()) {
            Some((_, until)) if !is_empty => *until = Some(now_ms),
            None if is_empty => self.empty.push((now_ms, None)),
            _ => {}
        }
    }

    fn is_open(&self, now_ms: i64) -> bool {
        self.starts_ms.is_none_or(|start| now_ms >= start) && self.ends_ms.is_none_or(|end| now_ms < end)
    }
}

/// The sale of one place.
struct Sale<'a> {
    place: u32,
    now_ms: i64,
    policies: BTreeMap<String, Policy>,
    /// Users and the policy each asked for, and when he got one, if he did.
    wanted: FxHashMap<Print, Option<i64>>,
    known: Known,
    commands: Known,
    redemptions: Redemptions,
    statuses: Statuses,
    /// By id; and those that supersede another.
    outcomes: [FxHashMap<Print, Outcome>; 2],
    /// What queries show of each request, by id: read once, in the order of the rows.
    shown: FxHashMap<Print, u8>,
    state: Option<&'a Rebuilt>,
}

/// What all sales share.
pub(super) struct Desk<'a> {
    pub(super) copies: &'a mut Copies,
    pub(super) notices: &'a mut Notices,
    /// What payments were told about their coupons.
    pub(super) ending: &'a mut Ending,
    /// What clients were told.
    pub(super) answers: &'a mut Answers,
    /// All coupons that were given out.
    pub(super) coupons: FxHashSet<Print>,
}

/// Decides the sale of every place.
pub(super) fn decide(
    reader: &mut Reader<'_>,
    cut: &mut Cut,
    states: &States,
    letters: &mut Letters,
    desk: &mut Desk<'_>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for place in 0..cut.places {
        let state = states.get(&(coupon::NAME.to_owned(), place));
        let mut statuses = Statuses::default();
        let shown = shown(state, &mut statuses)?;
        let told: i64 = [SUCCESS, FAILURES].map(|topic| cut.records(&TopicPartition::new(topic, place))).iter().sum();
        let requests = cut.records(&TopicPartition::new(INBOX, place));
        let outcomes = FxHashMap::with_capacity_and_hasher(room(told), FxBuildHasher);
        let mut sale = Sale {
            place,
            now_ms: i64::MIN,
            policies: BTreeMap::new(),
            wanted: FxHashMap::default(),
            known: Known::for_records(requests),
            commands: Known::default(),
            redemptions: Redemptions::default(),
            statuses,
            outcomes: [outcomes, FxHashMap::default()],
            shown,
            state,
        };
        for topic in [SUCCESS, FAILURES] {
            reader.read(&TopicPartition::new(topic, place), cut, findings, &mut |entry, _, findings| {
                sale.told(topic, entry, findings);
                Ok(())
            })?;
        }
        let inbox = TopicPartition::new(INBOX, place);
        let mut buried = letters.take_of(&inbox);
        let decided = cut.decided(&inbox);
        reader.read(&inbox, cut, findings, &mut |entry, cut, findings| {
            desk.copies.look(entry);
            let said = Said::read(entry.value);
            // A copy is no second return.
            if let Some(said) = said.as_ref().filter(|said| said.kind.text() == "return-coupon")
                && entry.heads.is_by(reservation::NAME)
            {
                desk.ending.coupon_back(&said.order_id.id().unwrap_or_default(), entry, findings);
            }
            if let Some(id) = said.as_ref().filter(|_| !desk.answers.is_empty()).and_then(Said::identity) {
                desk.answers.in_log(&id, findings);
            }
            if entry.offset >= decided {
                return Ok(());
            }
            sale.now_ms = sale.now_ms.max(entry.append_ms);
            if let Some(letter) = letters::meet(&mut buried, entry, findings) {
                findings.count(Invariant::NoGap, "records buried", 1);
                if let Some(said) = said {
                    if letter.is_given_up && sale.is_elsewhere(&said, cut) {
                        desk.copies.must_have(entry);
                    } else {
                        sale.buried(&said, entry, letter.is_given_up, findings);
                    }
                }
                return Ok(());
            }
            if let Some(said) = said.as_ref().filter(|_| entry.heads.is_given_up) {
                sale.buried(said, entry, true, findings);
                return Ok(());
            }
            match said.map(|said| sale.record(&said, entry, cut, desk, findings)).transpose()?.flatten() {
                Some(()) => {}
                None => findings.breach(
                    Invariant::NoGap,
                    entry,
                    "it cannot be read, and is not among the dead letters: each such record is buried once",
                ),
            }
            Ok(())
        })?;
        letters::leftover(&buried, &inbox, cut.span(&inbox).begins, decided, findings);
        desk.answers.refusals(|policy, user| sale.sold(policy, user, cut.places), findings);
        sale.close(findings)?;
    }
    Ok(())
}

/// What queries show of each request.
fn shown(state: Option<&Rebuilt>, statuses: &mut Statuses) -> Result<FxHashMap<Print, u8>, Failure> {
    let mut shown = FxHashMap::default();
    let Some(state) = state else { return Ok(shown) };
    state.each_raw(&REQUESTS, &mut |id: String, row| {
        let row: RequestRow<&str> = codec::decode_borrowed(row)?;
        shown.insert(print(&*id), statuses.number(row.outcome.status().as_str()));
        Ok(())
    })?;
    Ok(shown)
}

/// Under which policy a request is: the older shape calls it a coupon.
fn policy_of<'s>(said: &'s Said<'_>) -> Option<Cow<'s, str>> {
    said.policy_id.id().or_else(|| said.coupon_id.id())
}

impl Sale<'_> {
    fn told(&mut self, topic: &'static str, entry: &Entry<'_>, findings: &mut Findings) {
        let said = Said::read(entry.value);
        let Some((said, id)) = said.as_ref().and_then(|said| Some((said, said.request_id.id()?))) else {
            findings.breach(Invariant::OneOutcome, entry, "an outcome of nothing");
            return;
        };
        Times::value(entry, said, findings);
        let status = said.status.text();
        if (status == "SUCCESS") != (topic == SUCCESS) {
            findings.breach(Invariant::Agreement, entry, format!("{id} is {status:?}, which has another topic"));
        }
        let supersedes = said.supersedes != Field::Absent;
        let new = Outcome {
            status: self.statuses.number(status),
            who: short((said.policy_id.id().as_deref(), said.user_id.id().as_deref())),
            coupon: said.coupon_id.id().map(|coupon| (*coupon).into()),
            remaining: said.remaining.int(),
            is_success_topic: topic == SUCCESS,
            offset: entry.offset,
            is_firm: entry.is_firm,
            times: 0,
        };
        let outcome = self.outcomes[usize::from(supersedes)].entry(print(&*id)).or_insert(new);
        outcome.times += 1;
        if outcome.times > 1 {
            let (topic, offset) = (outcome.topic(), outcome.offset);
            let what = format!("{id} has one outcome: this is another than {topic}-{} offset {offset}", self.place);
            findings.breach(Invariant::OneOutcome, entry, what);
        }
    }

    /// A record that was buried.
    fn buried(&mut self, said: &Said<'_>, entry: &Entry<'_>, is_given_up: bool, findings: &mut Findings) {
        let id = said.identity().unwrap_or_else(|| Cow::Owned(entry.entered()));
        let (Some(policy), Some(user), Field::Absent) = (policy_of(said), said.user_id.id(), &said.kind) else {
            if is_given_up {
                self.commands.give_up(&id, command_wish(said));
            }
            return;
        };
        if is_given_up {
            if self.known.give_up(&id, (&*policy, &*user)) {
                let outcome = self.outcomes[0].remove(&print(&*id));
                match outcome.map(|outcome| self.statuses.text(outcome.status)) {
                    Some("SYSTEM_ERROR") => {
                        findings.count(Invariant::OneOutcome, "coupon requests with their outcome", 1);
                    }
                    Some(status) => {
                        findings.breach(
                            Invariant::Letters,
                            entry,
                            format!("{id} is buried, and was told {status}: nothing else is buried"),
                        );
                    }
                    None => {
                        findings.breach(Invariant::OneOutcome, entry, format!("{id} has no outcome: it was given up"))
                    }
                }
            }
        } else if let Some(outcome) = self.outcomes[0].get(&print(&*id))
            && let status = self.statuses.text(outcome.status)
            && !self.known.has(&id)
            && status != "SYSTEM_ERROR"
        {
            findings.breach(
                Invariant::Letters,
                entry,
                format!("{id} is buried, and was told {status}: nothing else is buried"),
            );
        }
    }

    /// A record that is not buried; `None` when it should be.
    fn record(
        &mut self,
        said: &Said<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        desk: &mut Desk<'_>,
        findings: &mut Findings,
    ) -> Result<Option<()>, Failure> {
        match said.kind.text() {
            "" if said.kind == Field::Absent => {}
            "use-coupon" if said.reply_place != Field::Absent => {
                return Ok(self.redeem(said, entry, cut, desk, findings));
            }
            "return-coupon" => return Ok(self.give_back(said, entry, cut, desk, findings)),
            "create-policy" | "adjust-stock" | "use-coupon" => return self.command(said, entry, cut, desk, findings),
            _ => return Ok(None),
        }
        let (Some(policy), Some(user)) = (policy_of(said), said.user_id.id()) else { return Ok(None) };
        if place_of(key_of(&policy).as_bytes(), cut.places) != self.place {
            desk.copies.must_have(entry);
            return Ok(Some(()));
        }
        let id = said.identity().unwrap_or_else(|| Cow::Owned(entry.entered()));
        let known = print(&*id);
        let seen = self.known.see_print(known, (&*policy, &*user), entry.heads.origin.is_redriven());
        known::retried(seen, &id, entry, findings);
        if !matches!(seen, Seen::New | Seen::Again) {
            findings.count(Invariant::NoGap, "records known already", 1);
            return Ok(Some(()));
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        let (status, left) = self.issue(&policy, &user);
        let Some(told) = self.outcomes[usize::from(seen == Seen::Again)].remove(&known) else {
            let topic = if status == "SUCCESS" { SUCCESS } else { FAILURES };
            if !cut.may_be_forgotten(topic, self.now_ms) {
                findings.breach(
                    Invariant::OneOutcome,
                    entry,
                    format!("{id} has no outcome: by the log it is {status}"),
                );
            } else if status == "SUCCESS" {
                // Its outcome is gone, and the coupon may be used all the same.
                let number = self.policies.get(&*policy).map_or(0, |policy| policy.issued);
                self.redemptions.give(&format!("cpn_{}_{policy}_{number}", self.place), &user);
            }
            return Ok(Some(()));
        };
        findings.count(Invariant::OneOutcome, "coupon requests with their outcome", 1);
        desk.answers.issued(&id, status, told.coupon.as_deref(), findings);
        let (place, told_status) = (self.place, self.statuses.text(told.status));
        let at = || format!("{}-{place} offset {}", told.topic(), told.offset);
        if told_status != status || told.who != short((Some(&*policy), Some(&*user))) {
            let what =
                format!("{id} of {user} for {policy} was told {told_status}, by the order of the log it is {status}");
            findings.breach(Invariant::FirstCome, at(), what);
        } else {
            findings.count(Invariant::FirstCome, "requests decided again in order", 1);
        }
        if status == "SUCCESS" {
            let rank = self.policies.get(&*policy).map_or(0, |policy| policy.issued - 1);
            if told.remaining != left {
                let what =
                    format!("{policy}: place {rank} in the queue, {id}, left {left:?}, told are {:?}", told.remaining);
                findings.breach(Invariant::Stock, at(), what);
            }
            match &told.coupon {
                Some(coupon) if desk.coupons.insert(print(&**coupon)) => {
                    findings.count(Invariant::Stock, "coupons", 1);
                    self.redemptions.give(coupon, &user);
                    desk.notices.expect("COUPON_ISSUED", coupon, entry, self.now_ms, cut, findings);
                }
                Some(coupon) => findings.breach(Invariant::Stock, at(), format!("{coupon} was given out before")),
                None => findings.breach(Invariant::Stock, at(), format!("{id} got no coupon")),
            }
        }
        if self.state.is_some() {
            match self.shown.get(&known).copied() {
                Some(shown) if shown == told.status => {
                    findings.count(Invariant::Agreement, "coupon requests shown as told", 1);
                }
                shown => {
                    let shown = shown.map(|shown| self.statuses.text(shown));
                    findings.breach(
                        Invariant::Agreement,
                        at(),
                        format!("{id} was told {told_status}, shown is {shown:?}"),
                    );
                }
            }
        }
        Ok(Some(()))
    }

    /// Who comes first has one, as long as there are some; how many are left after it.
    fn issue(&mut self, policy_id: &str, user: &str) -> (&'static str, Option<i64>) {
        let Some(policy) = self.policies.get_mut(policy_id) else { return ("VALIDATION_FAILED", None) };
        if !is_user(user) || !policy.is_open(self.now_ms) {
            return ("VALIDATION_FAILED", None);
        }
        let has_one = self.wanted.entry(print((policy_id, user))).or_insert_with(|| {
            policy.wanted += 1;
            None
        });
        if has_one.is_some() {
            ("DUPLICATE_REQUEST", None)
        } else if policy.issued >= policy.total {
            ("OUT_OF_STOCK", None)
        } else {
            *has_one = Some(self.now_ms);
            policy.issued += 1;
            policy.count_left(self.now_ms);
            ("SUCCESS", Some(policy.total - policy.issued))
        }
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
        for outcome in self.outcomes.iter().flat_map(FxHashMap::values).filter(|outcome| outcome.is_firm) {
            let at = format!("{}-{} offset {}", outcome.topic(), self.place, outcome.offset);
            findings.breach(
                Invariant::OneOutcome,
                at,
                format!("no outcome without a request: told {} to nobody", self.statuses.text(outcome.status)),
            );
        }
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
        let mut kept = 0;
        state.each(&COUPONS, &mut |key: CouponKey, row: CouponRow| {
            kept += 1;
            let id = format!("cpn_{}_{}_{}", self.place, key.policy_id, key.serial);
            let order = row.used.as_ref().map(|used| &*used.order_id);
            if self.redemptions.is_as(&id, &row.user_id, order) {
                findings.count(Invariant::Agreement, "coupons shown as the log has them", 1);
            } else {
                let what = format!("{id} of {} is shown as used for {order:?}, and is not by the log", row.user_id);
                findings.breach(Invariant::Agreement, state.source(), what);
            }
        })?;
        if kept != self.redemptions.given() {
            let what = format!("{kept} coupons are kept, by the log there are {}", self.redemptions.given());
            findings.breach(Invariant::Agreement, state.source(), what);
        }
        state.each(&POLICIES, &mut |id: String, row: PolicyRow| {
            let own = self.policies.get(&id).map(|policy| (policy.total, policy.issued));
            let kept = (row.total.cast_signed(), row.issued.cast_signed());
            if own != Some(kept) {
                let at = format!("{}, policy {id}", state.source());
                findings.breach(Invariant::Stock, at, format!("total and issued are {kept:?}, by the log {own:?}"));
            }
        })
    }
}
