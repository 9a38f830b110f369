//! Shows changes while they are found, so that a plan of any size needs no memory.

use crate::engine::{Change, PlanLine, PlanViewer};

use super::{super::output, text};

/// Shows nothing: the summary has some examples.
#[derive(Debug)]
pub(super) struct Nobody;

/// Prints a line of JSON for each change.
#[derive(Debug)]
pub(super) struct JsonLines;

/// Prints lines of text for each change.
#[derive(Debug)]
pub(super) struct TextLines;

impl PlanViewer for Nobody {
    fn see(&self, _change: &Change) {}
}

impl PlanViewer for JsonLines {
    fn see(&self, change: &Change) {
        // What cannot be printed ends the command when the summary is.
        let _ = output::json(&PlanLine::Change(change));
    }
}

impl PlanViewer for TextLines {
    fn see(&self, change: &Change) {
        let _ = output::data(&format!("{}\n", text::change(change)));
    }
}
