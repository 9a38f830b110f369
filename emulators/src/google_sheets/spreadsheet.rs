//! One spreadsheet: its tabs, named ranges and metadata, and where a range of a request lies.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value as Json, json};

use super::{
    a1::{self, Cells, Span},
    errors::ApiError,
    formats::Locale,
    grid::Dimension,
    numbers,
    sheet::{Area, DEFAULT_SIZE, Sheet},
};

/// Most cells of a spreadsheet, empty ones too. Source: the Workspace updates blog, 2022-03.
pub(super) const MAX_CELLS: usize = 10_000_000;

/// One spreadsheet. A clone shares its rows until they change.
#[derive(Debug, Clone)]
pub(super) struct Spreadsheet {
    pub(super) id: String,
    pub(super) properties: Map<String, Json>,
    pub(super) sheets: Vec<Sheet>,
    /// Named ranges, as the API shows them.
    pub(super) named: Vec<Json>,
    /// Developer metadata, as the API shows it.
    pub(super) metadata: Vec<Json>,
    /// Grows with every change. Drive tells it.
    pub(super) version: u64,
    pub(super) created: DateTime<Utc>,
    pub(super) modified: DateTime<Utc>,
    /// Who may do what, by address; where the list is empty, everybody may write.
    pub(super) roles: Vec<(String, Role)>,
    pub(super) is_trashed: bool,
    /// Counts the ids that were given.
    ids: u64,
}

/// What somebody may do with a spreadsheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Reader,
    Writer,
    Owner,
}

/// Where a range lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) sheet: usize,
    pub(super) cells: Cells,
}

impl Spreadsheet {
    /// Makes a spreadsheet without tabs.
    pub(super) fn new(id: &str, title: &str, now: DateTime<Utc>) -> Self {
        let properties = json!({ "title": title, "locale": "en_US", "autoRecalc": "ON_CHANGE", "timeZone": "Etc/GMT" });
        Self {
            id: id.to_owned(),
            properties: properties.as_object().cloned().unwrap_or_default(),
            sheets: Vec::new(),
            named: Vec::new(),
            metadata: Vec::new(),
            version: 1,
            created: now,
            modified: now,
            roles: Vec::new(),
            is_trashed: false,
            ids: 0,
        }
    }

    /// Makes a spreadsheet as Google does: with one empty tab.
    pub(super) fn with_first_tab(mut self) -> Self {
        if self.sheets.is_empty() {
            self.sheets.push(Sheet::new(0, "Sheet1", DEFAULT_SIZE));
        }
        self
    }

    /// Returns a property that is a text.
    pub(super) fn property(&self, name: &str) -> &str {
        self.properties.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// Returns its locale.
    pub(super) fn locale(&self) -> Locale {
        Locale::of(self.property("locale"))
    }

    /// Returns its time zone.
    pub(super) fn zone(&self) -> Tz {
        self.property("timeZone").parse().unwrap_or(Tz::UTC)
    }

    /// Returns an id that nothing has yet.
    pub(super) fn free_id(&mut self) -> i64 {
        loop {
            self.ids += 1;
            let hash = xxhash_rust::xxh3::xxh3_64(format!("{} {}", self.id, self.ids).as_bytes());
            let id = i64::from(u32::try_from(hash >> 33).unwrap_or_default());
            if id != 0 && self.sheet_index(id).is_none() {
                return id;
            }
        }
    }

    /// Returns the position of a tab by its id.
    pub(super) fn sheet_index(&self, id: i64) -> Option<usize> {
        self.sheets.iter().position(|sheet| sheet.id == id)
    }

    /// Returns the position of the tab that a `sheetId` of JSON names; a missing one is 0.
    pub(super) fn sheet_of(&self, id: Option<&Json>) -> Result<usize, ApiError> {
        let id = id.and_then(numbers::integer).unwrap_or(0);
        self.sheet_index(id).ok_or_else(|| ApiError::invalid(format!("No grid with id: {id}")))
    }

    /// Returns the position of a tab by its title; a different case counts where no other fits.
    pub(super) fn titled(&self, title: &str) -> Option<usize> {
        let exact = self.sheets.iter().position(|sheet| sheet.title == title);
        let lower = title.to_lowercase();
        exact.or_else(|| self.sheets.iter().position(|sheet| sheet.title.to_lowercase() == lower))
    }

    /// Returns the cells of a named range.
    pub(super) fn named(&self, name: &str) -> Option<Located> {
        let is_it = |range: &&Json| range["name"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name));
        let range = self.named.iter().find(is_it)?;
        self.grid_range(&range["range"]).ok()
    }

    /// Finds the cells that a range in A1 notation means. A bare title shaped like a cell is a cell, and a named range comes
    /// before a tab of that title.
    ///
    /// # Errors
    /// Fails where the text is no range, or names a tab that is not there.
    pub(super) fn locate(&self, text: &str) -> Result<Located, ApiError> {
        let wrong = || ApiError::no_range(text);
        match a1::split_title(text) {
            Some((title, cells)) => {
                let sheet = self.titled(&title).ok_or_else(wrong)?;
                let cells = cells.map_or(Some(Cells::ALL), a1::cells).ok_or_else(wrong)?;
                Ok(Located { sheet, cells })
            }
            None if text.starts_with('\'') => Err(wrong()),
            None => {
                if let Some(cells) = a1::cells(text) {
                    return Ok(Located { sheet: 0, cells });
                }
                let whole = || Some(Located { sheet: self.titled(text)?, cells: Cells::ALL });
                self.named(text).or_else(whole).ok_or_else(wrong)
            }
        }
    }

    /// Reads a `GridRange`.
    pub(super) fn grid_range(&self, range: &Json) -> Result<Located, ApiError> {
        let sheet = self.sheet_of(range.get("sheetId"))?;
        let index = |name: &str| range.get(name).and_then(numbers::integer);
        let span = |start: &str, end: &str| {
            let (first, last) = (index(start).unwrap_or(0), index(end));
            let is_right = first >= 0 && last.is_none_or(|last| last > first);
            let start = usize::try_from(first).unwrap_or_default();
            let span = Span { start, end: last.and_then(|last| usize::try_from(last).ok()) };
            is_right
                .then_some(span)
                .ok_or_else(|| ApiError::invalid(format!("Invalid range: {end} must be behind {start}")))
        };
        let rows = span("startRowIndex", "endRowIndex")?;
        let columns = span("startColumnIndex", "endColumnIndex")?;
        Ok(Located { sheet, cells: Cells { rows, columns, is_cell: false } })
    }

    /// Returns the cells of a range, within the grid.
    ///
    /// # Errors
    /// Fails where the range begins behind the grid's end.
    pub(super) fn area(&self, located: &Located, text: &str) -> Result<Area, ApiError> {
        let sheet = &self.sheets[located.sheet];
        let Cells { rows, columns, .. } = located.cells;
        if rows.start >= sheet.grid.row_count() || columns.start >= sheet.grid.column_count() {
            return Err(self.exceeds(located, text));
        }
        Ok(sheet.area(rows, columns))
    }

    /// Refuses a range that leaves the grid.
    pub(super) fn exceeds(&self, located: &Located, text: &str) -> ApiError {
        let sheet = &self.sheets[located.sheet];
        let name = match a1::split_title(text) {
            Some((_, Some(cells))) => format!("{}!{cells}", a1::quote(&sheet.title)),
            _ if a1::cells(text).is_some() => format!("{}!{text}", a1::quote(&sheet.title)),
            _ => text.to_owned(),
        };
        let (rows, columns) = (sheet.grid.row_count(), sheet.grid.column_count());
        ApiError::invalid(format!("Range ({name}) exceeds grid limits. Max rows: {rows}, max columns: {columns}"))
    }

    /// Fails where the spreadsheet has become too large.
    pub(super) fn check_size(&self) -> Result<(), ApiError> {
        let cells: usize = self.sheets.iter().map(|sheet| sheet.grid.cell_count()).sum();
        if cells > MAX_CELLS {
            return Err(ApiError::invalid(format!(
                "This action would increase the number of cells in the workbook above the limit of {MAX_CELLS} cells."
            )));
        }
        if self.sheets.iter().any(|sheet| sheet.grid.count(Dimension::Columns) > a1::MAX_COLUMNS) {
            let limit = a1::MAX_COLUMNS;
            return Err(ApiError::invalid(format!(
                "This action would increase the number of columns in the sheet above the limit of {limit} columns."
            )));
        }
        Ok(())
    }
}

impl Spreadsheet {
    /// Notes a change.
    pub(super) fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        // A clock may show the same moment twice; a change is later than the one before.
        self.modified = now.max(self.modified + TimeDelta::milliseconds(1));
    }

    /// Returns what somebody may do; none where the spreadsheet is not shared with them.
    pub(super) fn role_of(&self, user: &str) -> Option<Role> {
        if self.roles.is_empty() {
            return Some(Role::Owner);
        }
        let is_it = |address: &str| address == "anyone" || address.eq_ignore_ascii_case(user);
        self.roles.iter().filter(|(address, _)| is_it(address)).map(|(_, role)| *role).max()
    }

    /// Gives it to an owner, if it is a person's: from now on it is shared with nobody else.
    pub(super) fn owned_by(mut self, user: &str) -> Self {
        if user.contains('@') {
            self.roles = vec![(user.to_owned(), Role::Owner)];
        }
        self
    }
}
