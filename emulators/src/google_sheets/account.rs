//! The whole local Google: its spreadsheets, and which request is answered by what.

use std::collections::HashSet;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use clock::Clock;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::options::EmulatorOptions;

use super::{
    auth::{Access, Caller, Grants},
    drive,
    errors::{Answer, ApiError},
    fixtures::Blueprints,
    get, metadata,
    quota::{Kind, Quotas},
    request::Call,
    requests,
    spreadsheet::{Role, Spreadsheet},
    values,
};

/// The spreadsheet that listings speak of when none was addressed yet.
pub(super) const DEFAULT_SPREADSHEET: &str = "1FerryDemoSpreadsheet000000000000000000000";

/// Everything the local Google knows.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) clock: Clock,
    blueprints: Blueprints,
    pub(super) books: IndexMap<String, Spreadsheet>,
    pub(super) grants: Grants,
    /// The quotas; none when they are left out.
    quotas: Option<Quotas>,
    /// Files that were deleted: they do not come back by being addressed.
    pub(super) deleted: HashSet<String>,
    /// Counts the files that were made.
    pub(super) made: u64,
}

/// When a request came, and from whom.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) now: DateTime<Utc>,
    pub(super) user: String,
}

impl Account {
    /// Starts with the spreadsheets that the fixtures name, and the one that is asked for.
    pub(super) fn new(blueprints: Blueprints, options: &EmulatorOptions, clock: Clock) -> Result<Self, String> {
        let now = clock.now();
        let mut books: IndexMap<String, Spreadsheet> =
            blueprints.named.keys().map(|id| (id.clone(), blueprints.book(id, now))).collect();
        if let Some(id) = &options.account {
            books.entry(id.clone()).or_insert_with(|| blueprints.book(id, now));
        }
        let quotas = (!options.is_unlimited).then(|| Quotas::new(clock.clone()));
        let mut grants = Grants::default();
        for key in &blueprints.keys {
            grants.keys.add(key)?;
        }
        Ok(Self { clock, blueprints, books, grants, quotas, deleted: HashSet::new(), made: 0 })
    }

    /// Says what is held, for `/_emulator/counts`: filled rows below the first, by tab where there is one spreadsheet, by spreadsheet
    /// and tab otherwise.
    pub(super) fn held(&self) -> Map<String, Json> {
        let mut counts = Map::new();
        for book in self.books.values() {
            for sheet in &book.sheets {
                let title = &sheet.title;
                let name = if self.books.len() == 1 { title.clone() } else { format!("{}/{title}", book.id) };
                let columns = 0..sheet.grid.column_count();
                let filled = (1..sheet.grid.kept_rows()).filter(|row| sheet.grid.is_filled(*row, &columns)).count();
                counts.insert(name, Json::from(filled));
            }
        }
        Map::from_iter([("records".to_owned(), Json::Object(counts))])
    }

    /// Answers a request of a client.
    ///
    /// # Errors
    /// Refuses as Google does.
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let now = self.clock.now();
        match (call.method.as_str(), path.as_slice()) {
            ("POST", ["token"] | ["oauth2", "v4", "token"] | ["o", "oauth2", "token"]) => {
                let is_steady = (self.clock.speed() - 1.0).abs() < 1e-9;
                self.grants.token(call, now, is_steady)
            }
            (_, ["drive", "v3", rest @ ..]) => {
                let caller = self.grants.caller(call, now)?;
                drive::answer(self, call, rest, &caller)
            }
            (_, ["v4", "spreadsheets", rest @ ..]) => self.sheets(call, rest),
            _ => Err(ApiError::not_found()),
        }
    }

    /// Answers the Sheets API.
    fn sheets(&mut self, call: &Call, path: &[&str]) -> Answer {
        let now = self.clock.now();
        let caller = self.grants.caller(call, now)?;
        let kind = kind(call, path);
        let access = if kind == Kind::Write { Access::WriteSheet } else { Access::ReadSheet };
        if !caller.may(access) {
            return Err(ApiError::no_scope());
        }
        if let Some(quotas) = &mut self.quotas {
            quotas.take(&caller.user, kind)?;
        }
        let [id, rest @ ..] = path else { return self.create(call, &caller) };
        let (id, verb) = id.split_once(':').map_or((*id, None), |(id, verb)| (id, Some(verb)));
        let book = self.enter(id, &caller, kind)?;
        let moment = Moment { now, user: caller.user.clone() };
        match (call.method.as_str(), verb, rest) {
            ("GET", None, []) => get::answer(book, call, &moment),
            ("POST", Some("getByDataFilter"), []) => get::by_filter(book, call, &moment),
            ("POST", Some("batchUpdate"), []) => requests::answer(book, call, &moment),
            (_, None, ["values", range]) => values::one(book, call, range, &moment),
            (_, None, [noun]) if noun.starts_with("values:") => {
                values::many(book, call, &noun["values:".len()..], &moment)
            }
            ("GET", None, ["developerMetadata", id]) => metadata::get(book, id),
            ("POST", None, ["developerMetadata:search"]) => metadata::search(book, call),
            ("POST", None, ["sheets", sheet]) if call.verb == Some("copyTo") => self.copy_to(call, id, sheet, &caller),
            _ => Err(ApiError::not_found()),
        }
    }

    /// Lets a caller into a spreadsheet, which exists from its first use on.
    pub(super) fn enter(&mut self, id: &str, caller: &Caller, kind: Kind) -> Result<&mut Spreadsheet, ApiError> {
        let is_id = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        if id.starts_with("missing") || id.is_empty() || !id.bytes().all(is_id) || self.deleted.contains(id) {
            return Err(ApiError::not_found());
        }
        if id.starts_with("notShared") {
            return Err(ApiError::not_shared());
        }
        let now = self.clock.now();
        let blueprints = &self.blueprints;
        let book = self.books.entry(id.to_owned()).or_insert_with(|| blueprints.book(id, now));
        let wanted = if kind == Kind::Write { Role::Writer } else { Role::Reader };
        if book.role_of(&caller.user).is_some_and(|role| role >= wanted) {
            Ok(book)
        } else {
            Err(ApiError::not_shared())
        }
    }

    /// Answers `spreadsheets.create`. A service account cannot own a file.
    fn create(&mut self, call: &Call, caller: &Caller) -> Answer {
        if call.method != axum::http::Method::POST {
            return Err(ApiError::not_found());
        }
        if caller.is_service_account {
            return Err(ApiError::not_shared());
        }
        let body = call.message("Spreadsheet", "")?;
        let now = self.clock.now();
        let id = self.free_file_id();
        let mut book = Spreadsheet::new(&id, "Untitled spreadsheet", now);
        get::fill(&mut book, &body)?;
        let book = book.with_first_tab().owned_by(&caller.user);
        book.check_size()?;
        let book = self.books.entry(id).or_insert(book);
        get::answer(book, call, &Moment { now, user: caller.user.clone() })
    }

    /// Returns an id for a new file.
    pub(super) fn free_file_id(&mut self) -> String {
        self.made += 1;
        let hash = xxhash_rust::xxh3::xxh3_128(format!("file {}", self.made).as_bytes());
        format!("1{hash:032x}FerryMade00")
    }

    /// Answers `sheets.copyTo`.
    fn copy_to(&mut self, call: &Call, from: &str, sheet: &str, caller: &Caller) -> Answer {
        let body = call.message("CopySheetToAnotherSpreadsheetRequest", "")?;
        let to = body.get("destinationSpreadsheetId").and_then(Json::as_str).unwrap_or_default().to_owned();
        let source = self.enter(from, caller, Kind::Read)?;
        let index = source.sheet_of(Some(&Json::from(sheet)))?;
        let sheet = source.sheets[index].clone();
        let now = self.clock.now();
        let target = self.enter(&to, caller, Kind::Write)?;
        let mut changed = target.clone();
        let index = changed.sheets.len();
        let copied = requests::tabs::add_copy(&mut changed, sheet, index, None)?;
        changed.check_size()?;
        changed.touch(now);
        *target = changed;
        Ok(target.sheets[copied].properties_json(copied))
    }

    /// Refuses a file that Drive does not show to the caller.
    pub(super) fn drive_file(&mut self, id: &str, caller: &Caller, kind: Kind) -> Result<&mut Spreadsheet, ApiError> {
        let message = format!("File not found: {id}.");
        self.enter(id, caller, kind).map_err(|_| ApiError::drive(StatusCode::NOT_FOUND, "notFound", &message))
    }
}

/// Tells what a request counts as.
fn kind(call: &Call, path: &[&str]) -> Kind {
    const READS: [&str; 3] = ["getByDataFilter", "batchGetByDataFilter", "search"];
    let last = path.last().copied().unwrap_or_default();
    let is_read =
        call.method == axum::http::Method::GET || READS.iter().any(|verb| last.ends_with(&format!(":{verb}")));
    if is_read { Kind::Read } else { Kind::Write }
}
