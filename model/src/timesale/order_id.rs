//! Ids of orders. Every order has an id that routes itself, whatever identity its record brought.
//!
//! ```text
//! ord_0_0198c1f2…                    a record whose requestId has this shape and this place: the id is the requestId
//! ord_0_order-77                     a record with another requestId or eventId: the place that decides it, then that id
//! ord_0_timesale-order-requests-0-5  a record without an id: the place, then where the record entered the log
//! ```

use crate::place_id::{self, Kind};

/// The id of an order that `place` will decide; `unique` is the caller's, a UUID for example.
#[must_use]
pub fn new(place: u32, unique: &str) -> String {
    place_id::format(Kind::Order, place, unique)
}

/// The place that decides the order `id`; `None` for an id of another shape.
#[must_use]
pub fn place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Order, id).map(|(place, _)| place)
}

/// Writes over `id` the id of the order that came under `identity` and is decided in `place`.
pub fn write(id: &mut String, place: u32, identity: &str) {
    id.clear();
    if self::place(identity) != Some(place) {
        let mut number = itoa::Buffer::new();
        for part in ["ord_", number.format(place), "_"] {
            id.push_str(part);
        }
    }
    id.push_str(identity);
}

/// [`write()`] to a text of its own.
#[must_use]
pub fn of(place: u32, identity: &str) -> String {
    let mut id = String::new();
    write(&mut id, place, identity);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_that_routes_itself_is_the_order_id() {
        assert_eq!(of(2, &new(2, "0198c1f2")), "ord_2_0198c1f2");
        assert_eq!(of(2, "order-77"), "ord_2_order-77");
        // An id of another place would lead every query astray.
        assert_eq!(of(2, "ord_1_x"), "ord_2_ord_1_x");
        assert_eq!(of(2, "ord_02_x"), "ord_2_ord_02_x");
    }

    proptest! {
        #[test]
        fn every_order_id_leads_to_its_place(at: u32, identity in ".{1,20}") {
            let id = of(at, &identity);
            prop_assert_eq!(place(&id), Some(at));
            prop_assert_eq!(of(at, &id), id);
        }
    }
}
