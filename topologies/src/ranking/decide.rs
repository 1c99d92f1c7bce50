//! What a sale or a return changes. Pure: an event and the rows it concerns, in; what becomes of them, out.

use holdfast_model::ranking::message::{Kind, RankingEvent};
use holdfast_model::ranking::row::{DayRow, PaymentRow, ScheduleRow, SoldOutRow, SoldRow, TotalsRow};
use holdfast_model::ranking::window::Scopes;

/// What is done with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its payment has had such a record before: nothing changes.
    Known,
    /// It is older than payments are kept, so nobody knows whether it was counted: it is not.
    TooOld,
    /// Its payment is one of another schedule.
    Another,
    /// It is new.
    New(PaymentRow, Move),
}

/// What changes in the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// When the event happened, in ms since the epoch; never later than it was decided.
    pub at_ms: i64,
    /// A sale is counted.
    pub is_sold: bool,
    /// A return is counted. With a sale: the return had come first, and both cancel out.
    pub is_returned: bool,
    /// Time of the sale that is counted or taken back, in ms since the epoch: where its bucket lies.
    pub sale_ms: i64,
    /// Time of the latest event that is counted, in ms since the epoch.
    pub reached_ms: i64,
    /// The windows that change.
    pub scopes: Scopes,
    /// The windows that the sale came too late for.
    pub late: Scopes,
}

/// Decides `event` at `now_ms`. `payment` is the row of its payment, and `keep_ms` how long such rows are kept.
#[must_use]
pub fn event(event: &RankingEvent<'_>, payment: Option<PaymentRow>, now_ms: i64, keep_ms: i64) -> Decision {
    let at_ms = event.occurred_ms.min(now_ms);
    let schedule_id = &*event.schedule_id;
    if payment.as_ref().is_some_and(|payment| payment.schedule_id != schedule_id) {
        return Decision::Another;
    }
    let (sold, returned_ms) = payment.map_or((None, None), |payment| (payment.sold, payment.returned_ms));
    let is_known = match event.kind {
        Kind::Sold => sold.is_some(),
        Kind::Returned => returned_ms.is_some(),
    };
    if is_known {
        return Decision::Known;
    }
    if at_ms <= now_ms.saturating_sub(keep_ms) {
        return Decision::TooOld;
    }
    let row =
        |sold, returned_ms| PaymentRow { schedule_id: schedule_id.to_owned(), sold, returned_ms, changed_ms: now_ms };
    let nothing = Move {
        at_ms,
        is_sold: false,
        is_returned: false,
        sale_ms: at_ms,
        reached_ms: at_ms,
        scopes: Scopes::NONE,
        late: Scopes::NONE,
    };
    let open = |sale_ms| Scopes::open(sale_ms, now_ms);
    match (event.kind, sold, returned_ms) {
        (Kind::Sold, _, None) => {
            let scopes = open(at_ms);
            let sold = SoldRow { at_ms, scopes: scopes.0 };
            Decision::New(row(Some(sold), None), Move { is_sold: true, scopes, late: scopes.others(), ..nothing })
        }
        (Kind::Sold, _, Some(returned_ms)) => {
            let sold = SoldRow { at_ms, scopes: Scopes::NONE.0 };
            let reached_ms = at_ms.max(returned_ms);
            let moves = Move { is_sold: true, is_returned: true, reached_ms, ..nothing };
            Decision::New(row(Some(sold), Some(returned_ms)), moves)
        }
        (Kind::Returned, Some(sold), _) => {
            let scopes = sold.scopes().and(open(sold.at_ms));
            let moves = Move { is_returned: true, sale_ms: sold.at_ms, scopes, ..nothing };
            Decision::New(row(Some(sold), Some(at_ms)), moves)
        }
        (Kind::Returned, None, _) => Decision::New(row(None, Some(at_ms)), nothing),
    }
}

/// What is counted of the schedule after `event`. Recorded once is how it was sold out.
pub fn schedule(row: &mut ScheduleRow, event: &RankingEvent<'_>, moves: &Move) {
    let Move { at_ms, .. } = *moves;
    row.concert_title = event.concert_title.to_string();
    row.concert_id = event.concert_id.as_deref().map(str::to_owned);
    row.sold += u64::from(moves.is_sold);
    row.returned += u64::from(moves.is_returned);
    if moves.is_sold || moves.is_returned {
        row.reached_ms = row.reached_ms.max(moves.reached_ms);
    }
    match event.kind {
        Kind::Sold => {
            let first_sale_ms = row.first_sale_ms.map_or(at_ms, |first| first.min(at_ms));
            row.first_sale_ms = Some(first_sale_ms);
            if event.fills && row.sold_out.is_none() {
                let since = |ms: i64| at_ms.saturating_sub(ms).max(0);
                row.sold_out = Some(SoldOutRow {
                    at_ms,
                    sold_out_ms: since(event.sale_start_ms.unwrap_or(first_sale_ms)),
                    from_first_sale_ms: since(first_sale_ms),
                    reopened: row.last_return_ms.is_some_and(|returned_ms| returned_ms > at_ms),
                });
            }
        }
        Kind::Returned => {
            row.last_return_ms = row.last_return_ms.max(Some(at_ms));
            if let Some(sold_out) = &mut row.sold_out {
                sold_out.reopened |= at_ms >= sold_out.at_ms;
            }
        }
    }
}

/// What is counted of the schedule on the day of the sale, decided at `now_ms`. False when it counts none that could be taken back.
#[must_use]
pub fn day(row: &mut DayRow, moves: &Move, now_ms: i64) -> bool {
    row.changed_ms = now_ms;
    row.reached_ms = row.reached_ms.max(moves.reached_ms);
    let count = if moves.is_returned { row.count.checked_sub(1) } else { row.count.checked_add(1) };
    row.count = count.unwrap_or(row.count);
    count.is_some()
}

/// What the place has counted in all.
pub fn totals(row: &mut TotalsRow, moves: &Move) {
    row.sold += u64::from(moves.is_sold);
    row.returned += u64::from(moves.is_returned);
    let late = |bit: u8| u64::from(moves.late.has(Scopes(bit)));
    row.late_1h += late(1);
    row.late_24h += late(2);
    row.late_7d += late(4);
    row.late_day += late(8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_773_550_000_000;
    const HOUR_MS: i64 = 3_600_000;
    const KEEP_MS: i64 = 400 * 24 * HOUR_MS;

    fn record(kind: Kind, occurred_ms: i64) -> RankingEvent<'static> {
        RankingEvent {
            kind,
            schedule_id: "s".into(),
            concert_id: None,
            concert_title: "t".into(),
            payment_id: "p".into(),
            fills: false,
            sale_start_ms: None,
            occurred_ms,
        }
    }

    fn sold(occurred_ms: i64) -> RankingEvent<'static> {
        record(Kind::Sold, occurred_ms)
    }

    fn returned(occurred_ms: i64) -> RankingEvent<'static> {
        record(Kind::Returned, occurred_ms)
    }

    fn new(decision: Decision) -> (PaymentRow, Move) {
        match decision {
            Decision::New(payment, moves) => (payment, moves),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payment_is_sold_once_and_returned_once() {
        let (payment, moves) = new(event(&sold(NOW_MS), None, NOW_MS, KEEP_MS));
        assert_eq!(
            (moves.is_sold, moves.is_returned, moves.scopes, moves.late),
            (true, false, Scopes::ALL, Scopes::NONE)
        );
        assert_eq!(event(&sold(NOW_MS + 5), Some(payment.clone()), NOW_MS + 9, KEEP_MS), Decision::Known);
        let later_ms = NOW_MS + 10;
        let (payment, moves) = new(event(&returned(later_ms), Some(payment), later_ms, KEEP_MS));
        assert_eq!((moves.is_sold, moves.is_returned, moves.scopes), (false, true, Scopes::ALL));
        assert_eq!((moves.sale_ms, moves.reached_ms), (NOW_MS, later_ms), "it is taken out of the bucket of its sale");
        for known in [sold(NOW_MS), returned(later_ms), returned(later_ms + 1)] {
            assert_eq!(event(&known, Some(payment.clone()), later_ms, KEEP_MS), Decision::Known);
        }
    }

    #[test]
    fn a_payment_of_another_schedule_is_none_of_ours() {
        let (payment, _) = new(event(&sold(NOW_MS), None, NOW_MS, KEEP_MS));
        let other = RankingEvent { schedule_id: "other".into(), ..sold(NOW_MS) };
        assert_eq!(event(&other, Some(payment), NOW_MS, KEEP_MS), Decision::Another);
    }

    #[test]
    fn a_return_before_its_sale_waits_for_it() {
        let (payment, moves) = new(event(&returned(NOW_MS), None, NOW_MS, KEEP_MS));
        assert!(!moves.is_sold && !moves.is_returned && moves.scopes == Scopes::NONE);
        let (payment, moves) = new(event(&sold(NOW_MS - 5), Some(payment), NOW_MS + 5, KEEP_MS));
        assert!(moves.is_sold && moves.is_returned && moves.scopes == Scopes::NONE && moves.late == Scopes::NONE);
        assert_eq!((moves.reached_ms, payment.returned_ms), (NOW_MS, Some(NOW_MS)));
    }

    #[test]
    fn a_late_sale_counts_for_all_time_and_in_what_is_open() {
        let (payment, moves) = new(event(&sold(NOW_MS - 3 * HOUR_MS), None, NOW_MS, KEEP_MS));
        let last_hour = Scopes(1);
        assert_eq!((moves.is_sold, moves.late), (true, last_hour));
        assert!(moves.scopes == last_hour.others());
        let (_, moves) = new(event(&returned(NOW_MS), Some(payment), NOW_MS, KEEP_MS));
        assert_eq!(moves.scopes, last_hour.others(), "it is taken back where it was counted");
        let (_, moves) = new(event(&sold(NOW_MS - 30 * 24 * HOUR_MS), None, NOW_MS, KEEP_MS));
        assert_eq!((moves.scopes, moves.late), (Scopes::NONE, Scopes::ALL));
    }

    #[test]
    fn a_return_does_not_change_what_is_closed() {
        let (payment, _) = new(event(&sold(NOW_MS), None, NOW_MS, KEEP_MS));
        let later_ms = NOW_MS + 3 * 24 * HOUR_MS;
        let (_, moves) = new(event(&returned(later_ms), Some(payment), later_ms, KEEP_MS));
        assert_eq!((moves.is_returned, moves.scopes, moves.late), (true, Scopes(4), Scopes::NONE));
    }

    #[test]
    fn a_clock_that_is_ahead_counts_as_now_and_one_from_long_ago_not_at_all() {
        let (payment, moves) = new(event(&sold(NOW_MS + HOUR_MS), None, NOW_MS, KEEP_MS));
        assert_eq!((moves.at_ms, payment.sold.map(|sold| sold.at_ms)), (NOW_MS, Some(NOW_MS)));
        assert_eq!(event(&sold(NOW_MS - KEEP_MS), None, NOW_MS, KEEP_MS), Decision::TooOld);
        assert!(matches!(event(&sold(NOW_MS - KEEP_MS + 1), None, NOW_MS, KEEP_MS), Decision::New(..)));
    }

    fn after(row: &mut ScheduleRow, event: &RankingEvent<'_>) {
        let (at_ms, is_sold) = (event.occurred_ms, event.kind == Kind::Sold);
        let moves = Move {
            at_ms,
            is_sold,
            is_returned: !is_sold,
            sale_ms: at_ms,
            reached_ms: at_ms,
            scopes: Scopes::NONE,
            late: Scopes::NONE,
        };
        schedule(row, event, &moves);
    }

    #[test]
    fn a_schedule_is_sold_out_once() {
        let mut row = ScheduleRow::default();
        after(&mut row, &sold(1_000));
        assert_eq!(row.sold_out, None);
        let fills = |occurred_ms| RankingEvent { fills: true, sale_start_ms: Some(400), ..sold(occurred_ms) };
        after(&mut row, &fills(5_000));
        let recorded = SoldOutRow { at_ms: 5_000, sold_out_ms: 4_600, from_first_sale_ms: 4_000, reopened: false };
        assert_eq!(row.sold_out, Some(recorded.clone()));
        after(&mut row, &returned(6_000));
        after(&mut row, &fills(7_000));
        assert_eq!(row.sold_out, Some(SoldOutRow { reopened: true, ..recorded }));
        assert_eq!((row.count(), row.reached_ms), (2, 7_000));
    }

    #[test]
    fn without_an_opening_it_is_the_first_sale_that_counts() {
        let mut row = ScheduleRow::default();
        after(&mut row, &sold(1_000));
        after(&mut row, &RankingEvent { fills: true, ..sold(5_000) });
        let sold_out = row.sold_out.unwrap();
        assert_eq!((sold_out.sold_out_ms, sold_out.from_first_sale_ms), (4_000, 4_000));
        // Sold before it opened: an opening that was set afterwards.
        let mut row = ScheduleRow::default();
        after(&mut row, &RankingEvent { fills: true, sale_start_ms: Some(9_000), ..sold(5_000) });
        assert_eq!(row.sold_out.unwrap().sold_out_ms, 0);
    }

    #[test]
    fn a_return_from_before_reopens_nothing_and_one_from_after_does_although_it_came_first() {
        let fills = RankingEvent { fills: true, ..sold(5_000) };
        let mut row = ScheduleRow::default();
        after(&mut row, &fills);
        after(&mut row, &returned(4_999));
        assert!(!row.sold_out.as_ref().unwrap().reopened);
        let mut row = ScheduleRow::default();
        after(&mut row, &returned(6_000));
        after(&mut row, &fills);
        assert!(row.sold_out.unwrap().reopened);
    }

    #[test]
    fn a_day_goes_up_and_down_and_never_below_nothing() {
        let mut row = DayRow::default();
        let (payment, moves) = new(event(&sold(NOW_MS), None, NOW_MS, KEEP_MS));
        assert!(day(&mut row, &moves, NOW_MS));
        let (_, moves) = new(event(&returned(NOW_MS + 1), Some(payment), NOW_MS + 1, KEEP_MS));
        assert!(day(&mut row, &moves, NOW_MS + 1));
        assert_eq!(row, DayRow { count: 0, reached_ms: NOW_MS + 1, changed_ms: NOW_MS + 1 });
        assert!(!day(&mut row, &moves, NOW_MS + 1));
    }

    #[test]
    fn what_is_late_is_counted() {
        let mut row = TotalsRow::default();
        for age_ms in [0, 3 * HOUR_MS, 30 * 24 * HOUR_MS] {
            let (_, moves) = new(event(&sold(NOW_MS - age_ms), None, NOW_MS, KEEP_MS));
            totals(&mut row, &moves);
        }
        assert_eq!(
            row,
            TotalsRow { sold: 3, late_1h: 2, late_24h: 1, late_7d: 1, late_day: 1, ..TotalsRow::default() }
        );
    }
}
