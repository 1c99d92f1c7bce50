//! A feature without its types: what rooms that run or compare topologies need of it. The list of all is [`crate::FEATURES`].

use crate::{FEATURES, shell};
use holdfast_engine::prelude::{Table, Topology};
use holdfast_model::settings::SettingsRow;

/// A feature without its types: its settings are JSON, as its state keeps them.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Name of its topology.
    pub name: &'static str,
    /// Where its state keeps the settings that decisions rest on, by the offset of the first record decided with them; `None` = it has none.
    pub settings: Option<&'static Table<u64, SettingsRow>>,
    usual: fn() -> Topology,
    topology: fn(&str) -> serde_json::Result<Topology>,
    rewritten: fn(&str) -> serde_json::Result<String>,
}

impl Feature {
    pub(crate) const fn of<F: shell::Described>() -> Self {
        Self {
            name: F::NAME,
            settings: F::SETTINGS,
            usual: || F::topology(&F::Settings::default()),
            topology: |json| Ok(F::topology(&serde_json::from_str(json)?)),
            rewritten: |json| serde_json::to_string(&serde_json::from_str::<F::Settings>(json)?),
        }
    }

    /// Its topology as it usually is.
    #[must_use]
    pub fn usual(&self) -> Topology {
        (self.usual)()
    }

    /// Its topology with the settings that `json` says, written by this version or another one.
    ///
    /// # Errors
    /// When `json` is no settings of this feature.
    pub fn topology(&self, json: &str) -> serde_json::Result<Topology> {
        (self.topology)(json)
    }

    /// The same settings as this version writes them: with all fields, in their order.
    ///
    /// # Errors
    /// When `json` is no settings of this feature.
    pub fn rewritten(&self, json: &str) -> serde_json::Result<String> {
        (self.rewritten)(json)
    }
}

/// The feature whose topology is called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// Every topology of the shop, with the settings that `json` has for the feature of a name; one that it has none for is as it usually is.
///
/// # Errors
/// For JSON that is no settings of its feature.
pub fn topologies<'a>(json: impl Fn(&str) -> Option<&'a str>) -> serde_json::Result<Vec<Topology>> {
    FEATURES
        .iter()
        .map(|feature| json(feature.name).map_or_else(|| Ok(feature.usual()), |json| feature.topology(json)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_made_of_its_settings() {
        for feature in FEATURES {
            assert_eq!(&**feature.usual().name(), feature.name);
            assert_eq!(named(feature.name).map(|feature| feature.name), Some(feature.name));
            let Some(table) = feature.settings else { continue };
            assert!(feature.usual().stores().contains(&table.spec()), "{}", feature.name);
            // Whatever an older version has left out is what it is by default.
            let usual = feature.rewritten("{}").unwrap();
            assert_eq!(feature.rewritten(&usual).unwrap(), usual);
            assert!(feature.topology(&usual).is_ok() && feature.topology("no json").is_err());
        }
        assert!(named("coupons").is_none());
    }

    #[test]
    fn settings_reach_their_feature() {
        let json = r#"{"holdMs":5000}"#;
        assert!(topologies(|name| (name == "reservation").then_some(json)).is_ok());
        assert!(topologies(|name| (name == "reservation").then_some("{")).is_err());
    }
}
