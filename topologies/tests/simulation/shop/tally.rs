//! What happened in histories, counted by the rows and facts they left: a referee who was never asked the hard questions has proved nothing.

use super::referee::Referee;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::row::PaymentState;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How often each thing happened, in all histories that share it.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    /// How often it happened.
    #[cfg(test)]
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    /// Everything, in a line each.
    #[cfg(test)]
    pub(crate) fn shown(&self) -> String {
        self.0.lock().unwrap().iter().map(|(what, times)| format!("{times:>8}  {what}\n")).collect()
    }

    /// Counts a history that has ended.
    pub(crate) fn count(&self, referee: &Referee) {
        let Ok(mut counts) = self.0.lock() else { return };
        let mut add = |what: &str, times: usize| *counts.entry(what.to_owned()).or_default() += times as u64;
        for (kind, about) in &referee.facts.about {
            add(kind, about.len());
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
}
