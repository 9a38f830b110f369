//! The list of connectors with their types erased, so that nothing outside `connectors` names a vendor.

use std::{collections::BTreeMap, path::Path};

use emulators::Emulator;
use schemars::{Schema as JsonSchema, SchemaGenerator};

use crate::model::{Capabilities, OtherSpelling, Spellings};

use super::{
    AccountAnswer, AccountForm, Authorization, ConfigError, Connector, Context, Destination, Host, KeyOption, Source,
    file::Folder,
};

/// The options of a connection as a pipeline gives them, after interpolation and without `type`.
pub type Options = serde_json::Map<String, serde_json::Value>;

/// Checks the options of a connection without any I/O.
pub type ConfigCheck = fn(Options) -> Result<(), ConfigError>;
type MakeSource = fn(Options, &Context) -> Result<Box<dyn Source>, ConfigError>;
type MakeDestination = fn(Options, &Context) -> Result<Box<dyn Destination>, ConfigError>;
type FindAccount = fn(Options, &Context) -> Result<AccountAnswer, ConfigError>;
type Authorize = fn(Options, &Context) -> Result<Option<Authorization>, ConfigError>;

/// One connector with its types erased.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The connector's name: what `type:` says.
    pub name: &'static str,
    /// What it can do.
    pub capabilities: &'static Capabilities,
    /// What it calls the standard fields: a YAML text for [`StandardFields`](super::StandardFields).
    pub standard_fields: Option<&'static str>,
    /// The hosts that a connection talks to.
    pub hosts: &'static [Host],
    /// The options that hold a key for signing log-ins.
    pub key_options: &'static [KeyOption],
    /// The other spelling of its ids, where they have two.
    pub other_spelling: Option<OtherSpelling>,
    /// Returns what it can do as a connection's options make it.
    pub capabilities_of: fn(Options) -> Result<Capabilities, ConfigError>,
    /// Returns the JSON Schema of its options.
    pub config_schema: fn(&mut SchemaGenerator) -> JsonSchema,
    /// Returns the folder whose files are a connection's objects; none where it has none.
    pub folder: fn(Options, &Path) -> Option<Folder>,
    /// Checks its options.
    pub check_config: ConfigCheck,
    /// Makes a source.
    pub source: MakeSource,
    /// Makes a destination.
    pub destination: MakeDestination,
    /// How the system names its accounts.
    pub account_form: Option<AccountForm>,
    /// Says which account a connection talks to.
    pub account: FindAccount,
    /// Says how a person logs in in the browser.
    pub authorization: Authorize,
    /// Its emulator, where it has one.
    pub emulator: Option<Emulator>,
}

impl Entry {
    /// Erases the types of a connector.
    pub fn of<C: Connector>() -> Self {
        Self {
            name: C::NAME,
            capabilities: const { &C::CAPABILITIES },
            standard_fields: C::STANDARD_FIELDS,
            hosts: C::HOSTS,
            key_options: C::KEY_OPTIONS,
            other_spelling: C::OTHER_SPELLING,
            capabilities_of: |options| Ok(C::capabilities(&decode::<C>(options)?)),
            config_schema: |generator| generator.subschema_for::<C::Config>(),
            folder: |options, base_dir| C::folder(&decode::<C>(options).ok()?, base_dir),
            check_config: |options| C::check_config(&decode::<C>(options)?),
            source: |options, context| C::source(decode::<C>(options)?, context),
            destination: |options, context| C::destination(decode::<C>(options)?, context),
            account_form: C::ACCOUNT,
            account: |options, context| C::account(decode::<C>(options)?, context),
            authorization: |options, context| C::authorization(decode::<C>(options)?, context),
            emulator: None,
        }
    }
}

fn decode<C: Connector>(options: Options) -> Result<C::Config, ConfigError> {
    serde_json::from_value(serde_json::Value::Object(options)).map_err(|error| ConfigError::new("", error.to_string()))
}

/// All connectors of the binary, by name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

/// Says that no connector has the name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no connector is called `{name}`")]
pub struct RegistryError {
    name: String,
}

impl Registry {
    /// Makes a registry of these connectors.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().map(|entry| (entry.name, entry)).collect() }
    }

    /// Gives each connector the emulator of its name, if there is one.
    #[must_use]
    pub fn with_emulators(mut self, emulators: &[(&str, Emulator)]) -> Self {
        for (name, emulator) in emulators {
            if let Some(entry) = self.entries.get_mut(*name) {
                entry.emulator = Some(*emulator);
            }
        }
        self
    }

    /// Returns the connector of that name.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn get(&self, name: &str) -> Result<&Entry, RegistryError> {
        self.entries.get(name).ok_or_else(|| RegistryError { name: name.to_owned() })
    }

    /// Returns how ids may be spelt otherwise.
    pub fn spellings(&self) -> Spellings {
        Spellings::new(self.entries().filter_map(|entry| entry.other_spelling))
    }

    /// Returns the connectors in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
