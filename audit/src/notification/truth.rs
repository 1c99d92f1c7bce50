//! I-16: what was sent is true, and was sent in time.

use super::ledger::valid_ms;
use super::requests::Request;
use crate::cut::States;
use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_model::notification::row::{DeliveryState, NoticeRow};
use holdfast_model::reservation::ids;
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{self, RESERVATIONS};
use holdfast_tools::Failure;

/// Holds what was sent against the state of the seat that it is about, if the shop's reservations asked for it.
///
/// # Errors
/// When a state cannot be read.
pub(super) fn check(
    id: &str,
    row: &NoticeRow,
    request: Option<&Request>,
    states: &States,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let at = || format!("notification {id}");
    if row.valid_until_ms > row.created_ms.saturating_add(valid_ms(&row.kind)) {
        findings.breach(
            Invariant::NoticesTrue,
            at(),
            format!("a {} is worth telling for longer than it may be", row.kind),
        );
    }
    findings.count(Invariant::NoticesTrue, "notices with the time of their type", 1);
    if !row.deliveries.iter().any(|delivery| delivery.state == DeliveryState::Sent) {
        return Ok(());
    }
    let about = request.and_then(|request| request.reservation_id.as_deref()).and_then(ids::parse_reservation);
    let Some((place, serial)) = about else {
        findings.count(Invariant::NoticesTrue, "notices that name no seat", 1);
        return Ok(());
    };
    let Some(state) = states.get(&(reservation::NAME.to_owned(), place)) else { return Ok(()) };
    let Some(seat) = state.get(&RESERVATIONS, &serial)? else {
        findings.breach(Invariant::NoticesTrue, at(), "it tells of a reservation that does not exist");
        return Ok(());
    };
    match contradiction(&row.kind, seat.state) {
        Some(what) => findings.breach(Invariant::NoticesTrue, at(), format!("{what}: the seat is {:?}", seat.state)),
        None => findings.count(Invariant::NoticesTrue, "notices that agree with their seats", 1),
    }
    Ok(())
}

/// What a notice of this type says that a reservation in this state cannot be.
fn contradiction(kind: &str, state: State) -> Option<&'static str> {
    match (kind, state) {
        ("RESERVATION_EXPIRED", State::Confirmed | State::Paying) => Some("the user was told that the seat is lost"),
        ("PAYMENT_CONFIRMED", State::Held | State::Expired) => Some("the user was told that the seat is paid"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_agrees_with_the_seat_or_not() {
        for (kind, state, is_right) in [
            ("RESERVATION_EXPIRED", State::Expired, true),
            ("RESERVATION_EXPIRED", State::Confirmed, false),
            ("RESERVATION_EXPIRED", State::Paying, false),
            ("PAYMENT_CONFIRMED", State::Confirmed, true),
            ("PAYMENT_CONFIRMED", State::Expired, false),
            ("PAYMENT_CONFIRMED", State::Held, false),
            ("SEAT_OPENED", State::Held, true),
        ] {
            assert_eq!(contradiction(kind, state).is_none(), is_right, "{kind} {state:?}");
        }
    }
}
