//! Shows changes while they are found, so that a plan of any size needs no memory.

use serde_json::{Value as Json, json};

use crate::engine::{Change, PlanReport, PlanViewer};

use super::{super::output, text};

/// Shows nothing: the summary has some examples.
#[derive(Debug)]
pub(super) struct Nobody;

/// Prints a line of JSON for each change.
#[derive(Debug, Default)]
pub(super) struct JsonLines;

/// Prints lines of text for each change.
#[derive(Debug, Default)]
pub(super) struct TextLines;

impl PlanViewer for Nobody {
    fn see(&self, _change: &Change) {}
}

impl PlanViewer for JsonLines {
    fn see(&self, change: &Change) {
        let Ok(mut line) = serde_json::to_value(change) else { return };
        if let Json::Object(fields) = &mut line {
            fields.insert("type".to_owned(), Json::from("change"));
        }
        // A closed stdout leaves nobody to tell.
        let _ = output::json(&line);
    }
}

impl PlanViewer for TextLines {
    fn see(&self, change: &Change) {
        let _ = output::data(&format!("{}\n", text::change(change)));
    }
}

/// Returns the last line: the plan without its changes.
pub(super) fn summary_line(report: &PlanReport) -> Json {
    let mut line = serde_json::to_value(report).unwrap_or_else(|_| json!({}));
    if let Json::Object(fields) = &mut line {
        fields.insert("type".to_owned(), Json::from("summary"));
    }
    line
}
