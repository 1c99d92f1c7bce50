//! From texts to settings: each value is checked where it is read, so that a refusal can name the key and where it stood.

use super::table::SETTINGS;
use super::{Channels, ConfigError, Kafka, LogFormat, Secret, Settings, fees};
use figment::Figment;
use figment::value::Value;
use holdfast_engine::runtime::OnLostInput;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

const DAY_MS: u64 = 24 * 3_600_000;

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

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let setting = SETTINGS.iter().find(|s| s.key == key);
        let text = match self.values.get(key) {
            None => None,
            Some(value) => {
                Some(scalar(value).ok_or_else(|| self.wrong(key, "must be a text, a number or a list of texts"))?)
            }
        };
        let text = text.filter(|t| !t.trim().is_empty()).map(|t| t.trim().to_owned());
        let shown = match (&text, setting.is_some_and(|s| s.secret)) {
            (None, _) => "unset".to_owned(),
            (Some(_), true) => "***".to_owned(),
            (Some(text), false) => text.clone(),
        };
        self.shown.push((key, shown));
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

    fn required(&mut self, key: &'static str) -> Result<String, ConfigError> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "must not be empty"))
    }

    pub(super) fn secret(&mut self, key: &'static str) -> Result<Option<Secret>, ConfigError> {
        Ok(self.text(key)?.map(Secret::new))
    }

    fn number(&mut self, key: &'static str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(n) if range.contains(&n) => Ok(Some(n)),
            _ => {
                Err(self
                    .wrong(key, format!("{text:?} is not a whole number from {} to {}", range.start(), range.end())))
            }
        }
    }

    pub(super) fn one_of(&mut self, key: &'static str, allowed: &[&str]) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match allowed.iter().find(|a| a.eq_ignore_ascii_case(&text)) {
            Some(found) => Ok(Some((*found).to_owned())),
            None => Err(self.wrong(key, format!("{text:?} is not one of {}", allowed.join(", ")))),
        }
    }

    fn flag(&mut self, key: &'static str) -> Result<bool, ConfigError> {
        let on = ["1", "true", "yes", "on"];
        let allowed = [&on[..], &["0", "false", "no", "off"]].concat();
        Ok(self.one_of(key, &allowed)?.is_some_and(|value| on.contains(&value.as_str())))
    }

    fn topic_part(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let good = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if good {
            Ok(Some(text))
        } else {
            Err(self.wrong(key, format!("{text:?} may hold letters, digits, '.', '_' and '-' only, at most 100")))
        }
    }

    fn url(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let good = text.starts_with("http://") || text.starts_with("https://");
        // The value itself is not repeated: webhook URLs are secrets.
        if good { Ok(Some(text)) } else { Err(self.wrong(key, "must begin with http:// or https://")) }
    }

    /// All of them, as far as they make sense.
    pub(super) fn settings(&mut self) -> Result<Settings, ConfigError> {
        let kafka = self.kafka()?;
        let kafka_group_id =
            self.topic_part("kafka_group_id")?.ok_or_else(|| self.wrong("kafka_group_id", "must not be empty"))?;
        let app_id = self.topic_part("app_id")?.ok_or_else(|| self.wrong("app_id", "must not be empty"))?;
        let worker_id = self.topic_part("worker_id")?;
        let partitions = self.number("partitions", 1..=4096)?.and_then(|n| u32::try_from(n).ok()).unwrap_or(3);
        let replication = self.number("replication", 1..=32)?.and_then(|n| u32::try_from(n).ok());
        let allow_unsafe_topics = self.flag("allow_unsafe_topics")?;
        let http_addr = self.addresses("http_addr")?;
        let http_advertised = match self.url("http_advertised")? {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => http_addr.first().map(|addr| format!("http://{addr}")).unwrap_or_default(),
        };
        let http_connections_max = self.number("http_connections_max", 1..=1_000_000)?;
        let data_dir = PathBuf::from(self.required("data_dir")?);
        // Brokers take a megabyte at once unless their operator says otherwise.
        let record_bytes_max =
            self.number("record_bytes_max", 1_000..=1_000_000)?.and_then(|n| usize::try_from(n).ok());
        let on_lost_input = match self.one_of("on_lost_input", &["stop", "continue"])?.as_deref() {
            Some("continue") => OnLostInput::Continue,
            _ => OnLostInput::Stop,
        };
        let hold_ms = self.number("hold_ms", 1..=30 * DAY_MS)?.unwrap_or(300_000);
        let cancel_fees = fees::parse(&self.required("cancel_fees")?).map_err(|why| self.wrong("cancel_fees", why))?;
        let free_cancel_ms = self.number("free_cancel_ms", 0..=365 * DAY_MS)?.unwrap_or(DAY_MS);
        let free_cancel_days_min = self.number("free_cancel_days_min", 0..=3_660)?.unwrap_or(3);
        let admin_token = self.secret("admin_token")?;
        let channels = Channels {
            discord_webhook_url: self.url("discord_webhook_url")?.map(Secret::new),
            slack_webhook_url: self.url("slack_webhook_url")?.map(Secret::new),
            fcm_project_id: self.text("fcm_project_id")?,
            fcm_credentials: self.secret("fcm_credentials")?,
            kakao_api_key: self.secret("kakao_api_key")?,
            sms_api_url: self.url("sms_api_url")?,
            sms_api_key: self.secret("sms_api_key")?,
            sms_sender: self.text("sms_sender")?,
            data_platform_url: self.url("data_platform_url")?,
        };
        let log_format = match self.one_of("log_format", &["text", "json"])?.as_deref() {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        };
        let log_level = self
            .one_of("log_level", &["error", "warn", "info", "debug", "trace"])?
            .unwrap_or_else(|| "info".to_owned());
        Ok(Settings {
            kafka,
            kafka_group_id,
            app_id,
            worker_id,
            partitions,
            replication,
            allow_unsafe_topics,
            http_addr,
            http_advertised,
            http_connections_max,
            data_dir,
            record_bytes_max: record_bytes_max.unwrap_or(1_000_000),
            on_lost_input,
            hold_ms,
            cancel_fees,
            free_cancel_ms,
            free_cancel_days_min,
            admin_token,
            channels,
            log_format,
            log_level,
            shown: Vec::new(),
        })
    }

    fn kafka(&mut self) -> Result<Option<Kafka>, ConfigError> {
        let brokers = self.text("kafka_brokers")?;
        let client_id = self.required("kafka_client_id")?;
        let security = self.security()?;
        let transactions = self.one_of("kafka_transactions", &["direct", "librdkafka"])?;
        let Some(brokers) = brokers else { return Ok(None) };
        for broker in brokers.split(',') {
            let port = broker
                .trim()
                .rsplit_once(':')
                .and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
            if port.is_none() {
                return Err(self.wrong("kafka_brokers", format!("{broker:?} is not host:port")));
            }
        }
        self.check_security(&security)?;
        // The direct way knows neither TLS nor SASL: the line of settings tells what is in force, not what was set.
        let librdkafka_transactions = transactions.as_deref() == Some("librdkafka") || security.protocol != "plaintext";
        if librdkafka_transactions {
            self.show("kafka_transactions", "librdkafka");
        }
        Ok(Some(Kafka { brokers, client_id, security, librdkafka_transactions }))
    }

    fn addresses(&mut self, key: &'static str) -> Result<Vec<SocketAddr>, ConfigError> {
        let text = self.required(key)?;
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let address = part.to_socket_addrs().ok().and_then(|mut found| found.next());
            let Some(address) = address else {
                return Err(self.wrong(key, format!("{part:?} is not an address: write host:port")));
            };
            if address.port() != 0 && addresses.contains(&address) {
                return Err(self.wrong(key, format!("{part} is there twice")));
            }
            addresses.push(address);
        }
        if addresses.is_empty() { Err(self.wrong(key, "names no address")) } else { Ok(addresses) }
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
