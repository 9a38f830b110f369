//! Parquet files as they come back, and those that cannot be read.

use std::{fs, path::Path};

use chrono::{DateTime, NaiveDate};
use polars::prelude::{DataFrame, DataType, IntoColumn, NamedFrom, ParquetWriter, Series, TimeUnit};
use serde_json::{Value as Json, json};

use super::Parquet;
use crate::connector::file::testing::{Gathered, destination, insert, read_all, record, source, text};
use crate::model::{BatchRecord, Field, FieldType, Outcome, Value};

fn fields() -> Vec<Field> {
    let types = [
        ("name", FieldType::Text),
        ("age", FieldType::Integer),
        ("score", FieldType::Number),
        ("active", FieldType::Boolean),
        ("born", FieldType::Date),
        ("seen", FieldType::Datetime),
        ("tags", FieldType::MultiChoice),
    ];
    types.into_iter().map(|(name, field_type)| Field::new(name, field_type)).collect()
}

fn ada() -> BatchRecord {
    record(&[
        ("name", text("Zoë")),
        ("age", Value::Integer(36)),
        ("score", Value::Integer(2)),
        ("active", Value::Boolean(true)),
        ("born", Value::Date(NaiveDate::from_ymd_opt(1815, 12, 10).unwrap())),
        ("seen", Value::DateTime(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap())),
        ("tags", Value::List(vec!["a".to_owned(), "b".to_owned()])),
    ])
}

async fn write(folder: &Path, records: Vec<BatchRecord>) -> Vec<Outcome> {
    let destination = destination::<Parquet>(folder, &json!({}));
    destination.replace().unwrap().begin(&"people".into(), &fields()).await.unwrap();
    let outcomes = destination.load(&insert("people", records)).await.unwrap();
    assert!(!folder.join("people.parquet").exists());
    destination.replace().unwrap().put_in_place(&"people".into()).await.unwrap();
    outcomes
}

async fn read(folder: &Path, more: &Json, fields: &[&str]) -> Gathered {
    read_all(source::<Parquet>(folder, more).as_ref(), "people", fields, None).await.unwrap()
}

#[tokio::test]
async fn what_was_written_comes_back_with_its_types() {
    let dir = tempfile::tempdir().unwrap();
    let outcomes = write(dir.path(), vec![ada(), record(&[])]).await;
    assert_eq!(outcomes[1], Outcome::Created { id: "2".to_owned() });
    let schema = source::<Parquet>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap();
    assert_eq!(schema.fields, fields());
    let names: Vec<String> = fields().iter().map(|field| field.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let read = read(dir.path(), &json!({}), &names).await;
    assert_eq!(read.cells[0], ["Zoë", "36", "2", "true", "1815-12-10", "2023-11-14T22:13:20.123Z", "a;b"]);
    assert_eq!(read.cells[1], ["-"; 7]);
}

#[tokio::test]
async fn a_value_of_another_type_rejects_its_record_alone() {
    let dir = tempfile::tempdir().unwrap();
    let outcomes = write(dir.path(), vec![record(&[("age", text("old"))]), ada()]).await;
    let Outcome::Rejected(rejection) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("does_not_fit", Some("age")));
    assert_eq!(read(dir.path(), &json!({}), &["name"]).await.cells, [["Zoë"]]);
}

#[tokio::test]
async fn a_file_without_records_still_has_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), Vec::new()).await;
    let source = source::<Parquet>(dir.path(), &json!({}));
    assert_eq!(source.describe(&"people".into()).await.unwrap().fields, fields());
    assert!(read(dir.path(), &json!({}), &["name"]).await.ids.is_empty());
}

fn write_frame(folder: &Path, columns: Vec<Series>) {
    let columns: Vec<_> = columns.into_iter().map(IntoColumn::into_column).collect();
    let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
    let file = fs::File::create(folder.join("people.parquet")).unwrap();
    ParquetWriter::new(file).with_row_group_size(Some(40_000)).finish(&mut frame).unwrap();
}

#[tokio::test]
async fn a_resumed_read_neither_loses_nor_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let numbers: Vec<i64> = (0..62_001).collect();
    write_frame(dir.path(), vec![Series::new("n".into(), numbers)]);
    let source = source::<Parquet>(dir.path(), &json!({ "id": "n" }));
    let whole = read_all(source.as_ref(), "people", &["n"], None).await.unwrap();
    assert_eq!((whole.ids.len(), whole.cursors.len()), (62_001, 13));
    assert!(whole.ids.iter().enumerate().all(|(position, id)| *id == position.to_string()));
    for done in [9, 12] {
        let cursor = Some(whole.cursors[done].clone());
        let rest = read_all(source.as_ref(), "people", &["n"], cursor).await.unwrap();
        assert_eq!(rest.ids, whole.ids[((done + 1) * 5_000).min(62_001)..]);
    }
    write_frame(dir.path(), vec![Series::new("n".into(), [1_i64])]);
    let anew = read_all(source.as_ref(), "people", &["n"], Some(whole.cursors[9].clone())).await.unwrap();
    assert_eq!(anew.ids, ["1"]);
}

#[tokio::test]
async fn other_tools_types_become_ours() {
    let dir = tempfile::tempdir().unwrap();
    let micros = DataType::Datetime(TimeUnit::Microseconds, None);
    write_frame(
        dir.path(),
        vec![
            Series::new("small".into(), [7_i32]),
            Series::new("half".into(), [0.5_f32]),
            Series::new("seen".into(), [1_700_000_000_123_456_i64]).cast(&micros).unwrap(),
            Series::new("numbers".into(), [Series::new("".into(), [1_i64, 2])]),
            Series::new("bytes".into(), [b"x".as_slice()]),
        ],
    );
    let source = source::<Parquet>(dir.path(), &json!({}));
    let schema = source.describe(&"people".into()).await.unwrap();
    assert_eq!(schema.fields.len(), 4);
    let read = read(dir.path(), &json!({}), &["small", "half", "seen", "numbers"]).await;
    assert_eq!(read.cells, [["7", "0.5", "2023-11-14T22:13:20.123Z", "1;2"]]);
}

#[tokio::test]
async fn a_number_too_large_and_a_missing_id_reject_their_records() {
    let dir = tempfile::tempdir().unwrap();
    let key = Series::new("key".into(), [Some("a"), Some("b"), None, Some("d")]);
    write_frame(dir.path(), vec![key, Series::new("n".into(), [Some(1_u64), Some(u64::MAX), Some(3), None])]);
    let read = read(dir.path(), &json!({ "id": "key" }), &["n"]).await;
    assert_eq!(
        (read.ids, read.cells),
        (vec!["a".to_owned(), "d".to_owned()], vec![vec!["1".to_owned()], vec!["-".to_owned()]])
    );
    assert_eq!(read.places, ["record 2 does_not_fit", "record 3 missing_id"]);
    assert_eq!(read.rejects[0].value.as_deref(), Some("18446744073709551615"));
}

#[tokio::test]
async fn what_is_no_parquet_file_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    for content in ["", "PAR1", "PAR1 not really a parquet file PAR1"] {
        fs::write(dir.path().join("people.parquet"), content).unwrap();
        let source = source::<Parquet>(dir.path(), &json!({}));
        assert_eq!(source.describe(&"people".into()).await.unwrap_err().code, "invalid_parquet", "{content}");
    }
}
