//! What real JSON files do to a reader, and what a written one must be.

use std::{fmt::Write, fs, path::Path};

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::Json as JsonConnector;
use crate::connector::{
    ConnectorError, Entry,
    file::testing::{
        Gathered, any_values, block_on, destination, insert, options, read_across, read_all, record, source, text,
        write_both,
    },
};
use crate::model::{BatchRecord, Field, FieldType, Outcome, Value};

async fn read(name: &str, content: &str, more: &Json, fields: &[&str]) -> Result<Gathered, ConnectorError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), content).unwrap();
    read_all(source::<JsonConnector>(dir.path(), more).as_ref(), "people", fields, None).await
}

async fn check(name: &str, content: &str, cells: &[[&str; 2]], places: &[&str]) {
    let read = read(name, content, &json!({}), &["name", "age"]).await.unwrap();
    assert_eq!(read.cells, cells);
    assert_eq!(read.places, places);
}

#[tokio::test]
async fn lines_and_arrays_hold_the_same_records() {
    let expected = [["Zoë", "7"], ["-", "-"]];
    check("people.jsonl", "{\"name\":\"Zoë\",\"age\":7}\n\r\n{\"age\":null}", &expected, &[]).await;
    check("people.ndjson", "\u{feff}{\"name\":\"Zoë\",\"age\":7}\r\n{\"age\":null}\r\n", &expected, &[]).await;
    check("people.json", "\u{feff}[ {\"name\":\"Zoë\",\"age\":7},\n{\"age\":null} ]\n", &expected, &[]).await;
}

#[tokio::test]
async fn a_bad_line_is_rejected_by_its_number_and_the_others_are_read() {
    let content = "{\"name\":\"a\",\"age\":1}\n{\"name\":\n\n[1]\n{\"name\":\"b\",\"age\":2}\n";
    let places = ["line 2 invalid_json", "line 4 not_an_object"];
    check("people.jsonl", content, &[["a", "1"], ["b", "2"]], &places).await;
    let array = "[{\"name\":\"a\",\"age\":1}, 7]";
    check("people.json", array, &[["a", "1"]], &["record 2 not_an_object"]).await;
}

#[tokio::test]
async fn types_come_from_the_whole_file() {
    let dir = tempfile::tempdir().unwrap();
    let content = r#"[
        {"whole": 1, "mixed": 1, "float": 1, "flag": true, "tags": ["a", 1], "none": null, "large": 9007199254740993},
        {"whole": 2, "mixed": "x", "float": 0.5, "flag": false, "tags": [], "Address": {"City": "Köln", "Geo": {}}},
        {"large": 0.5, "deep": [{"a": 1}], "later": 1, "huge": 18446744073709551615}
    ]"#;
    fs::write(dir.path().join("people.json"), content).unwrap();
    let schema = source::<JsonConnector>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap();
    let types: Vec<(&str, FieldType)> =
        schema.fields.iter().map(|field| (field.name.as_str(), field.field_type)).collect();
    let expected = [
        ("whole", FieldType::Integer),
        ("mixed", FieldType::Text),
        ("float", FieldType::Number),
        ("flag", FieldType::Boolean),
        ("tags", FieldType::MultiChoice),
        ("none", FieldType::Text),
        ("large", FieldType::Text),
        ("Address.City", FieldType::Text),
        ("deep", FieldType::Text),
        ("later", FieldType::Integer),
        ("huge", FieldType::Text),
    ];
    assert_eq!(types, expected);
}

#[tokio::test]
async fn values_are_kept_exactly_whatever_their_type_became() {
    let content = r#"[{"a": 9007199254740993, "tags": ["x", 2, true], "deep": [{"k": 1}], "Address": {"City": "Köln"}},
                      {"a": 0.25, "tags": null, "deep": ["only", "texts"]}]"#;
    let fields = ["a", "tags", "deep", "Address.City"];
    let read = read("people.json", content, &json!({}), &fields).await.unwrap();
    assert_eq!(read.cells[0], ["9007199254740993", "x;2;true", "[{\"k\":1}]", "Köln"]);
    assert_eq!(read.cells[1], ["0.25", "-", "only;texts", "-"]);
}

#[tokio::test]
async fn one_bad_record_costs_a_list_no_other() {
    for (bad, code) in [
        (r#"{"name":"cut \ud83d","age":2}"#, "invalid_json"),
        (r#"{"name":"x","name":"y","age":2}"#, "ambiguous_field"),
    ] {
        let content =
            format!("[{{\"name\":\"fine \\ud83d\\ude00\",\"age\":1}},\n{bad},\n{{\"name\":\"ok\",\"age\":3}}]");
        check("people.json", &content, &[["fine 😀", "1"], ["ok", "3"]], &[&format!("record 2 {code}")]).await;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.json"), b"[{\"n\":\"a\"},{\"n\":\"b\xFF\"},{\"n\":\"c\"}]").unwrap();
    let read =
        read_all(source::<JsonConnector>(dir.path(), &json!({})).as_ref(), "people", &["n"], None).await.unwrap();
    assert_eq!(
        (read.cells, read.places),
        (vec![vec!["a".to_owned()], vec!["c".into()]], vec!["record 2 invalid_encoding".to_owned()])
    );
}

#[tokio::test]
async fn no_digit_of_a_number_is_lost() {
    let content = r#"{"id": 12345678901234567890123, "n": 99999999999999.99, "m": 0.1}
{"id": 12345678901234567890124, "n": 1e2, "m": 3.0}"#;
    let read = read("people.jsonl", content, &json!({ "id": "id" }), &["id", "n", "m"]).await.unwrap();
    assert_eq!(read.ids, ["12345678901234567890123", "12345678901234567890124"]);
    assert_eq!(read.cells[0], ["12345678901234567890123", "99999999999999.99", "0.1"]);
    assert_eq!(read.cells[1], ["12345678901234567890124", "100", "3"]);
}

#[tokio::test]
async fn an_object_among_other_values_is_a_text_and_its_members_stay_fields() {
    let content = r#"[{"v": 48210077}, {"v": {"a": 1, "b": "x"}}, {"v": null}, {"v": [1, {"b": 2}]}]"#;
    let read = read("people.json", content, &json!({}), &["v", "v.a"]).await.unwrap();
    let expected = [["48210077", "-"], [r#"{"a":1,"b":"x"}"#, "1"], ["-", "-"], [r#"[1,{"b":2}]"#, "-"]];
    assert_eq!(read.cells, expected);
}

#[tokio::test]
async fn names_of_ferrys_own_are_read_under_another() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.json"), r#"[{"_id": "65f1", "_deleted": true, "name": "Ada"}]"#).unwrap();
    let source = source::<JsonConnector>(dir.path(), &json!({}));
    let read = read_all(source.as_ref(), "people", &["file._id", "file._deleted", "name"], None).await.unwrap();
    assert_eq!(read.cells, [["65f1", "true", "Ada"]]);
}

#[tokio::test]
async fn two_values_under_one_name_are_rejected() {
    let read = read("people.jsonl", "{\"a.b\":1,\"a\":{\"b\":2}}\n{\"a.b\":3}", &json!({}), &["a.b"]).await.unwrap();
    assert_eq!((read.cells, read.places), (vec![vec!["3".to_owned()]], vec!["line 1 ambiguous_field".to_owned()]));
}

#[tokio::test]
async fn a_list_anywhere_in_a_document_is_found() {
    let content = r#"{"meta": {"next": [1, {"data": []}]}, "data": {"people": [{"name": "a"}], "more": 1}}"#;
    let found = read("people.json", content, &json!({ "records": "/data/people" }), &["name"]).await.unwrap();
    assert_eq!(found.cells, [["a"]]);
    let missing = read("people.json", content, &json!({ "records": "/data/peopel" }), &[]).await.unwrap_err();
    assert_eq!((missing.code.as_str(), missing.hint.as_deref()), ("records_not_found", Some("did you mean `people`?")));
    let no_list = read("people.json", content, &json!({}), &[]).await.unwrap_err();
    assert_eq!(no_list.code, "records_not_found");
}

#[tokio::test]
async fn one_file_may_hold_several_objects() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.json"), "{\"people\": [{\"n\": 1}], \"a/b\": [{\"n\": 2}]}").unwrap();
    let source = source::<JsonConnector>(dir.path(), &json!({ "path": "all.json" }));
    source.check().await.unwrap();
    assert_eq!(read_all(source.as_ref(), "people", &["n"], None).await.unwrap().cells, [["1"]]);
    let error = read_all(source.as_ref(), "peeple", &[], None).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean `people`?"));
}

#[tokio::test]
async fn a_broken_document_is_named_by_line_and_not_by_its_values() {
    for content in ["[{\"name\": \"secret\"},\n{\"name\" \"x\"}]", "[{\"name\": \"secret\"},\n", "[{}] [", "{} {}"] {
        let error = read("people.json", content, &json!({}), &[]).await.unwrap_err();
        assert!(["invalid_json", "records_not_found"].contains(&error.code.as_str()), "{error}");
        assert!(!error.message.contains("secret"));
    }
    let deep = format!("[{}{}]", "[".repeat(500), "]".repeat(500));
    let read = read("people.json", &deep, &json!({}), &[]).await.unwrap();
    assert_eq!(read.places, ["record 1 too_deep"]);
}

#[tokio::test]
async fn the_id_fields_identify_a_record() {
    let content = r#"[{"key": {"n": 7}}, {"key": {"n": null}}, {"other": 1}, {"key": {"n": "x"}}]"#;
    let read = read("people.json", content, &json!({ "id": "key.n" }), &[]).await.unwrap();
    assert_eq!(read.ids, ["7", "x"]);
    assert_eq!(read.places, ["record 2 missing_id", "record 3 missing_id"]);
    assert_eq!(read.rejects[0].field.as_deref(), Some("key.n"));
}

#[tokio::test]
async fn without_id_fields_the_content_does_whatever_the_order_of_its_names() {
    let content = "{\"a\":1,\"b\":{\"c\":2}}\n{\"b\":{\"c\":2},\"a\":1}\n{\"a\":1,\"b\":{\"c\":3}}\n";
    let read = read("people.jsonl", content, &json!({}), &["a"]).await.unwrap();
    assert_eq!(read.ids[0], read.ids[1]);
    assert_ne!(read.ids[0], read.ids[2]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_fails() {
    let mut whole = String::new();
    (0..80_000).for_each(|number| writeln!(whole, "{{\"n\":{number}}}").unwrap());
    let lines = whole.split_inclusive('\n').take(40_000);
    for changed in [lines.collect::<String>(), format!("{whole}{{\"n\":80000}}\n")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("people.jsonl");
        fs::write(&path, &whole).unwrap();
        let source = source::<JsonConnector>(dir.path(), &json!({}));
        let error = read_across(source.as_ref(), "people", &["n"], || fs::write(&path, &changed).unwrap()).await;
        assert_eq!(error.unwrap_err().code, "file_changed", "{} bytes", changed.len());
    }
}

#[tokio::test]
async fn a_resumed_read_neither_loses_nor_repeats() {
    let mut lines = String::new();
    for number in 0..12_001 {
        writeln!(lines, "{{\"n\":{number}}}").unwrap();
    }
    let array = format!("[{}]", lines.trim_end().replace('\n', ","));
    for (name, content) in [("people.jsonl", &lines), ("people.json", &array)] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), content).unwrap();
        let source = source::<JsonConnector>(dir.path(), &json!({}));
        let whole = read_all(source.as_ref(), "people", &["n"], None).await.unwrap();
        assert_eq!((whole.ids.len(), whole.cursors.len()), (12_001, 3));
        let rest = read_all(source.as_ref(), "people", &["n"], Some(whole.cursors[1].clone())).await.unwrap();
        assert_eq!(rest.cells, whole.cells[10_000..]);
        let end = read_all(source.as_ref(), "people", &["n"], Some(whole.cursors[2].clone())).await.unwrap();
        assert!(end.cursors.is_empty());
        fs::write(dir.path().join(name), content.replace("\"n\":0}", "\"n\":100000}")).unwrap();
        let anew = read_all(source.as_ref(), "people", &["n"], Some(whole.cursors[1].clone())).await.unwrap();
        assert_eq!(anew.ids.len(), 12_001);
    }
}

#[test]
fn options_that_cannot_be_right_are_refused_without_a_file() {
    let check = Entry::of::<JsonConnector>().check_config;
    assert_eq!(check(options(&json!({ "records": "data" }))).unwrap_err().option, "records");
    assert_eq!(check(options(&json!({ "records": "/a", "format": "lines" }))).unwrap_err().option, "records");
    assert!(check(options(&json!({ "format": "csv" }))).is_err());
    assert!(check(options(&json!({ "records": "/data/{object}" }))).is_ok());
}

#[tokio::test]
async fn the_sample_document_with_a_mark_is_read_where_it_is_there() {
    let folder = Path::new("../shared/data/chinook");
    if !folder.is_dir() {
        println!("skipped: no ../shared/data/chinook");
        return;
    }
    let more = json!({ "path": "ChinookData.json", "id": "CustomerId" });
    let source = source::<JsonConnector>(folder, &more);
    let read = read_all(source.as_ref(), "Customer", &["FirstName", "Phone"], None).await.unwrap();
    assert_eq!((read.ids.len(), read.rejects.len()), (59, 0));
    assert_eq!(read.ids[0], "1");
    assert_eq!(read.cells[0], ["Luís", "+55 (12) 3923-5555"]);
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("name", FieldType::Text),
        Field::new("born", FieldType::Date),
        Field::new("score", FieldType::Number),
        Field::new("tags", FieldType::MultiChoice),
    ]
}

async fn write(object: &str, records: Vec<BatchRecord>) -> (Vec<Outcome>, String) {
    let dir = tempfile::tempdir().unwrap();
    let destination = destination::<JsonConnector>(dir.path(), &json!({}));
    destination.replace().unwrap().begin(&object.into(), &fields()).await.unwrap();
    let mut outcomes = Vec::new();
    for record in records {
        outcomes.extend(destination.load(&insert(object, vec![record])).await.unwrap());
    }
    destination.replace().unwrap().put_in_place(&object.into()).await.unwrap();
    let entry = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    (outcomes, fs::read_to_string(entry.path()).unwrap())
}

fn people() -> Vec<BatchRecord> {
    let born = Value::Date(NaiveDate::from_ymd_opt(1815, 12, 10).unwrap());
    let tags = Value::List(vec!["a".to_owned(), "b".to_owned()]);
    vec![
        record(&[("name", text("Zoë \"Z\"")), ("born", born), ("tags", tags)]),
        record(&[("score", Value::Number(f64::NAN))]),
        record(&[("score", Value::Number(0.5))]),
    ]
}

#[tokio::test]
async fn writes_arrays_and_lines_with_all_fields_in_order() {
    let first = r#"{"name":"Zoë \"Z\"","born":"1815-12-10","score":null,"tags":["a","b"]}"#;
    let second = r#"{"name":null,"born":null,"score":0.5,"tags":null}"#;
    let (outcomes, array) = write("people", people()).await;
    assert_eq!(array, format!("[\n{first},\n{second}\n]\n"));
    assert_eq!(outcomes[0], Outcome::Created { id: "1".to_owned() });
    assert!(matches!(&outcomes[1], Outcome::Rejected(rejection) if rejection.code == "not_a_number"));
    let (_, lines) = write("people.jsonl", people()).await;
    assert_eq!(lines, format!("{first}\n{second}\n"));
}

#[tokio::test]
async fn a_file_without_records_is_still_a_file_of_its_form() {
    let (_, array) = write("people", Vec::new()).await;
    assert_eq!(serde_json::from_str::<Json>(&array).unwrap(), json!([]));
    let (_, lines) = write("people.jsonl", Vec::new()).await;
    assert_eq!(lines, "");
}

proptest! {
    #[test]
    fn a_frame_is_written_as_its_records_are(
        records in prop::collection::vec(any_values(), 0..8),
        width in 1_usize..9,
        format in prop::sample::select(vec!["lines", "array"]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let more = json!({ "format": format });
        let refused = block_on(write_both::<JsonConnector>(dir.path(), &more, width, &records));
        prop_assert_eq!(&refused[0], &refused[1]);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let read = |name: &str| {
            let path = files.iter().find(|path| path.file_stem().unwrap() == name).unwrap();
            fs::read_to_string(path).unwrap()
        };
        prop_assert_eq!(read("frame"), read("batch"));
    }
}
