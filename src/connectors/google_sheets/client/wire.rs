//! The bodies of requests and answers, as the discovery document has them; what is not used is left out.

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::super::{cell::Cell, rows::Rows};

/// The answer of `spreadsheets.get`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub(in super::super) struct Spreadsheet {
    pub(in super::super) spreadsheet_id: String,
    pub(in super::super) properties: SpreadsheetProperties,
    pub(in super::super) sheets: Vec<Sheet>,
    pub(in super::super) named_ranges: Vec<NamedRange>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct SpreadsheetProperties {
    pub(in super::super) title: String,
    pub(in super::super) time_zone: String,
}

/// A tab.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Sheet {
    pub(in super::super) properties: SheetProperties,
    pub(in super::super) data: Vec<GridData>,
    pub(in super::super) merges: Vec<GridRange>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct SheetProperties {
    /// 0 for the first tab of most spreadsheets.
    pub(in super::super) sheet_id: i64,
    pub(in super::super) title: String,
    pub(in super::super) sheet_type: String,
    pub(in super::super) grid_properties: GridProperties,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct GridProperties {
    pub(in super::super) row_count: usize,
    pub(in super::super) column_count: usize,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct NamedRange {
    pub(in super::super) name: String,
    pub(in super::super) range: GridRange,
}

/// Cells of a tab; bounds count from 0, an end is left out and unbounded where it is missing.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct GridRange {
    pub(in super::super) sheet_id: i64,
    pub(in super::super) start_row_index: usize,
    pub(in super::super) end_row_index: Option<usize>,
    pub(in super::super) start_column_index: usize,
    pub(in super::super) end_column_index: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct GridData {
    pub(in super::super) row_data: Vec<RowData>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct RowData {
    pub(in super::super) values: Vec<CellData>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct CellData {
    pub(in super::super) formatted_value: Option<String>,
    pub(in super::super) user_entered_value: EnteredValue,
    pub(in super::super) user_entered_format: CellFormat,
    pub(in super::super) effective_format: CellFormat,
    pub(in super::super) effective_value: EffectiveValue,
}

/// What a cell gives: one of these, or nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the fields are called so by the vendor")]
pub(in super::super) struct EffectiveValue {
    string_value: Option<String>,
    number_value: Option<f64>,
    bool_value: Option<bool>,
}

impl GridData {
    /// Returns the values by rows, as a read of values has them.
    pub(super) fn into_cells(self) -> Rows {
        let cells = |row: RowData| row.values.into_iter().map(|cell| cell.effective_value.into()).collect();
        self.row_data.into_iter().map(cells).collect()
    }
}

impl From<EffectiveValue> for Cell {
    fn from(value: EffectiveValue) -> Self {
        match value {
            EffectiveValue { string_value: Some(text), .. } => Self::text(text),
            EffectiveValue { number_value: Some(number), .. } => Self::Number(number),
            EffectiveValue { bool_value: Some(flag), .. } => Self::Boolean(flag),
            _ => Self::Empty,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct EnteredValue {
    pub(in super::super) formula_value: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct CellFormat {
    pub(in super::super) number_format: Option<NumberFormat>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in super::super) struct NumberFormat {
    #[serde(rename = "type")]
    pub(in super::super) kind: String,
    pub(in super::super) pattern: String,
}

/// Values of a range, as they are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ValueRange {
    pub(in super::super) range: String,
    pub(in super::super) values: Rows,
}

/// Values of a range, as they are written; none leaves its cell alone.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct RangeToWrite {
    pub(in super::super) range: String,
    pub(in super::super) values: Vec<Vec<Option<Cell>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetAnswer {
    #[serde(default)]
    pub(super) value_ranges: Vec<ValueRange>,
}

/// The form of a [`BatchGetAnswer`], without its cells: what tells whether it answers a request holds no copy of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetForm {
    pub(super) spreadsheet_id: String,
    #[serde(default)]
    pub(super) value_ranges: Vec<ValueRangeForm>,
}

/// The form of a [`ValueRange`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ValueRangeForm {
    pub(super) range: String,
    #[serde(rename = "values")]
    _values: Vec<Vec<IgnoredAny>>,
}

/// What became of one range that was written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct UpdateAnswer {
    pub(in super::super) spreadsheet_id: String,
    pub(in super::super) updated_range: String,
    pub(in super::super) updated_rows: usize,
    pub(in super::super) updated_data: Option<ValueRange>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppendAnswer {
    pub(super) spreadsheet_id: String,
    #[serde(default)]
    pub(super) updates: UpdateAnswer,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchUpdateValuesAnswer {
    pub(super) spreadsheet_id: String,
    #[serde(default)]
    pub(super) responses: Vec<UpdateAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchUpdateAnswer {
    pub(super) spreadsheet_id: String,
    #[serde(default)]
    pub(super) replies: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) updated_spreadsheet: Option<Spreadsheet>,
}

/// What Drive tells of a file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FileAnswer {
    pub(super) version: String,
}
