//! What seats were confirmed and refunded, as the reservations say, against what was sent to the rankings: all of it is written in the same transactions.

use super::book::Event;
use crate::books::Money;
use crate::cut::Cut;
use crate::feature::Audit;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::{At, Entry};
use crate::record::{self, Field, record};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::ranking;
use holdfast_model::reservation::{self, CONFIRMED, PAYMENTS};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;

record! {
    /// A confirmation, as far as rankings go.
    struct Fact<'a> {
        payment_id: Field<'a> = "paymentId",
        schedule_id: Field<'a> = "scheduleId",
    }
}

/// Where something was said of a payment, and of which schedule, if that says so.
#[derive(Debug, Clone, Copy)]
struct Said {
    at: At,
    schedule: Option<Print>,
    /// Its cause is decided at the cut, so the other side has to be there as well.
    is_firm: bool,
}

/// What was said of all payments, by payment.
#[derive(Debug, Default)]
pub(super) struct Facts {
    confirmed: FxHashMap<Print, Said>,
    sold: FxHashMap<Print, Said>,
    returned: FxHashMap<Print, Said>,
}

/// Whether the reservations have written a record themselves.
pub(super) fn wrote(entry: &Entry<'_>) -> bool {
    entry.heads.is_by(reservation::NAME)
}

impl Facts {
    /// Reads what the reservations have confirmed.
    pub(super) fn read(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let source = TopicPartition::new(CONFIRMED, place);
            audit.reader.read(&source, audit.cut, audit.findings, &mut |entry, _, _| {
                self.take(entry);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry<'_>) {
        if !wrote(entry) {
            return;
        }
        let Some(fact) = record::read::<Fact<'_>>(entry.value) else { return };
        if let Some(payment) = fact.payment_id.identity() {
            let schedule = fact.schedule_id.identity().map(|id| print(&*id));
            let said = Said { at: entry.at(CONFIRMED), schedule, is_firm: entry.is_firm };
            self.confirmed.entry(print(&*payment)).or_insert(said);
        }
    }

    /// A record that the reservations have sent to the rankings.
    pub(super) fn sent(&mut self, event: &Event, entry: &Entry<'_>, findings: &mut Findings) {
        let said =
            Said { at: entry.at(ranking::INBOX), schedule: Some(print(&*event.schedule)), is_firm: entry.is_firm };
        let of_kind = if event.is_sale { &mut self.sold } else { &mut self.returned };
        if let Some(first) = of_kind.insert(print(&*event.payment), said) {
            let what = format!("{} was sent at {} already", event.payment, first.at);
            findings.breach(Invariant::Ranking, entry, what);
        }
    }

    /// Compares both sides. `money` has the refunds that the reservations have asked for.
    pub(super) fn compare(&self, money: &Money, cut: &Cut, findings: &mut Findings) {
        // What one topic has forgotten, the other may have still.
        if [CONFIRMED, PAYMENTS, ranking::INBOX].into_iter().any(|topic| cut.beheaded(topic).is_some()) {
            let why = "sales and refunds are not compared with what was sent: a topic has forgotten its first records";
            findings.note(Invariant::Ranking, why.to_owned());
            return;
        }
        // Money that came too late for its seat goes back, too: that seat was never sold.
        let refunds = money.refunds.values().map(|refund| (print(&*refund.payment), refund));
        let refunded = refunds
            .filter(|(payment, _)| self.confirmed.contains_key(payment))
            .map(|(payment, refund)| (payment, Said { at: refund.at, schedule: None, is_firm: refund.is_firm }));
        agree(&self.confirmed, &self.sold, ("confirmed", "sold"), findings);
        agree(&refunded.collect(), &self.returned, ("refunded", "returned"), findings);
        findings.count(Invariant::Ranking, "sales sent as they were confirmed", self.sold.len() as u64);
        findings.count(Invariant::Ranking, "returns sent as they were refunded", self.returned.len() as u64);
    }
}

/// Each payment of one side is on the other, of the same schedule.
fn agree(
    cause: &FxHashMap<Print, Said>,
    sent: &FxHashMap<Print, Said>,
    (is_caused, is_sent): (&str, &str),
    findings: &mut Findings,
) {
    for (payment, said) in cause.iter().filter(|(_, said)| said.is_firm) {
        match sent.get(payment) {
            None => {
                let what = format!("it is {is_caused}, and was not sent to the rankings as {is_sent}");
                findings.breach(Invariant::Ranking, said.at, what);
            }
            Some(sent) if said.schedule.is_some() && said.schedule != sent.schedule => {
                findings.breach(Invariant::Ranking, sent.at, format!("its payment is {is_caused} of another schedule"));
            }
            Some(_) => {}
        }
    }
    for said in
        sent.iter().filter(|(payment, said)| said.is_firm && !cause.contains_key(*payment)).map(|(_, said)| said)
    {
        findings.breach(
            Invariant::Ranking,
            said.at,
            format!("it was sent as {is_sent}, and its payment was not {is_caused}"),
        );
    }
}
