//! The options of a Google Sheets connection, as written and as meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use url::Url;

use crate::connector::{
    AccountForm, ConfigError, HeaderRow, Secret, check_base_url,
    file::{IdOption, ObjectId},
};
use crate::http::is_loopback;
use crate::model::{FieldType, ObjectName};

const DEFAULT_BASE_URL: &str = "https://sheets.googleapis.com";
const DEFAULT_DRIVE_URL: &str = "https://www.googleapis.com";
const DEFAULT_TOKEN_URL: &str = "https://oauth2.googleapis.com";

/// A connection reaches one spreadsheet, and the options name it.
pub(super) const ACCOUNT: AccountForm = AccountForm {
    noun: "spreadsheet",
    looks_like: "the letters and digits between `/d/` and `/edit` in its address",
    normal: |text| is_id(text).then(|| text.to_owned()),
};

/// Options of a Google Sheets connection. It reaches one spreadsheet, with a service account's key file or a person's login.
/// An `object` is a tab by its title, a named range, or a range of a tab such as `Contacts!B3:H`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The spreadsheet: its id, or its whole address as the browser shows it.
    #[serde(default)]
    pub spreadsheet_id: Option<String>,
    /// The same as `spreadsheet_id`.
    #[serde(default)]
    pub spreadsheet: Option<String>,
    /// The key file of a service account (JSON), e.g. `${file:service-account.json}`. Share the spreadsheet with its
    /// `client_email`.
    #[serde(default)]
    pub credentials: Option<Secret>,
    /// The client id of an OAuth app of type "Desktop app". A person logs in with `ferry login`, unless there is a
    /// `refresh_token`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret of the OAuth app.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A refresh token that the OAuth app was given.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// An access token that exists already. It ends within an hour.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// The row whose cells name the fields, counted from 1 at the top of the tab, or by object `{ Leads: 3 }`. Default: the
    /// first row of the object.
    #[serde(default)]
    pub header_row: Option<HeaderRow>,
    /// The columns that identify a record, e.g. `Email`, `[Order, Line]`, or by object `{ Contacts: Email }`. Without them a
    /// record that is read is identified by its whole content.
    #[serde(default)]
    pub id: Option<IdOption>,
    /// The types of columns by object: `{ Contacts: { Amount: number, Since: date } }`. A column that is not named has the type
    /// of its number format, and is text without one.
    #[serde(default)]
    pub fields: BTreeMap<String, BTreeMap<String, FieldType>>,
    /// The column with the moment of a row's last change, which an incremental read compares; or by object. Without it, a
    /// changed spreadsheet is read whole.
    #[serde(default)]
    pub updated_column: Option<ByObject>,
    /// Whether columns that a pipeline writes and the tab lacks are added at its right. Default: false.
    #[serde(default)]
    pub create_columns: bool,
    /// Whether a tab that a pipeline writes and the spreadsheet lacks is added. Default: false.
    #[serde(default)]
    pub create_tab: bool,
    /// Where the API is: an emulator or a proxy. Plain http only to loopback. Default: `https://sheets.googleapis.com`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where Google Drive's API is, which tells a file's version. Default: `https://www.googleapis.com`, or `base_url` if that
    /// is loopback.
    #[serde(default)]
    pub drive_url: Option<String>,
    /// Where logins are bought and renewed. Default: `https://oauth2.googleapis.com`, or `base_url` if that is loopback.
    #[serde(default)]
    pub oauth_url: Option<String>,
}

/// A column: one for all objects, or by object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ByObject {
    /// In all objects.
    Column(String),
    /// By object.
    PerObject(BTreeMap<String, String>),
}

/// The options once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) spreadsheet_id: String,
    pub(super) login: Login,
    pub(super) tables: Tables,
    pub(super) creates_columns: bool,
    pub(super) creates_tab: bool,
    /// Where the API is; as the others with a slash at its end.
    pub(super) base_url: Url,
    pub(super) drive_url: Url,
    pub(super) oauth_url: Url,
}

/// What the options say of objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    header_row: Option<HeaderRow>,
    id: Option<IdOption>,
    fields: BTreeMap<String, BTreeMap<String, FieldType>>,
    updated_column: Option<ByObject>,
}

/// How to log in.
#[derive(Debug, Clone)]
pub(super) enum Login {
    /// As a service account.
    Service(Secret),
    /// As a person, through an OAuth app. Without a refresh token, somebody logs in with `ferry login`.
    Person { client_id: String, client_secret: Option<Secret>, refresh_token: Option<Secret> },
    /// With a token that somebody else has bought.
    Token(Secret),
}

/// What of a service account's key file is used.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeyFile {
    pub(super) client_email: String,
    pub(super) private_key: String,
    #[serde(default)]
    pub(super) private_key_id: Option<String>,
}

/// Returns a key file with this key that no service account has.
pub(super) fn key_file_of_nobody(key: &str) -> String {
    serde_json::json!({ "client_email": "dry-run@ferry.example", "private_key": key }).to_string()
}

impl Tables {
    /// Returns the header's row, counted from 0.
    pub(super) fn header_row(&self, object: &ObjectName) -> Option<usize> {
        usize::try_from(self.header_row.as_ref()?.row(object)?).ok()?.checked_sub(1)
    }

    /// Returns the columns that identify a record.
    pub(super) fn id_columns(&self, object: &ObjectName) -> Vec<String> {
        // A tab's title is no file name: `v1.2` and `v1.3` are two tabs.
        match &self.id {
            None => Vec::new(),
            Some(IdOption::PerObject(objects)) => match objects.get(object.as_str()) {
                None => Vec::new(),
                Some(ObjectId::Column(column)) => vec![column.clone()],
                Some(ObjectId::Columns(columns)) => columns.clone(),
            },
            Some(id) => id.columns(object),
        }
    }

    /// Returns the type that the options give a column.
    pub(super) fn field_type(&self, object: &ObjectName, column: &str) -> Option<FieldType> {
        self.fields.get(object.as_str())?.get(column).copied()
    }

    /// Returns the columns that the options give a type.
    pub(super) fn typed_columns(&self, object: &ObjectName) -> impl Iterator<Item = &String> {
        self.fields.get(object.as_str()).into_iter().flat_map(BTreeMap::keys)
    }

    /// Returns the column with the moment of the last change.
    pub(super) fn updated_column(&self, object: &ObjectName) -> Option<&str> {
        match self.updated_column.as_ref()? {
            ByObject::Column(column) => Some(column),
            ByObject::PerObject(columns) => columns.get(object.as_str()).map(String::as_str),
        }
    }
}

impl Config {
    /// Turns the options into what they mean.
    pub(super) fn resolve(&self) -> Result<Settings, ConfigError> {
        let named = |option: &'static str| move |error| ConfigError { option: option.to_owned(), ..error };
        let base_url = check_base_url(self.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?;
        let beside = |option: &'static str, given: &Option<String>, default: &str| match given {
            Some(text) => check_base_url(text).map_err(named(option)),
            None if is_loopback(&base_url) => Ok(base_url.clone()),
            None => check_base_url(default).map_err(named(option)),
        };
        self.header_row.as_ref().map_or(Ok(()), HeaderRow::check)?;
        Ok(Settings {
            spreadsheet_id: self.spreadsheet()?,
            login: self.login()?,
            tables: Tables {
                header_row: self.header_row.clone(),
                id: self.id.clone(),
                fields: self.fields.clone(),
                updated_column: self.updated_column.clone(),
            },
            creates_columns: self.create_columns,
            creates_tab: self.create_tab,
            drive_url: beside("drive_url", &self.drive_url, DEFAULT_DRIVE_URL)?,
            oauth_url: beside("oauth_url", &self.oauth_url, DEFAULT_TOKEN_URL)?,
            base_url,
        })
    }

    fn spreadsheet(&self) -> Result<String, ConfigError> {
        let (option, text) = match (&self.spreadsheet_id, &self.spreadsheet) {
            (Some(id), None) => ("spreadsheet_id", id),
            (None, Some(id)) => ("spreadsheet", id),
            (Some(_), Some(_)) => {
                return Err(ConfigError::new("spreadsheet", "it is the same option as `spreadsheet_id`")
                    .with_hint("remove one of the two"));
            }
            (None, None) => {
                return Err(ConfigError::new("spreadsheet_id", "there is no spreadsheet").with_hint(
                    "copy the address of the spreadsheet from the browser: https://docs.google.com/spreadsheets/d/…",
                ));
            }
        };
        let id = id_in(text);
        if is_id(id) {
            return Ok(id.to_owned());
        }
        Err(ConfigError::new(option, "it is no id and no address of a spreadsheet")
            .with_hint("copy the address from the browser: https://docs.google.com/spreadsheets/d/…/edit"))
    }

    fn login(&self) -> Result<Login, ConfigError> {
        let given = [self.credentials.is_some(), self.client_id.is_some(), self.access_token.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(ConfigError::new("credentials", "several logins are given")
                .with_hint("keep `credentials` (a service account), or `client_id` (a person), or `access_token`"));
        }
        if self.client_id.is_none() && (self.client_secret.is_some() || self.refresh_token.is_some()) {
            return Err(ConfigError::new("client_id", "it is missing beside `client_secret` or `refresh_token`"));
        }
        if let Some(credentials) = &self.credentials {
            check_key_file(credentials)?;
            return Ok(Login::Service(credentials.clone()));
        }
        if let Some(client_id) = &self.client_id {
            let (client_secret, refresh_token) = (self.client_secret.clone(), self.refresh_token.clone());
            return Ok(Login::Person { client_id: client_id.clone(), client_secret, refresh_token });
        }
        if let Some(token) = &self.access_token {
            return Ok(Login::Token(token.clone()));
        }
        Err(ConfigError::new("credentials", "there is no login").with_hint(
            "give a service account's key file as `credentials: \"${file:service-account.json}\"`, or the `client_id` and \
             `client_secret` of an OAuth app and log in with `ferry login`",
        ))
    }
}

/// Checks what can be checked of a key file. A text that is no JSON at all may stand for one (a dry run): it is told when it
/// is used.
fn check_key_file(credentials: &Secret) -> Result<(), ConfigError> {
    let text = credentials.expose().trim();
    let error = |message: &str| Err(ConfigError::new("credentials", message.to_owned()));
    if text.to_ascii_lowercase().ends_with(".json") {
        return error("it is the name of a file, not the file").map_err(|error: ConfigError| {
            error.with_hint("write `credentials: \"${file:service-account.json}\"` to read the file")
        });
    }
    let Ok(json) = serde_json::from_str::<Json>(text) else { return Ok(()) };
    if json.get("installed").or_else(|| json.get("web")).is_some() {
        return error("it is the file of an OAuth app, not of a service account").map_err(|error: ConfigError| {
            error.with_hint("take `client_id` and `client_secret` from it, and log in with `ferry login`")
        });
    }
    for name in ["client_email", "private_key"] {
        if json.get(name).and_then(Json::as_str).is_none_or(str::is_empty) {
            return Err(ConfigError::new("credentials", format!("the key file has no `{name}`"))
                .with_hint("make a key of type JSON for the service account at https://console.cloud.google.com/iam-admin/serviceaccounts"));
        }
    }
    Ok(())
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// Says, for the user and without the key, that it is none.
    pub(super) fn read(credentials: &Secret) -> Result<Self, String> {
        serde_json::from_str(credentials.expose())
            .map_err(|_| "`credentials` is no key file of a service account".to_owned())
    }
}

/// Returns the id within an address such as `https://docs.google.com/spreadsheets/d/<id>/edit#gid=0`, or the text itself.
fn id_in(text: &str) -> &str {
    let text = text.trim();
    let Some((_, rest)) = text.split_once("/spreadsheets/") else { return text };
    let rest = rest.split_once("/d/").map_or_else(|| rest.strip_prefix("d/").unwrap_or(rest), |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(mut options: Json) -> Result<Settings, ConfigError> {
        if options.get("spreadsheet_id").is_none() && options.get("spreadsheet").is_none() {
            options["spreadsheet_id"] = json!("1AbC-dEf_9");
        }
        serde_json::from_value::<Config>(options).unwrap().resolve()
    }

    #[test]
    fn a_spreadsheet_is_known_by_its_id_or_its_address() {
        for text in [
            "1AbC-dEf_9",
            " 1AbC-dEf_9 ",
            "https://docs.google.com/spreadsheets/d/1AbC-dEf_9/edit#gid=0",
            "https://docs.google.com/spreadsheets/d/1AbC-dEf_9",
            "https://docs.google.com/spreadsheets/u/0/d/1AbC-dEf_9/edit?usp=sharing",
            "docs.google.com/spreadsheets/d/1AbC-dEf_9?x=1",
        ] {
            for option in ["spreadsheet_id", "spreadsheet"] {
                let settings = resolve(json!({ "access_token": "t", option: text })).unwrap();
                assert_eq!(settings.spreadsheet_id, "1AbC-dEf_9", "{text}");
            }
        }
    }

    #[test]
    fn a_local_sheet_has_all_hosts_in_one() {
        let settings = resolve(json!({ "access_token": "t", "base_url": "http://127.0.0.1:4012" })).unwrap();
        for url in [settings.base_url, settings.drive_url, settings.oauth_url] {
            assert_eq!(url.as_str(), "http://127.0.0.1:4012/");
        }
        let settings = resolve(json!({ "access_token": "t" })).unwrap();
        assert_eq!(settings.oauth_url.as_str(), "https://oauth2.googleapis.com/");
        assert_eq!(settings.drive_url.as_str(), "https://www.googleapis.com/");
    }

    #[test]
    fn options_that_cannot_be_right_are_named() {
        let key = json!({ "client_email": "a@b.test" }).to_string();
        let cases = [
            (json!({}), "credentials"),
            (json!({ "credentials": "service-account.json" }), "credentials"),
            (json!({ "credentials": key }), "credentials"),
            (json!({ "credentials": "{\"installed\": {}}" }), "credentials"),
            (json!({ "credentials": "x", "access_token": "t" }), "credentials"),
            (json!({ "client_secret": "s" }), "client_id"),
            (json!({ "access_token": "t", "header_row": 0 }), "header_row"),
            (json!({ "access_token": "t", "header_row": { "Leads": 0 } }), "header_row"),
            (json!({ "access_token": "t", "spreadsheet_id": "a b" }), "spreadsheet_id"),
            (json!({ "access_token": "t", "spreadsheet": "a", "spreadsheet_id": "a" }), "spreadsheet"),
            (json!({ "access_token": "t", "base_url": "http://sheets.googleapis.com" }), "base_url"),
            (json!({ "access_token": "t", "drive_url": "http://x.test" }), "drive_url"),
            (json!({ "access_token": "t", "oauth_url": "http://x.test" }), "oauth_url"),
        ];
        for (options, option) in cases {
            assert_eq!(resolve(options.clone()).unwrap_err().option, option, "{options}");
        }
        assert_eq!(
            serde_json::from_value::<Config>(json!({ "access_token": "t" })).unwrap().resolve().unwrap_err().option,
            "spreadsheet_id"
        );
    }

    #[test]
    fn options_may_differ_by_object() {
        let settings = resolve(json!({
            "access_token": "t", "header_row": { "Leads": 3 }, "id": { "Leads": "Id" }, "updated_column": "Changed",
            "fields": { "Leads": { "Amount": "number" } },
        }))
        .unwrap();
        let (leads, other) = (ObjectName::from("Leads"), ObjectName::from("Other"));
        assert_eq!((settings.tables.header_row(&leads), settings.tables.header_row(&other)), (Some(2), None));
        assert_eq!(settings.tables.id_columns(&leads), ["Id"]);
        assert!(settings.tables.id_columns(&other).is_empty());
        assert_eq!(settings.tables.field_type(&leads, "Amount"), Some(FieldType::Number));
        assert_eq!(settings.tables.updated_column(&other), Some("Changed"));
    }

    #[test]
    fn secrets_do_not_print() {
        let settings =
            resolve(json!({ "client_id": "c", "client_secret": "hush1", "refresh_token": "hush2" })).unwrap();
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
