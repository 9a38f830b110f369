//! Pipedrive: persons, organizations, deals, leads, activities, products and notes, as source and destination.
//!
//! What the API can do with each object is in `object`, the vendor's numbers are in `limits`, fields and their values in `schema`,
//! reading in `source`, writing in `destination`, and what an answer means in `errors`. The connector takes version 2 of the API
//! where it serves and version 1 where it alone does. The local Pipedrive, for tests and dry runs, is in the crate `emulators`; it
//! follows the vendor's documentation and shares no code with the connector. Start at [`Pipedrive`].

mod account;
mod auth;
mod client;
mod config;
mod costs;
mod day;
mod destination;
mod errors;
mod fixture;
mod inspection;
mod limits;
mod object;
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
pub use limits::CompanyPlan;

use self::{
    auth::Login, client::Api, config::Settings, day::Day, destination::PipedriveDestination, schema::Catalog,
    source::PipedriveSource,
};

/// The connector of Pipedrive.
#[derive(Debug)]
pub struct Pipedrive;

impl Connector for Pipedrive {
    const NAME: &'static str = "pipedrive";
    const CAPABILITIES: Capabilities = limits::CAPABILITIES;
    const STANDARD_FIELDS: Option<&'static str> = Some(include_str!("standard.yaml"));
    const ACCOUNT: Option<AccountForm> = Some(account::FORM);
    const HOSTS: &'static [Host] = &[
        Host { option: "base_url", serves: &[Service::Api] },
        Host { option: "oauth_url", serves: &[Service::Login] },
    ];
    type Config = Config;

    fn check_config(config: &Config) -> Result<(), ConfigError> {
        config.resolve().map(drop)
    }

    fn capabilities(config: &Config) -> Capabilities {
        limits::capabilities(config.burst())
    }

    fn account(config: Config, context: &Context) -> Result<AccountAnswer, ConfigError> {
        let settings = config.resolve()?;
        let api = Api::new(client(&settings, context), day(&settings, context));
        Ok(AccountAnswer::Asked(account::ask(api).boxed()))
    }

    fn authorization(config: Config, context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(auth::authorization(&config.resolve()?, context))
    }

    fn source(config: Config, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        let settings = config.resolve()?;
        let catalog = Catalog::new(Api::new(client(&settings, context), day(&settings, context)));
        Ok(Box::new(PipedriveSource::new(Arc::new(catalog), context.clock().clone())))
    }

    fn destination(config: Config, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let settings = config.resolve()?;
        let http = client(&settings, context).with_own_connections();
        let catalog = Catalog::new(Api::new(http, day(&settings, context)));
        Ok(Box::new(PipedriveDestination::new(Arc::new(catalog), settings.default_owner, settings.creates_options)))
    }
}

fn day(settings: &Settings, context: &Context) -> Day {
    Day::new(settings.time_zone, context.clock().clone())
}

fn client(settings: &Settings, context: &Context) -> Client {
    let transport = context.transport.clone();
    // Tokens are the company's; which company a token belongs to is not known before it is asked, so each login counts for itself.
    let limits = transport.limiters.of(&settings.login_name(), &settings.rate_limits);
    let dialect = Arc::new(Login::new(settings, context));
    Client::new(transport, settings.base_url.clone(), dialect, limits, context.meter.clone())
}
