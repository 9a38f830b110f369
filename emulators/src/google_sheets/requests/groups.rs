//! Groups of rows and columns that can be folded.

use serde_json::{Value as Json, json};

use super::super::{
    errors::{Answer, ApiError},
    grid::Dimension,
    numbers,
    spreadsheet::Spreadsheet,
};
use super::{Fields, dimensions, mask, object};

fn overlay(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "rowGroups",
        Dimension::Columns => "columnGroups",
    }
}

pub(super) fn add(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let place = dimensions::place(book, fields.get("range"))?;
    let groups = book.sheets[place.sheet].overlay_mut(overlay(place.dimension));
    let index = |group: &Json, name: &str| group["range"].get(name).and_then(numbers::index).unwrap_or(0);
    let encloses =
        |group: &&Json| index(group, "startIndex") <= place.range.start && place.range.end <= index(group, "endIndex");
    let depth = groups.iter().filter(encloses).count() + 1;
    groups.push(json!({ "range": fields.get("range"), "depth": depth }));
    groups.sort_by_key(|group| (group["depth"].as_u64(), index(group, "startIndex")));
    let name = overlay(place.dimension);
    let of_sheet = book.sheets[place.sheet].overlay(name).to_vec();
    Ok(json!({ "dimensionGroups": of_sheet }))
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let place = dimensions::place(book, fields.get("range"))?;
    let groups = book.sheets[place.sheet].overlay_mut(overlay(place.dimension));
    let found = groups.iter().rposition(|group| Some(&group["range"]) == fields.get("range"));
    let found = found.ok_or_else(|| ApiError::invalid("There is no group at the range"))?;
    groups.remove(found);
    let left = groups.clone();
    Ok(json!({ "dimensionGroups": left }))
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let given = object(fields, "dimensionGroup")?;
    let place = dimensions::place(book, given.get("range"))?;
    let mask = mask(fields)?;
    let groups = book.sheets[place.sheet].overlay_mut(overlay(place.dimension));
    let found = groups.iter_mut().find(|group| Some(&group["range"]) == given.get("range"));
    let found = found.and_then(Json::as_object_mut);
    let found = found.ok_or_else(|| ApiError::invalid("There is no group at the range"))?;
    mask.update(found, given);
    Ok(Json::Null)
}
