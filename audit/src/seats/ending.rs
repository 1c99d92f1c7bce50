//! What has to come out in the end: wallets have told what they decided, payments have ended in a seat or a refund, no hold is forgotten.

use super::book::{Book, Paid, State};
use super::facts::{Facts, name};
use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::{At, Entry};
use crate::said::Said;
use crate::wallets::{Fate, Money};
use hdrhistogram::Histogram;
use holdfast_model::{coupon, payment, reservation};
use rustc_hash::FxHashMap;

/// What wallets answer.
const RESULTS: [&str; 5] = ["", "DEBITED", "INSUFFICIENT_POINTS", "REFUNDED", "REFUSED"];

/// An answer of a wallet.
#[derive(Debug, Clone)]
struct Answer {
    result: &'static str,
    amount: Option<i64>,
    balance_after: Option<i64>,
    at: At,
    is_firm: bool,
    /// The reservation topology has passed it.
    is_decided: bool,
    is_met: bool,
}

/// What is looked at when all places are done.
#[derive(Debug)]
pub(crate) struct Ending {
    /// By payment id.
    settled: FxHashMap<String, Answer>,
    /// By refund id.
    refunded: FxHashMap<String, Answer>,
    /// By payment id: what coupons take off.
    coupons: FxHashMap<String, Answer>,
    /// By payment id: where its coupon became of no use to it, and has not been seen to come back.
    returns: FxHashMap<String, At>,
    paid: FxHashMap<Print, Paid>,
    /// How long after its deadline each hold ended, in ms.
    lateness_ms: Histogram<u64>,
    /// Shortest and longest hold, in ms.
    hold_ms: Option<(i64, i64)>,
    /// Beyond its deadline by more than this many ms a hold is forgotten.
    overdue_ms_max: i64,
    /// Debits, refunds and answers that are under way.
    pub(crate) in_flight: u64,
}

impl Ending {
    pub(crate) fn new(overdue_ms_max: i64) -> Self {
        Self {
            settled: FxHashMap::default(),
            refunded: FxHashMap::default(),
            coupons: FxHashMap::default(),
            returns: FxHashMap::default(),
            paid: FxHashMap::default(),
            lateness_ms: Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("the bounds are constant and in order"),
            hold_ms: None,
            overdue_ms_max,
            in_flight: 0,
        }
    }

    /// Notes an answer of a wallet, decided or not.
    pub(super) fn answer(&mut self, said: &Said<'_>, entry: &Entry<'_>, is_decided: bool, findings: &mut Findings) {
        let kind = said.kind.text();
        let (answers, id, author, amount) = match kind {
            "settled" => (&mut self.settled, said.payment_id.id(), payment::NAME, said.amount.int()),
            "refunded" => (&mut self.refunded, said.refund_id.id(), payment::NAME, said.amount.int()),
            "coupon-used" => (&mut self.coupons, said.payment_id.id(), coupon::NAME, said.discount.int()),
            "coupon-refused" => (&mut self.coupons, said.payment_id.id(), coupon::NAME, None),
            _ => return,
        };
        // A copy is no second answer.
        let (Some(id), true) = (id, entry.heads.is_by(author)) else { return };
        let answer = Answer {
            result: RESULTS.into_iter().find(|known| *known == said.result.text()).unwrap_or("something else"),
            amount,
            balance_after: said.balance_after.int(),
            at: entry.at(reservation::INBOX),
            is_firm: entry.is_firm,
            is_decided,
            is_met: false,
        };
        // A refund that was refused may be paid when an operator puts it back: that is the one answer after another.
        let is_second =
            |first: &&Answer| !(kind == "refunded" && first.result == "REFUSED" && answer.result == "REFUNDED");
        if let Some(first) = answers.get(&*id).filter(is_second) {
            findings.breach(Invariant::OneOutcome, entry, format!("{id} was answered at {} already", first.at));
        } else {
            answers.insert(id.into_owned(), answer);
        }
    }

    /// A hold was granted for so long.
    pub(super) fn hold_lasts(&mut self, ms: i64) {
        let (least, most) = self.hold_ms.unwrap_or((ms, ms));
        self.hold_ms = Some((least.min(ms), most.max(ms)));
    }

    /// A hold ended so long after its deadline.
    pub(super) fn expired(&mut self, late_ms: i64) {
        self.lateness_ms.saturating_record(u64::try_from(late_ms).unwrap_or(0));
    }

    /// A place is done; the log's last record is of `latest_ms`.
    pub(super) fn close(&mut self, book: Book, latest_ms: i64, findings: &mut Findings) {
        for (serial, booking) in &book.bookings {
            if booking.state != State::Held {
                continue;
            }
            let late_ms = latest_ms.saturating_sub(booking.expires_ms);
            if late_ms > self.overdue_ms_max {
                let at = format!("reservation {}", name((book.place, *serial)));
                findings.breach(Invariant::NotLate, at, format!("it is held still, {late_ms} ms after its deadline"));
            } else {
                findings.count(Invariant::NotLate, "open holds that are not overdue", 1);
            }
        }
        self.in_flight += book.payments.values().filter(|payment| payment.paid == Paid::Discounting).count() as u64;
        self.paid.extend(book.payments.into_iter().map(|(id, payment)| (print(&*id), payment.paid)));
    }

    /// All places are done.
    pub(crate) fn settle(&mut self, facts: &mut Facts, money: &Money, cut: &Cut, findings: &mut Findings) {
        self.debits(facts, money, cut, findings);
        self.refunds(money, findings);
        for (id, answer) in self.settled.iter().chain(&self.refunded) {
            if answer.is_firm && !answer.is_met {
                findings.breach(
                    Invariant::PaidOnce,
                    answer.at,
                    format!("an answer about {id}, which no wallet has decided"),
                );
            }
        }
        let late = &self.lateness_ms;
        if !late.is_empty() {
            findings.count(Invariant::NotLate, "holds ended", late.len());
            findings.note(
                Invariant::NotLate,
                format!(
                    "after the deadline: p50 {} ms, p99 {} ms, max {} ms",
                    late.value_at_quantile(0.5),
                    late.value_at_quantile(0.99),
                    late.max()
                ),
            );
        }
        if let Some((least, most)) = self.hold_ms {
            findings.note(Invariant::NotEarly, format!("seats were held for {least} to {most} ms"));
        }
    }

    /// A payment has asked for a coupon at `at`; by the log that takes off so many KRW, or nothing as it cannot be used.
    pub(crate) fn wish(&mut self, payment_id: &str, off: Option<i64>, at: &Entry<'_>, findings: &mut Findings) {
        match self.coupons.get_mut(payment_id) {
            None => {
                findings.breach(Invariant::NoGap, at, format!("{payment_id} asked for a coupon, and was not answered"))
            }
            Some(answer) => {
                answer.is_met = true;
                if answer.amount == off {
                    findings.count(Invariant::Agreement, "discounts of payments", 1);
                } else {
                    let what = format!(
                        "{payment_id} is told that its coupon takes off {:?} KRW, by the log {off:?}",
                        answer.amount
                    );
                    findings.breach(Invariant::Agreement, answer.at, what);
                }
            }
        }
    }

    /// The coupon of a payment has to go back, since `at`.
    pub(super) fn expect_coupon_back(&mut self, payment_id: &str, at: &Entry<'_>) {
        self.returns.insert(payment_id.to_owned(), at.at(reservation::INBOX));
    }

    /// The shop gives the coupon of a payment back at `at`.
    pub(crate) fn coupon_back(&mut self, payment_id: &str, at: &Entry<'_>, findings: &mut Findings) {
        if self.returns.remove(payment_id).is_some() {
            findings.count(Invariant::PaidOnce, "coupons given back", 1);
        } else if at.is_firm {
            findings.breach(Invariant::PaidOnce, at, format!("a coupon of {payment_id} goes back, and none is due"));
        }
    }

    /// All coupons are decided.
    pub(crate) fn wishes(&self, findings: &mut Findings) {
        for (id, at) in &self.returns {
            findings.breach(Invariant::NoGap, at, format!("{id} has no use for its coupon, and nobody gave it back"));
        }
        for (id, answer) in self.coupons.iter().filter(|(_, answer)| answer.is_firm && !answer.is_met) {
            findings.breach(
                Invariant::OneOutcome,
                answer.at,
                format!("an answer of a coupon that {id} did not ask for"),
            );
        }
    }

    fn debits(&mut self, facts: &mut Facts, money: &Money, cut: &Cut, findings: &mut Findings) {
        for (id, debit) in &money.debits {
            if debit.is_firm && !debit.is_explained {
                findings.breach(
                    Invariant::PaidOnce,
                    debit.at,
                    format!("a wallet was asked for {id}, and no pay command was granted"),
                );
            }
            let expected = match debit.fate {
                Fate::Undecided => {
                    self.in_flight += 1;
                    continue;
                }
                Fate::Posted(..) => "DEBITED",
                Fate::Insufficient => "INSUFFICIENT_POINTS",
                Fate::Refused | Fate::GivenUp => "REFUSED",
            };
            if let Fate::Posted(..) = debit.fate {
                match facts.completed.remove(id) {
                    Some(fact) if (fact.amount, fact.reservation) == (debit.amount, debit.reservation) => {
                        findings.count(Invariant::PaidOnce, "payments taken and told", 1);
                    }
                    Some(fact) => {
                        let what = format!(
                            "{id} took {} KRW, told are {} KRW, perhaps for another reservation",
                            debit.amount, fact.amount
                        );
                        findings.breach(Invariant::PaidOnce, fact.at, what);
                    }
                    None if cut.beheaded(payment::COMPLETED).is_some() => {}
                    None => findings.breach(
                        Invariant::PaidOnce,
                        debit.at,
                        format!("{id} took {} KRW, and nobody was told", debit.amount),
                    ),
                }
            }
            let Some(answer) = self.settled.get_mut(id) else {
                // The answer may lie among the dead letters: nobody had asked.
                if debit.is_explained {
                    findings.breach(
                        Invariant::NoGap,
                        debit.at,
                        format!("{id} was decided ({expected}), and nobody was answered"),
                    );
                } else if matches!(debit.fate, Fate::Posted(..)) {
                    findings.breach(
                        Invariant::PaidOnce,
                        debit.at,
                        format!("{id} took {} KRW, and no seat was to be paid", debit.amount),
                    );
                }
                continue;
            };
            answer.is_met = true;
            let balance = if let Fate::Posted(_, balance) = debit.fate { Some(balance) } else { answer.balance_after };
            if (answer.result, answer.amount, answer.balance_after) != (expected, Some(debit.amount), balance) {
                let what = format!(
                    "{id}: told {} {:?} leaving {:?} KRW, by the log {expected} {} leaving {balance:?}",
                    answer.result, answer.amount, answer.balance_after, debit.amount
                );
                findings.breach(Invariant::Agreement, answer.at, what);
            } else {
                findings.count(Invariant::Agreement, "answers of wallets", 1);
            }
            if !answer.is_decided {
                self.in_flight += 1;
            } else if let Fate::Posted(..) = debit.fate {
                match self.paid.get(&print(&**id)) {
                    Some(Paid::Seat | Paid::Returning | Paid::Returned) => {
                        findings.count(Invariant::PaidOnce, "payments that ended in a seat or a refund", 1);
                    }
                    other => {
                        let what =
                            format!("{id} took {} KRW, and ended in no seat and no refund: {other:?}", debit.amount);
                        findings.breach(Invariant::PaidOnce, debit.at, what);
                    }
                }
            }
        }
    }

    fn refunds(&mut self, money: &Money, findings: &mut Findings) {
        for (id, refund) in &money.refunds {
            if refund.is_firm && !refund.is_explained {
                findings.breach(
                    Invariant::PaidOnce,
                    refund.at,
                    format!("{id} gives {} back, and nothing was to be given back", refund.payment),
                );
            }
            match refund.fate {
                Fate::Undecided => self.in_flight += 1,
                // It is owed still, and comes when an operator puts it back. He who waits for it may have been told so.
                Fate::GivenUp => {
                    self.in_flight += 1;
                    if let Some(answer) = self.refunded.get_mut(id) {
                        answer.is_met = true;
                    }
                }
                Fate::Posted(..) => match self.refunded.get_mut(id) {
                    Some(answer) if answer.amount == Some(refund.amount) && answer.result != "REFUSED" => {
                        answer.is_met = true;
                        self.in_flight += u64::from(!answer.is_decided);
                        findings.count(Invariant::PaidOnce, "refunds paid", 1);
                    }
                    Some(answer) => {
                        answer.is_met = true;
                        findings.breach(
                            Invariant::Agreement,
                            answer.at,
                            format!("{id} gave {} KRW back, told are {:?}", refund.amount, answer.amount),
                        );
                    }
                    None if refund.is_explained => {
                        findings.breach(Invariant::NoGap, refund.at, format!("{id} was paid, and nobody was answered"));
                    }
                    None => {}
                },
                Fate::Insufficient | Fate::Refused if refund.is_explained => {
                    if let Some(answer) = self.refunded.get_mut(id) {
                        answer.is_met = true;
                    }
                    findings.breach(
                        Invariant::PaidOnce,
                        refund.at,
                        format!("{id} was refused: {} KRW are owed", refund.amount),
                    );
                }
                Fate::Insufficient | Fate::Refused => {
                    if let Some(answer) = self.refunded.get_mut(id) {
                        answer.is_met = true;
                    }
                }
            }
        }
    }
}
