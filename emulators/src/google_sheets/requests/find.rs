//! Requests that change the texts of cells: find and replace, trim.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json};

use super::super::{
    account::Moment,
    cell::{Cell, Entered},
    entered::typed,
    errors::{Answer, ApiError},
    formats::{Locale, general},
    formula::Formula,
    protection,
    sheet::Area,
    spreadsheet::Spreadsheet,
};
use super::{Fields, area};

/// What is looked for, and what comes in its place.
struct Search {
    pattern: Regex,
    replacement: String,
    has_formulas: bool,
    locale: Locale,
}

/// How often something was replaced.
#[derive(Default)]
struct Counts {
    values: usize,
    formulas: usize,
    rows: usize,
    sheets: usize,
    occurrences: usize,
}

pub(super) fn answer(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let is_on = |name: &str| fields.get(name) == Some(&Json::Bool(true));
    let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
    if text("find").is_empty() {
        return Err(ApiError::invalid("The text to find is missing"));
    }
    let inner = if is_on("searchByRegex") { text("find").to_owned() } else { regex::escape(text("find")) };
    let pattern = if is_on("matchEntireCell") { format!("^(?:{inner})$") } else { inner };
    let pattern = RegexBuilder::new(&pattern).case_insensitive(!is_on("matchCase")).build();
    let pattern = pattern.map_err(|_| ApiError::invalid("The regular expression cannot be read"))?;
    // A `$` is a group only where the search is a regular expression.
    let replacement =
        if is_on("searchByRegex") { text("replacement").to_owned() } else { text("replacement").replace('$', "$$") };
    let search = Search { pattern, replacement, has_formulas: is_on("includeFormulas"), locale: book.locale() };
    let areas: Vec<(usize, Area)> = if is_on("allSheets") {
        (0..book.sheets.len()).map(|sheet| (sheet, book.sheets[sheet].whole())).collect()
    } else if fields.contains_key("range") {
        vec![area(book, fields.get("range"))?]
    } else {
        let sheet = book.sheet_of(fields.get("sheetId"))?;
        vec![(sheet, book.sheets[sheet].whole())]
    };
    let mut counts = Counts::default();
    for (sheet, area) in areas {
        replace(book, sheet, &area, (&search, moment), &mut counts)?;
    }
    Ok(counts.json())
}

fn replace(
    book: &mut Spreadsheet,
    sheet: usize,
    area: &Area,
    (search, moment): (&Search, &Moment),
    counts: &mut Counts,
) -> Result<(), ApiError> {
    let before = counts.occurrences;
    for row in area.rows.start..area.rows.end.min(book.sheets[sheet].grid.kept_rows()) {
        let before = counts.occurrences;
        for column in area.columns.clone() {
            let Some(found) = search.changed(book.sheets[sheet].grid.cell(row, column), counts) else { continue };
            let one = Area { rows: row..row + 1, columns: column..column + 1 };
            protection::check(book, sheet, &one, moment)?;
            book.sheets[sheet].grid.cell_mut(row, column).entered = found;
        }
        counts.rows += usize::from(counts.occurrences > before);
    }
    counts.sheets += usize::from(counts.occurrences > before);
    Ok(())
}

impl Search {
    /// Returns what a cell holds afterwards; none where nothing is found.
    fn changed(&self, cell: &Cell, counts: &mut Counts) -> Option<Entered> {
        let (text, is_formula) = match &cell.entered {
            Entered::Text(text) => (text.to_string(), false),
            Entered::Number(number) => (general(*number, &self.locale), false),
            Entered::Formula(formula) if self.has_formulas => (formula.text().to_owned(), true),
            Entered::Empty | Entered::Bool(_) | Entered::Formula(_) => return None,
        };
        let found = self.pattern.find_iter(&text).count();
        if found == 0 {
            return None;
        }
        counts.occurrences += found;
        let new = self.pattern.replace_all(&text, self.replacement.as_str());
        if is_formula {
            counts.formulas += 1;
            return Some(Entered::Formula(Formula::new(&new).into()));
        }
        counts.values += 1;
        let is_text = cell.number_format().is_some_and(|(kind, _)| kind == "TEXT");
        Some(if is_text { Entered::text(&new) } else { typed(&new, &self.locale, 2000).0 })
    }
}

impl Counts {
    fn json(&self) -> Json {
        let counts = [
            ("valuesChanged", self.values),
            ("formulasChanged", self.formulas),
            ("rowsChanged", self.rows),
            ("sheetsChanged", self.sheets),
            ("occurrencesChanged", self.occurrences),
        ];
        let said = counts.into_iter().filter(|(_, count)| *count > 0);
        Json::Object(said.map(|(name, count)| (name.to_owned(), Json::from(count))).collect())
    }
}

pub(super) fn trim(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    protection::check(book, sheet, &area, moment)?;
    let mut count = 0;
    for row in area.rows.start..area.rows.end.min(book.sheets[sheet].grid.kept_rows()) {
        for cell in book.sheets[sheet].grid.row_mut(row).iter_mut().skip(area.columns.start).take(area.columns.len()) {
            let Entered::Text(text) = &cell.entered else { continue };
            let trimmed = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if *trimmed != **text {
                count += 1;
                cell.entered = Entered::text(&trimmed);
            }
        }
    }
    let mut reply = Map::new();
    if count > 0 {
        reply.insert("cellsChangedCount".to_owned(), Json::from(count));
    }
    Ok(Json::Object(reply))
}
