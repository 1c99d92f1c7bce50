//! The history of a user.

use crate::office::Office;
use holdfast_model::call_result::Ended;
use holdfast_model::notification::channel::Channel;
use holdfast_topologies::notification::view::{self, Cursor, Filter};
use serde_json::json;

fn page(office: &Office, filter: Filter<'_>, after: Option<&Cursor>, limit: usize) -> (Vec<String>, Option<Cursor>) {
    let page = view::history(&office.task("u"), "u", &filter, after, limit).unwrap();
    (page.items.into_iter().map(|item| format!("{} {}", item.notification_id, item.channel)).collect(), page.next)
}

#[test]
fn it_shows_the_newest_first_page_by_page() {
    let mut office = Office::with(&[Channel::Fcm, Channel::Webhook]);
    for n in 1..=5 {
        office.ask(&format!("evt_{n}"), "u", "SEAT_OPENED");
        office.ask(&format!("other_{n}"), "v", "SEAT_OPENED");
        office.driver.advance_ms(1);
    }
    let both = |n: u32| [format!("evt_{n} fcm"), format!("evt_{n} webhook")];
    let (first, next) = page(&office, Filter::default(), None, 2);
    assert_eq!(first, [both(5), both(4)].concat());
    let next = Cursor::parse(&next.unwrap().to_text()).unwrap();
    // What comes in the meantime does not move the pages.
    office.ask("evt_6", "u", "SEAT_OPENED");
    let (second, next) = page(&office, Filter::default(), Some(&next), 2);
    assert_eq!(second, [both(3), both(2)].concat());
    let (third, next) = page(&office, Filter::default(), next.as_ref(), 2);
    assert_eq!((third, next), (both(1).to_vec(), None));
    let (all, next) = page(&office, Filter::default(), None, 6);
    assert_eq!((all.len(), next), (12, None));
    assert_eq!(page(&office, Filter::default(), None, 0).0, both(6));
}

#[test]
fn it_can_be_filtered() {
    let mut office = Office::with(&[Channel::Webhook]);
    for n in 1..=40 {
        let kind = if n % 10 == 0 { "REFUNDED" } else { "COUPON_ISSUED" };
        office.ask_with(&format!("evt_{n:02}"), "u", kind, &json!({"data": {"reservationId": format!("res_{n}")}}));
        office.driver.advance_ms(1);
    }
    let calls = office.calls();
    let call = calls.iter().find(|call| call.call.notification_id == "evt_20").unwrap();
    office.end(call, Ended::Done);
    let refunds = Filter { kind: Some("REFUNDED"), ..Filter::default() };
    let (first, next) = page(&office, refunds, None, 3);
    assert_eq!(first, ["evt_40 webhook", "evt_30 webhook", "evt_20 webhook"]);
    assert_eq!(page(&office, refunds, next.as_ref(), 3), (vec!["evt_10 webhook".to_owned()], None));
    let sent = Filter { status: Some("SENT"), ..Filter::default() };
    assert_eq!(page(&office, sent, None, 10), (vec!["evt_20 webhook".to_owned()], None));
    let of_one = Filter { reservation_id: Some("res_7"), ..Filter::default() };
    assert_eq!(page(&office, of_one, None, 10), (vec!["evt_07 webhook".to_owned()], None));
}

#[test]
fn it_shows_what_was_told() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask_with("evt_1", "u", "PAYMENT_CONFIRMED", &json!({"data": {"concertTitle": "아이유 콘서트"}}));
    office.ask_with("evt_2", "u", "NEWS", &json!({"title": "소식", "message": "새 소식입니다.", "priority": "LOW"}));
    for call in office.calls() {
        office.end(&call, Ended::Done);
    }
    let page = view::history(&office.task("u"), "u", &Filter::default(), None, 10).unwrap();
    let told: Vec<_> =
        page.items.iter().map(|item| (&*item.kind, &*item.title, &*item.message, item.priority)).collect();
    assert!(told.contains(&("PAYMENT_CONFIRMED", "결제 완료", "아이유 콘서트 예약이 확정되었습니다.", "HIGH")));
    assert!(told.contains(&("NEWS", "소식", "새 소식입니다.", "LOW")));
    let item = serde_json::to_value(&page.items[0]).unwrap();
    let mut fields: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let expected = [
        "attempts",
        "changedAt",
        "channel",
        "createdAt",
        "message",
        "notificationId",
        "priority",
        "sentAt",
        "status",
        "title",
        "type",
    ];
    assert_eq!(fields, expected);
}
