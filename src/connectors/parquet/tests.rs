//! Parquet files as they come back, and those that cannot be read.

use std::{fs, path::Path};

use chrono::{DateTime, NaiveDate};
use polars::prelude::{
    Categories, DataFrame, DataType, FrozenCategories, IntoColumn, IntoSeries, NamedFrom, ParquetWriter, Series,
    TimeUnit,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::Parquet;
use crate::connector::file::testing::{
    Gathered, any_values, block_on, destination, insert, read_all, record, source, text, write_both,
};
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
            Series::new("third".into(), [0.1_f32]),
        ],
    );
    let read = read(dir.path(), &json!({}), &["small", "half", "seen", "numbers", "third"]).await;
    assert_eq!(read.cells, [["7", "0.5", "2023-11-14T22:13:20.123Z", "1;2", "0.1"]]);
}

/// Columns of every kind that polars writes, each with the type of its field and what its two values are as text.
fn columns_of_every_kind() -> Vec<(Series, FieldType, [&'static str; 2])> {
    let ints = |values: [i64; 2], dtype: DataType| Series::new("".into(), values).cast(&dtype).unwrap();
    let texts = |values: [&str; 2], dtype: DataType| Series::new("".into(), values).cast(&dtype).unwrap();
    let time = Series::new("".into(), [0_i64, 45_296_789_000_000]).cast(&DataType::Time).unwrap();
    let kinds = ["lead", "customer"];
    let frozen = FrozenCategories::new(kinds).unwrap();
    let nested = DataFrame::new(
        2,
        vec![
            Series::new("n".into(), [1_i64, 2]).into_column(),
            Series::new("t".into(), ["a \"x\"", "b"]).into_column(),
        ],
    );
    let nested = nested.unwrap().into_struct("".into()).into_series();
    let structs = Series::new("".into(), [nested.slice(0, 1), nested.slice(1, 1)]);
    let long = "9".repeat(20);
    let exact = DataType::Decimal(20, 2);
    vec![
        (ints([-128, 127], DataType::Int8), FieldType::Integer, ["-128", "127"]),
        (ints([-32768, 32767], DataType::Int16), FieldType::Integer, ["-32768", "32767"]),
        (
            ints([i64::MIN, i64::MAX], DataType::Int64),
            FieldType::Integer,
            ["-9223372036854775808", "9223372036854775807"],
        ),
        (ints([0, 4_294_967_295], DataType::UInt32), FieldType::Integer, ["0", "4294967295"]),
        (ints([1, 2], DataType::UInt64), FieldType::Integer, ["1", "2"]),
        (Series::new("".into(), [1, u64::MAX]), FieldType::Text, ["1", "18446744073709551615"]),
        (texts(["12.50", "-0.10"], DataType::Decimal(10, 2)), FieldType::Number, ["12.5", "-0.1"]),
        (texts(["12.50", "99999999999.99"], exact.clone()), FieldType::Number, ["12.5", "99999999999.99"]),
        (texts(["12.50", "99999999999999.99"], exact), FieldType::Text, ["12.5", "99999999999999.99"]),
        (texts([&long, "-1"], DataType::Decimal(38, 0)), FieldType::Text, ["99999999999999999999", "-1"]),
        (Series::new("".into(), [0.1_f32, 16_777_216.0]), FieldType::Number, ["0.1", "16777216"]),
        (Series::new("".into(), [0.1_f64, 1e21]), FieldType::Number, ["0.1", "1000000000000000000000"]),
        (time, FieldType::Text, ["00:00:00", "12:34:56.789"]),
        (texts(kinds, DataType::from_categories(Categories::global())), FieldType::Text, kinds),
        (texts(kinds, DataType::from_frozen_categories(frozen)), FieldType::Text, kinds),
        (Series::new("".into(), [b"text".as_slice(), "ü".as_bytes()]), FieldType::Text, ["text", "ü"]),
        (nested, FieldType::Text, [r#"{"n":1,"t":"a \"x\""}"#, r#"{"n":2,"t":"b"}"#]),
        (structs, FieldType::Text, [r#"[{"n":1,"t":"a \"x\""}]"#, r#"[{"n":2,"t":"b"}]"#]),
        (
            Series::new("".into(), [Series::new("".into(), [0.5, 1.0]), Series::new("".into(), [2.0])]),
            FieldType::MultiChoice,
            ["0.5;1", "2"],
        ),
    ]
}

#[tokio::test]
async fn every_type_is_read_exactly_and_counts_in_the_id() {
    for (values, field_type, texts) in columns_of_every_kind() {
        let dir = tempfile::tempdir().unwrap();
        let what = format!("{:?}", values.dtype());
        let same = Series::new("same".into(), ["x", "x"]);
        write_frame(dir.path(), vec![same, values.with_name("v".into())]);
        let schema = source::<Parquet>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap();
        assert_eq!(schema.field("v").map(|field| field.field_type), Some(field_type), "{what}");
        let both = read(dir.path(), &json!({}), &["v"]).await;
        assert_eq!(both.cells, [[texts[0]], [texts[1]]], "{what}");
        assert!(both.rejects.is_empty(), "{what}");
        let one = read(dir.path(), &json!({}), &["same"]).await;
        assert_ne!(one.ids[0], one.ids[1], "{what}: rows that differ in this column alone are two records");
        assert_eq!(one.ids, both.ids, "{what}: the id does not depend on what is asked for");
    }
}

#[tokio::test]
async fn what_cannot_be_read_exactly_is_refused_by_name_and_type_and_still_counts_in_the_id() {
    let durations = Series::new("v".into(), [1_i64, 2]).cast(&DataType::Duration(TimeUnit::Milliseconds)).unwrap();
    let bytes = Series::new("v".into(), [b"\xFF\x00".as_slice(), b"\xFF\x01".as_slice()]);
    for (values, dtype) in [(durations, "Duration"), (bytes, "Binary")] {
        let dir = tempfile::tempdir().unwrap();
        write_frame(dir.path(), vec![Series::new("same".into(), ["x", "x"]), values]);
        let source = source::<Parquet>(dir.path(), &json!({}));
        let error = read_all(source.as_ref(), "people", &["v"], None).await.unwrap_err();
        assert_eq!(error.code, "unsupported_type");
        assert!(error.message.contains("`v`") && error.message.contains(dtype), "{error}");
        let others = read(dir.path(), &json!({}), &["same"]).await;
        assert_ne!(others.ids[0], others.ids[1]);
    }
}

#[tokio::test]
async fn a_file_that_is_no_parquet_is_named_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.parquet"), b"PK\x03\x04....xl/workbook.xml").unwrap();
    let error = source::<Parquet>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap_err();
    assert_eq!(error.code, "other_file_kind");
}

#[tokio::test]
async fn a_missing_id_rejects_its_record_and_a_large_number_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let key = Series::new("key".into(), [Some("a"), Some("b"), None, Some("d")]);
    write_frame(dir.path(), vec![key, Series::new("n".into(), [Some(1_u64), Some(u64::MAX), Some(3), None])]);
    let read = read(dir.path(), &json!({ "id": "key" }), &["n"]).await;
    assert_eq!(
        (read.ids.join(","), read.cells.concat()),
        ("a,b,d".to_owned(), vec!["1".into(), u64::MAX.to_string(), "-".into()])
    );
    assert_eq!(read.places, ["record 3 missing_id"]);
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

proptest! {
    #[test]
    fn a_frame_is_written_as_its_records_are(
        records in prop::collection::vec(any_values(), 0..8),
        width in 1_usize..9,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let refused = block_on(write_both::<Parquet>(dir.path(), &json!({}), width, &records));
        prop_assert_eq!(&refused[0], &refused[1]);
        let names: Vec<String> = (0..width).map(|place| format!("f{place}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let source = source::<Parquet>(dir.path(), &json!({}));
        let read = |name: &'static str| block_on(read_all(source.as_ref(), name, &names, None)).unwrap();
        let (frame, batch) = (read("frame"), read("batch"));
        prop_assert_eq!((frame.ids, frame.cells), (batch.ids, batch.cells));
    }
}
