//! Alimtalk through NHN Cloud.

use super::super::kakao::KakaoNotifier;
use super::*;
use sha2::{Digest, Sha256};

fn set(url: &str) -> Vec<(&'static str, String)> {
    let pairs = [
        ("KAKAO_API_URL", url),
        ("KAKAO_API_KEY", "secret-hush"),
        ("KAKAO_APP_KEY", "app-1"),
        ("KAKAO_SENDER_KEY", "sender-hush"),
        ("KAKAO_TEMPLATES", "PAYMENT_CONFIRMED:pay-1,RESERVATION_EXPIRED:exp-1"),
    ];
    pairs.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
}

fn made(set: &[(&str, String)]) -> Result<Option<KakaoNotifier>, String> {
    let set: Vec<_> = set.iter().map(|(key, value)| (*key, &**value)).collect();
    KakaoNotifier::new(client(), &settings(&set).channels.notifiers.kakao).map_err(|error| error.to_string())
}

fn notifier(receiver: &Receiver) -> KakaoNotifier {
    made(&set(&receiver.url)).unwrap().unwrap()
}

fn reply(code: i64, of_recipient: Option<i64>) -> Reply {
    let results = of_recipient.map(|code| {
        json!([{"recipientSeq": 1, "recipientNo": "01012345678", "resultCode": code, "resultMessage": "01012345678 …"}])
    });
    let body = json!({
        "header": {"resultCode": code, "resultMessage": "hush", "isSuccessful": code == 0},
        "message": results.map(|results| json!({"requestId": "r", "senderGroupingKey": "g", "sendResults": results})),
    });
    Reply::new(200, body.to_string())
}

#[tokio::test]
async fn the_request_is_as_documented() {
    let receiver = Receiver::new([reply(0, Some(0)), reply(0, Some(0))]).await;
    assert_eq!(judged(&send(&notifier(&receiver)).await), (Ended::Done, Some(200), None));
    let got = receiver.only();
    assert_eq!((got.method.as_str(), &*got.path), ("POST", "/alimtalk/v2.3/appkeys/app-1/raw-messages"));
    assert_eq!(got.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(got.header("x-secret-key"), Some("secret-hush"));
    let key = format!("{:x}", Sha256::digest("app/notification/0/7"));
    assert_eq!(got.header("x-nc-api-idempotency-key"), Some(&*key));
    assert_eq!(
        got.json(),
        json!({
            "senderKey": "sender-hush",
            "templateCode": "pay-1",
            "recipientList": [{
                "recipientNo": "01012345678",
                "content": "아이유 콘서트 예약이 확정되었습니다.",
                "resendParameter": {"isResend": false},
            }],
        })
    );
    let mut with_fallback = set(&receiver.url);
    with_fallback.push(("KAKAO_SMS_SENDER", "0212345678".to_owned()));
    send(&made(&with_fallback).unwrap().unwrap()).await;
    assert_eq!(
        receiver.only().json()["recipientList"][0]["resendParameter"],
        json!({"isResend": true, "resendSendNo": "0212345678"})
    );
}

#[tokio::test]
async fn a_success_that_says_failure_is_one() {
    let receiver = Receiver::new([]).await;
    let notifier = notifier(&receiver);
    for (code, of_recipient, ended, said) in [
        (-3005, None, Ended::Refused, Some(-3005)),
        (-3010, None, Ended::Refused, Some(-3010)),
        (-2999, Some(-5000), Ended::Refused, Some(-5000)),
        (-2999, Some(-9999), Ended::Failed, Some(-9999)),
        (-2999, None, Ended::Refused, Some(-2999)),
        (0, Some(-5000), Ended::Refused, Some(-5000)),
        (-1000, None, Ended::Failed, Some(-1000)),
        (-1001, None, Ended::Failed, Some(-1001)),
        (-1027, None, Ended::Failed, Some(-1027)),
        (-7000, None, Ended::Failed, Some(-7000)),
        (-9999, None, Ended::Failed, Some(-9999)),
        (-1005, None, Ended::Done, None),
    ] {
        receiver.then(reply(code, of_recipient));
        let result = send(&notifier).await;
        assert_eq!(judged(&result), (ended, Some(200), None), "{code}");
        assert_eq!(result.reason, said.map(|code| format!("Alimtalk result code {code}")));
    }
}

#[tokio::test]
async fn statuses_and_strange_answers() {
    let receiver = Receiver::new([]).await;
    let notifier = notifier(&receiver);
    for (reply, ended, reason) in [
        (Reply::new(200, "<html>hush"), Ended::Failed, "not an answer of NHN Cloud"),
        (Reply::new(401, ""), Ended::Failed, "HTTP 401: the credentials are not taken"),
        (Reply::new(404, ""), Ended::Refused, "HTTP 404"),
        (Reply::new(429, ""), Ended::Failed, "HTTP 429"),
        (Reply::new(503, "hush"), Ended::Failed, "HTTP 503"),
    ] {
        receiver.then(reply);
        let result = send(&notifier).await;
        assert_eq!((result.ended, result.reason.as_deref()), (ended, Some(reason)));
    }
}

#[tokio::test]
async fn what_no_template_allows_is_not_sent() {
    let receiver = Receiver::new([]).await;
    let notifier = notifier(&receiver);
    let (mut long, mut other) = (message(Channel::Kakao), message(Channel::Kakao));
    long.call.message = "가".repeat(1_001);
    other.call.kind = "QUEUE_ENTERED".to_owned();
    for (message, to, ended) in [
        (&long, &contact(), Ended::Refused),
        (&other, &contact(), Ended::Refused),
        (&message(Channel::Kakao), &ContactRow::default(), Ended::NoContact),
    ] {
        assert_eq!(send_to(&notifier, message, to).await.ended, ended);
    }
    assert!(receiver.take().is_empty());
    receiver.then(reply(0, Some(0)));
    long.call.message = "가".repeat(1_000);
    assert_eq!(send_to(&notifier, &long, &contact()).await.ended, Ended::Done);
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    is_not_reached(&made(&set(&Receiver::gone().await)).unwrap().unwrap()).await;
}

#[test]
fn half_a_channel_is_refused() {
    assert!(made(&[]).unwrap().is_none());
    for missing in ["KAKAO_APP_KEY", "KAKAO_SENDER_KEY", "KAKAO_TEMPLATES"] {
        let mut set = set("http://localhost");
        set.retain(|(key, _)| *key != missing);
        let line = made(&set).err().unwrap();
        assert_eq!(line, format!("configuration: {missing}: is not set, and KAKAO_API_KEY is"));
    }
}
