//! Which channels there are.

use super::super::notification_channels;
use super::*;

fn registered(environment: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    notification_channels(&settings(environment), &client())
        .map(|channels| channels.iter().map(|channel| channel.name()).collect())
        .map_err(|error| error.to_string())
}

#[test]
fn every_channel_is_there_whatever_is_set() {
    let all: Vec<_> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
    assert_eq!(registered(&[]), Ok(all.clone()));
    let some = [("WEBHOOK_URL", "http://localhost:1/"), ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/1")];
    assert_eq!(registered(&some), Ok(all));
}

#[test]
fn a_channel_that_cannot_work_says_which_setting_is_missing() {
    let line = registered(&[("KAKAO_API_KEY", "hush")]).unwrap_err();
    assert_eq!(line, "configuration: KAKAO_APP_KEY: is not set, and KAKAO_API_KEY is");
    let line = registered(&[("SMS_API_KEY", "hush")]).unwrap_err();
    assert_eq!(line, "configuration: SMS_API_KEY_ID: is not set, and SMS_API_KEY is");
    let line = registered(&[("FCM_CREDENTIALS", "{}")]).unwrap_err();
    assert!(line.starts_with("configuration: FCM_CREDENTIALS: "), "{line}");
}
