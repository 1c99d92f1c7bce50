//! What rooms need to know of every feature and of none by name.

use crate::config_def::{About, Setting};
use holdfast_engine::inspect::TaskView;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A feature.
#[derive(Debug)]
pub struct Feature {
    /// Name of its topology.
    pub name: &'static str,
    /// The topic that its commands come in by.
    pub inbox: &'static str,
    /// Its settings, if its decisions rest on any.
    pub settings: Option<Settable>,
    /// The sample data of `run --sample`.
    pub sample: Sample,
}

/// The sample data of a feature. Its commands bring their own ids, so a second start changes nothing and adds nothing.
#[derive(Debug)]
pub struct Sample {
    /// The commands that make it.
    pub commands: fn() -> Vec<SampleCommand>,
    /// Whether the command of this id is decided.
    pub is_decided: fn(&TaskView, &String) -> bool,
}

impl Sample {
    /// For a feature without sample data.
    pub const NONE: Self = Self { commands: Vec::new, is_decided: |_, _| true };
}

/// A command of the sample data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleCommand {
    /// Key of its record.
    pub key: String,
    /// Its own id.
    pub id: String,
    /// Value of its record: a JSON object.
    pub value: Vec<u8>,
    /// A field that the worker adds to it: 32 random bytes in base64. A secret that stood in the program would be none.
    pub secret: Option<&'static str>,
}

/// Settings of a feature: which of them an operator may change, and how.
pub trait Settings: Default + Serialize + DeserializeOwned + 'static {
    /// Name of the feature's topology.
    const FEATURE: &'static str;
    /// What an operator may set. A key that several features have is one setting for all of them.
    const TABLE: &'static [Setting<Self>];
}

/// The settings of a feature without their type: as the JSON that its state keeps.
#[derive(Debug)]
pub struct Settable {
    /// As they usually are.
    pub usual: fn() -> String,
    /// What an operator may set.
    pub abouts: fn() -> Vec<About>,
    /// The settings of a JSON text, with another value for the key: what is wrong with that text is the error.
    pub set: fn(&str, &str, &str) -> Result<String, String>,
}

impl Settable {
    /// Settings of this type.
    #[must_use]
    pub const fn of<S: Settings>() -> Self {
        Self {
            usual: || to_json(&S::default()),
            abouts: || S::TABLE.iter().map(|setting| setting.about).collect(),
            set: |json, key, text| {
                let mut settings: S = from_json(json);
                for setting in S::TABLE.iter().filter(|setting| setting.about.key == key) {
                    (setting.set)(&mut settings, text)?;
                }
                Ok(to_json(&settings))
            },
        }
    }
}

fn to_json<S: Settings>(settings: &S) -> String {
    // Texts and numbers always encode.
    serde_json::to_string(settings).unwrap_or_default()
}

/// Settings that this version wrote.
#[must_use]
pub fn from_json<S: Settings>(json: &str) -> S {
    // It reads what it writes: a test holds every feature to it.
    serde_json::from_str(json).unwrap_or_default()
}
