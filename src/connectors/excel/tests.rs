//! Workbooks as they come back, and those that cannot be read or written.

use std::{fs, path::Path};

use chrono::{DateTime, NaiveDate};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::{Value as Json, json};

use super::Excel;
use crate::connector::{
    Connector, ConnectorError,
    file::testing::{Gathered, destination, insert, options, read_all, record, source, text},
};
use crate::model::{Batch, BatchRecord, Field, FieldType, Outcome, Value};

fn at(path: &str) -> Json {
    json!({ "path": path })
}

fn with(mut options: Json, more: &Json) -> Json {
    for (name, value) in more.as_object().unwrap() {
        options[name] = value.clone();
    }
    options
}

async fn read(folder: &Path, more: &Json, sheet: &str, fields: &[&str]) -> Result<Gathered, ConnectorError> {
    let options = with(at("book.xlsx"), more);
    read_all(source::<Excel>(folder, &options).as_ref(), sheet, fields, None).await
}

async fn types(folder: &Path, more: &Json, sheet: &str) -> Vec<(String, FieldType)> {
    let options = with(at("book.xlsx"), more);
    let schema = source::<Excel>(folder, &options).describe(&sheet.into()).await.unwrap();
    schema.fields.into_iter().map(|field| (field.name.to_string(), field.field_type)).collect()
}

/// Writes sheets one after the other through one destination.
async fn write(folder: &Path, sheets: &[(&str, &[Field], Vec<BatchRecord>)]) -> Result<Vec<Outcome>, ConnectorError> {
    let destination = destination::<Excel>(folder, &at("book.xlsx"));
    let mut outcomes = Vec::new();
    for (name, fields, records) in sheets {
        destination.replace().unwrap().begin(&(*name).into(), fields).await?;
        outcomes.extend(destination.load(&insert(name, records.clone())).await?);
        destination.replace().unwrap().put_in_place(&(*name).into()).await?;
    }
    Ok(outcomes)
}

fn field(name: &str, field_type: FieldType) -> Field {
    Field::new(name, field_type)
}

fn fields() -> Vec<Field> {
    let types = [
        ("name", FieldType::Text),
        ("age", FieldType::Integer),
        ("score", FieldType::Number),
        ("active", FieldType::Boolean),
        ("born", FieldType::Date),
        ("seen", FieldType::Datetime),
    ];
    types.into_iter().map(|(name, field_type)| field(name, field_type)).collect()
}

fn ada() -> BatchRecord {
    record(&[
        ("name", text("Zoë")),
        ("age", Value::Integer(36)),
        ("score", Value::Number(2.5)),
        ("active", Value::Boolean(true)),
        ("born", Value::Date(NaiveDate::from_ymd_opt(1915, 12, 10).unwrap())),
        ("seen", Value::DateTime(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap())),
    ])
}

#[tokio::test]
async fn what_was_written_comes_back_with_its_types() {
    let dir = tempfile::tempdir().unwrap();
    let outcomes =
        write(dir.path(), &[("people", &fields(), vec![ada(), record(&[("age", Value::Integer(1))])])]).await;
    assert_eq!(outcomes.unwrap()[1], Outcome::Created { id: "2".to_owned() });
    let known = types(dir.path(), &json!({}), "people").await;
    assert_eq!(known, fields().into_iter().map(|field| (field.name.to_string(), field.field_type)).collect::<Vec<_>>());
    let names = ["name", "age", "score", "active", "born", "seen"];
    let read = read(dir.path(), &json!({}), "people", &names).await.unwrap();
    assert_eq!(read.cells[0], ["Zoë", "36", "2.5", "true", "1915-12-10", "2023-11-14T22:13:20.123Z"]);
    assert_eq!(read.cells[1], ["-", "1", "-", "-", "-", "-"]);
}

#[tokio::test]
async fn texts_stay_the_texts_that_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let texts = [
        "00123",
        "+49 30 1234567",
        "=HYPERLINK(\"http://x\")",
        "-1+2",
        "@sum",
        "1E5",
        "2024-01-02",
        "3/4",
        " blanks ",
        "two\nlines",
        "two\r\nlines",
        "tab\there",
        "_x0041_",
        "bell\u{7}",
        "<b>&amp;</b>",
        "株式会社 🦀",
        "'quoted",
        "TRUE",
        "\u{ffff}end",
        "1234567890123456789",
    ];
    let records = texts.iter().map(|value| record(&[("value", text(value))])).collect();
    write(dir.path(), &[("all", &[field("value", FieldType::Text)], records)]).await.unwrap();
    assert_eq!(types(dir.path(), &json!({}), "all").await, [("value".to_owned(), FieldType::Text)]);
    let read = read(dir.path(), &json!({}), "all", &["value"]).await.unwrap();
    assert_eq!(read.cells.concat(), texts);
}

#[tokio::test]
async fn sheets_of_one_workbook_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let people = fields();
    let firms = [field("firm", FieldType::Text), field("zip", FieldType::Text)];
    let firm = |name: &str| record(&[("firm", text(name)), ("zip", text("01067"))]);
    write(dir.path(), &[("people", &people, vec![ada()]), ("firms", &firms, vec![firm("A")])]).await.unwrap();
    // Another run writes one of them anew; the other one stays with its types, and the order too.
    write(dir.path(), &[("People", &people, vec![ada(), ada()])]).await.unwrap();
    assert_eq!(read(dir.path(), &json!({}), "firms", &["firm", "zip"]).await.unwrap().cells, [["A", "01067"]]);
    write(dir.path(), &[("firms", &firms, vec![firm("B")])]).await.unwrap();
    assert_eq!(read(dir.path(), &json!({}), "people", &["seen"]).await.unwrap().cells.len(), 2);
    assert_eq!(types(dir.path(), &json!({}), "People").await.len(), 6);
    let book = crate::workbook::Reader::open(&dir.path().join("book.xlsx")).unwrap();
    assert_eq!(book.sheets(), ["People", "firms"]);
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "nothing is left over: {files:?}");
}

#[tokio::test]
async fn two_sheets_that_are_written_at_once_are_both_kept() {
    let dir = tempfile::tempdir().unwrap();
    let one = destination::<Excel>(dir.path(), &at("book.xlsx"));
    let other = destination::<Excel>(dir.path(), &at("./book.xlsx"));
    let fields = [field("name", FieldType::Text)];
    let batch = |name: &str| -> Batch { insert(name, vec![record(&[("name", text(name))])]) };
    one.replace().unwrap().begin(&"one".into(), &fields).await.unwrap();
    other.replace().unwrap().begin(&"other".into(), &fields).await.unwrap();
    one.load(&batch("one")).await.unwrap();
    other.load(&batch("other")).await.unwrap();
    let (first, second) = (one.replace().unwrap(), other.replace().unwrap());
    let (one_name, other_name) = ("one".into(), "other".into());
    let (first, second) = tokio::join!(first.put_in_place(&one_name), second.put_in_place(&other_name));
    first.unwrap();
    second.unwrap();
    for name in ["one", "other"] {
        assert_eq!(read(dir.path(), &json!({}), name, &["name"]).await.unwrap().cells, [[name]]);
    }
}

#[tokio::test]
async fn a_sheet_that_ferry_did_not_write_is_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book.xlsx");
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Notes").unwrap().write(0, 0, "my own").unwrap();
    book.save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let fields = [field("name", FieldType::Text)];
    let error = write(dir.path(), &[("people", &fields, vec![])]).await.unwrap_err();
    assert_eq!(error.code, "foreign_sheet");
    assert_eq!(fs::read(&path).unwrap(), before);
    let described = destination::<Excel>(dir.path(), &at("book.xlsx")).describe(&"people".into()).await;
    assert_eq!(described.unwrap_err().code, "foreign_sheet", "a check says it before a run");
    // A workbook of this one sheet is replaced as any other file is.
    write(dir.path(), &[("Notes", &fields, vec![])]).await.unwrap();
}

#[tokio::test]
async fn names_and_workbooks_that_cannot_be_written_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let destination = destination::<Excel>(dir.path(), &at("book.xlsx"));
    for name in ["a/b", "what?", "a name of more than thirty-one letters", "History", "'x", " "] {
        assert_eq!(destination.describe(&name.into()).await.unwrap_err().code, "bad_sheet_name", "{name}");
    }
    let entry = crate::connector::Entry::of::<Excel>();
    let made = (entry.destination)(options(&at("book.xls")), &crate::connector::file::testing::context(dir.path()));
    assert_eq!(made.unwrap_err().option, "path");
    assert!(
        Excel::check_config(&serde_json::from_value(with(at("x.xlsx"), &json!({ "time_zone": "Berlin" }))).unwrap())
            .is_err()
    );
    fs::write(dir.path().join("book.xlsx"), "<html>").unwrap();
    assert_eq!(destination.describe(&"people".into()).await.unwrap_err().code, "other_file_kind");
}

#[tokio::test]
async fn numbers_and_texts_that_no_cell_holds_are_texts_or_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let kinds = [field("id", FieldType::Integer), field("born", FieldType::Date), field("n", FieldType::Number)];
    let day = |year| Value::Date(NaiveDate::from_ymd_opt(year, 1, 2).unwrap());
    let records = vec![
        record(&[("id", Value::Integer(9_007_199_254_740_993)), ("born", day(1850))]),
        record(&[("id", Value::Integer(7)), ("born", day(1950)), ("n", Value::Number(1e20))]),
        record(&[("n", Value::Number(f64::NAN))]),
        record(&[("n", text(&"x".repeat(32_768)))]),
    ];
    let outcomes = write(dir.path(), &[("all", &kinds, records)]).await.unwrap();
    let Outcome::Rejected(rejection) = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("not_a_number", Some("n")));
    assert!(matches!(&outcomes[3], Outcome::Rejected(rejection) if rejection.code == "too_long"));
    let read = read(dir.path(), &json!({}), "all", &["id", "born", "n"]).await.unwrap();
    assert_eq!(read.cells, [["9007199254740993", "1850-01-02", "-"], ["7", "1950-01-02", "100000000000000000000"]]);
}

/// A workbook as people have them.
fn put_peoples_own(path: &Path) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("Kunden").unwrap();
    sheet.write(0, 0, "Customers of 2024").unwrap();
    let names = ["Nr", "Name", "PLZ", "Umsatz", "Seit", "Zuletzt", "Aktiv", "Notiz"];
    for (column, name) in (0..).zip(names) {
        sheet.write(2, column, name).unwrap();
    }
    let zip = Format::new().set_num_format("00000");
    let day = Format::new().set_num_format("dd.mm.yyyy");
    let moment = Format::new().set_num_format("dd.mm.yyyy hh:mm");
    let time = Format::new().set_num_format("hh:mm");
    sheet.write(3, 0, 1).unwrap();
    sheet.write(3, 1, "Ada").unwrap();
    sheet.write_with_format(3, 2, 1067, &zip).unwrap();
    sheet.write(3, 3, 0.1 + 0.2).unwrap();
    sheet.write_with_format(3, 4, ExcelDateTime::from_ymd(2024, 1, 31).unwrap(), &day).unwrap();
    sheet.write_with_format(3, 5, ExcelDateTime::parse_from_str("2024-01-31 09:30").unwrap(), &moment).unwrap();
    sheet.write(3, 6, true).unwrap();
    sheet.write_with_format(3, 7, 0.354_166_666_666_666_7, &time).unwrap();
    sheet.write(5, 0, 2).unwrap();
    sheet.write(5, 1, 4711).unwrap();
    sheet.write_with_format(5, 2, 80331, &zip).unwrap();
    sheet.write(5, 3, 1200).unwrap();
    sheet.write_formula(5, 6, Formula::new("=NA()").set_result("#N/A")).unwrap();
    sheet.write(6, 0, 3).unwrap();
    sheet.write(6, 1, 1_234_567_890_123_456_i64).unwrap();
    sheet.write(6, 9, "beside the table").unwrap();
    book.save(path).unwrap();
}

#[tokio::test]
async fn a_workbook_of_people_is_read_as_they_see_it() {
    let dir = tempfile::tempdir().unwrap();
    put_peoples_own(&dir.path().join("book.xlsx"));
    let options = json!({ "header_row": 3, "id": "Nr", "time_zone": "Europe/Berlin" });
    let known = types(dir.path(), &options, "kunden").await;
    assert_eq!(
        known.iter().map(|(_, field_type)| *field_type).collect::<Vec<_>>(),
        [
            FieldType::Integer,
            FieldType::Text,
            FieldType::Text,
            FieldType::Number,
            FieldType::Date,
            FieldType::Datetime,
            FieldType::Boolean,
            FieldType::Text
        ]
    );
    let all =
        read(dir.path(), &options, "Kunden", &["Name", "PLZ", "Umsatz", "Seit", "Zuletzt", "Notiz"]).await.unwrap();
    assert_eq!(all.ids, ["1", "2"]);
    assert_eq!(all.cells[0], ["Ada", "01067", "0.3", "2024-01-31", "2024-01-31T08:30:00.000Z", "08:30:00"]);
    assert_eq!(all.cells[1], ["4711", "80331", "1200", "-", "-", "-"]);
    assert_eq!(
        all.rejects[0].reason,
        "cell `Kunden!B7` holds a number of more than 15 digits, of which a spreadsheet keeps only 15: it must be a text"
    );
    let active = read(dir.path(), &options, "Kunden", &["Aktiv"]).await.unwrap();
    assert_eq!(active.ids, ["1", "3"]);
    let reject = &active.rejects[0];
    assert_eq!((reject.id.as_str(), reject.has_id, reject.line), ("2", true, Some(6)));
    assert_eq!(
        (reject.code.as_str(), reject.field.as_deref(), reject.value.as_deref()),
        ("cell_error", Some("Aktiv"), Some("#N/A"))
    );
    assert_eq!(reject.reason, "cell `Kunden!G6` holds the error #N/A");
    // The title alone is a header too, as nothing says otherwise.
    assert_eq!(types(dir.path(), &json!({}), "Kunden").await.len(), 1);
}

#[tokio::test]
async fn a_read_goes_on_behind_the_last_page_and_words_for_nothing_are_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("all").unwrap();
    sheet.write(0, 0, "n").unwrap();
    for row in 1..=12_000 {
        if row == 7 {
            sheet.write(row, 0, "n/a").unwrap();
        } else {
            sheet.write(row, 0, row).unwrap();
        }
    }
    book.save(dir.path().join("book.xlsx")).unwrap();
    let options = with(at("book.xlsx"), &json!({ "null_values": ["n/a"] }));
    assert_eq!(types(dir.path(), &options, "all").await[0].1, FieldType::Integer);
    let all = read_all(source::<Excel>(dir.path(), &options).as_ref(), "all", &["n"], None).await.unwrap();
    assert_eq!((all.cells.len(), all.cursors.len()), (12_000, 3));
    let source = source::<Excel>(dir.path(), &options);
    let rest = read_all(source.as_ref(), "all", &["n"], all.cursors.get(1).cloned()).await.unwrap();
    assert_eq!((rest.cells.len(), rest.cells[0][0].as_str()), (2_000, "10001"));
}

#[tokio::test]
async fn headers_that_cannot_name_fields_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = Workbook::new();
    let twice = book.add_worksheet().set_name("twice").unwrap();
    twice.write(0, 1, "Name").unwrap().write(0, 3, "Name").unwrap();
    book.add_worksheet().set_name("nothing").unwrap();
    let blank = book.add_worksheet().set_name("blank").unwrap();
    blank.write(0, 0, "id").unwrap().write(0, 1, " ").unwrap().write(1, 0, 1).unwrap().write(1, 1, 2).unwrap();
    book.save(dir.path().join("book.xlsx")).unwrap();
    let error = read(dir.path(), &json!({}), "twice", &["Name"]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.hint.as_deref()), ("duplicate_column", Some("rename one of B1 and D1")));
    assert_eq!(read(dir.path(), &json!({}), "nothing", &["x"]).await.unwrap_err().code, "empty_file");
    assert_eq!(read(dir.path(), &json!({}), "absent", &["x"]).await.unwrap_err().code, "sheet_not_found");
    assert_eq!(types(dir.path(), &json!({}), "blank").await.len(), 1);
    assert_eq!(read(dir.path(), &json!({}), "blank", &["id"]).await.unwrap().cells, [["1"]]);
}

#[tokio::test]
async fn a_file_that_is_no_workbook_is_named_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for (content, code, what) in [
        (&b"\x1F\x8B\x08"[..], "other_file_kind", "gzip"),
        (b"<!DOCTYPE html><html>", "other_file_kind", "web page"),
        (b"id;name\r\n1;J\xfcrgen\r\n", "other_file_kind", "text file"),
        (b"\xFF\xFEi\0d\0", "other_file_kind", "UTF-16"),
        (b"PAR1\x15\x04", "other_file_kind", "Parquet"),
        (b"PK\x03\x04....xl/workbook.xml", "invalid_workbook", "damaged"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "invalid_workbook", "damaged"),
        (b"", "invalid_workbook", "damaged"),
        (b"\x00\x01\x02", "invalid_workbook", "damaged"),
    ] {
        fs::write(dir.path().join("book.xlsx"), content).unwrap();
        let error = source::<Excel>(dir.path(), &at("book.xlsx")).describe(&"x".into()).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(what), "{error}");
    }
    put_peoples_own(&dir.path().join("book.xlsx"));
    let whole = fs::read(dir.path().join("book.xlsx")).unwrap();
    for cut in [4, 100, whole.len() / 2, whole.len() - 10] {
        fs::write(dir.path().join("book.xlsx"), &whole[..cut]).unwrap();
        let error = source::<Excel>(dir.path(), &at("book.xlsx")).describe(&"Kunden".into()).await.unwrap_err();
        assert!(["invalid_workbook", "other_file_kind"].contains(&error.code.as_str()), "{cut}: {error}");
    }
}

#[tokio::test]
async fn a_missing_workbook_and_a_folder_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let describe = async |path: &str| source::<Excel>(dir.path(), &at(path)).describe(&"x".into()).await.unwrap_err();
    assert_eq!(describe("absent.xlsx").await.code, "file_not_found");
    assert_eq!(describe(".").await.code, "not_a_file");
}

/// Files of other programs: `tests/data/workbooks/make.py` made them.
#[tokio::test]
async fn workbooks_of_other_programs_are_read() {
    let folder = Path::new("tests/data/workbooks");
    for name in ["people.xls", "people.ods", "people.xlsx"] {
        let source = source::<Excel>(Path::new("."), &at(folder.join(name).to_str().unwrap()));
        let schema = source.describe(&"People".into()).await.unwrap();
        let types: Vec<_> = schema.fields.iter().map(|field| field.field_type.as_str()).collect();
        assert_eq!(types, ["integer", "text", "number", "date", "datetime", "boolean"], "{name}");
        let names: Vec<String> = schema.fields.iter().map(|field| field.name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = read_all(source.as_ref(), "People", &names, None).await.unwrap();
        assert_eq!(all.cells[0], ["1", "007", "1.5", "2024-01-31", "2024-01-31T09:30:00.000Z", "true"], "{name}");
        assert_eq!(all.cells[1], ["2", "Zoë", "2", "1999-12-31", "2024-02-29T23:59:59.000Z", "false"], "{name}");
    }
    let locked = source::<Excel>(Path::new("."), &at(folder.join("locked.xlsx").to_str().unwrap()));
    assert_eq!(locked.check().await.unwrap_err().code, "password");
    let open = source::<Excel>(Path::new("."), &at(folder.join("formulas.xlsx").to_str().unwrap()));
    let error = read_all(open.as_ref(), "Sheet", &["sum"], None).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.contains("`Sheet!B2`")), ("open_formula", true), "{error}");
    assert_eq!(read_all(open.as_ref(), "Sheet", &["n"], None).await.unwrap().cells, [["1"]]);
}
