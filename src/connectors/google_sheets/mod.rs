//! Google Sheets: one spreadsheet, its tabs, named ranges and ranges, by the Sheets API v4.
//!
//! An object is a table of the spreadsheet whose header names the fields. Start at [`GoogleSheets`]; what the vendor allows is in
//! `limits`. The local sheet, for tests and dry runs, is in the crate `emulators`; it follows the vendor's documentation and
//! shares no code with the connector.

mod a1;
mod auth;
mod blocks;
mod cell;
mod client;
mod columns;
mod config;
mod destination;
mod errors;
mod fixture;
mod formula;
mod header;
mod inspection;
mod limits;
mod place;
mod references;
mod rows;
mod schema;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod usual;

use crate::connector::{
    AccountAnswer, AccountForm, Authorization, ConfigError, Connector, Context, Destination, Host, KeyOption, Service,
    Source,
};
use crate::model::Capabilities;

use self::{
    client::SheetsClient,
    destination::{Options, SheetsDestination},
    source::SheetsSource,
};

pub use config::Config;

/// The connector of Google Sheets.
#[derive(Debug)]
pub struct GoogleSheets;

impl Connector for GoogleSheets {
    const NAME: &'static str = "google_sheets";
    const CAPABILITIES: Capabilities = limits::CAPABILITIES;
    const STANDARD_FIELDS: Option<&'static str> = Some(include_str!("standard.yaml"));
    const ACCOUNT: Option<AccountForm> = Some(config::ACCOUNT);
    const HOSTS: &'static [Host] = &[
        Host { option: "base_url", serves: &[Service::Api] },
        Host { option: "drive_url", serves: &[Service::Api] },
        Host { option: "oauth_url", serves: &[Service::Login] },
    ];
    const KEY_OPTIONS: &'static [KeyOption] =
        &[KeyOption { option: "credentials", written: config::key_file_of_nobody }];
    type Config = Config;

    fn check_config(config: &Config) -> Result<(), ConfigError> {
        config.resolve().map(drop)
    }

    fn account(config: Config, _context: &Context) -> Result<AccountAnswer, ConfigError> {
        let spreadsheet = config::ACCOUNT.account(&config.resolve()?.spreadsheet_id);
        Ok(spreadsheet.map_or(AccountAnswer::None, AccountAnswer::Known))
    }

    fn authorization(config: Config, context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(auth::authorization(&config.resolve()?, context))
    }

    fn source(config: Config, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        let settings = config.resolve()?;
        Ok(Box::new(SheetsSource::new(SheetsClient::new(&settings, context), settings.tables)))
    }

    fn destination(config: Config, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let settings = config.resolve()?;
        let client = SheetsClient::new(&settings, context).with_own_connections();
        let (creates_columns, creates_tab) = (settings.creates_columns, settings.creates_tab);
        Ok(Box::new(SheetsDestination::new(client, Options { tables: settings.tables, creates_columns, creates_tab })))
    }
}
