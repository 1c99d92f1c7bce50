//! The recount of a place: each payment is sold once and returned once, at the times that its records say, in the order of the log.

use std::collections::BTreeMap;

/// A sale or a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) is_sale: bool,
    pub(super) schedule: String,
    pub(super) payment: String,
    /// Every seat was sold after it.
    pub(super) is_full: bool,
    /// When the sale opened, in ms since the epoch, if that is known.
    pub(super) sale_start_ms: Option<i64>,
    /// When it happened, in ms since the epoch.
    pub(super) at_ms: i64,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Counted,
    Known,
    TooOld,
    Another,
}

/// Something that happened, and when that was decided, in ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at_ms: i64,
    pub(super) decided_ms: i64,
}

/// A payment.
#[derive(Debug, Default)]
pub(super) struct Payment {
    pub(super) schedule: String,
    pub(super) sold: Option<Moment>,
    pub(super) returned: Option<Moment>,
}

/// How a schedule was sold out the first time, in ms and ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SoldOut {
    pub(super) at_ms: i64,
    pub(super) took_ms: i64,
    pub(super) from_first_ms: i64,
    pub(super) is_reopened: bool,
}

/// A schedule.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) sold: u64,
    pub(super) returned: u64,
    /// Time of the latest event that is counted.
    pub(super) reached_ms: i64,
    first_sale_ms: Option<i64>,
    last_return_ms: Option<i64>,
    pub(super) sold_out: Option<SoldOut>,
}

/// A place while it is counted.
#[derive(Debug)]
pub(super) struct Book {
    /// The time of the record in hand.
    pub(super) now_ms: i64,
    /// How long payments are known, in ms.
    keep_ms: i64,
    pub(super) payments: BTreeMap<String, Payment>,
    pub(super) schedules: BTreeMap<String, Schedule>,
}

impl Book {
    pub(super) fn new(keep_ms: i64) -> Self {
        Self { now_ms: i64::MIN, keep_ms, payments: BTreeMap::new(), schedules: BTreeMap::new() }
    }

    /// The next record that belongs here.
    pub(super) fn take(&mut self, event: &Event) -> Taken {
        let now = Moment { at_ms: event.at_ms.min(self.now_ms), decided_ms: self.now_ms };
        let known = self.payments.get(&event.payment);
        if known.is_some_and(|payment| payment.schedule != event.schedule) {
            return Taken::Another;
        }
        let before = known.and_then(|payment| if event.is_sale { payment.sold } else { payment.returned });
        if before.is_some() {
            return Taken::Known;
        }
        if now.at_ms <= self.now_ms.saturating_sub(self.keep_ms) {
            return Taken::TooOld;
        }
        let payment = self.payments.entry(event.payment.clone()).or_default();
        payment.schedule.clone_from(&event.schedule);
        *if event.is_sale { &mut payment.sold } else { &mut payment.returned } = Some(now);
        let schedule = self.schedules.entry(event.schedule.clone()).or_default();
        if let Some(sold) = payment.sold {
            // Both at once, if the return had come first.
            schedule.sold += u64::from(event.is_sale);
            schedule.returned += u64::from(payment.returned.is_some());
            let returned_ms = payment.returned.map_or(i64::MIN, |returned| returned.at_ms);
            schedule.reached_ms = schedule.reached_ms.max(sold.at_ms).max(returned_ms);
        }
        schedule.happened(event, now.at_ms);
        Taken::Counted
    }
}

impl Schedule {
    /// When it was sold out, and whether it was opened again.
    fn happened(&mut self, event: &Event, at_ms: i64) {
        if !event.is_sale {
            self.last_return_ms = self.last_return_ms.max(Some(at_ms));
            if let Some(sold_out) = &mut self.sold_out {
                sold_out.is_reopened |= at_ms >= sold_out.at_ms;
            }
            return;
        }
        let first_ms = self.first_sale_ms.map_or(at_ms, |first_ms| first_ms.min(at_ms));
        self.first_sale_ms = Some(first_ms);
        if event.is_full && self.sold_out.is_none() {
            let since = |ms: i64| at_ms.saturating_sub(ms).max(0);
            self.sold_out = Some(SoldOut {
                at_ms,
                took_ms: since(event.sale_start_ms.unwrap_or(first_ms)),
                from_first_ms: since(first_ms),
                is_reopened: self.last_return_ms > Some(at_ms),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(is_sale: bool, payment: &str, at_ms: i64) -> Event {
        let (schedule, payment) = ("s".to_owned(), payment.to_owned());
        Event { is_sale, schedule, payment, is_full: false, sale_start_ms: None, at_ms }
    }

    fn book() -> Book {
        Book { now_ms: 10_000, ..Book::new(9_000) }
    }

    #[test]
    fn each_payment_counts_once() {
        let mut book = book();
        let sale = event(true, "p", 5_000);
        assert_eq!((book.take(&sale), book.take(&sale)), (Taken::Counted, Taken::Known));
        let other = Event { schedule: "t".to_owned(), ..sale };
        assert_eq!(book.take(&other), Taken::Another);
        assert_eq!(book.take(&event(true, "q", 1_000)), Taken::TooOld);
        assert_eq!(book.take(&event(false, "r", 7_000)), Taken::Counted);
        let schedule = &book.schedules["s"];
        assert_eq!((schedule.sold, schedule.returned, schedule.reached_ms), (1, 0, 5_000));
        book.take(&event(true, "r", 6_000));
        let schedule = &book.schedules["s"];
        assert_eq!((schedule.sold, schedule.returned, schedule.reached_ms), (2, 1, 7_000));
    }

    #[test]
    fn a_house_is_full_once() {
        let mut book = book();
        book.take(&event(true, "p", 2_000));
        book.take(&Event { is_full: true, sale_start_ms: Some(1_500), ..event(true, "q", 5_000) });
        book.take(&event(false, "p", 6_000));
        book.take(&Event { is_full: true, ..event(true, "r", 8_000) });
        let expected = SoldOut { at_ms: 5_000, took_ms: 3_500, from_first_ms: 3_000, is_reopened: true };
        assert_eq!(book.schedules["s"].sold_out, Some(expected));
    }
}
