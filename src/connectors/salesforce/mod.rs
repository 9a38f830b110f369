//! Salesforce: standard and custom objects, as source and destination.
//!
//! The vendor's numbers are in `limits`, how values get into queries in `soql`, the way of a read in `source`, that of a write
//! in `destination`, and what an answer means in `errors`. The local Salesforce, for tests and dry runs, is in the crate `emulators`; it
//! follows the vendor's documentation and shares no code with the connector. Start at [`Salesforce`].

mod account;
mod auth;
mod client;
mod config;
mod destination;
mod errors;
mod fixture;
mod inspection;
mod limits;
mod names;
mod schema;
mod soql;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::FutureExt;

use crate::connector::{
    AccountAnswer, AccountForm, Authorization, ConfigError, Connector, Context, Destination, Host, KeyOption, Service,
    Source,
};
use crate::http::{Client, Limits};
use crate::model::{BulkLimit, Capabilities, OtherSpelling};

pub use config::Config;

use auth::Login;
use client::Api;
use config::Settings;
use schema::Catalog;

/// The connector of Salesforce.
#[derive(Debug)]
pub struct Salesforce;

impl Connector for Salesforce {
    const NAME: &'static str = "salesforce";
    const CAPABILITIES: Capabilities = limits::CAPABILITIES;
    const STANDARD_FIELDS: Option<&'static str> = Some(include_str!("standard.yaml"));
    const ACCOUNT: Option<AccountForm> = Some(names::ORGANISATION);
    const HOSTS: &'static [Host] = &[Host { option: "base_url", serves: &[Service::Api, Service::Login] }];
    const KEY_OPTIONS: &'static [KeyOption] = &[KeyOption { option: "private_key", written: str::to_owned }];
    const OTHER_SPELLING: Option<OtherSpelling> = Some(names::other_spelling);
    type Config = Config;

    fn check_config(config: &Config) -> Result<(), ConfigError> {
        config.clone().settings().map(drop)
    }

    fn capabilities(config: &Config) -> Capabilities {
        let bulk = Self::CAPABILITIES.bulk.map(|bulk| BulkLimit { min_records: config.bulk_min_records, ..bulk });
        Capabilities { bulk, ..Self::CAPABILITIES }
    }

    fn account(config: Config, context: &Context) -> Result<AccountAnswer, ConfigError> {
        let settings = config.settings()?;
        let (api, login) = api(&settings, context);
        Ok(AccountAnswer::Asked(account::ask(api, login).boxed()))
    }

    fn authorization(config: Config, context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(auth::authorization(&config.settings()?, context))
    }

    fn source(config: Config, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        let settings = config.settings()?;
        let catalog = catalog(client(&settings, context).0, &settings);
        Ok(Box::new(source::SalesforceSource::new(catalog, context.clock().clone(), settings.bulk_query_min_records)))
    }

    fn destination(config: Config, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let settings = config.settings()?;
        let catalog = catalog(client(&settings, context).0.with_own_connections(), &settings);
        Ok(Box::new(destination::SalesforceDestination::new(catalog, settings)))
    }
}

fn api(settings: &Settings, context: &Context) -> (Api, Arc<Login>) {
    let (client, login) = client(settings, context);
    (Api::new(client, settings.version), login)
}

fn client(settings: &Settings, context: &Context) -> (Client, Arc<Login>) {
    let login = Arc::new(Login::new(settings, context));
    let dialect = Arc::<Login>::clone(&login);
    let (transport, meter) = (context.transport.clone(), context.meter.clone());
    (Client::new(transport, settings.login_url.clone(), dialect, Limits::default(), meter), login)
}

fn catalog(client: Client, settings: &Settings) -> Catalog {
    Catalog::new(Api::new(client, settings.version), settings.parent_fields.clone())
}
