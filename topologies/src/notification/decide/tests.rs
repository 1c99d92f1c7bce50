use super::*;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::preferences::QuietRow;

const NOW: i64 = 1_000_000_000;

fn plan(
    kind: &str,
    settings: &Settings,
    preferences: &PreferencesRow,
    event_ms: Option<i64>,
) -> Vec<(Channel, DeliveryState, u32)> {
    let asked = Asked { kind, priority: None, event_ms };
    let plan = request(asked, settings, preferences, NOW);
    plan.deliveries.iter().map(|row| (row.channel, row.state, row.attempts)).collect()
}

fn on(channels: &[Channel]) -> Settings {
    Settings { channels: channels.to_vec(), ..Settings::default() }
}

#[test]
fn a_payment_is_told_by_push_and_alimtalk() {
    let settings = on(&[Channel::Fcm, Channel::Kakao, Channel::Sms]);
    let sending = |channel| (channel, DeliveryState::Sending, 1);
    let nobody = PreferencesRow::default();
    assert_eq!(plan("PAYMENT_CONFIRMED", &settings, &nobody, None), [Channel::Fcm, Channel::Kakao].map(sending));
    assert_eq!(plan("PAYMENT_CONFIRMED", &on(&[Channel::Webhook]), &nobody, None), [sending(Channel::Webhook)]);
    assert_eq!(plan("PAYMENT_CONFIRMED", &Settings::default(), &nobody, None), [sending(Channel::Log)]);
}

#[test]
fn what_the_user_does_not_want_is_recorded_and_not_sent() {
    let settings = on(&[Channel::Fcm, Channel::Kakao, Channel::Sms]);
    let off = |channel, why| (channel, DeliveryState::Suppressed(why), 0);
    let no_kakao = PreferencesRow { channels_off: vec![Channel::Kakao], ..PreferencesRow::default() };
    let expected = [
        (Channel::Fcm, DeliveryState::Sending, 1),
        off(Channel::Kakao, Suppression::UserChannel),
        (Channel::Sms, DeliveryState::Sending, 1),
    ];
    assert_eq!(plan("REFUNDED", &settings, &no_kakao, None), expected);
    let no_type = PreferencesRow { types_off: vec!["REFUNDED".to_owned()], ..no_kakao };
    let expected = [Channel::Fcm, Channel::Kakao].map(|channel| off(channel, Suppression::UserType));
    assert_eq!(plan("REFUNDED", &settings, &no_type, None), expected);
}

#[test]
fn a_held_seat_is_told_only_if_the_shop_wants_it() {
    let nobody = PreferencesRow::default();
    let held = |notify_held| plan("RESERVATION_HELD", &Settings { notify_held, ..Settings::default() }, &nobody, None);
    assert_eq!(held(false), [(Channel::Log, DeliveryState::Suppressed(Suppression::TypeOff), 0)]);
    assert_eq!(held(true), [(Channel::Log, DeliveryState::Sending, 1)]);
}

#[test]
fn age_is_counted_from_the_fact() {
    let (settings, nobody) = (Settings::default(), PreferencesRow::default());
    for (event_ms, state) in [
        (None, DeliveryState::Sending),
        (Some(NOW - 299_999), DeliveryState::Sending),
        (Some(NOW - 300_000), DeliveryState::Stale),
        (Some(i64::MIN), DeliveryState::Stale),
    ] {
        assert_eq!(plan("SEAT_OPENED", &settings, &nobody, event_ms)[0].1, state, "{event_ms:?}");
    }
    // The seeds write a deadline that is still to come as the time of the event.
    let asked = Asked { kind: "SEAT_OPENED", priority: None, event_ms: Some(NOW + 300_000) };
    assert_eq!(request(asked, &settings, &nobody, NOW).valid_until_ms, NOW + 300_000);
}

#[test]
fn a_request_may_say_its_lane() {
    let (settings, quiet) = (Settings::default(), Some(QuietRow { from: 0, to: 1_439 }));
    let user = PreferencesRow { quiet, ..PreferencesRow::default() };
    let lane = |priority| request(Asked { kind: "COUPON_ISSUED", priority, event_ms: None }, &settings, &user, NOW);
    assert_eq!(lane(None).priority, Priority::Medium);
    assert!(matches!(lane(None).deliveries[0].state, DeliveryState::Queued(_)));
    assert_eq!(lane(Some(Priority::High)).deliveries[0].state, DeliveryState::Sending);
}
