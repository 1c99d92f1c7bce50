//! What a feature says of itself.

use super::case::{Case, Handled};
use holdfast_engine::prelude::{Context, ProcessError, Table, Topology};
use holdfast_model::settings::SettingsRow;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A feature of the shop, as [`super::Shell`] runs it. It is a type without values: what a task remembers between records is in the state.
pub(crate) trait Feature: Sized + 'static {
    /// Name of the topology: part of the source of all its events.
    const NAME: &'static str;

    /// Where the settings are kept that decisions rest on, by the offset of the first record decided with them. `None` for a feature without settings.
    const SETTINGS: Option<&'static Table<u64, SettingsRow>>;

    /// What the shop may set, and decisions rest on.
    type Settings: KeptSettings;

    /// Texts and keys that are written over for each record, so that a record costs no allocation. Nothing is read from them that this record did not write.
    type Buffers: Default + Send;

    /// A record of the inbox, read.
    type Message<'a>;

    /// The topology with these settings: what it reads, keeps and sends.
    fn topology(settings: &Self::Settings) -> Topology;

    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] for everything that is no message.
    fn parse(value: Option<&[u8]>) -> Result<Self::Message<'_>, ProcessError>;

    /// Where a message belongs. `places` is their number.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] for a message that belongs nowhere.
    fn home<'m>(
        message: &'m Self::Message<'_>,
        buffers: &'m mut Self::Buffers,
        places: u32,
    ) -> Result<Home<'m>, ProcessError>;

    /// Hands each kind of message to [`Case::once`] with its decision, or to [`Case::answer`] if it has no outcome of its own.
    ///
    /// # Errors
    /// As [`holdfast_engine::prelude::Processor::process`].
    fn decide(case: Case<'_, '_, Self>, message: &Self::Message<'_>) -> Result<Handled, ProcessError>;
}

/// What rooms that run or compare topologies need of a feature. One with a single inbox has it by being a [`Feature`]; one that reads several topics has a
/// processor of its own, and says this and no more.
pub(crate) trait Described: 'static {
    /// See [`Feature::NAME`].
    const NAME: &'static str;
    /// See [`Feature::SETTINGS`].
    const SETTINGS: Option<&'static Table<u64, SettingsRow>>;
    /// See [`Feature::Settings`].
    type Settings: KeptSettings;
    /// See [`Feature::topology`].
    fn topology(settings: &Self::Settings) -> Topology;
}

impl<F: Feature> Described for F {
    const NAME: &'static str = F::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = F::SETTINGS;
    type Settings = <F as Feature>::Settings;

    fn topology(settings: &Self::Settings) -> Topology {
        <F as Feature>::topology(settings)
    }
}

/// Settings that are kept as JSON in the state. A field that is added later is, in what was kept before, what it is by default (`#[serde(default)]`).
pub(crate) trait KeptSettings:
    Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<S: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static> KeptSettings for S {}

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home<'a> {
    /// Where this key lives.
    Key(&'a str),
    /// The place in an id. One that does not exist is a made-up id, which is unknown wherever it turns up: such a message is decided where it is.
    Place(u32),
    /// Nowhere: it speaks of what cannot exist, and that can be said anywhere.
    Anywhere,
}

impl Home<'_> {
    /// Whether it is another place than the one of `ctx`.
    #[inline]
    pub(super) fn is_elsewhere(&self, ctx: &Context<'_>) -> bool {
        match *self {
            Self::Key(key) => ctx.place_of(key.as_bytes()) != ctx.place(),
            Self::Place(place) => place != ctx.place() && place < ctx.places(),
            Self::Anywhere => false,
        }
    }
}
