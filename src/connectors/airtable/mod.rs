//! Airtable: bases, their tables and records, by the Web API.
//!
//! An object is a table of the base, by its name or id. Start at [`Airtable`]; what the vendor allows is in `limits`. The
//! local Airtable, for tests and dry runs, is in the crate `emulators`; it follows the vendor's documentation and shares no code with
//! the connector.

mod auth;
mod client;
mod config;
mod destination;
mod errors;
mod fixture;
mod formula;
mod inspection;
mod limits;
mod schema;
mod source;
#[cfg(test)]
mod tests;

use crate::connector::{
    AccountAnswer, AccountForm, Authorization, ConfigError, Connector, Context, Destination, Host, Service, Source,
};
use crate::model::Capabilities;

use self::{client::AirtableClient, destination::AirtableDestination, source::AirtableSource};

pub use config::Config;

/// The connector of Airtable.
#[derive(Debug)]
pub struct Airtable;

impl Connector for Airtable {
    const NAME: &'static str = "airtable";
    const CAPABILITIES: Capabilities = limits::CAPABILITIES;
    const STANDARD_FIELDS: Option<&'static str> = Some(include_str!("standard.yaml"));
    const ACCOUNT: Option<AccountForm> = Some(config::ACCOUNT);
    const HOSTS: &'static [Host] = &[
        Host { option: "base_url", serves: &[Service::Api] },
        Host { option: "oauth_url", serves: &[Service::Login] },
    ];
    type Config = Config;

    fn check_config(config: &Config) -> Result<(), ConfigError> {
        config.resolve().map(drop)
    }

    fn account(config: Config, _context: &Context) -> Result<AccountAnswer, ConfigError> {
        let base = config::ACCOUNT.account(&config.resolve()?.base_id);
        Ok(base.map_or(AccountAnswer::None, AccountAnswer::Known))
    }

    fn authorization(config: Config, context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(auth::authorization(&config.resolve()?, context))
    }

    fn source(config: Config, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(AirtableSource::new(AirtableClient::new(&config.resolve()?, context))))
    }

    fn destination(config: Config, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let client = AirtableClient::new(&config.resolve()?, context);
        Ok(Box::new(AirtableDestination::new(client.with_own_connections())))
    }
}
