//! From texts to settings: a table at a time, an entry at a time, so that a refusal can name the key and where it stood.

use super::alerts::{self, ALERTS};
use super::notifiers::OF_NOTIFIERS;
use super::table::{Draft, OF_THE_LOG_AND_THE_APP, OUTSIDE};
use super::{ConfigError, Settings};
use figment::Figment;
use figment::value::Value;
use holdfast_model::FEATURES;
use holdfast_model::config_def::{About, Setting};
use holdfast_model::notification::channel::Channel;
use holdfast_model::{feature, notification};
use std::collections::BTreeMap;
use std::fmt;

/// The key that turns a channel of notifications on when nobody has named the channels.
const TURNED_ON_BY: [(&str, Channel); 6] = [
    ("webhook_url", Channel::Webhook),
    ("fcm_credentials", Channel::Fcm),
    ("kakao_api_key", Channel::Kakao),
    ("sms_api_key", Channel::Sms),
    ("discord_webhook_url", Channel::Discord),
    ("slack_webhook_url", Channel::Slack),
];

/// Reads values, remembers what to show of them.
pub(super) struct Reader<'a> {
    pub(super) figment: &'a Figment,
    pub(super) values: &'a BTreeMap<String, Value>,
    pub(super) shown: Vec<(&'static str, String)>,
}

impl Reader<'_> {
    pub(super) fn wrong(&self, key: &str, why: impl fmt::Display) -> ConfigError {
        let source = self.figment.find_metadata(key).map_or_else(String::new, |m| match &m.source {
            Some(source) => format!(" (from {source})"),
            None => format!(" (from {})", m.name),
        });
        ConfigError::new(key, format!("{why}{source}"))
    }

    /// The text in force; `None` = unset.
    fn text(&mut self, about: &About) -> Result<Option<String>, ConfigError> {
        let About { key, default, is_secret, is_required, .. } = *about;
        let given = match self.values.get(key) {
            None => None,
            Some(value) => {
                Some(scalar(value).ok_or_else(|| self.wrong(key, "must be a text, a number or a list of texts"))?)
            }
        };
        let is_given = given.is_some();
        let given = given.filter(|t| !t.trim().is_empty()).map(|t| t.trim().to_owned());
        if is_required && is_given && given.is_none() {
            return Err(self.wrong(key, "must not be empty"));
        }
        let text = given.or_else(|| default.map(str::to_owned));
        let shown = match (&text, is_secret) {
            (None, _) => "unset".to_owned(),
            (Some(_), true) => "***".to_owned(),
            (Some(text), false) => text.clone(),
        };
        // A key that several features have is one setting.
        if !self.shown.iter().any(|(known, _)| *known == key) {
            self.shown.push((key, shown));
        }
        Ok(text)
    }

    /// Whether it is set to something.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.values.get(key).and_then(scalar).is_some_and(|text| !text.trim().is_empty())
    }

    /// Shows `value` instead of what was set.
    fn show(&mut self, key: &str, value: &str) {
        for (_, shown) in self.shown.iter_mut().filter(|(shown, _)| *shown == key) {
            value.clone_into(shown);
        }
    }

    fn table<S>(&mut self, table: &[Setting<S>], into: &mut S) -> Result<(), ConfigError> {
        for Setting { about, set } in table {
            if let Some(text) = self.text(about)? {
                set(into, &text).map_err(|why| self.wrong(about.key, why))?;
            }
        }
        Ok(())
    }

    /// All of them, as far as they make sense.
    pub(super) fn settings(mut self) -> Result<Settings, ConfigError> {
        let mut draft = Draft::default();
        self.table(OF_THE_LOG_AND_THE_APP, &mut draft)?;
        for feature in FEATURES {
            let Some(settings) = &feature.settings else { continue };
            let mut json = (settings.usual)();
            for about in (settings.abouts)() {
                if let Some(text) = self.text(&about)? {
                    json = (settings.set)(&json, about.key, &text).map_err(|why| self.wrong(about.key, why))?;
                }
            }
            draft.settings.features.insert(feature.name, json);
        }
        self.turn_channels_on(&mut draft);
        self.table(OF_NOTIFIERS, &mut draft)?;
        self.table(OUTSIDE, &mut draft)?;
        self.table(ALERTS, &mut draft)?;
        self.finish(draft)
    }

    /// Notifications go through the channels that are set, unless `notify_channels` names others.
    fn turn_channels_on(&mut self, draft: &mut Draft) {
        let key = "notify_channels";
        let on: Vec<Channel> =
            TURNED_ON_BY.iter().filter(|(key, _)| self.is_set(key)).map(|(_, channel)| *channel).collect();
        if self.is_set(key) || on.is_empty() {
            return;
        }
        if let Some(json) = draft.settings.features.get_mut(notification::NAME) {
            let settings: notification::Settings = feature::from_json(json);
            // Names and numbers always encode.
            *json =
                serde_json::to_string(&notification::Settings { channels: on.clone(), ..settings }).unwrap_or_default();
            self.show(key, &on.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(","));
        }
    }

    /// What follows from several settings together.
    fn finish(mut self, draft: Draft) -> Result<Settings, ConfigError> {
        let Draft { mut settings, mut kafka } = draft;
        if settings.http_advertised.is_empty() {
            let first = settings.http_addr.first();
            settings.http_advertised = first.map(|addr| format!("http://{addr}")).unwrap_or_default();
        }
        alerts::finish(&mut settings);
        if !kafka.brokers.is_empty() {
            self.check_security(&kafka.security)?;
            // The direct way knows neither TLS nor SASL: the line of settings tells what is in force, not what was set.
            kafka.librdkafka_transactions |= kafka.security.protocol != "plaintext";
            if kafka.librdkafka_transactions {
                self.show("kafka_transactions", "librdkafka");
            }
            settings.kafka = Some(kafka);
        }
        Ok(Settings { shown: self.shown, ..settings })
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, b) => Some(b.to_string()),
        Value::Num(_, n) => n
            .to_u128()
            .map(|n| n.to_string())
            .or_else(|| n.to_i128().map(|n| n.to_string()))
            .or_else(|| n.to_f64().map(|n| n.to_string())),
        Value::Array(_, parts) => Some(parts.iter().map(scalar).collect::<Option<Vec<_>>>()?.join(",")),
        _ => None,
    }
}
