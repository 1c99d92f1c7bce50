//! Seats of a guarded schedule: holding them needs an admission, paying for them does not.

use crate::room::Room;
use holdfast_model::guard::SubjectType;

/// A user of the sample with money.
const USER: &str = "user_123";

#[test]
fn the_purchase_ends_with_the_last_hold_that_is_paid() {
    let mut room = Room::open(SubjectType::Schedule);
    room.guard();
    room.let_in(USER, 1);
    let (first, second) = (room.want(USER), room.want(USER));
    room.driver.settle();
    assert_eq!((room.outcome(&first), room.outcome(&second)), ("GIVEN", "GIVEN"));
    room.pay(&first);
    assert_eq!(room.purchases(), [], "another seat is held");
    room.pay(&second);
    assert_eq!(room.purchases(), [(USER.to_owned(), 1)]);
    assert_eq!(room.buy(USER), "QUEUE_NOT_ACTIVE", "the admission is used up");
    room.check();
}

#[test]
fn a_hold_is_paid_without_an_admission() {
    let mut room = Room::open(SubjectType::Schedule);
    room.guard();
    room.let_in(USER, 1);
    let hold = room.want(USER);
    room.end(USER, 1);
    room.driver.settle();
    assert_eq!(room.buy(USER), "QUEUE_NOT_ACTIVE");
    room.pay(&hold);
    let reservation = holdfast_topologies::reservation::view::command(&room.task(), &hold).unwrap().unwrap();
    let reservation = reservation.reservation_id.unwrap();
    let status =
        holdfast_topologies::reservation::view::reservation(&room.task(), &reservation).unwrap().unwrap().status;
    assert_eq!((status, room.purchases()), ("CONFIRMED", vec![]), "there is no admission to end");
    room.check();
}
