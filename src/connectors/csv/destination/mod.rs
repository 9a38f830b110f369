//! Writes CSV files.

mod frames;

use std::path::Path;

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{FileFormat, FileWriter, Replacement},
};
use crate::model::{Batch, BatchRecord, Field, FieldName, Rejection, Value, guarded};

use super::config::{Form, LineEnd};

impl FileFormat for Form {
    type Writer = CsvWriter;

    const NAME: &'static str = "csv";

    fn start(&self, _target: &Path, file: Replacement, fields: Vec<Field>) -> Result<CsvWriter, ConnectorError> {
        CsvWriter::start(file, &fields, *self)
    }
}

/// One file in the making.
#[derive(Debug)]
pub(super) struct CsvWriter {
    file: Replacement,
    fields: Vec<FieldName>,
    form: Form,
}

impl CsvWriter {
    fn start(mut file: Replacement, fields: &[Field], form: Form) -> Result<Self, ConnectorError> {
        let fields: Vec<FieldName> = fields.iter().map(|field| field.name.clone()).collect();
        if let Some(field) = fields.iter().find(|field| !form.encoding.can_hold(field)) {
            let message = format!("the field name `{field}` cannot be written in {}", form.encoding.name());
            return Err(ConnectorError::new(ErrorKind::Io, "not_encodable", message)
                .with_hint("set `encoding: utf-8`, or map to another name"));
        }
        file.append(form.encoding.mark())?;
        let mut writer = Self { file, fields, form };
        let header: Vec<String> = writer.fields.iter().map(ToString::to_string).collect();
        let begins_like_a_mark = header.first().is_some_and(|name| name.starts_with('\u{feff}'));
        writer.append_lines(&[header], |_| begins_like_a_mark)?;
        Ok(writer)
    }

    fn cells(&self, record: &BatchRecord) -> Result<Vec<String>, Rejection> {
        if let Some(unknown) = record.fields.keys().find(|name| !self.fields.contains(name)) {
            return Err(Rejection::new("unknown_field", format!("the file has no column `{unknown}`")));
        }
        let mut cells = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let cell = record.fields.get(field).map(Value::to_text).unwrap_or_default();
            self.check_encodable(field, &cell)?;
            cells.push(if self.form.guard_formulas { guarded(&cell).into_owned() } else { cell });
        }
        Ok(cells)
    }

    fn check_encodable(&self, field: &FieldName, cell: &str) -> Result<(), Rejection> {
        if self.form.encoding.can_hold(cell) {
            return Ok(());
        }
        let reason = format!("holds a character that {} does not have", self.form.encoding.name());
        Err(Rejection::new("not_encodable", reason).at(field.as_str(), cell))
    }

    /// Appends records. A line of separators alone is no record to a reader: quotes make it one.
    fn append(&mut self, lines: &[Vec<String>]) -> Result<(), ConnectorError> {
        self.append_lines(lines, is_empty)
    }

    fn append_lines(
        &mut self,
        lines: &[Vec<String>],
        needs_quotes: impl Fn(&[String]) -> bool,
    ) -> Result<(), ConnectorError> {
        let unexpected = |reason: String| ConnectorError::new(ErrorKind::Unexpected, "file_error", reason);
        let mut bytes = Vec::new();
        for alike in lines.chunk_by(|one, other| needs_quotes(one) == needs_quotes(other)) {
            let is_quoted = alike.first().is_some_and(|line| needs_quotes(line));
            let mut writer = self.writer(is_quoted, bytes);
            for line in alike {
                writer.write_record(line).map_err(|error| unexpected(error.to_string()))?;
            }
            bytes = writer.into_inner().map_err(|error| unexpected(error.to_string()))?;
        }
        let text = String::from_utf8(bytes).map_err(|error| unexpected(error.to_string()))?;
        self.file.append(&self.form.encoding.encode(text))
    }

    fn writer(&self, is_quoted: bool, bytes: Vec<u8>) -> csv::Writer<Vec<u8>> {
        let line_end = match self.form.line_end {
            LineEnd::Lf => csv::Terminator::Any(b'\n'),
            LineEnd::Crlf => csv::Terminator::CRLF,
        };
        csv::WriterBuilder::new()
            .delimiter(self.form.separator)
            .quote(self.form.quote)
            .quote_style(if is_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .terminator(line_end)
            .from_writer(bytes)
    }
}

/// Tells whether no cell of a line holds anything.
fn is_empty(line: &[String]) -> bool {
    line.iter().all(|cell| cell.trim().is_empty())
}

impl FileWriter for CsvWriter {
    fn write(&mut self, batch: &Batch) -> Result<Vec<Result<(), Rejection>>, ConnectorError> {
        let mut lines = Vec::with_capacity(batch.records.len());
        let mut answers = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            answers.push(self.cells(record).map(|cells| lines.push(cells)));
        }
        self.append(&lines)?;
        Ok(answers)
    }

    fn finish(self) -> Result<(), ConnectorError> {
        self.file.put_in_place()
    }
}
