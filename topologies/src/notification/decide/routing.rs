//! Through which channels a notification goes.
//!
//! | channel | gets |
//! |---|---|
//! | `fcm` | every type |
//! | `kakao`, and `sms` in its stead when it fails, is off, or is not wanted | what is about money, and not LOW |
//! | `webhook` | the types of `webhook_types` |
//! | `discord`, `slack` | whatever is not LOW |
//! | `log` | everything if it is on, and what has no other channel |
//!
//! Only channels that are on take part (`notify_channels`). Channels of different rows of this table are independent of each other.

use crate::notification::kinds;
use holdfast_model::notification::Priority;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::preferences::PreferencesRow;
use holdfast_model::notification::row::DeliveryRow;
use holdfast_model::notification::settings::Settings;

/// The channels of a notification. Of a chain, the first channel is used; the next one if that fails.
#[must_use]
pub fn chains(kind: &str, priority: Priority, settings: &Settings) -> Vec<Vec<Channel>> {
    let is_low = priority == Priority::Low;
    let is_told_twice = kinds::of(kind).is_about_money && !is_low;
    let is_for_webhook = settings.webhook_types.is_empty() || settings.webhook_types.iter().any(|name| name == kind);
    let table: [(&[Channel], bool); 6] = [
        (&[Channel::Fcm], true),
        (&[Channel::Kakao, Channel::Sms], is_told_twice),
        (&[Channel::Webhook], is_for_webhook),
        (&[Channel::Discord], !is_low),
        (&[Channel::Slack], !is_low),
        (&[Channel::Log], true),
    ];
    let mut chains: Vec<Vec<Channel>> = table
        .into_iter()
        .filter(|(_, gets_it)| *gets_it)
        .map(|(chain, _)| chain.iter().copied().filter(|channel| settings.is_on(*channel)).collect())
        .filter(|chain: &Vec<Channel>| !chain.is_empty())
        .collect();
    if chains.is_empty() {
        chains.push(vec![Channel::Log]);
    }
    chains
}

/// The channel that stands in for `failed`: the next one of its chain that the user wants and that has not been used.
#[must_use]
pub fn fallback(
    (kind, priority): (&str, Priority),
    settings: &Settings,
    preferences: &PreferencesRow,
    failed: Channel,
    deliveries: &[DeliveryRow],
) -> Option<Channel> {
    let chain = chains(kind, priority, settings).into_iter().find(|chain| chain.contains(&failed))?;
    let is_free = |channel: &Channel| {
        !preferences.channels_off.contains(channel) && deliveries.iter().all(|delivery| delivery.channel != *channel)
    };
    chain.into_iter().skip_while(|channel| *channel != failed).skip(1).find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::notification::row::DeliveryState;
    use std::iter::once;

    fn on(channels: &[Channel]) -> Settings {
        Settings { channels: channels.to_vec(), ..Settings::default() }
    }

    #[test]
    fn each_channel_gets_what_it_is_for() {
        use Channel::{Discord, Fcm, Kakao, Log, Slack, Sms, Webhook};
        let all = on(&[Fcm, Kakao, Sms, Webhook, Discord, Slack]);
        for (kind, priority, expected) in [
            ("PAYMENT_CONFIRMED", Priority::High, &[&[Fcm][..], &[Kakao, Sms], &[Webhook], &[Discord], &[Slack]][..]),
            ("PAYMENT_CONFIRMED", Priority::Low, &[&[Fcm], &[Webhook]]),
            ("SEAT_OPENED", Priority::High, &[&[Fcm], &[Webhook], &[Discord], &[Slack]]),
            ("QUEUE_ENTERED", Priority::Low, &[&[Fcm], &[Webhook]]),
            ("ANYTHING", Priority::Medium, &[&[Fcm], &[Webhook], &[Discord], &[Slack]]),
        ] {
            assert_eq!(chains(kind, priority, &all), expected, "{kind} {priority:?}");
        }
        assert_eq!(chains("REFUNDED", Priority::High, &on(&[Sms])), [[Sms]], "there is no Alimtalk to fail");
        assert_eq!(chains("SEAT_OPENED", Priority::High, &on(&[Sms, Kakao])), [[Log]]);
        assert_eq!(chains("REFUNDED", Priority::High, &Settings::default()), [[Log]]);
        assert_eq!(chains("REFUNDED", Priority::High, &on(&[Log, Webhook])), [[Webhook], [Log]]);
    }

    #[test]
    fn the_webhook_gets_its_types() {
        let settings = Settings { webhook_types: vec!["REFUNDED".to_owned()], ..on(&[Channel::Webhook]) };
        assert_eq!(chains("REFUNDED", Priority::High, &settings), [[Channel::Webhook]]);
        assert_eq!(chains("SEAT_OPENED", Priority::High, &settings), [[Channel::Log]]);
    }

    #[test]
    fn a_text_message_stands_in_for_alimtalk_once() {
        let settings = on(&[Channel::Fcm, Channel::Kakao, Channel::Sms]);
        let (user, failed) = (PreferencesRow::default(), DeliveryRow::new(Channel::Kakao, DeliveryState::Stale, 0));
        let instead_of = |channel, user: &PreferencesRow, deliveries: &[DeliveryRow]| {
            fallback(("REFUNDED", Priority::High), &settings, user, channel, deliveries)
        };
        assert_eq!(instead_of(Channel::Kakao, &user, std::slice::from_ref(&failed)), Some(Channel::Sms));
        let used = DeliveryRow::new(Channel::Sms, DeliveryState::Sent, 0);
        let both: Vec<_> = once(failed).chain(once(used)).collect();
        assert_eq!(instead_of(Channel::Kakao, &user, &both), None);
        assert_eq!(instead_of(Channel::Sms, &user, &both), None);
        assert_eq!(instead_of(Channel::Fcm, &user, &[]), None);
        let unwanted = PreferencesRow { channels_off: vec![Channel::Sms], ..user };
        assert_eq!(instead_of(Channel::Kakao, &unwanted, &[]), None);
    }
}
