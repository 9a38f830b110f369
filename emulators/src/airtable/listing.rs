//! Listing records: what a client may ask for, and the pages of an answer.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use super::{
    cells::{Row, value_of, write_record},
    errors::{Answer, ApiError},
    formula::{Expression, Value, evaluate, parse},
    ids::{id_of, is_id},
    kinds::Kind,
    list_options::ListOptions,
    store::{Base, Table},
};

/// How long an offset is kept after its last use, unless the emulator is told otherwise, in seconds. The vendor does not say;
/// users report minutes.
const OFFSET_LIFE_SECS: i64 = 5 * 60;

/// Most listings that are kept; the oldest go first.
const MAX_LISTINGS: usize = 1000;

/// The listings that are under way.
#[derive(Debug)]
pub(super) struct Listings {
    under_way: HashMap<String, Listing>,
    count: u64,
    /// How long an offset is kept after its last use.
    pub(super) life: TimeDelta,
}

/// What a listing found when it began: Airtable does not look again for later pages.
#[derive(Debug)]
struct Listing {
    table_id: String,
    records: Vec<u64>,
    /// The offsets that were given out, and where each goes on.
    positions: HashMap<String, usize>,
    used_at: DateTime<Utc>,
}

impl Default for Listings {
    fn default() -> Self {
        Self { under_way: HashMap::new(), count: 0, life: TimeDelta::seconds(OFFSET_LIFE_SECS) }
    }
}

impl Listings {
    /// Answers one page.
    pub(super) fn page(&mut self, base: &Base, table: usize, options: &ListOptions, now: DateTime<Utc>) -> Answer {
        let place = &base.tables[table];
        let shown = options.shown_fields(place)?;
        let (iterator, start) = match &options.offset {
            Some(offset) => self.resume(place, offset, now)?,
            None => (self.begin(place, found(base, table, options, now)?, now), 0),
        };
        let listing = self.under_way.get_mut(&iterator).ok_or_else(ApiError::iterator_gone)?;
        let end = (start + options.page_size).min(listing.records.len());
        let numbers = listing.records.get(start..end).unwrap_or_default();
        let records: Vec<Json> = numbers
            .iter()
            .filter_map(|number| place.numbered(*number))
            .map(|record| {
                let row = Row::new(base, place, record, now);
                let mut written = write_record(row, options.format, options.is_by_id, shown.as_deref());
                if options.with_comment_count {
                    written["commentCount"] = Json::from(record.comments.len());
                }
                written
            })
            .collect();
        let mut answer = json!({ "records": records });
        if let Some(next) = listing.records.get(end) {
            let next =
                place.numbered(*next).map_or_else(|| id_of("rec", &[&next.to_string()]), |record| record.id.clone());
            let offset = format!("{iterator}/{next}");
            listing.positions.insert(next, end);
            answer["offset"] = Json::from(offset);
        } else if options.offset.is_none() {
            self.under_way.remove(&iterator);
        }
        Ok(answer)
    }

    /// Forgets all positions, as a restart of the vendor's server does.
    pub(super) fn forget(&mut self) {
        self.under_way.clear();
    }

    fn begin(&mut self, table: &Table, records: Vec<u64>, now: DateTime<Utc>) -> String {
        let life = self.life;
        self.under_way.retain(|_, listing| now - listing.used_at <= life);
        if self.under_way.len() >= MAX_LISTINGS {
            let oldest = self.under_way.iter().min_by_key(|(_, listing)| listing.used_at).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.under_way.remove(&id));
        }
        self.count += 1;
        let id = id_of("itr", &[&table.id, &self.count.to_string()]);
        let listing = Listing { table_id: table.id.clone(), records, positions: HashMap::new(), used_at: now };
        self.under_way.insert(id.clone(), listing);
        id
    }

    fn resume(&mut self, table: &Table, offset: &str, now: DateTime<Utc>) -> Result<(String, usize), ApiError> {
        let wrong = || ApiError::unprocessable("INVALID_OFFSET_VALUE", "The value of offset is invalid");
        let (iterator, next) = offset.split_once('/').ok_or_else(wrong)?;
        if !is_id("itr", iterator) || !is_id("rec", next) {
            return Err(wrong());
        }
        let life = self.life;
        let listing = self.under_way.get_mut(iterator).filter(|listing| now - listing.used_at <= life);
        let listing = listing.ok_or_else(ApiError::iterator_gone)?;
        if listing.table_id != table.id {
            return Err(wrong());
        }
        listing.used_at = now;
        let position = listing.positions.get(next).copied().ok_or_else(wrong)?;
        Ok((iterator.to_owned(), position))
    }
}

/// Returns the numbers of the records that were asked for, in order.
fn found(base: &Base, table: usize, options: &ListOptions, now: DateTime<Utc>) -> Result<Vec<u64>, ApiError> {
    let place = &base.tables[table];
    options.check_view(place)?;
    let formula = options.formula.as_deref().map(|formula| parse(formula, place));
    let formula = formula.transpose().map_err(|error| ApiError::invalid_formula(&error.to_string()))?;
    let is_kept = |row: Row<'_>| formula.as_ref().is_none_or(|formula: &Expression| evaluate(formula, row).is_true());
    let mut rows: Vec<Row<'_>> =
        place.records().map(|record| Row::new(base, place, record, now)).filter(|row| is_kept(*row)).collect();
    let sort = options.sort_fields(place)?;
    if sort.is_empty() && options.view.is_none() {
        // Without a view and a sort, Airtable promises no order; this one is not the order of creation.
        rows.sort_by(|left, right| left.record.id.cmp(&right.record.id));
    }
    for (field, is_descending) in sort.iter().rev() {
        sort_by(&mut rows, *field, *is_descending);
    }
    rows.truncate(options.max_records.unwrap_or(usize::MAX));
    Ok(rows.iter().map(|row| row.record.number).collect())
}

/// Sorts by one field; empty cells come first, choices in their own order, texts without regard to case.
fn sort_by(rows: &mut Vec<Row<'_>>, field: usize, is_descending: bool) {
    let mut keyed: Vec<(Value, Row<'_>)> = rows.drain(..).map(|row| (sort_value(row, field), row)).collect();
    keyed.sort_by(|(left, _), (right, _)| {
        let ordering = left.is_empty().cmp(&right.is_empty()).reverse();
        let ordering = ordering.then_with(|| left.compare(right).unwrap_or(std::cmp::Ordering::Equal));
        if is_descending { ordering.reverse() } else { ordering }
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

fn sort_value(row: Row<'_>, field: usize) -> Value {
    let value = value_of(row, field);
    let described = &row.table.fields[field];
    match value {
        Value::Text(text) if described.kind == Kind::SingleSelect => {
            let place = described.choices().position(|choice| choice == text).unwrap_or_default();
            Value::Number(place.to_string().parse().unwrap_or_default())
        }
        Value::Text(text) => Value::Text(text.to_lowercase()),
        other => other,
    }
}
