//! Cells as `GridData`: values, formats, notes, and the properties of rows and columns.

use serde_json::{Map, Value as Json, json};

use super::{
    cell::{Cell, Entered},
    evaluator::Evaluator,
    formats::show,
    get::defaults,
    grid::Dimension,
    mask::Mask,
    render::effective_format,
    sheet::Area,
    spreadsheet::Spreadsheet,
};

/// Shows the cells of an area, as far as a mask says.
pub(super) fn grid_data(book: &Spreadsheet, index: usize, area: &Area, mask: &Mask, evaluator: &Evaluator) -> Json {
    let sheet = &book.sheets[index];
    let mut data = Map::new();
    for (name, start) in [("startRow", area.rows.start), ("startColumn", area.columns.start)] {
        if start > 0 && mask.wants(name) {
            data.insert(name.to_owned(), Json::from(start));
        }
    }
    if let Some(mask) = mask.of("rowData") {
        let mut rows: Vec<Json> = Vec::new();
        for row in area.rows.start..area.rows.end.min(sheet.grid.kept_rows()) {
            rows.push(row_data(sheet.grid.row(row), (index, row), area, mask, evaluator));
        }
        let filled = rows.iter().rposition(|row| row.as_object().is_some_and(|row| !row.is_empty()));
        rows.truncate(filled.map_or(0, |last| last + 1));
        if !rows.is_empty() {
            data.insert("rowData".to_owned(), Json::Array(rows));
        }
    }
    for (name, dimension, range) in
        [("rowMetadata", Dimension::Rows, &area.rows), ("columnMetadata", Dimension::Columns, &area.columns)]
    {
        if let Some(mask) = mask.of(name) {
            let all = range.clone().map(|at| mask.keep(with_metadata(book, index, dimension, at)));
            data.insert(name.to_owned(), all.collect());
        }
    }
    Json::Object(data)
}

/// Returns the properties of a row or column with its developer metadata.
fn with_metadata(book: &Spreadsheet, index: usize, dimension: Dimension, at: usize) -> Json {
    let sheet = &book.sheets[index];
    let mut properties = sheet.dimension_json(dimension, at);
    let kind = if dimension == Dimension::Rows { "ROW" } else { "COLUMN" };
    let own = book.metadata.iter().filter(|item| {
        let (location, range) = (&item["location"], &item["location"]["dimensionRange"]);
        location["locationType"] == kind && range["sheetId"] == sheet.id && range["startIndex"] == at
    });
    let own: Vec<Json> = own.cloned().collect();
    if !own.is_empty() {
        properties["developerMetadata"] = Json::Array(own);
    }
    properties
}

fn row_data(kept: &[Cell], (sheet, row): (usize, usize), area: &Area, mask: &Mask, evaluator: &Evaluator) -> Json {
    let Some(mask) = mask.of("values") else { return json!({}) };
    let end = area.columns.end.min(kept.len());
    let cells = kept.get(area.columns.start..end).unwrap_or_default();
    let place = |index: usize| (sheet, row, area.columns.start + index);
    let mut values: Vec<Json> =
        cells.iter().enumerate().map(|(index, cell)| cell_data(cell, place(index), mask, evaluator)).collect();
    let filled = values.iter().rposition(|value| value.as_object().is_some_and(|value| !value.is_empty()));
    values.truncate(filled.map_or(0, |last| last + 1));
    if values.is_empty() { json!({}) } else { json!({ "values": values }) }
}

/// Shows one cell.
fn cell_data(cell: &Cell, place: (usize, usize, usize), mask: &Mask, evaluator: &Evaluator) -> Json {
    let mut data = Map::new();
    if cell.is_blank() && cell.look.is_none() {
        return Json::Object(data);
    }
    let mut put = |name: &str, value: Option<Json>| {
        if let (Some(mask), Some(value)) = (mask.of(name), value) {
            data.insert(name.to_owned(), mask.keep(value));
        }
    };
    if !cell.is_blank() {
        put("userEnteredValue", cell.entered.json());
        if mask.wants("effectiveValue") || mask.wants("formattedValue") {
            let value = evaluator.value(place);
            put("effectiveValue", value.json());
            let format = effective_format(cell, evaluator);
            put("formattedValue", Some(Json::from(show(&value, format.as_ref(), evaluator.locale()))));
        }
    }
    for (name, value) in cell.look.iter().flat_map(|look| look.iter()) {
        if name == "userEnteredFormat" {
            put(name, Some(with_styles(value.clone())));
        } else {
            put(name, Some(value.clone()));
        }
    }
    if mask.wants("effectiveFormat") {
        put("effectiveFormat", Some(effective(cell, evaluator)));
    }
    if let Entered::Text(text) = &cell.entered
        && (text.starts_with("https://") || text.starts_with("http://"))
    {
        put("hyperlink", Some(Json::from(text.to_string())));
    }
    Json::Object(data)
}

/// Returns the format that counts: the spreadsheet's, with the cell's over it.
fn effective(cell: &Cell, evaluator: &Evaluator) -> Json {
    let mut format = evaluator.book().properties.get("defaultFormat").unwrap_or(&defaults()["defaultFormat"]).clone();
    if let Some(own) = cell.format() {
        lay_over(&mut format, &with_styles(Json::Object(own.clone())));
    }
    if let Some(number) = effective_format(cell, evaluator) {
        format["numberFormat"] = json!({ "type": number.kind, "pattern": number.pattern });
    }
    format
}

fn lay_over(format: &mut Json, over: &Json) {
    match (format, over) {
        (Json::Object(format), Json::Object(over)) => {
            for (name, value) in over {
                match format.get_mut(name).filter(|old| old.is_object() && !name.contains("olor")) {
                    Some(old) => lay_over(old, value),
                    None => {
                        format.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (format, over) => *format = over.clone(),
    }
}

/// Adds the newer form of colours beside the older one, as the API does.
fn with_styles(mut format: Json) -> Json {
    fn add(format: &mut Json, name: &str) {
        if let Some(color) = format.get(name).cloned() {
            format[format!("{name}Style")] = json!({ "rgbColor": color });
        } else if let Some(color) = format.get(format!("{name}Style")).and_then(|style| style.get("rgbColor")).cloned()
        {
            format[name] = color;
        }
    }
    add(&mut format, "backgroundColor");
    if format["textFormat"].is_object() {
        add(&mut format["textFormat"], "foregroundColor");
    } else if let Some(fields) = format.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    format
}
