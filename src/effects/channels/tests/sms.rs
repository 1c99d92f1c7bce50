//! Text messages through Amazon SNS.

use super::super::sms::SmsNotifier;
use super::*;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

fn set(url: &str) -> Vec<(&'static str, String)> {
    let pairs = [
        ("SMS_API_URL", url),
        ("SMS_API_KEY", "secret-hush"),
        ("SMS_API_KEY_ID", "AKIDEXAMPLE"),
        ("SMS_REGION", "ap-northeast-1"),
        ("SMS_SENDER", "Holdfast"),
    ];
    pairs.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
}

fn made(set: &[(&str, String)]) -> Result<Option<SmsNotifier>, String> {
    let set: Vec<_> = set.iter().map(|(key, value)| (*key, &**value)).collect();
    SmsNotifier::new(client(), &settings(&set).channels.notifiers.sms).map_err(|error| error.to_string())
}

fn notifier(receiver: &Receiver) -> SmsNotifier {
    made(&set(&receiver.url)).unwrap().unwrap()
}

fn error(status: u16, code: &str) -> Reply {
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>Invalid parameter: PhoneNumber Reason: +821012345678 is not valid to publish to</Message></Error>\
         <RequestId>r</RequestId></ErrorResponse>"
    );
    Reply::new(status, body)
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_request_is_as_documented_and_signed_as_it_came() {
    let receiver = Receiver::new([Reply::new(200, "<PublishResponse/>")]).await;
    assert_eq!(judged(&send(&notifier(&receiver)).await), (Ended::Done, Some(200), None));
    let got = receiver.only();
    assert_eq!((got.method.as_str(), &*got.path), ("POST", "/"));
    let form: Vec<(String, String)> = form_urlencoded::parse(got.body.as_bytes()).into_owned().collect();
    let form: Vec<_> = form.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(
        form,
        [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("PhoneNumber", "+821012345678"),
            ("Message", "아이유 콘서트 예약이 확정되었습니다."),
            ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
            ("MessageAttributes.entry.2.Name", "AWS.SNS.SMS.SenderID"),
            ("MessageAttributes.entry.2.Value.DataType", "String"),
            ("MessageAttributes.entry.2.Value.StringValue", "Holdfast"),
        ]
    );
    // The signature once more, of the headers and the body that have really come.
    assert_eq!(got.header("x-amz-date"), Some("20260315T080000Z"));
    let (content_type, host) = (got.header("content-type").unwrap(), got.header("host").unwrap());
    assert_eq!(content_type, "application/x-www-form-urlencoded; charset=utf-8");
    assert_eq!(format!("http://{host}"), receiver.url);
    let request = [
        "POST",
        "/",
        "",
        &format!("content-type:{content_type}"),
        &format!("host:{host}"),
        "x-amz-date:20260315T080000Z",
        "",
        "content-type;host;x-amz-date",
        &hex(&Sha256::digest(&got.body)),
    ]
    .join("\n");
    let scope = "20260315/ap-northeast-1/sns/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n20260315T080000Z\n{scope}\n{}", hex(&Sha256::digest(request)));
    let key = scope.split('/').fold(b"AWS4secret-hush".to_vec(), |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &to_sign));
    assert_eq!(
        got.header("authorization"),
        Some(&*format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        ))
    );
}

#[tokio::test]
async fn a_number_as_sender_is_an_origination_number() {
    let receiver = Receiver::new([]).await;
    let mut set = set(&receiver.url);
    set.retain(|(key, _)| *key != "SMS_SENDER");
    send(&made(&set).unwrap().unwrap()).await;
    assert!(!receiver.only().body.contains("entry.2"), "none is given");
    set.push(("SMS_SENDER", "+12025550123".to_owned()));
    send(&made(&set).unwrap().unwrap()).await;
    let body = receiver.only().body;
    assert!(
        body.contains("Name=AWS.MM.SMS.OriginationNumber&") && body.ends_with("StringValue=%2B12025550123"),
        "{body}"
    );
}

#[tokio::test]
async fn errors_are_told_apart() {
    let receiver = Receiver::new([]).await;
    let notifier = notifier(&receiver);
    for (reply, ended, reason) in [
        (error(400, "InvalidParameter"), Ended::Refused, "HTTP 400 InvalidParameter"),
        (error(400, "OptedOut"), Ended::Refused, "HTTP 400 OptedOut"),
        (error(400, "Throttling"), Ended::Failed, "HTTP 400 Throttling"),
        (error(429, "Throttled"), Ended::Failed, "HTTP 429"),
        (error(403, "SignatureDoesNotMatch"), Ended::Failed, "HTTP 403: the credentials are not taken"),
        (error(500, "InternalError"), Ended::Failed, "HTTP 500"),
        (error(400, "hush"), Ended::Refused, "HTTP 400"),
        (Reply::new(400, ""), Ended::Refused, "HTTP 400"),
    ] {
        receiver.then(reply);
        let result = send(&notifier).await;
        assert_eq!((result.ended, result.reason.as_deref()), (ended, Some(reason)));
    }
    receiver.take();
    let none = send_to(&notifier, &message(Channel::Sms), &ContactRow::default()).await;
    assert_eq!((none.ended, receiver.take().len()), (Ended::NoContact, 0));
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    is_not_reached(&made(&set(&Receiver::gone().await)).unwrap().unwrap()).await;
}

#[test]
fn half_a_channel_is_refused() {
    assert!(made(&[]).unwrap().is_none());
    for missing in ["SMS_API_KEY_ID", "SMS_REGION"] {
        let mut set = set("http://localhost");
        set.retain(|(key, _)| *key != missing);
        let line = made(&set).err().unwrap();
        assert_eq!(line, format!("configuration: {missing}: is not set, and SMS_API_KEY is"));
    }
    let line = made(&set("http://localhost/path")).err().unwrap();
    assert!(line.starts_with("configuration: SMS_API_URL: "), "{line}");
}
