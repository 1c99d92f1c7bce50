//! Ids of reservations and payments. A reservation is named by the record that made it: unique in its place, the same in every replay ([`serial`]).

use super::serial::{self, Serial};
use crate::place_id::{self, Kind};

/// The id of the reservation `serial` of `place`.
#[must_use]
pub fn reservation(place: u32, serial: Serial) -> String {
    place_id::format(Kind::Reservation, place, &serial::to_text(serial))
}

/// Place and serial of a reservation's id; `None` for every other shape. Whether there is such a reservation only the place knows.
#[must_use]
pub fn parse_reservation(id: &str) -> Option<(u32, Serial)> {
    let (place, text) = place_id::parse(Kind::Reservation, id)?;
    Some((place, serial::parse(text)?))
}

/// The id of a payment for a reservation of `place`; `unique` is the caller's, a UUID say, or what a reservation of the record that asks for it
/// would be called.
#[must_use]
pub fn payment(place: u32, unique: &str) -> String {
    place_id::format(Kind::Payment, place, unique)
}

/// The place that decides about the payment `id`; `None` for every other shape.
#[must_use]
pub fn payment_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Payment, id).map(|(place, _)| place)
}

/// The id of the refund of a payment: there is one at most.
#[must_use]
pub fn refund(payment_id: &str) -> String {
    format!("ref_{payment_id}")
}

/// How events of the seeds name a seat.
#[must_use]
pub fn seat(schedule_id: &str, seat_no: u64) -> String {
    let mut number = itoa::Buffer::new();
    ["seat_", schedule_id, "_", number.format(seat_no)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(place: u32, serial: u128) {
            prop_assert_eq!(parse_reservation(&reservation(place, serial)), Some((place, serial)));
        }

        #[test]
        fn an_id_has_one_spelling(text in "res_[0-9+]{0,3}_([0-9+]{0,3}|[0-9a-fA-F]{32})") {
            if let Some((place, serial)) = parse_reservation(&text) {
                prop_assert_eq!(reservation(place, serial), text);
            }
        }
    }

    #[test]
    fn foreign_ids_are_nothing() {
        for id in ["", "res_789", "res_xxx", "res_1_x", "res_1_", "pay_1_2", "res_1_80000000000000000000000000000000_"]
        {
            assert_eq!(parse_reservation(id), None, "{id:?}");
        }
        assert_eq!((payment_place("pay_123"), payment_place(&payment(2, "a_b"))), (None, Some(2)));
    }
}
