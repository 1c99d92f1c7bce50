//! What has to come out in the end: wallets have told what they decided, payments have ended in a seat or a refund, no hold is forgotten.

use super::book::{Book, Paid, State};
use super::facts::{Facts, name};
use super::message::Message;
use crate::books::{Answer, Books, Fate, Money};
use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::Entry;
use hdrhistogram::Histogram;
use holdfast_model::{coupon, payment, reservation};
use rustc_hash::FxHashMap;

/// What wallets answer.
const RESULTS: [&str; 5] = ["", "DEBITED", "INSUFFICIENT_POINTS", "REFUNDED", "REFUSED"];

/// What is looked at when all places are done.
#[derive(Debug)]
pub(super) struct Ending {
    /// By payment id.
    settled: FxHashMap<String, Answer>,
    /// By refund id.
    refunded: FxHashMap<String, Answer>,
    paid: FxHashMap<Print, Paid>,
    /// How long after its deadline each hold ended, in ms.
    lateness_ms: Histogram<u64>,
    /// Shortest and longest hold, in ms.
    hold_ms: Option<(i64, i64)>,
    /// Beyond its deadline by more than this many ms a hold is forgotten.
    overdue_ms_max: i64,
}

impl Ending {
    pub(super) fn new(overdue_ms_max: i64) -> Self {
        Self {
            settled: FxHashMap::default(),
            refunded: FxHashMap::default(),
            paid: FxHashMap::default(),
            lateness_ms: Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("the bounds are constant and in order"),
            hold_ms: None,
            overdue_ms_max,
        }
    }

    /// Notes an answer of a wallet, decided or not.
    pub(super) fn answer(
        &mut self,
        said: &Message<'_>,
        (entry, is_decided): (&Entry<'_>, bool),
        Books { money, discounts }: &mut Books,
        findings: &mut Findings,
    ) {
        let kind = said.kind.text();
        let (answers, id, author, amount) = match kind {
            "settled" => (&mut self.settled, said.payment_id.id(), payment::NAME, said.amount.int()),
            "refunded" => (&mut self.refunded, said.refund_id.id(), payment::NAME, said.amount.int()),
            "coupon-used" => (&mut discounts.answers, said.payment_id.id(), coupon::NAME, said.discount.int()),
            "coupon-refused" => (&mut discounts.answers, said.payment_id.id(), coupon::NAME, None),
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
        let Some(first) = answers.get_mut(&*id) else {
            answers.insert(id.into_owned(), answer);
            return;
        };
        // A refund that was refused may be paid when an operator puts it back, and one whose outcome has ended is answered again when it comes again.
        let is_refund = kind == "refunded";
        let again = money.refunds.get_mut(&*id).filter(|refund| is_refund && refund.again > 0);
        if is_refund && first.result == "REFUSED" && answer.result == "REFUNDED" {
            *first = answer;
        } else if let Some(refund) = again {
            refund.again -= 1;
            if first.result == "REFUSED" {
                *first = answer;
            }
        } else {
            findings.breach(Invariant::OneOutcome, entry, format!("{id} was answered at {} already", first.at));
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

    /// A place is done; the log's last record is of `latest_ms`. Returns how many payments are under way.
    pub(super) fn close(&mut self, book: Book, latest_ms: i64, findings: &mut Findings) -> u64 {
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
        let under_way = book.payments.values().filter(|payment| payment.paid == Paid::Discounting).count() as u64;
        self.paid.extend(book.payments.into_iter().map(|(id, payment)| (print(&*id), payment.paid)));
        under_way
    }

    /// All places are done. Returns how many debits, refunds and answers are under way.
    pub(super) fn settle(&mut self, facts: &mut Facts, money: &Money, cut: &Cut, findings: &mut Findings) -> u64 {
        let under_way = self.debits(facts, money, cut, findings) + self.refunds(money, findings);
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
        under_way
    }

    fn debits(&mut self, facts: &mut Facts, money: &Money, cut: &Cut, findings: &mut Findings) -> u64 {
        let mut under_way = 0;
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
                    under_way += 1;
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
                under_way += 1;
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
        under_way
    }

    fn refunds(&mut self, money: &Money, findings: &mut Findings) -> u64 {
        let mut under_way = 0;
        for (id, refund) in &money.refunds {
            if refund.is_firm && !refund.is_explained {
                findings.breach(
                    Invariant::PaidOnce,
                    refund.at,
                    format!("{id} gives {} back, and nothing was to be given back", refund.payment),
                );
            }
            match refund.fate {
                Fate::Undecided => under_way += 1,
                // It is owed still, and comes when an operator puts it back. He who waits for it may have been told so.
                Fate::GivenUp => {
                    under_way += 1;
                    if let Some(answer) = self.refunded.get_mut(id) {
                        answer.is_met = true;
                    }
                }
                Fate::Posted(..) => match self.refunded.get_mut(id) {
                    Some(answer) if answer.amount == Some(refund.amount) && answer.result != "REFUSED" => {
                        answer.is_met = true;
                        under_way += u64::from(!answer.is_decided);
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
        under_way
    }
}
