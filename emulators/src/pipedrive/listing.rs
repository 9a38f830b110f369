//! Lists of version 2: order, cursors, and what a list is narrowed to.
//!
//! A cursor names the first record of the next page by its place in the order, value and id, so that a page border between records
//! of the same second loses none.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::Refusal,
    kinds::Kind,
    request::Call,
    store::{Record, Records},
    time::{read_seconds, rfc3339},
};

/// Records of a page where none is named, and at most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 500;
/// Most ids of `ids`.
const MAX_IDS: usize = 100;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Id,
    Update,
    /// By another value.
    Value(&'static str),
}

/// Returns `limit` within the vendor's bounds.
pub(super) fn limit(call: &Call, max: usize) -> Result<usize, Refusal> {
    match call.number("limit")? {
        None => Ok(PAGE),
        Some(limit) => match usize::try_from(limit) {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(call.invalid_parameter("limit", &format!("must be between 1 and {max}"))),
        },
    }
}

/// Writes a cursor.
pub(super) fn write_cursor(cursor: &Json) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

/// Reads the cursor of a request.
pub(super) fn read_cursor(call: &Call) -> Result<Option<Json>, Refusal> {
    let Some(text) = call.parameter("cursor") else { return Ok(None) };
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    decoded.map(Some).ok_or_else(|| call.invalid_parameter("cursor", "is not valid"))
}

/// Cuts a page out of a whole list whose cursors count.
pub(super) fn cut<T>(call: &Call, all: Vec<T>, max: usize) -> Result<(Vec<T>, Option<String>), Refusal> {
    let limit = limit(call, max)?;
    let start = match read_cursor(call)? {
        None => 0,
        Some(cursor) => {
            let start = cursor["start"].as_u64().and_then(|start| usize::try_from(start).ok());
            start.ok_or_else(|| call.invalid_parameter("cursor", "is not valid"))?
        }
    };
    let next = (all.len() > start.saturating_add(limit)).then(|| write_cursor(&json!({"start": start + limit})));
    Ok((all.into_iter().skip(start).take(limit).collect(), next))
}

/// Returns a page of records that `keep` lets through, and the cursor of the next one.
pub(super) fn page<'account>(
    account: &'account Account,
    call: &Call,
    kind: Kind,
    keep: impl Fn(&Record) -> bool,
) -> Result<(Vec<&'account Record>, Option<String>), Refusal> {
    let (order, is_down) = order(call, kind)?;
    let limit = limit(call, MAX_PAGE)?;
    let cursor = read_cursor(call)?;
    let records = account.all(kind);
    let found = walk(records, (order, is_down), cursor.as_ref())
        .ok_or_else(|| call.invalid_parameter("cursor", "is not valid"))?;
    let mut page: Vec<&Record> = found.filter(|record| keep(record)).take(limit + 1).collect();
    let next = (page.len() > limit).then(|| page.pop()).flatten();
    let next = next.map(|first| {
        let (field, value) = match order {
            Order::Id => ("id", json!(first.id)),
            Order::Update => ("update_time", json!(first.updated)),
            Order::Value(name) => (name, sort_value(first, name)),
        };
        let direction = if is_down { "desc" } else { "asc" };
        write_cursor(&json!({"field": field, "fieldValue": value, "sortDirection": direction, "id": first.id}))
    });
    Ok((page, next))
}

fn order(call: &Call, kind: Kind) -> Result<(Order, bool), Refusal> {
    let order = match (call.parameter("sort_by"), kind) {
        (None | Some("id"), _) => Order::Id,
        (Some("update_time"), _) => Order::Update,
        (Some("add_time"), _) => Order::Value("add_time"),
        (Some("due_date"), Kind::Activities) => Order::Value("due_date"),
        (Some("name"), Kind::Products) => Order::Value("name"),
        (Some("order_nr"), Kind::Stages) => Order::Value("order_nr"),
        (Some(_), _) => return Err(call.invalid_parameter("sort_by", "is not a field to sort by")),
    };
    match call.parameter("sort_direction") {
        None | Some("asc") => Ok((order, false)),
        Some("desc") => Ok((order, true)),
        Some(_) => Err(call.invalid_parameter("sort_direction", "must be one of asc, desc")),
    }
}

/// Walks through the records from a cursor on; none where the cursor is of another list.
fn walk<'records>(
    records: &'records Records,
    (order, is_down): (Order, bool),
    cursor: Option<&Json>,
) -> Option<Box<dyn Iterator<Item = &'records Record> + 'records>> {
    let id = match cursor {
        Some(cursor) => cursor["id"].as_u64()?,
        None if is_down => u64::MAX,
        None => 0,
    };
    let from = |default: i64| cursor.map_or(Some(default), |cursor| cursor["fieldValue"].as_i64());
    Some(match (order, is_down) {
        (Order::Id, false) => Box::new(records.since_id(id)),
        (Order::Id, true) => Box::new(records.before_id(id)),
        (Order::Update, false) => Box::new(records.since_update((from(i64::MIN)?, id))),
        (Order::Update, true) => Box::new(records.before_update((from(i64::MAX)?, id))),
        (Order::Value(name), _) => {
            let mut all: Vec<&Record> = records.all().collect();
            all.sort_by_cached_key(|record| (sort_text(&sort_value(record, name)), record.id));
            if is_down {
                all.reverse();
            }
            let start = match cursor {
                Some(_) => all.iter().position(|record| record.id == id)?,
                None => 0,
            };
            Box::new(all.into_iter().skip(start))
        }
    })
}

fn sort_value(record: &Record, name: &str) -> Json {
    if name == "add_time" { json!(record.added) } else { record.value(name).clone() }
}

/// Makes numbers sort as numbers among texts.
fn sort_text(value: &Json) -> String {
    match value {
        Json::Number(number) => format!("{:020}", number.as_i64().unwrap_or_default()),
        Json::String(text) => text.to_lowercase(),
        _ => String::new(),
    }
}

/// Bounds of a list that every kind has: ids and times of change.
#[derive(Debug)]
pub(super) struct Bounds {
    ids: Option<Vec<u64>>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Bounds {
    /// Reads them.
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        let ids = call.list("ids");
        if ids.len() > MAX_IDS {
            return Err(call.invalid_parameter("ids", "must have at most 100 ids"));
        }
        let numbers = ids.iter().map(|id| id.parse().map_err(|_| call.invalid_parameter("ids", "must be integers")));
        let ids = call.parameter("ids").map(|_| numbers.collect::<Result<_, _>>()).transpose()?;
        let time = |name: &str| {
            let read = call.parameter(name).map(|text| read_seconds(text).ok_or_else(|| wrong_time(call, name)));
            read.transpose()
        };
        Ok(Self { ids, since: time("updated_since")?, until: time("updated_until")? })
    }

    /// Whether a record is within them; with a filter, the ids do not count.
    pub(super) fn holds(&self, record: &Record, has_filter: bool) -> bool {
        let is_named = has_filter || self.ids.as_ref().is_none_or(|ids| ids.contains(&record.id));
        is_named
            && self.since.is_none_or(|since| record.updated >= since)
            && self.until.is_none_or(|until| record.updated < until)
    }
}

fn wrong_time(call: &Call, name: &str) -> Refusal {
    let example = rfc3339(1_735_726_800);
    call.invalid_parameter(name, &format!("must be a time in RFC 3339 with whole seconds, e.g. {example}"))
}
