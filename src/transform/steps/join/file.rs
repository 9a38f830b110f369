//! A join with a file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use csv::StringRecord;
use memchr::memchr_iter;
use polars::prelude::{Column, DataFrame, Expr, IntoLazy, ParquetReader, SerReader, UniqueKeepStrategy, by_name, col};

use super::{
    super::{PageStep, Tally},
    Keys, add_to_schema, added, key_name, pairs,
};
use crate::model::{FieldType, Schema, file_kind, has_text_behind_quote};
use crate::transform::{
    columns::{field_type_of, normalise},
    convert::to_text,
    error::TransformError,
    spec::JoinSpec,
};

/// `join: { file: regions.csv, on: country }`: a record with country DE gets the other columns of the file's line for DE. A
/// record without such a line goes on without values; of several lines with the same key the first counts.
#[derive(Debug)]
pub(super) struct FileJoin {
    /// The file's columns to add, after its keys, which are text and named by [`key_name`].
    file: DataFrame,
    keys: Keys,
}

pub(super) fn compile(
    spec: &JoinSpec,
    file: &str,
    schema: &mut Schema,
    base_dir: &Path,
) -> Result<FileJoin, TransformError> {
    let table = read(&base_dir.join(file), file).map_err(|error| error.under(["join", "file"]))?;
    let pairs = pairs(&spec.on);
    let keys = Keys::compile(&pairs, schema)?;
    for (_, column) in &pairs {
        require_column(&table, column, file).map_err(|error| error.under(["join", "on"]))?;
    }
    let names = added(spec, &pairs, table.columns().iter().map(|column| column.name().as_str()))?;
    for (index, name) in names.iter().enumerate() {
        let place = index.to_string();
        require_column(&table, name, file).map_err(|error| error.under(["join", "fields", &place]))?;
    }
    let file = prepare(table, &pairs, &names)?;
    let mut fields = Vec::new();
    for name in names {
        let field_type = field_type_of(file.column(&name)?.dtype()).unwrap_or(FieldType::Text);
        fields.push((name, field_type));
    }
    add_to_schema(schema, &fields)?;
    Ok(FileJoin { file, keys })
}

fn require_column(table: &DataFrame, name: &str, file: &str) -> Result<(), TransformError> {
    if table.column(name).is_ok() {
        return Ok(());
    }
    let known: Vec<&str> = table.columns().iter().map(|column| column.name().as_str()).collect();
    Err(TransformError::new("transform.unknown_field", format!("`{file}` has no column `{name}`")).nearest(name, known))
}

/// Selects what is needed of the file, one line per key.
fn prepare(table: DataFrame, pairs: &[(String, String)], added: &[String]) -> Result<DataFrame, TransformError> {
    let keys: Vec<String> = (0..pairs.len()).map(key_name).collect();
    let mut selected: Vec<Expr> = Vec::new();
    for ((_, column), name) in pairs.iter().zip(&keys) {
        selected.push(typed(&table, column, name)?.0);
    }
    for name in added {
        let (expr, field_type) = typed(&table, name, name)?;
        selected.push(expr.cast(field_type.dtype()));
    }
    let as_text = pairs.iter().zip(&keys).map(|((_, column), name)| -> Result<Expr, TransformError> {
        let (_, field_type) = typed(&table, column, name)?;
        Ok(to_text(col(name.as_str()), field_type).alias(name.as_str()))
    });
    let as_text = as_text.collect::<Result<Vec<_>, _>>()?;
    let by = by_name(keys.iter().map(String::as_str), true, false);
    let unique = table.lazy().select(selected).with_columns(as_text).unique_stable(Some(by), UniqueKeepStrategy::First);
    Ok(unique.collect()?)
}

/// Returns a column of the file as one that a field can hold.
fn typed(table: &DataFrame, column: &str, name: &str) -> Result<(Expr, FieldType), TransformError> {
    let dtype = table.column(column)?.dtype();
    let field_type = field_type_of(dtype).unwrap_or(FieldType::Text);
    Ok((normalise(col(column), dtype, field_type).alias(name), field_type))
}

/// Reads the whole file: Parquet by its ending, anything else as CSV.
fn read(path: &Path, written: &str) -> Result<DataFrame, TransformError> {
    let unreadable =
        |cause: String| TransformError::new("transform.file", format!("`{written}` cannot be read: {cause}"));
    let unopened = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            unreadable("there is no such file".to_owned()).hint("relative paths start from the pipeline's folder")
        }
        _ => unreadable(error.to_string()),
    };
    let file = File::open(path).map_err(unopened)?;
    let is_parquet = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"));
    if is_parquet {
        return ParquetReader::new(file).finish().map_err(|error| unreadable(error.to_string()));
    }
    read_csv(file).map_err(unreadable)
}

/// Reads a CSV file with commas in UTF-8, all of its columns as text. Empty cells are no value. It is read as strictly as a source:
/// a line that cannot be trusted fails the whole.
fn read_csv(mut file: File) -> Result<DataFrame, String> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if let Some(kind) = file_kind(&bytes) {
        return Err(format!("it is {}: {}", kind.name, kind.advice));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
        format!("line {line} is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut names: Vec<String> = Vec::new();
    let mut cells: Vec<Vec<Option<String>>> = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let start = reader.position().clone();
        if !reader.read_record(&mut record).map_err(|error| error.to_string())? {
            break;
        }
        let line = record.position().map_or(start.line(), csv::Position::line);
        check_quotes(text, &start, reader.position()).map_err(|fault| format!("line {line}: {fault}"))?;
        if names.is_empty() {
            names = record.iter().map(str::to_owned).collect();
            cells = vec![Vec::new(); names.len()];
            continue;
        }
        let is_empty = |cell: &str| cell.trim().is_empty();
        if record.iter().all(is_empty) {
            continue;
        }
        if record.len() < names.len() || record.iter().skip(names.len()).any(|cell| !is_empty(cell)) {
            return Err(format!("line {line} has {} cells, the header has {}", record.len(), names.len()));
        }
        for (column, cell) in cells.iter_mut().zip(&record) {
            column.push(Some(cell.to_owned()).filter(|cell| !cell.is_empty()));
        }
    }
    if names.is_empty() {
        return Err("it is empty: its first line must name the columns".to_owned());
    }
    let height = cells.first().map_or(0, Vec::len);
    let columns = names.into_iter().zip(cells).map(|(name, cells)| Column::new(name.into(), cells)).collect();
    DataFrame::new(height, columns).map_err(|error| error.to_string())
}

/// Finds quotes that are not whole: the parser takes the text behind them into the cell, and may take whole lines with it.
fn check_quotes(text: &str, start: &csv::Position, end: &csv::Position) -> Result<(), &'static str> {
    let place = |position: &csv::Position| usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let raw = text.as_bytes().get(place(start)..place(end)).unwrap_or_default();
    let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if has_text_behind_quote(&raw[blank..], b',', b'"') {
        return Err("a quote is not closed, or text follows it: a quote inside a quoted cell must be doubled");
    }
    Ok(())
}

impl PageStep for FileJoin {
    fn apply(&self, frame: DataFrame, _tally: &mut Tally) -> Result<DataFrame, TransformError> {
        self.keys.join(frame, self.file.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_text(text: &[u8]) -> Result<(usize, usize), String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        read_csv(file).map(|frame| (frame.height(), frame.width()))
    }

    #[test]
    fn a_joined_file_is_read_as_strictly_as_a_source() {
        for (text, expected) in [
            (&b"code,name\nDE,\"Ger, many\"\nFR,\n,,\n"[..], Ok((2, 2))),
            (b"\xEF\xBB\xBFcode,name\r\nDE,\"say \"\"hi\"\"\"\r\n", Ok((1, 2))),
            (b"code,name\nDE,\"24\" screen\"\nFR,x\n", Err("line 2: a quote")),
            (b"code,name\nFR,x\nDE,\"open\nIT,y\n", Err("line 3: a quote")),
            (b"code,name\nDE\n", Err("line 2 has 1 cells, the header has 2")),
            (b"code,name\nDE,x,more\n", Err("line 2 has 3 cells, the header has 2")),
            (b"code,name\nDE,M\xFCnchen\n", Err("line 2 is not UTF-8")),
            (b"", Err("it is empty")),
            (b"\x1F\x8B\x08...", Err("it is a gzip archive: unpack it first")),
        ] {
            match (read_text(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, expected) => panic!("{found:?} for {expected:?}"),
            }
        }
    }
}
