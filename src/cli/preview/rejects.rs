//! The records that a preview refused, as a file that a spreadsheet opens.

use std::{collections::BTreeSet, path::Path};

use crate::engine::{DestinationPreview, PreviewReport, RejectedRecord, StreamPreview};
use crate::model::guarded;
use crate::private_file::PrivateFile;
use crate::redact::redact;

use super::super::{
    exit::{Exit, Failure},
    rejects::{SOURCE_PREFIX, cell_text},
};

/// The columns that come before those of the records, named as `ferry rejects` does.
const COLUMNS: [&str; 9] = ["stream", "connection", "object", "source_id", "line", "code", "field", "value", "reason"];

/// One line of the file.
type Line<'report> = (&'report StreamPreview, &'report DestinationPreview, &'report RejectedRecord);

/// Writes all of them, and returns how many there are.
pub(super) fn write(path: &Path, report: &PreviewReport) -> Result<u64, Failure> {
    let lines: Vec<Line<'_>> = report
        .streams
        .iter()
        .flat_map(|stream| stream.destinations.iter().map(move |destination| (stream, destination)))
        .flat_map(|(stream, destination)| {
            destination.rejected_records.iter().map(move |one| (stream, destination, one))
        })
        .collect();
    let fields = lines.iter().filter_map(|(_, _, record)| record.source.as_object());
    let fields: BTreeSet<&String> = fields.flat_map(serde_json::Map::keys).collect();
    let failed = |error: csv::Error| Failure::new(Exit::Failed, "csv", error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = COLUMNS.iter().map(|column| (*column).to_owned());
    writer.write_record(header.chain(fields.iter().map(|field| format!("{SOURCE_PREFIX}{field}")))).map_err(failed)?;
    for (stream, destination, record) in &lines {
        let fixed = [
            stream.name.to_string(),
            destination.connection.to_string(),
            destination.object.to_string(),
            record.id.clone(),
            record.line.map_or_else(String::new, |line| line.to_string()),
            record.rejection.code.clone(),
            record.rejection.field.clone().unwrap_or_default(),
            record.rejection.value.clone().unwrap_or_default(),
            redact(&record.rejection.reason).into_owned(),
        ];
        let values = fields.iter().map(|field| record.source.get(*field).map_or_else(String::new, cell_text));
        writer.write_record(fixed.into_iter().chain(values).map(|cell| guarded(&cell).into_owned())).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::new(Exit::Failed, "csv", error.to_string()))?;
    PrivateFile::write(path, &bytes)?;
    Ok(u64::try_from(lines.len()).unwrap_or(u64::MAX))
}
