//! Records that were given up: their outcome is `SYSTEM_ERROR`, and nothing moved.

use super::message::Message;
use super::{INBOX, Place, asked};
use crate::books::{Debit, Fate, Money, Refund};
use crate::reader::Entry;
use crate::record;
use holdfast_engine::prelude::place_of;

impl Money {
    /// What is known of a record that was buried after all attempts: its outcome is `SYSTEM_ERROR`, and nothing moved.
    pub(super) fn give_up(&mut self, here: &mut Place, entry: &Entry<'_>) {
        let Some(said) = record::read::<Message<'_>>(entry.value) else { return };
        let Some(user) = said.user_id.id() else { return };
        let id = said.ids.get().map_or_else(|| entry.entered(), |id| id.into_owned());
        match said.kind.text() {
            "charge" => drop(here.charges.give_up(&id, (&*user, said.amount.int()))),
            "debit" => {
                if let (Some(debit), Some(id)) = (asked(&said, &user, entry), said.payment_id.identity()) {
                    self.debits.entry(id.into_owned()).or_insert(Debit { fate: Fate::GivenUp, ..debit });
                }
            }
            "refund" => {
                let (Some(payment), Some(reservation), Some(amount)) =
                    (said.payment_id.id(), said.reservation_id.id(), said.amount.int())
                else {
                    return;
                };
                let fee = said.fee.int().unwrap_or(0);
                if !here.refunds.give_up(&id, (&*payment, &*reservation, &*user, amount, fee)) {
                    return;
                }
                let refund = Refund {
                    payment: payment.clone().into_owned(),
                    amount,
                    fee,
                    fate: Fate::GivenUp,
                    at: entry.at(INBOX),
                    is_firm: entry.is_firm && entry.heads.is_by("reservation"),
                    is_explained: false,
                    again: 0,
                };
                if self.refunds.contains_key(&id) {
                    self.decided_again(&id, refund);
                } else {
                    self.refund_of.entry(payment.into_owned()).or_insert_with(|| id.clone());
                    self.refunds.insert(id, refund);
                }
            }
            _ => {}
        }
    }
}

/// Whether it is decided in another place, and told there.
pub(super) fn is_elsewhere(entry: &Entry<'_>, places: u32) -> bool {
    let said = record::read::<Message<'_>>(entry.value)
        .filter(|said| ["charge", "debit", "refund"].contains(&said.kind.text()));
    let home = said.and_then(|said| Some(place_of(said.user_id.id()?.as_bytes(), places)));
    home.is_some_and(|home| home != entry.source.partition)
}
