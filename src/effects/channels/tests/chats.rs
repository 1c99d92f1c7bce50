//! Discord and Slack.

use super::super::discord::DiscordNotifier;
use super::super::slack::SlackNotifier;
use super::*;

fn discord(receiver: &Receiver) -> DiscordNotifier {
    DiscordNotifier::new(client(), Secret::new(format!("{}/api/webhooks/1/hush", receiver.url)))
}

fn slack(receiver: &Receiver) -> SlackNotifier {
    SlackNotifier::new(client(), Secret::new(format!("{}/services/T0/B0/hush", receiver.url)))
}

#[tokio::test]
async fn discord_gets_a_message_that_mentions_the_user_and_nobody_else() {
    let receiver = Receiver::new([Reply::new(200, r#"{"id":"1"}"#)]).await;
    assert_eq!(judged(&send(&discord(&receiver)).await), (Ended::Done, Some(200), None));
    let got = receiver.only();
    assert_eq!((got.method.as_str(), &*got.path), ("POST", "/api/webhooks/1/hush?wait=true"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(
        got.json(),
        json!({
            "content": "<@80351110224678912> **결제 완료**\n아이유 콘서트 예약이 확정되었습니다.",
            "allowed_mentions": {"parse": [], "users": ["80351110224678912"]},
        })
    );
    let mut long = message(Channel::Discord);
    long.call.message = format!("@everyone {}", "가".repeat(3_000));
    assert_eq!(send_to(&discord(&receiver), &long, &ContactRow::default()).await.ended, Ended::Done);
    let body = receiver.only().json();
    assert_eq!(body["allowed_mentions"], json!({"parse": [], "users": []}));
    let content = body["content"].as_str().unwrap();
    assert!(content.starts_with("**결제 완료**\n@everyone 가") && content.ends_with("가…"), "{content}");
    assert_eq!(content.chars().count(), 2_000);
}

#[tokio::test]
async fn discord_says_how_long_to_wait() {
    let receiver = Receiver::new([]).await;
    let limited = r#"{"message":"You are being rate limited.","retry_after":64.5701,"global":false}"#;
    for (reply, judgement) in [
        (Reply::new(429, limited).with("retry-after", "65"), (Ended::Failed, Some(429), Some(64_571))),
        (Reply::new(429, "").with("x-ratelimit-reset-after", "0.5"), (Ended::Failed, Some(429), Some(500))),
        (Reply::new(429, "<html>").with("retry-after", "65"), (Ended::Failed, Some(429), Some(65_000))),
        (Reply::new(429, r#"{"retry_after":-1}"#), (Ended::Failed, Some(429), None)),
        (
            Reply::new(200, "{}").with("x-ratelimit-remaining", "0").with("x-ratelimit-reset-after", "1.25"),
            (Ended::Done, Some(200), Some(1_250)),
        ),
        (
            Reply::new(200, "{}").with("x-ratelimit-remaining", "4").with("x-ratelimit-reset-after", "1.25"),
            (Ended::Done, Some(200), None),
        ),
    ] {
        receiver.then(reply);
        assert_eq!(judged(&send(&discord(&receiver)).await), judgement);
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_final_and_credentials_are_not() {
    let receiver = Receiver::new([]).await;
    let (discord, slack) = (discord(&receiver), slack(&receiver));
    let on_discord: [(u16, &str, Ended); 5] = [
        (404, r#"{"message":"Unknown Webhook","code":10015}"#, Ended::Refused),
        (400, r#"{"code":50035}"#, Ended::Refused),
        (401, r#"{"message":"Invalid Webhook Token hush","code":50027}"#, Ended::Failed),
        (403, "", Ended::Failed),
        (502, "", Ended::Failed),
    ];
    let on_slack: [(u16, &str, Ended); 6] = [
        (404, "no_service", Ended::Refused),
        (410, "channel_is_archived", Ended::Refused),
        (400, "invalid_payload", Ended::Refused),
        (403, "action_prohibited", Ended::Failed),
        (429, "rate_limited", Ended::Failed),
        (500, "rollup_error", Ended::Failed),
    ];
    for (notifier, cases) in [(&discord as &dyn Notifier, &on_discord[..]), (&slack, &on_slack[..])] {
        for (status, body, ended) in cases {
            receiver.then(Reply::new(*status, *body));
            let result = send(notifier).await;
            assert_eq!(judged(&result), (*ended, Some(*status), None));
        }
    }
}

#[tokio::test]
async fn slack_gets_a_text_that_mentions_the_user_and_nobody_else() {
    let receiver = Receiver::new([Reply::new(200, "ok")]).await;
    assert_eq!(judged(&send(&slack(&receiver)).await), (Ended::Done, Some(200), None));
    let got = receiver.only();
    assert_eq!((got.method.as_str(), &*got.path), ("POST", "/services/T0/B0/hush"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.json(), json!({"text": "<@U012AB3CD> *결제 완료*\n아이유 콘서트 예약이 확정되었습니다."}));
    let mut long = message(Channel::Slack);
    long.call.message = format!("<!channel> {}", "&".repeat(3_000));
    send_to(&slack(&receiver), &long, &contact()).await;
    let body = receiver.only().json();
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("<@U012AB3CD> *결제 완료*\n&lt;!channel&gt; &amp;") && text.ends_with("&amp;…"), "{text}");
    assert!((3_990..=4_000).contains(&text.chars().count()), "{}", text.chars().count());
}

#[tokio::test]
async fn slack_says_how_long_to_wait() {
    let receiver = Receiver::new([Reply::new(429, "rate_limited").with("retry-after", "30")]).await;
    assert_eq!(judged(&send(&slack(&receiver)).await), (Ended::Failed, Some(429), Some(30_000)));
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    is_not_reached(&DiscordNotifier::new(client(), Secret::new(Receiver::gone().await))).await;
    is_not_reached(&SlackNotifier::new(client(), Secret::new(Receiver::gone().await))).await;
}
