//! What users are told.

use crate::house::{House, terms};
use holdfast_model::queue;
use holdfast_model::queue::message::CreateQueue;
use serde_json::json;

#[test]
fn who_waits_long_enough_is_told_of_the_position_once() {
    let mut house = House::open(CreateQueue { max_active: 1, notice_after_ms: Some(5_000), ..terms() });
    house.send_joins(["a", "b", "c"]);
    house.driver.settle();
    house.driver.advance_ms(4_000);
    house.leave(1, "a");
    house.send_joins(["d"]);
    house.driver.settle();
    assert!(house.notices("QUEUE_ENTERED").is_empty());
    house.driver.advance_ms(1_050);
    let told = house.notices("QUEUE_ENTERED");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0],
        json!({
            "userId": "c", "type": "QUEUE_ENTERED", "priority": "LOW", "title": "대기열 진입",
            "message": "현재 대기 순번은 1번입니다.",
            "data": {"queueId": "q", "ticket": "3", "queuePosition": "1"}
        })
    );
    house.driver.restart();
    house.driver.advance_ms(4_100);
    assert_eq!(house.notices("QUEUE_ENTERED").len(), 2);
    house.driver.lose_disk();
    house.driver.advance_ms(20_000);
    assert_eq!(house.notices("QUEUE_ENTERED").len(), 2);
    let opened = house.notices("SEAT_OPENED");
    assert_eq!((opened.len(), &opened[0]["userId"], &opened[1]["userId"]), (2, &json!("a"), &json!("b")));
    assert_eq!(opened[0]["message"], "예약 가능한 시간입니다.");
    house.check();
}

#[test]
fn a_crowd_is_told_in_portions() {
    let mut house = House::open(CreateQueue { max_active: 1, notice_after_ms: Some(2_000), ..terms() });
    house.send_crowd(1..=2_000);
    house.driver.settle();
    house.pass_ms(2_600);
    let told = house.notices("QUEUE_ENTERED");
    assert_eq!(told.len(), 1_999);
    assert!(house.own("tell") >= 8, "{}", house.own("tell"));
    let mut positions: Vec<u64> =
        told.iter().map(|notice| notice["data"]["queuePosition"].as_str().unwrap().parse().unwrap()).collect();
    positions.sort_unstable();
    assert!(positions.into_iter().eq(1..=1_999));
    house.check();
}

#[test]
fn a_queue_without_notices_tells_nobody() {
    let mut house =
        House::open(CreateQueue { max_active: 1, notices: Some(false), notice_after_ms: Some(0), ..terms() });
    house.send_joins(["a", "b"]);
    house.driver.settle();
    house.driver.advance_ms(5_000);
    house.leave(1, "a");
    assert!(house.read(queue::NOTIFICATIONS).is_empty());
    assert_eq!(house.own("tell"), 0);
    house.check();
}
