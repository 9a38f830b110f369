//! The options of a listing, from a query or from the body of `listRecords`.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::{cells::CellFormat, display::Reader, errors::ApiError, locales::locale_of, store::Table};

/// Most records of one page, and how many there are unless a client says otherwise.
/// Source: airtable.com/developers/web/api/list-records.
const MAX_PAGE_SIZE: usize = 100;

/// What a listing asks for.
#[derive(Debug, PartialEq)]
pub(super) struct ListOptions {
    pub(super) page_size: usize,
    pub(super) max_records: Option<usize>,
    pub(super) offset: Option<String>,
    pub(super) view: Option<String>,
    pub(super) formula: Option<String>,
    pub(super) is_by_id: bool,
    pub(super) with_comment_count: bool,
    pub(super) format: CellFormat,
    fields: Option<Vec<String>>,
    sort: Vec<(String, bool)>,
}

/// The pairs of a query, decoded.
pub(super) type Query = [(String, String)];

impl ListOptions {
    /// Reads a query.
    pub(super) fn of_query(query: &Query) -> Result<Self, ApiError> {
        let mut body: Map<String, Json> = Map::new();
        let mut sort: BTreeMap<usize, Map<String, Json>> = BTreeMap::new();
        for (key, value) in query {
            let (name, rest) = key.split_at(key.find('[').unwrap_or(key.len()));
            match name {
                "fields" | "recordMetadata" => {
                    let list = body.entry(name).or_insert_with(|| Json::Array(Vec::new()));
                    list.as_array_mut().into_iter().for_each(|list| list.push(Json::from(value.as_str())));
                }
                "sort" => {
                    let (position, part) = sort_key(rest).ok_or_else(ApiError::invalid_request)?;
                    sort.entry(position).or_default().insert(part, Json::from(value.as_str()));
                }
                "pageSize" | "maxRecords" => {
                    let number: u64 = value.parse().map_err(|_| ApiError::invalid_request())?;
                    body.insert(name.to_owned(), Json::from(number));
                }
                "returnFieldsByFieldId" => {
                    body.insert(name.to_owned(), Json::from(matches!(value.as_str(), "1" | "true")));
                }
                _ => {
                    body.insert(name.to_owned(), Json::from(value.as_str()));
                }
            }
        }
        if !sort.is_empty() {
            body.insert("sort".to_owned(), sort.into_values().map(Json::Object).collect());
        }
        Self::of_body(&body, query)
    }

    /// Reads a body; the time zone and the locale are in the query even then.
    pub(super) fn of_body(body: &Map<String, Json>, query: &Query) -> Result<Self, ApiError> {
        let page_size = number_of(body, "pageSize")?.unwrap_or(MAX_PAGE_SIZE);
        let max_records = number_of(body, "maxRecords")?;
        if !(1..=MAX_PAGE_SIZE).contains(&page_size) || max_records == Some(0) {
            return Err(ApiError::invalid_request());
        }
        let metadata = texts_of(body, "recordMetadata")?.unwrap_or_default();
        Ok(Self {
            page_size,
            max_records,
            offset: text_of(body, "offset")?,
            view: text_of(body, "view")?,
            formula: text_of(body, "filterByFormula")?,
            is_by_id: body.get("returnFieldsByFieldId").is_some_and(|flag| flag == &Json::Bool(true)),
            with_comment_count: metadata.iter().any(|name| name == "commentCount"),
            format: cell_format(text_of(body, "cellFormat")?.as_deref(), query)?,
            fields: texts_of(body, "fields")?,
            sort: sort_of(body)?,
        })
    }

    /// Returns the positions of the fields to answer; none for all.
    pub(super) fn shown_fields(&self, table: &Table) -> Result<Option<Vec<usize>>, ApiError> {
        let Some(names) = &self.fields else { return Ok(None) };
        let position = |name: &String| table.field_index(name).ok_or_else(|| ApiError::unknown_field(name));
        names.iter().map(position).collect::<Result<_, _>>().map(Some)
    }

    /// Returns the positions of the fields to sort by, and whether downwards.
    pub(super) fn sort_fields(&self, table: &Table) -> Result<Vec<(usize, bool)>, ApiError> {
        let position = |(name, is_descending): &(String, bool)| {
            let field = table.field_index(name).ok_or_else(|| ApiError::unknown_field(name))?;
            Ok((field, *is_descending))
        };
        self.sort.iter().map(position).collect()
    }

    /// Fails when the table does not have the view.
    pub(super) fn check_view(&self, table: &Table) -> Result<(), ApiError> {
        let Some(name) = &self.view else { return Ok(()) };
        if table.views.iter().any(|view| view.id == *name || view.name == *name) {
            return Ok(());
        }
        Err(ApiError::unprocessable("VIEW_NAME_NOT_FOUND", &format!("View {name} not found")))
    }
}

/// Reads how cells are answered: text needs a time zone and a locale, and both are in the query.
pub(super) fn cell_format(format: Option<&str>, query: &Query) -> Result<CellFormat, ApiError> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match format {
        None | Some("json") => Ok(CellFormat::Json),
        Some("string") => match (value("timeZone").map(read_zone), value("userLocale")) {
            (Some(Some(zone)), Some(locale)) => Ok(CellFormat::Text(Reader { zone, locale: locale_of(locale) })),
            _ => Err(ApiError::invalid_request()),
        },
        Some(_) => Err(ApiError::invalid_request()),
    }
}

fn read_zone(name: &str) -> Option<Tz> {
    if matches!(name, "utc" | "client") { Some(chrono_tz::UTC) } else { name.parse().ok() }
}

/// Reads `[0][field]`.
fn sort_key(key: &str) -> Option<(usize, String)> {
    let (position, part) = key.strip_prefix('[')?.strip_suffix(']')?.split_once("][")?;
    Some((position.parse().ok()?, part.to_owned()))
}

fn sort_of(body: &Map<String, Json>) -> Result<Vec<(String, bool)>, ApiError> {
    let mut sort = Vec::new();
    for order in body.get("sort").and_then(Json::as_array).into_iter().flatten() {
        let field = order.get("field").and_then(Json::as_str).ok_or_else(ApiError::invalid_request)?;
        let is_descending = match order.get("direction").and_then(Json::as_str) {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(ApiError::invalid_request()),
        };
        sort.push((field.to_owned(), is_descending));
    }
    Ok(sort)
}

fn number_of(body: &Map<String, Json>, name: &str) -> Result<Option<usize>, ApiError> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.map(Some).ok_or_else(ApiError::invalid_request)
}

/// Reads a text; an empty one is as good as none.
fn text_of(body: &Map<String, Json>, name: &str) -> Result<Option<String>, ApiError> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(_) => Err(ApiError::invalid_request()),
    }
}

fn texts_of(body: &Map<String, Json>, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let items = value.as_array().ok_or_else(ApiError::invalid_request)?;
    let text = |item: &Json| item.as_str().map(str::to_owned).ok_or_else(ApiError::invalid_request);
    items.iter().map(text).collect::<Result<_, _>>().map(Some)
}
