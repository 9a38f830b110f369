//! One tab: its properties, its cells, and what lies over them.

use std::{collections::BTreeMap, ops::Range};

use serde_json::{Map, Value as Json, json};

use super::{
    a1::{self, Span},
    grid::{Dimension, Grid},
};

/// Rows and columns of a tab that names no size.
pub(super) const DEFAULT_SIZE: (usize, usize) = (1000, 26);

/// Width of a column and height of a row that nobody changed, in pixels.
const PIXELS: [usize; 2] = [21, 100];

/// One tab.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) grid: Grid,
    /// The other properties: `hidden`, `tabColor`, `rightToLeft`.
    pub(super) properties: Map<String, Json>,
    /// The other grid properties: `frozenRowCount`, `hideGridlines` …
    pub(super) grid_properties: Map<String, Json>,
    /// Properties of rows and of columns that were changed.
    pub(super) dimensions: [BTreeMap<usize, Map<String, Json>>; 2],
    pub(super) merges: Vec<Area>,
    /// What lies over the cells, by its name in a `Sheet`: `protectedRanges`, `conditionalFormats`, `filterViews` …
    pub(super) overlays: BTreeMap<String, Vec<Json>>,
    /// The filter that hides rows, where there is one.
    pub(super) filter: Option<Json>,
}

/// Cells of one sheet, with all bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Area {
    /// Whether two areas share a cell.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let meet = |one: &Range<usize>, two: &Range<usize>| one.start < two.end && two.start < one.end;
        meet(&self.rows, &other.rows) && meet(&self.columns, &other.columns)
    }

    /// Whether the other area lies within this one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let holds = |one: &Range<usize>, two: &Range<usize>| one.start <= two.start && two.end <= one.end;
        holds(&self.rows, &other.rows) && holds(&self.columns, &other.columns)
    }

    /// Returns it as a `GridRange`.
    pub(super) fn json(&self, sheet: i64) -> Json {
        json!({
            "sheetId": sheet,
            "startRowIndex": self.rows.start, "endRowIndex": self.rows.end,
            "startColumnIndex": self.columns.start, "endColumnIndex": self.columns.end,
        })
    }
}

impl Sheet {
    /// Makes an empty tab.
    pub(super) fn new(id: i64, title: &str, (rows, columns): (usize, usize)) -> Self {
        Self {
            id,
            title: title.to_owned(),
            grid: Grid::new(rows, columns),
            properties: Map::new(),
            grid_properties: Map::new(),
            dimensions: [BTreeMap::new(), BTreeMap::new()],
            merges: Vec::new(),
            overlays: BTreeMap::new(),
            filter: None,
        }
    }

    /// Returns its `SheetProperties`.
    pub(super) fn properties_json(&self, index: usize) -> Json {
        let mut grid = Map::from_iter([
            ("rowCount".to_owned(), Json::from(self.grid.row_count())),
            ("columnCount".to_owned(), Json::from(self.grid.column_count())),
        ]);
        grid.extend(self.grid_properties.clone());
        let mut properties = Map::from_iter([
            ("sheetId".to_owned(), Json::from(self.id)),
            ("title".to_owned(), Json::from(self.title.clone())),
            ("index".to_owned(), Json::from(index)),
            ("sheetType".to_owned(), Json::from("GRID")),
            ("gridProperties".to_owned(), Json::Object(grid)),
        ]);
        properties.extend(self.properties.clone());
        Json::Object(properties)
    }

    /// Returns the cells of spans, as far as the grid goes.
    pub(super) fn area(&self, rows: Span, columns: Span) -> Area {
        Area { rows: rows.within(self.grid.row_count()), columns: columns.within(self.grid.column_count()) }
    }

    /// Returns the whole grid.
    pub(super) fn whole(&self) -> Area {
        self.area(Span::ALL, Span::ALL)
    }

    /// Writes a range of this tab.
    pub(super) fn name_of(&self, area: &Area) -> String {
        a1::range_name(&self.title, &area.rows, &area.columns)
    }

    /// Returns the properties of a row or column.
    pub(super) fn dimension_json(&self, dimension: Dimension, index: usize) -> Json {
        let side = side(dimension);
        let mut properties = Map::from_iter([("pixelSize".to_owned(), Json::from(PIXELS[side]))]);
        properties.extend(self.dimensions[side].get(&index).cloned().unwrap_or_default());
        Json::Object(properties)
    }

    /// Returns the items of an overlay.
    pub(super) fn overlay(&self, name: &str) -> &[Json] {
        self.overlays.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the items of an overlay to change.
    pub(super) fn overlay_mut(&mut self, name: &str) -> &mut Vec<Json> {
        self.overlays.entry(name.to_owned()).or_default()
    }
}

/// The position of rows and of columns in pairs.
pub(super) fn side(dimension: Dimension) -> usize {
    match dimension {
        Dimension::Rows => 0,
        Dimension::Columns => 1,
    }
}
