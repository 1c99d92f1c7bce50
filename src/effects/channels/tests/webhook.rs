//! The generic webhook.

use super::super::webhook::WebhookNotifier;
use super::*;

#[tokio::test]
async fn the_request_is_as_documented() {
    let receiver = Receiver::new([]).await;
    let notifier = WebhookNotifier::new(client(), Secret::new(format!("{}/hooks/hush?key=1", receiver.url)));
    assert_eq!(send(&notifier).await, CallResult { status: Some(200), ..CallResult::new(Ended::Done, NOW_MS) });
    let got = receiver.only();
    assert_eq!((got.method.as_str(), &*got.path), ("POST", "/hooks/hush?key=1"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("idempotency-key"), Some("evt_1"));
    assert_eq!(
        got.body,
        concat!(
            r#"{"notificationId":"evt_1","channel":"webhook","type":"PAYMENT_CONFIRMED","userId":"1001","title":"결제 완료","#,
            r#""message":"아이유 콘서트 예약이 확정되었습니다.","data":{"reservationId":"res_0_1","seats":2},"attempt":1}"#
        )
    );
}

#[tokio::test]
async fn a_notification_without_data_has_an_empty_object_and_any_id() {
    let receiver = Receiver::new([]).await;
    let notifier = WebhookNotifier::new(client(), Secret::new(&receiver.url));
    let mut message = message(Channel::Webhook);
    message.call.data.clear();
    message.call.notification_id = "주문-1".to_owned();
    assert_eq!(send_to(&notifier, &message, &ContactRow::default()).await.ended, Ended::Done);
    let got = receiver.only();
    assert_eq!(got.json()["data"], json!({}));
    assert_eq!(got.headers["idempotency-key"].as_bytes(), "주문-1".as_bytes());
}

#[tokio::test]
async fn a_status_says_whether_it_is_tried_again() {
    let receiver = Receiver::new([]).await;
    let notifier = WebhookNotifier::new(client(), Secret::new(&receiver.url));
    for (reply, judgement) in [
        (Reply::new(204, ""), (Ended::Done, Some(204), None)),
        (Reply::new(400, "+821012345678 is no user"), (Ended::Refused, Some(400), None)),
        (Reply::new(302, "").with("location", "http://127.0.0.1/"), (Ended::Refused, Some(302), None)),
        (Reply::new(429, "").with("retry-after", "7"), (Ended::Failed, Some(429), Some(7_000))),
        (Reply::new(500, "hush"), (Ended::Failed, Some(500), None)),
        (Reply::new(503, "").with("retry-after", "2"), (Ended::Failed, Some(503), Some(2_000))),
    ] {
        receiver.then(reply);
        assert_eq!(judged(&send(&notifier).await), judgement);
    }
    assert_eq!(receiver.take().len(), 6, "nothing is followed, and nothing is sent twice");
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    is_not_reached(&WebhookNotifier::new(client(), Secret::new(Receiver::gone().await))).await;
    let receiver = Receiver::new([]).await;
    assert!(WebhookNotifier::new(client(), Secret::new(&receiver.url)).answers().await);
    assert!(receiver.take().is_empty(), "asking delivers nothing");
}
