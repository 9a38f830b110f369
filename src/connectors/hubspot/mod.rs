//! HubSpot: CRM records, their associations, owners and pipelines, as source and destination.
//!
//! The numbers of the vendor are in `limits`, the way of a read in `source`, that of a write in `destination`, and what an
//! answer means in `errors`. The local HubSpot, for tests and dry runs, is in the crate `emulators`; it follows the vendor's
//! documentation and shares no code with the connector. Start at [`HubSpot`].

mod account;
mod auth;
mod client;
mod config;
mod destination;
mod errors;
mod fixture;
mod inspection;
mod limits;
mod schema;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::FutureExt;

use crate::connector::{
    AccountAnswer, AccountForm, Authorization, ConfigError, Connector, Context, Destination, Host, Service, Source,
};
use crate::http::Client;
use crate::model::Capabilities;

pub use config::Config;
pub use limits::Plan;

use auth::Login;
use client::Api;
use config::Settings;
use schema::Catalog;

/// The connector of HubSpot.
#[derive(Debug)]
pub struct HubSpot;

impl Connector for HubSpot {
    const NAME: &'static str = "hubspot";
    const CAPABILITIES: Capabilities = limits::CAPABILITIES;
    const STANDARD_FIELDS: Option<&'static str> = Some(include_str!("standard.yaml"));
    const ACCOUNT: Option<AccountForm> = Some(account::FORM);
    const HOSTS: &'static [Host] = &[Host { option: "base_url", serves: &[Service::Api, Service::Login] }];
    type Config = Config;

    fn check_config(config: &Config) -> Result<(), ConfigError> {
        config.clone().settings().map(drop)
    }

    fn account(config: Config, context: &Context) -> Result<AccountAnswer, ConfigError> {
        let settings = config.settings()?;
        let catalog = catalog(client(&settings, context).0, &settings);
        Ok(AccountAnswer::Asked(account::ask(catalog).boxed()))
    }

    fn authorization(config: Config, context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(auth::authorization(&config.settings()?, context))
    }

    fn source(config: Config, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        let settings = config.settings()?;
        let (client, login) = client(&settings, context);
        let catalog = catalog(client, &settings);
        Ok(Box::new(source::HubSpotSource::new(catalog, login, context.clock().clone())))
    }

    fn destination(config: Config, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let settings = config.settings()?;
        let (client, login) = client(&settings, context);
        let catalog = catalog(client.with_own_connections(), &settings);
        Ok(Box::new(destination::HubSpotDestination::new(
            catalog,
            login,
            settings.default_owner,
            context.clock().clone(),
        )))
    }
}

fn client(settings: &Settings, context: &Context) -> (Client, Arc<Login>) {
    let transport = context.transport.clone();
    let limits = transport.limiters.of(&settings.account(), &settings.rate_limits);
    let login = Arc::new(Login::new(settings, context));
    let dialect = Arc::<Login>::clone(&login);
    (Client::new(transport, settings.base_url.clone(), dialect, limits, context.meter.clone()), login)
}

fn catalog(client: Client, settings: &Settings) -> Arc<Catalog> {
    Arc::new(Catalog::new(Api::new(client, settings), settings.custom_objects.clone()))
}
