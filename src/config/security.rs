//! Encryption and authentication of the brokers' connections: settings that cannot work together are refused here, before a broker is asked.

use super::reader::Reader;
use super::{ConfigError, Security};
use std::fs::File;
use std::path::Path;

pub(super) const PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
pub(super) const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTHBEARER, GSSAPI];
const OAUTHBEARER: &str = "OAUTHBEARER";
const GSSAPI: &str = "GSSAPI";

const INSTEAD: &str = "use SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN, or mutual TLS (KAFKA_SECURITY_PROTOCOL=ssl with KAFKA_SECURITY_CERTIFICATE and KAFKA_SECURITY_KEY)";

/// Used with SASL only.
const OF_SASL: &[&str] = &["kafka_security_mechanism", "kafka_security_username", "kafka_security_password"];
/// Used with TLS only.
const OF_TLS: &[&str] =
    &["kafka_security_ca", "kafka_security_certificate", "kafka_security_key", "kafka_security_key_password"];

impl Reader<'_> {
    /// Checks them against each other. Without brokers nothing uses them, and nothing is asked of them.
    pub(super) fn check_security(&self, security: &Security) -> Result<(), ConfigError> {
        let Security { protocol, mechanism, username, password, certificate, key, key_password, .. } = security;
        match mechanism.as_deref() {
            Some(OAUTHBEARER) => {
                return Err(self.wrong(
                    "kafka_security_mechanism",
                    format!("OAUTHBEARER needs a provider of tokens, which this worker does not have: {INSTEAD}"),
                ));
            }
            Some(GSSAPI) => {
                return Err(self.wrong(
                    "kafka_security_mechanism",
                    format!("GSSAPI needs Kerberos, without which this worker is built: {INSTEAD}"),
                ));
            }
            _ => {}
        }
        let unused = |keys: &[&'static str]| keys.iter().copied().find(|key| self.is_set(key));
        if !security.has_sasl()
            && let Some(key) = unused(OF_SASL)
        {
            let with = if security.has_tls() { "sasl_ssl" } else { "sasl_ssl or sasl_plaintext" };
            return Err(self.wrong(
                key,
                format!("is set, but KAFKA_SECURITY_PROTOCOL is {protocol}, which does not use it: set that to {with}, or unset this"),
            ));
        }
        if !security.has_tls()
            && let Some(key) = unused(OF_TLS)
        {
            let with = if security.has_sasl() { "sasl_ssl" } else { "ssl" };
            return Err(self.wrong(
                key,
                format!("is set, but KAFKA_SECURITY_PROTOCOL is {protocol}, which does not use it: set that to {with}, or unset this"),
            ));
        }
        if security.has_sasl() {
            for (key, is_set) in [
                ("kafka_security_mechanism", mechanism.is_some()),
                ("kafka_security_username", username.is_some()),
                ("kafka_security_password", password.is_some()),
            ] {
                if !is_set {
                    return Err(self.wrong(key, format!("must be set when KAFKA_SECURITY_PROTOCOL is {protocol}")));
                }
            }
        }
        for (missing, is_set, because, needs) in [
            ("kafka_security_key", key.is_some(), "KAFKA_SECURITY_CERTIFICATE", certificate.is_some()),
            ("kafka_security_certificate", certificate.is_some(), "KAFKA_SECURITY_KEY", key.is_some()),
            ("kafka_security_key", key.is_some(), "KAFKA_SECURITY_KEY_PASSWORD", key_password.is_some()),
        ] {
            if needs && !is_set {
                return Err(self.wrong(missing, format!("must be set when {because} is")));
            }
        }
        for (key, file) in [
            ("kafka_security_ca", &security.ca),
            ("kafka_security_certificate", certificate),
            ("kafka_security_key", key),
        ] {
            if let Some(file) = file {
                readable(file).map_err(|why| self.wrong(key, format!("{file:?} {why}")))?;
            }
        }
        Ok(())
    }
}

/// Opened, not only looked at: a secret that is mounted for another user is there and cannot be read.
fn readable(file: &str) -> Result<(), String> {
    match File::open(file) {
        Ok(_) if Path::new(file).is_file() => Ok(()),
        Ok(_) => Err("is not a file".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Security, Sources, load};
    use std::collections::BTreeMap;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn loaded(environment: &[(&str, &str)]) -> Result<Security, String> {
        let given = [("KAFKA_BROKERS", "localhost:9092")].iter().chain(environment);
        let environment: BTreeMap<_, _> = given.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let loaded = load(&Sources { environment, ..Sources::default() });
        loaded.map(|settings| settings.kafka.unwrap().security).map_err(|error| error.to_string())
    }

    /// The setting that is at fault comes first; everything in `says` is there.
    fn refused(environment: &[(&str, &str)], setting: &str, says: &[&str]) {
        let line = loaded(environment).unwrap_err();
        assert!(line.starts_with(&format!("configuration: KAFKA_SECURITY_{setting}: ")), "{environment:?}: {line}");
        assert!(says.iter().all(|part| line.contains(part)), "{environment:?}: {line}");
    }

    #[test]
    fn what_cannot_be_spoken_says_what_can() {
        for mechanism in ["OAUTHBEARER", "GSSAPI", "gssapi"] {
            for protocol in ["sasl_ssl", "sasl_plaintext"] {
                let given = [("KAFKA_SECURITY_PROTOCOL", protocol), ("KAFKA_SECURITY_MECHANISM", mechanism)];
                refused(
                    &given,
                    "MECHANISM",
                    &[&mechanism.to_uppercase(), "SCRAM-SHA-512", "KAFKA_SECURITY_CERTIFICATE"],
                );
            }
        }
    }

    #[test]
    fn credentials_that_the_protocol_does_not_use_are_refused() {
        for protocol in [None, Some("plaintext"), Some("ssl")] {
            let protocol: Vec<_> = protocol.map(|p| ("KAFKA_SECURITY_PROTOCOL", p)).into_iter().collect();
            for (setting, value) in [("USERNAME", "holdfast"), ("PASSWORD", "hush"), ("MECHANISM", "PLAIN")] {
                let key = format!("KAFKA_SECURITY_{setting}");
                let given: Vec<_> = protocol.iter().copied().chain([(key.as_str(), value)]).collect();
                refused(&given, setting, &["KAFKA_SECURITY_PROTOCOL", "sasl_ssl"]);
                assert!(!loaded(&given).unwrap_err().contains("hush"));
            }
        }
        let sasl = [
            ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
            ("KAFKA_SECURITY_MECHANISM", "PLAIN"),
            ("KAFKA_SECURITY_USERNAME", "a"),
            ("KAFKA_SECURITY_PASSWORD", "b"),
        ];
        for setting in ["CA", "CERTIFICATE", "KEY", "KEY_PASSWORD"] {
            let key = format!("KAFKA_SECURITY_{setting}");
            refused(&[(&key, "/dev/null")], setting, &["KAFKA_SECURITY_PROTOCOL is plaintext", "ssl"]);
            let given: Vec<_> = sasl.into_iter().chain([(key.as_str(), "/dev/null")]).collect();
            refused(&given, setting, &["KAFKA_SECURITY_PROTOCOL is sasl_plaintext", "sasl_ssl"]);
        }
    }

    #[test]
    fn what_belongs_together_is_asked_for() {
        let sasl = [
            ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KAFKA_SECURITY_MECHANISM", "SCRAM-SHA-512"),
            ("KAFKA_SECURITY_USERNAME", "a"),
            ("KAFKA_SECURITY_PASSWORD", "b"),
        ];
        assert_eq!(loaded(&sasl).unwrap().username.as_deref(), Some("a"));
        for (nth, setting) in [(1, "MECHANISM"), (2, "USERNAME"), (3, "PASSWORD")] {
            let given: Vec<_> = sasl.iter().enumerate().filter(|(n, _)| *n != nth).map(|(_, pair)| *pair).collect();
            refused(&given, setting, &["must be set", "sasl_ssl"]);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("some.pem");
        std::fs::write(&file, "x").unwrap();
        let file = file.to_str().unwrap();
        let ssl = ("KAFKA_SECURITY_PROTOCOL", "ssl");
        refused(&[ssl, ("KAFKA_SECURITY_CERTIFICATE", file)], "KEY", &["KAFKA_SECURITY_CERTIFICATE"]);
        refused(&[ssl, ("KAFKA_SECURITY_KEY", file)], "CERTIFICATE", &["KAFKA_SECURITY_KEY"]);
        refused(&[ssl, ("KAFKA_SECURITY_KEY_PASSWORD", "x")], "KEY", &["KAFKA_SECURITY_KEY_PASSWORD"]);
        let mutual = [ssl, ("KAFKA_SECURITY_CERTIFICATE", file), ("KAFKA_SECURITY_KEY", file)];
        assert_eq!(loaded(&mutual).unwrap().certificate.as_deref(), Some(file));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_its_setting() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (there, missing, folder) = (path("there.pem"), path("missing.pem"), path("."));
        std::fs::write(&there, "x").unwrap();
        for setting in ["CA", "CERTIFICATE", "KEY"] {
            for (file, why) in [(&missing, "No such file"), (&folder, "is not a file")] {
                let mut given = BTreeMap::from([
                    ("KAFKA_SECURITY_PROTOCOL".to_owned(), "ssl"),
                    ("KAFKA_SECURITY_CERTIFICATE".to_owned(), there.as_str()),
                    ("KAFKA_SECURITY_KEY".to_owned(), there.as_str()),
                ]);
                given.insert(format!("KAFKA_SECURITY_{setting}"), file);
                let given: Vec<_> = given.iter().map(|(key, value)| (key.as_str(), *value)).collect();
                refused(&given, setting, &[file, why]);
            }
        }
        std::fs::set_permissions(&there, Permissions::from_mode(0o000)).unwrap();
        // The superuser reads everything.
        if std::fs::File::open(&there).is_err() {
            let given = [("KAFKA_SECURITY_PROTOCOL", "ssl"), ("KAFKA_SECURITY_CA", there.as_str())];
            refused(&given, "CA", &[&there, "Permission denied"]);
        }
    }

    /// Nothing uses them: a file of settings that is shared with workers on brokers does no harm.
    #[test]
    fn without_brokers_nothing_is_asked_for() {
        let environment = BTreeMap::from([("KAFKA_SECURITY_USERNAME".to_owned(), "a".to_owned())]);
        assert!(load(&Sources { environment, ..Sources::default() }).unwrap().kafka.is_none());
    }

    #[test]
    fn what_is_in_force_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let shown = |given: &[(&str, &str)]| {
            let given = [("KAFKA_BROKERS", "localhost:9092")].iter().chain(given);
            let environment = given.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            load(&Sources { environment, ..Sources::default() }).unwrap().to_string()
        };
        assert!(shown(&[]).contains("kafka_transactions=direct "));
        assert!(shown(&[("KAFKA_SECURITY_PROTOCOL", "ssl")]).contains("kafka_transactions=librdkafka "));
        let file = dir.path().join("key.pem");
        std::fs::write(&file, "x").unwrap();
        let file = file.to_str().unwrap();
        let all = shown(&[
            ("KAFKA_SECURITY_PROTOCOL", "ssl"),
            ("KAFKA_TRANSACTIONS", "direct"),
            ("KAFKA_SECURITY_CERTIFICATE", file),
            ("KAFKA_SECURITY_KEY", file),
            ("KAFKA_SECURITY_KEY_PASSWORD", "hush"),
        ]);
        assert!(
            all.contains("kafka_transactions=librdkafka ") && all.contains("kafka_security_key_password=*** "),
            "{all}"
        );
        assert!(all.contains(&format!("kafka_security_certificate={file} ")), "{all}");
    }
}
