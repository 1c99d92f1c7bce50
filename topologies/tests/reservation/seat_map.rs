//! The pages of a seat map are the map, however they are cut.

use crate::shop::{PLACES, Shop};
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation::message::{Command, CreateSchedule, Hold, PricedSeat, Seats};
use holdfast_topologies::reservation::view::{self, SeatCursor, SeatView};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The seats without their deadlines, which those that are held have and no others.
fn timeless(seats: &[SeatView]) -> Vec<SeatView> {
    assert!(seats.iter().all(|seat| seat.expires_ms.is_some() == (seat.status == "TEMPORARY_RESERVED")), "{seats:?}");
    seats.iter().map(|seat| SeatView { expires_ms: None, ..*seat }).collect()
}

/// The seats of all pages of at most `limit`, as whoever follows the cursors sees them.
fn joined(shop: &Shop, schedule_id: &str, limit: usize) -> Vec<SeatView> {
    let (mut seats, mut cursor) = (Vec::new(), None);
    loop {
        let page = view::seat_page(&shop.task(), schedule_id, cursor, limit).unwrap().unwrap();
        assert!(page.seats.len() == limit || page.next_cursor.is_none(), "a page that is not the last is full");
        seats.extend(page.seats);
        match page.next_cursor {
            Some(next) => cursor = Some(SeatCursor::parse(&next).unwrap()),
            None => return seats,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Seats with numbers as they come and prices of their own, or in a block; some are taken. Neighbours in the order of keys change nothing.
    #[test]
    fn pages_joined_are_the_whole_map(
        prices in proptest::collection::btree_map(1u64..60, 0u64..9, 1..30),
        is_block: bool,
        wishes in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        limits in proptest::collection::vec(1usize..40, 1..4),
        begin in 0u64..70,
    ) {
        let mut shop = Shop::open();
        let mut ids = (0..).map(|n| format!("map-{n}")).filter(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
        let (before, id, after) = (ids.next().unwrap(), ids.next().unwrap(), ids.next().unwrap());
        let house = |prices: &BTreeMap<u64, u64>| match is_block {
            true => Seats::Block { count: prices.len().try_into().unwrap(), price: 5 },
            false => Seats::Each(prices.iter().map(|(no, price)| PricedSeat { seat_no: no.to_string(), price: price.cast_signed() }).collect()),
        };
        for schedule_id in [&before, &id, &after] {
            let (schedule_id, concert_title) = (schedule_id.clone(), "t".to_owned());
            let create = CreateSchedule { schedule_id, concert_title, seats: house(&prices), ..CreateSchedule::default() };
            prop_assert_eq!(shop.code(Command::CreateSchedule(create)), "SUCCESS");
        }
        let expected: BTreeMap<u64, u64> =
            if is_block { (1..=prices.len() as u64).map(|no| (no, 5)).collect() } else { prices };
        let numbers: Vec<u64> = expected.keys().copied().collect();
        let mut taken = BTreeMap::new();
        for (n, wish) in wishes.iter().enumerate() {
            let seat_no = *wish.get(&numbers);
            for schedule_id in [&before, &id, &after] {
                // Each has seats taken that the others have not.
                if schedule_id == &id || n % 2 == 0 {
                    let wish = Hold { user_id: format!("u-{n}"), schedule_id: schedule_id.clone(), seat_no: seat_no.to_string() };
                    shop.ask(Command::Hold(wish));
                }
            }
            taken.insert(seat_no, "TEMPORARY_RESERVED");
        }
        let whole: Vec<SeatView> = expected
            .iter()
            .map(|(no, price)| SeatView { seat_no: *no, status: taken.get(no).copied().unwrap_or("AVAILABLE"), price: *price, expires_ms: None })
            .collect();
        prop_assert_eq!(&timeless(&view::seats(&shop.task(), &id).unwrap().unwrap()), &whole);
        for limit in limits {
            prop_assert_eq!(&timeless(&joined(&shop, &id, limit)), &whole, "pages of {}", limit);
        }
        // A cursor need not point to a seat that there is.
        let rest = view::seat_page(&shop.task(), &id, SeatCursor::parse(&begin.to_string()), 7).unwrap().unwrap();
        let left: Vec<SeatView> = whole.iter().copied().filter(|seat| seat.seat_no >= begin).collect();
        prop_assert_eq!(&timeless(&rest.seats)[..], &left[..left.len().min(7)]);
        prop_assert_eq!(rest.next_cursor, left.get(7).map(|seat| seat.seat_no.to_string()));
    }
}
