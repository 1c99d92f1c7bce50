//! Push through Firebase.

use super::super::fcm::FcmNotifier;
use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The key of the service account: another one in each run.
static KEY: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::from_rsa(Rsa::generate(2_048).unwrap()).unwrap());

/// The account as Google's console hands it out.
fn account() -> Value {
    json!({
        "type": "service_account",
        "project_id": "shop-1",
        "private_key_id": "key-1",
        "private_key": String::from_utf8(KEY.private_key_to_pem_pkcs8().unwrap()).unwrap(),
        "client_email": "sender@shop-1.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn token_reply(token: &str) -> Reply {
    Reply::new(200, json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}).to_string())
}

fn sent() -> Reply {
    Reply::new(200, r#"{"name":"projects/shop-1/messages/0:1"}"#)
}

fn error(status: u16, name: &str, code: Option<&str>) -> Reply {
    let details = code.map(|code| {
        json!([
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "message.token"}]},
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code},
        ])
    });
    let message = "token-of-a-phone is none";
    let body =
        json!({"error": {"code": status, "message": message, "status": name, "details": details.unwrap_or(json!([]))}});
    Reply::new(status, body.to_string())
}

/// Firebase and Google's token endpoint at one receiver, which answers with a token first.
struct Firebase {
    receiver: Receiver,
    notifier: FcmNotifier,
    clock: Arc<SetClock>,
}

impl Firebase {
    async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let receiver = Receiver::new(replies).await;
        let (account, token_url) = (account().to_string(), format!("{}/token", receiver.url));
        let set = [("FCM_CREDENTIALS", &*account), ("FCM_API_URL", &receiver.url), ("FCM_TOKEN_URL", &token_url)];
        let clock = clock();
        let client = HttpClient::new(clock.clone(), 4).unwrap();
        let notifier = FcmNotifier::new(client, &settings(&set).channels.notifiers.fcm).unwrap().unwrap();
        Self { receiver, notifier, clock }
    }

    /// The paths of what came since the last time.
    fn paths(&self) -> Vec<String> {
        self.receiver.take().into_iter().map(|got| got.path).collect()
    }
}

const TOKEN: &str = "/token";
const SEND: &str = "/v1/projects/shop-1/messages:send";

#[tokio::test]
async fn a_signed_assertion_gets_a_token_and_the_token_sends_the_message() {
    let firebase = Firebase::new([token_reply("ya29.a"), sent()]).await;
    let mut message = message(Channel::Fcm);
    message.call.valid_until = Some(NOW_MS + 90_500);
    message.valid_for = Some(std::time::Duration::from_millis(90_500));
    assert_eq!(judged(&send_to(&firebase.notifier, &message, &contact()).await), (Ended::Done, Some(200), None));
    let got = firebase.receiver.take();
    let [token, send] = &got[..] else { panic!("{got:?}") };

    assert_eq!((token.method.as_str(), &*token.path), ("POST", TOKEN));
    assert_eq!(token.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form: HashMap<_, _> = form_urlencoded::parse(token.body.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(form.len(), 2);
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let mut verifier = Verifier::new(MessageDigest::sha256(), &KEY).unwrap();
    verifier.update(signed.as_bytes()).unwrap();
    assert!(verifier.verify(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap());
    let parts: Vec<Value> =
        signed.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    assert_eq!(
        parts[1],
        json!({
            "iss": "sender@shop-1.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW_MS / 1_000,
            "exp": NOW_MS / 1_000 + 3_600,
        })
    );

    assert_eq!((send.method.as_str(), &*send.path), ("POST", SEND));
    assert_eq!(send.header("authorization"), Some("Bearer ya29.a"));
    assert_eq!(send.header("content-type"), Some("application/json"));
    assert_eq!(
        send.json(),
        json!({"message": {
            "token": "token-of-a-phone",
            "notification": {"title": "결제 완료", "body": "아이유 콘서트 예약이 확정되었습니다."},
            "data": {"notificationId": "evt_1", "type": "PAYMENT_CONFIRMED", "reservationId": "res_0_1", "seats": "2"},
            "android": {"priority": "HIGH", "ttl": "90s"},
            "apns": {"headers": {"apns-priority": "10", "apns-expiration": (NOW_MS / 1_000 + 90).to_string()}},
        }})
    );
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_ends() {
    let firebase = Firebase::new([token_reply("a"), sent(), sent(), token_reply("b"), sent()]).await;
    send(&firebase.notifier).await;
    firebase.clock.0.fetch_add(3_538_000, Ordering::Relaxed);
    send(&firebase.notifier).await;
    assert_eq!(firebase.paths(), [TOKEN, SEND, SEND]);
    firebase.clock.0.fetch_add(1_000, Ordering::Relaxed);
    send(&firebase.notifier).await;
    let got = firebase.receiver.take();
    assert_eq!(got.iter().map(|got| &*got.path).collect::<Vec<_>>(), [TOKEN, SEND]);
    assert_eq!(got[1].header("authorization"), Some("Bearer b"));
}

#[tokio::test]
async fn many_callers_wait_for_one_token() {
    let firebase = Firebase::new([token_reply("a"), sent(), sent(), sent()]).await;
    tokio::join!(send(&firebase.notifier), send(&firebase.notifier), send(&firebase.notifier));
    assert_eq!(firebase.paths().iter().filter(|path| *path == TOKEN).count(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_asked_for_again_once() {
    let not_taken = || error(401, "UNAUTHENTICATED", None);
    let firebase = Firebase::new([token_reply("a"), not_taken(), token_reply("b"), sent()]).await;
    assert_eq!(judged(&send(&firebase.notifier).await), (Ended::Done, Some(200), None));
    assert_eq!(firebase.paths(), [TOKEN, SEND, TOKEN, SEND]);
    for reply in [not_taken(), token_reply("c"), not_taken()] {
        firebase.receiver.then(reply);
    }
    let result = send(&firebase.notifier).await;
    assert_eq!(judged(&result), (Ended::Failed, Some(401), None));
    assert_eq!(result.reason.as_deref(), Some("HTTP 401 UNAUTHENTICATED"));
    assert_eq!(firebase.paths(), [SEND, TOKEN, SEND]);
}

#[tokio::test]
async fn errors_are_told_apart() {
    let firebase = Firebase::new([token_reply("a")]).await;
    for (reply, judgement, reason) in [
        (error(404, "NOT_FOUND", Some("UNREGISTERED")), (Ended::Refused, Some(404), None), "HTTP 404 UNREGISTERED"),
        (
            error(400, "INVALID_ARGUMENT", Some("INVALID_ARGUMENT")),
            (Ended::Refused, Some(400), None),
            "HTTP 400 INVALID_ARGUMENT",
        ),
        (error(400, "INVALID_ARGUMENT", None), (Ended::Refused, Some(400), None), "HTTP 400 INVALID_ARGUMENT"),
        (
            error(403, "PERMISSION_DENIED", Some("SENDER_ID_MISMATCH")),
            (Ended::Refused, Some(403), None),
            "HTTP 403 SENDER_ID_MISMATCH",
        ),
        (error(403, "PERMISSION_DENIED", None), (Ended::Failed, Some(403), None), "HTTP 403 PERMISSION_DENIED"),
        (error(404, "NOT_FOUND", None), (Ended::Failed, Some(404), None), "HTTP 404"),
        (
            error(429, "RESOURCE_EXHAUSTED", Some("QUOTA_EXCEEDED")).with("retry-after", "60"),
            (Ended::Failed, Some(429), Some(60_000)),
            "HTTP 429 QUOTA_EXCEEDED",
        ),
        (
            error(503, "UNAVAILABLE", Some("UNAVAILABLE")).with("retry-after", "10"),
            (Ended::Failed, Some(503), Some(10_000)),
            "HTTP 503 UNAVAILABLE",
        ),
        (error(500, "INTERNAL", Some("INTERNAL")), (Ended::Failed, Some(500), None), "HTTP 500 INTERNAL"),
        (Reply::new(502, "<!DOCTYPE html>hush"), (Ended::Failed, Some(502), None), "HTTP 502"),
        (error(400, "hush", Some("hush")), (Ended::Refused, Some(400), None), "HTTP 400"),
    ] {
        firebase.receiver.then(reply);
        let result = send(&firebase.notifier).await;
        assert_eq!((judged(&result), result.reason.as_deref()), (judgement, Some(reason)));
    }
}

#[tokio::test]
async fn every_device_is_told() {
    let unregistered = || error(404, "NOT_FOUND", Some("UNREGISTERED"));
    let two = ContactRow { fcm_tokens: vec!["one".to_owned(), "two".to_owned()], ..ContactRow::default() };
    let message = message(Channel::Fcm);
    let firebase = Firebase::new([token_reply("a"), unregistered(), sent()]).await;
    assert_eq!(send_to(&firebase.notifier, &message, &two).await.ended, Ended::Done);
    let got = firebase.receiver.take();
    let devices: Vec<_> = got[1..].iter().map(|got| got.json()["message"]["token"].clone()).collect();
    assert_eq!(devices, [json!("one"), json!("two")]);
    for reply in [sent(), error(503, "UNAVAILABLE", None)] {
        firebase.receiver.then(reply);
    }
    assert_eq!(send_to(&firebase.notifier, &message, &two).await.ended, Ended::Done, "one has it");
    for reply in [unregistered(), unregistered()] {
        firebase.receiver.then(reply);
    }
    assert_eq!(send_to(&firebase.notifier, &message, &two).await.ended, Ended::Refused);
    let none = send_to(&firebase.notifier, &message, &ContactRow::default()).await;
    assert_eq!((none.ended, none.reason.as_deref()), (Ended::NoContact, Some("no device")));
}

#[tokio::test]
async fn without_a_token_the_message_is_not_to_blame() {
    let firebase = Firebase::new([]).await;
    for (reply, judgement, reason) in [
        (Reply::new(400, r#"{"error":"invalid_grant"}"#), (Ended::Failed, Some(400), None), "access token: HTTP 400"),
        (
            Reply::new(503, "").with("retry-after", "3"),
            (Ended::Failed, Some(503), Some(3_000)),
            "access token: HTTP 503",
        ),
        (Reply::new(200, "{}"), (Ended::Failed, None, None), "access token: the answer holds none"),
        (token_reply("hush\n"), (Ended::Failed, None, None), "access token: the answer holds none"),
    ] {
        firebase.receiver.then(reply);
        let result = send(&firebase.notifier).await;
        assert_eq!((judged(&result), result.reason.as_deref()), (judgement, Some(reason)));
    }
    assert_eq!(firebase.paths(), [TOKEN; 4]);
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    let (account, gone) = (account().to_string(), Receiver::gone().await);
    let set = [("FCM_CREDENTIALS", &*account), ("FCM_API_URL", &gone), ("FCM_TOKEN_URL", &gone)];
    is_not_reached(&FcmNotifier::new(client(), &settings(&set).channels.notifiers.fcm).unwrap().unwrap()).await;
}

#[test]
fn an_account_that_cannot_work_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("account.json");
    let broken = |change: fn(&mut Value)| {
        let mut account = account();
        change(&mut account);
        std::fs::write(&file, account.to_string()).unwrap();
        let set = [("FCM_CREDENTIALS", file.to_str().unwrap())];
        let refused = FcmNotifier::new(client(), &settings(&set).channels.notifiers.fcm);
        refused.map(|notifier| assert!(notifier.is_some())).map_err(|error| error.to_string())
    };
    assert_eq!(broken(|_| ()), Ok(()));
    for (change, said) in [
        ((|account| account["type"] = json!("hush")) as fn(&mut Value), "no service account"),
        (|account| account["private_key"] = json!("hush"), "no private key in PEM form"),
        (
            |account| {
                account["private_key"] = json!("-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----")
            },
            "no RSA key",
        ),
        (|account| account["client_email"] = json!(7), "no service account"),
        (|account| account["token_uri"] = json!("hush"), "no URL of HTTP"),
    ] {
        let line = broken(change).unwrap_err();
        assert!(line.starts_with("configuration: FCM_CREDENTIALS: ") && line.contains(said), "{line}");
        assert!(!line.contains("hush") && !line.contains('\n'), "{line}");
    }
    let line = broken(|account| account["project_id"] = Value::Null).unwrap_err();
    assert!(line.starts_with("configuration: FCM_PROJECT_ID: "), "{line}");
    let missing = settings(&[("FCM_CREDENTIALS", "/nowhere/account.json")]);
    let line = FcmNotifier::new(client(), &missing.channels.notifiers.fcm).err().unwrap().to_string();
    assert!(line.contains("FCM_CREDENTIALS: /nowhere/account.json: No such file"), "{line}");
}
