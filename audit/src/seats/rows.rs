//! I-2 and I-10: what is kept of seats, and shown to whoever asks, is what the log says.

use super::book::{Book, Paid, Payment};
use super::facts::name;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use holdfast_model::reservation::keys::SeatKey;
use holdfast_model::reservation::row::{
    CouponRow, CouponState, PaymentRow, PaymentState, ReservationRow, ScheduleRow, TakenRow,
};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::waitlist::WaitlistRow;
use holdfast_model::reservation::{PAYMENT_COUPONS, PAYMENT_STATES, RESERVATIONS, SCHEDULES, TAKEN, WAITLISTS};
use holdfast_tools::Failure;
use rustc_hash::FxHashSet;

/// Compares the book of a place with its state.
pub(super) fn compare(book: &Book, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let source = state.source();
    let mut kept = 0;
    state.each(&RESERVATIONS, &mut |serial: Serial, row: ReservationRow| {
        kept += 1;
        let it = name((book.place, serial));
        let shown = (row.state.as_str(), row.expires_ms, row.seat_no, &*row.user_id, &*row.schedule_id);
        let own = book.bookings.get(&serial).map(|b| (b.state.as_str(), b.expires_ms, b.seat, &*b.user, &*b.schedule));
        if own == Some(shown) {
            findings.count(Invariant::Agreement, "reservations shown as the log has them", 1);
        } else {
            findings.breach(
                Invariant::Agreement,
                format!("{source}, {it}"),
                format!("shown is {shown:?}, by the log {own:?}"),
            );
        }
    })?;
    if kept != book.bookings.len() {
        let what = format!("{kept} reservations are kept, by the log there are {}", book.bookings.len());
        findings.breach(Invariant::Agreement, source, what);
    }
    payments(book, state, findings)?;
    let mut schedules = 0;
    state.each(&SCHEDULES, &mut |id: String, row: ScheduleRow| {
        schedules += 1;
        let at = format!("{source}, schedule {id}");
        let shown = (row.capacity, row.held, row.reserved);
        let own = book.schedules.get(&*id).map(|schedule| (schedule.capacity, schedule.held, schedule.sold));
        if row.held.checked_add(row.reserved).is_none_or(|taken| taken > row.capacity) {
            findings.breach(
                Invariant::Capacity,
                at,
                format!("{} seats, {} held and {} sold", shown.0, shown.1, shown.2),
            );
        } else if own == Some(shown) {
            findings.count(Invariant::Capacity, "schedules whose counts are the log's", 1);
        } else {
            findings.breach(Invariant::Capacity, at, format!("seats, held, sold are {shown:?}, by the log {own:?}"));
        }
    })?;
    if schedules != book.schedules.len() {
        let what = format!("{schedules} schedules are kept, by the log there are {}", book.schedules.len());
        findings.breach(Invariant::Capacity, source, what);
    }
    let mut taken = 0;
    state.each(&TAKEN, &mut |key: SeatKey, row: TakenRow| {
        taken += 1;
        let owner = book.schedules.get(&*key.schedule_id).and_then(|schedule| schedule.taken.get(&key.seat_no));
        if owner != Some(&row.serial) {
            let at = format!("{source}, seat {} of {}", key.seat_no, key.schedule_id);
            let own = owner.map(|serial| name((book.place, *serial)));
            findings.breach(
                Invariant::OneOwner,
                at,
                format!("kept is {}, by the log {own:?}", name((book.place, row.serial))),
            );
        }
    })?;
    waitlists(book, state, findings)?;
    let own: usize = book.schedules.values().map(|schedule| schedule.taken.len()).sum();
    if taken == own {
        findings.count(Invariant::OneOwner, "seats with their owner", own as u64);
    } else {
        findings.breach(Invariant::OneOwner, source, format!("{taken} seats are kept as taken, by the log {own}"));
    }
    Ok(())
}

/// Compares how long the waitlists are, and how many offers are outstanding.
fn waitlists(book: &Book, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let source = state.source();
    let mut lists = 0;
    state.each(&WAITLISTS, &mut |id: String, row: WaitlistRow| {
        lists += u64::from(row.next > 1);
        let kept = (row.next, row.live, row.offers);
        let own = book.schedules.get(&*id).map(|schedule| &schedule.waitlist);
        let own = own.map(|list| (list.next, list.entries.len() as u64, list.offers.len() as u64));
        if own == Some(kept) {
            findings.count(Invariant::Offers, "waitlists as the log has them", 1);
        } else {
            let at = format!("{source}, waitlist of {id}");
            let what = format!("next entry, entries and open offers are {kept:?}, by the log {own:?}");
            findings.breach(Invariant::Offers, at, what);
        }
    })?;
    let own = book.schedules.values().filter(|schedule| schedule.waitlist.next > 1).count() as u64;
    if lists != own {
        findings.breach(Invariant::Offers, source, format!("{lists} waitlists are kept, by the log there are {own}"));
    }
    Ok(())
}

/// Compares payments, and which of them have a coupon.
fn payments(book: &Book, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let mut coupons = FxHashSet::default();
    state.each(&PAYMENT_COUPONS, &mut |id: String, row: CouponRow| {
        if let CouponState::Used { .. } = row.state {
            coupons.insert(id);
        }
    })?;
    let mut kept = 0;
    state.each(&PAYMENT_STATES, &mut |id: String, row: PaymentRow| {
        kept += 1;
        let shown = Payment {
            serial: row.serial,
            // What no i64 holds was never offered.
            amount: i64::try_from(row.amount).unwrap_or(-1),
            paid: match row.state {
                PaymentState::Discounting => Paid::Discounting,
                PaymentState::Pending => Paid::Pending,
                PaymentState::Paid => Paid::Seat,
                PaymentState::Refused(_) => Paid::Nothing,
                PaymentState::Refunding(_) | PaymentState::RefundRefused(..) => Paid::Returning,
                PaymentState::Refunded(_) => Paid::Returned,
            },
            has_coupon: coupons.contains(&id),
            had_seat: book.payments.get(&*id).is_some_and(|payment| payment.had_seat),
        };
        let own = book.payments.get(&*id);
        if own == Some(&shown) {
            findings.count(Invariant::Agreement, "payments shown as the log has them", 1);
        } else {
            let at = format!("{}, {id}", state.source());
            findings.breach(Invariant::Agreement, at, format!("shown is {shown:?}, by the log {own:?}"));
        }
    })?;
    if kept != book.payments.len() {
        let what = format!("{kept} payments are kept, by the log there are {}", book.payments.len());
        findings.breach(Invariant::Agreement, state.source(), what);
    }
    Ok(())
}
