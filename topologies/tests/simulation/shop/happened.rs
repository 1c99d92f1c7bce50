//! What happened in the flow, counted by the rows and facts that its histories left.

use super::referee::Referee;
use crate::simulation::tally::Tally;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::row::PaymentState;
use holdfast_model::reservation::state::State;

/// Counts a history that has ended.
pub(crate) fn count(tally: &Tally, referee: &Referee) {
    let add = |what: &str, times: usize| tally.add(what, times);
    for (kind, about) in &referee.facts.about {
        add(kind, about.len());
    }
    for id in referee.offered() {
        let state = referee.reservation(&id).map(|row| row.state);
        add("offered", 1);
        add("offered and paid", usize::from(state == Some(State::Confirmed)));
        add("offered and not paid", usize::from(state == Some(State::Expired)));
    }
    for (place, town) in &referee.towns {
        let books = &town.rows.reservation;
        for row in town.rows.commands.values() {
            add(row.refused.map_or("SUCCESS", |refusal| refusal.code()), 1);
        }
        for row in books.payments.values() {
            let expires_ms = books.reservations.get(&row.serial).map_or(0, |reservation| reservation.expires_ms);
            add("granted in the last ms", usize::from(row.asked_ms + 1 == expires_ms));
            if let PaymentState::Refused(why) = &row.state {
                add(&format!("not paid: {why}"), 1);
            }
        }
        for row in books.coupons.values() {
            let state = format!("{:?}", row.state);
            add(&format!("coupon {}", state.split(' ').next().unwrap_or_default()), 1);
        }
        for line in town.lines.values() {
            add("put back", usize::from(line.is_redriven));
            let id = line.value.as_ref().and_then(|value| value["reservationId"].as_str()).unwrap_or_default();
            let serial = ids::parse_reservation(id).filter(|(home, _)| home == place).map(|(_, serial)| serial);
            let Some(row) = serial.and_then(|serial| books.reservations.get(&serial)) else { continue };
            match line.kind() {
                "expire" => add("asked to expire early", usize::from(line.now_ms < row.expires_ms)),
                "pay" => {
                    add("pays at the deadline", usize::from(line.now_ms == row.expires_ms));
                    add("pays 1 ms after it", usize::from(line.now_ms == row.expires_ms + 1));
                }
                _ => {}
            }
        }
        for row in town.rows.payment.refunds.values() {
            add(&format!("money back: {}", row.reason), usize::from(row.outcome.refusal().is_none()));
        }
    }
}
