//! The requests, one function each, as Google documents them. No policy.

mod wire;

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, Context};
use crate::http::{Answer, ApiRequest, Client};

use super::{
    a1,
    auth::{GoogleDialect, counted_as},
    cell::Cell,
    config::{KeyFile, Login, Settings},
    errors::{ApiError, Asker, incomplete, of_http, unexpected},
    limits::{DRIVE, PROJECT_READS, PROJECT_WRITES, READ, USER_READS, USER_WRITES, WRITE},
    rows::Rows,
};

use self::wire::{
    AppendAnswer, BatchGetAnswer, BatchGetForm, BatchUpdateAnswer, BatchUpdateValuesAnswer, FileAnswer, GridData,
};

pub(super) use wire::{
    CellData, GridRange, NumberFormat, RangeToWrite, Sheet, SheetProperties, Spreadsheet, UpdateAnswer, ValueRange,
};

/// The parts of a spreadsheet that tell its tabs and named ranges.
const STRUCTURE: &str = "spreadsheetId,properties(title,timeZone),namedRanges(name,range),\
    sheets.properties(sheetId,title,sheetType,gridProperties(rowCount,columnCount))";
/// The parts of a tab that tell its columns.
const HEAD: &str = "spreadsheetId,sheets(properties(sheetId,title,gridProperties(rowCount,columnCount)),merges,\
    data(rowData(values(formattedValue,userEnteredValue,userEnteredFormat(numberFormat),effectiveFormat(numberFormat)))))";

/// The parts of the answer to a change that tell what its ranges hold.
const SHOWN: &str = "spreadsheetId,replies,updatedSpreadsheet(spreadsheetId,sheets(properties(sheetId),\
    data(startRow,startColumn,rowData(values(effectiveValue)))))";

/// How cells are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Render {
    /// Typed values: numbers, texts, booleans; days as serial numbers.
    Values,
    /// As values, and the formulas in the place of what they give.
    Formulas,
}

/// How texts are taken that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// As they are: no text becomes a formula, a date or a number.
    Raw,
    /// As a person would type them: for formulas of the pipeline, never for a record's value.
    Formula,
}

/// Sends requests about one spreadsheet.
#[derive(Debug, Clone)]
pub(super) struct SheetsClient {
    http: Client,
    drive: Client,
    id: String,
    asker: Asker,
}

impl SheetsClient {
    /// Makes the client of a connection. Does no I/O.
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        let limiters = &context.transport.limiters;
        let (user, project) = counted_as(settings);
        let limits = limiters.of(&user, &[USER_READS, USER_WRITES]);
        let limits = limits.and(limiters.of(&format!("{project} quota"), &[PROJECT_READS, PROJECT_WRITES]));
        let dialect = Arc::new(GoogleDialect::new(settings, context));
        let client = |url: &url::Url| {
            let meter = context.meter.clone();
            Client::new(
                context.transport.clone(),
                url.clone(),
                Arc::<GoogleDialect>::clone(&dialect),
                limits.clone(),
                meter,
            )
        };
        let email = match &settings.login {
            Login::Service(credentials) => KeyFile::read(credentials).ok().map(|key| key.client_email),
            Login::Person { .. } | Login::Token(_) => None,
        };
        Self {
            http: client(&settings.base_url),
            drive: client(&settings.drive_url),
            id: settings.spreadsheet_id.clone(),
            asker: Asker { email },
        }
    }

    /// Gives each request a connection of its own: see [`Client::with_own_connections`].
    #[must_use]
    pub(super) fn with_own_connections(mut self) -> Self {
        self.http = self.http.with_own_connections();
        self
    }

    /// Returns the address to share a spreadsheet with, where the login has one.
    pub(super) fn email(&self) -> Option<&str> {
        self.asker.email.as_deref()
    }

    /// `GET v4/spreadsheets/{id}`: the tabs and named ranges.
    pub(super) async fn structure(&self) -> Result<Spreadsheet, ConnectorError> {
        self.spreadsheet(None, STRUCTURE).await
    }

    /// `GET v4/spreadsheets/{id}?ranges=…`: the header, formats and merges of a range.
    pub(super) async fn head(&self, range: &str) -> Result<Sheet, ConnectorError> {
        let answer = self.spreadsheet(Some(range), HEAD).await?;
        answer.sheets.into_iter().next().ok_or_else(|| unexpected("the tab that was asked for is not in it"))
    }

    async fn spreadsheet(&self, range: Option<&str>, fields: &str) -> Result<Spreadsheet, ConnectorError> {
        let id = self.id.clone();
        let mut request = ApiRequest::get(format!("v4/spreadsheets/{}", self.id), READ).with("fields", fields);
        if let Some(range) = range {
            request = request.with("ranges", range);
        }
        let request =
            request.expecting(move |answer| answer.json::<Spreadsheet>().is_ok_and(|sheet| sheet.spreadsheet_id == id));
        self.ask(&request).await?.json().map_err(|_| unexpected("a spreadsheet is expected"))
    }

    /// `GET v4/spreadsheets/{id}/values:batchGet`: the values of some ranges, in their order.
    pub(super) async fn values(&self, ranges: &[String], render: Render) -> Result<Vec<ValueRange>, ConnectorError> {
        let mut request = ApiRequest::get(format!("v4/spreadsheets/{}/values:batchGet", self.id), READ)
            .with("valueRenderOption", render.word())
            .with("dateTimeRenderOption", "SERIAL_NUMBER");
        for range in ranges {
            request = request.with("ranges", range.as_str());
        }
        let (id, asked) = (self.id.clone(), ranges.to_vec());
        let request = request.expecting(move |answer| {
            let read = answer.json::<BatchGetForm>();
            read.is_ok_and(|read| {
                let ranges = read.value_ranges.iter().map(|range| range.range.as_str());
                read.spreadsheet_id == id && begin_alike(ranges, &asked)
            })
        });
        let answer: BatchGetAnswer =
            self.ask(&request).await?.json().map_err(|_| unexpected("values of ranges are expected"))?;
        Ok(answer.value_ranges)
    }

    /// `POST v4/spreadsheets/{id}/values:batchUpdate`: writes ranges and returns them as they are then.
    pub(super) async fn update(
        &self,
        data: &[RangeToWrite],
        input: Input,
    ) -> Result<Vec<UpdateAnswer>, ConnectorError> {
        let body = json!({
            "valueInputOption": input.word(),
            "includeValuesInResponse": true,
            "responseValueRenderOption": "UNFORMATTED_VALUE",
            "responseDateTimeRenderOption": "SERIAL_NUMBER",
            "data": data,
        });
        let (id, asked) = (self.id.clone(), data.iter().map(|range| range.range.clone()).collect::<Vec<_>>());
        let path = format!("v4/spreadsheets/{}/values:batchUpdate", self.id);
        let request = ApiRequest::write(Method::POST, path, body, WRITE).idempotent().expecting(move |answer| {
            answer.json::<BatchUpdateValuesAnswer>().is_ok_and(|written| {
                let ranges = written.responses.iter().map(|response| response.updated_range.as_str());
                written.spreadsheet_id == id && begin_alike(ranges, &asked)
            })
        });
        let answer: BatchUpdateValuesAnswer = self.write(&request).await?;
        Ok(answer.responses)
    }

    /// `POST v4/spreadsheets/{id}/values/{range}:append`: adds rows below the table that the range touches. It has no
    /// idempotency key, so it is never repeated blindly.
    pub(super) async fn append(&self, range: &str, rows: &[Vec<Option<Cell>>]) -> Result<UpdateAnswer, ConnectorError> {
        let encoded = utf8_percent_encode(range, NON_ALPHANUMERIC);
        let path = format!("v4/spreadsheets/{}/values/{encoded}:append", self.id);
        let (id, count) = (self.id.clone(), rows.len());
        let request = ApiRequest::write(Method::POST, path, json!({ "values": rows }), WRITE)
            .with("valueInputOption", Input::Raw.word())
            .with("insertDataOption", "INSERT_ROWS")
            .shown_as("v4/spreadsheets/{id}/values/{range}:append")
            .expecting(move |answer| {
                let written = answer.json::<AppendAnswer>();
                written.is_ok_and(|written| written.spreadsheet_id == id && written.updates.updated_rows == count)
            });
        let answer: AppendAnswer = self.write(&request).await?;
        Ok(answer.updates)
    }

    /// `POST v4/spreadsheets/{id}:batchUpdate`: changes tabs, rows, columns and formats, all or nothing.
    pub(super) async fn change(&self, requests: &[Json]) -> Result<(), ConnectorError> {
        self.change_all(requests, &[]).await.map(drop)
    }

    /// As [`Self::change`]; returns what ranges of one tab hold right afterwards, in their order.
    pub(super) async fn change_showing(
        &self,
        requests: &[Json],
        ranges: &[String],
    ) -> Result<Vec<Rows>, ConnectorError> {
        let answer = self.change_all(requests, ranges).await?;
        let sheet = answer.updated_spreadsheet.into_iter().flat_map(|spreadsheet| spreadsheet.sheets).next();
        let data = sheet.map(|sheet| sheet.data).unwrap_or_default();
        if data.len() != ranges.len() {
            return Err(incomplete("it does not show what the ranges hold"));
        }
        Ok(data.into_iter().map(GridData::into_cells).collect())
    }

    async fn change_all(&self, requests: &[Json], ranges: &[String]) -> Result<BatchUpdateAnswer, ConnectorError> {
        let path = format!("v4/spreadsheets/{}:batchUpdate", self.id);
        let (id, count) = (self.id.clone(), requests.len());
        let mut body = json!({ "requests": requests });
        if !ranges.is_empty() {
            body["includeSpreadsheetInResponse"] = Json::Bool(true);
            body["responseIncludeGridData"] = Json::Bool(true);
            body["responseRanges"] = json!(ranges);
        }
        let mut request = ApiRequest::write(Method::POST, path, body, WRITE)
            .shown_as("v4/spreadsheets/{id}:batchUpdate")
            .expecting(move |answer| {
                let changed = answer.json::<BatchUpdateAnswer>();
                changed.is_ok_and(|changed| changed.spreadsheet_id == id && changed.replies.len() == count)
            });
        if !ranges.is_empty() {
            request = request.with("fields", SHOWN);
        }
        self.write(&request).await
    }

    /// `GET drive/v3/files/{id}?fields=version`: a number that grows with every change of the spreadsheet.
    pub(super) async fn version(&self) -> Result<String, ConnectorError> {
        let request = ApiRequest::get(format!("drive/v3/files/{}", self.id), DRIVE)
            .with("fields", "version")
            .with("supportsAllDrives", "true")
            .expecting(|answer| answer.json::<FileAnswer>().is_ok());
        let answer = self.accepted(self.drive.send(&request).await.map_err(of_http)?)?;
        answer.json::<FileAnswer>().map(|file| file.version).map_err(|_| unexpected("a file's version is expected"))
    }

    async fn write<T: DeserializeOwned>(&self, request: &ApiRequest) -> Result<T, ConnectorError> {
        let answer = self.accepted(self.http.send(request).await.map_err(of_http)?)?;
        answer.json().map_err(|_| incomplete("the answer is not the one that is expected"))
    }

    /// Sends a request that reads. Whatever happens to it, nothing was written.
    async fn ask(&self, request: &ApiRequest) -> Result<Answer, ConnectorError> {
        self.accepted(self.http.send(request).await.map_err(of_http)?)
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, ConnectorError> {
        if answer.status.is_success() { Ok(answer) } else { Err(ApiError::of(&answer).into_error(&self.asker)) }
    }
}

impl Render {
    fn word(self) -> &'static str {
        match self {
            Self::Values => "UNFORMATTED_VALUE",
            Self::Formulas => "FORMULA",
        }
    }
}

impl Input {
    fn word(self) -> &'static str {
        match self {
            Self::Raw => "RAW",
            Self::Formula => "USER_ENTERED",
        }
    }
}

/// Tells whether an answer's ranges are those that were asked for: each begins at the same cell of the same tab. Where one ends
/// an answer says in its own way.
fn begin_alike<'a>(answered: impl ExactSizeIterator<Item = &'a str>, asked: &[String]) -> bool {
    let is_alike = |(answered, asked): (&str, &String)| match (a1::parse_on(answered), a1::parse_on(asked)) {
        (Some((title, area)), Some((asked_title, asked_area))) => {
            title == asked_title
                && (area.first_row, area.first_column) == (asked_area.first_row, asked_area.first_column)
        }
        _ => false,
    };
    answered.len() == asked.len() && answered.zip(asked).all(is_alike)
}
