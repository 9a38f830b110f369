//! Cells of every field type, read and written.

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json, json};

use crate::model::{FieldType, Value};

use super::{
    super::schema::{Kind, decode, encode},
    base, contacts,
};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn moment(text: &str) -> Value {
    Value::DateTime(DateTime::parse_from_rfc3339(text).unwrap().to_utc())
}

fn read(field: &str, cell: &Json) -> Result<Value, &'static str> {
    decode(&contacts().field(field).unwrap().kind, cell).map_err(|misfit| misfit.code)
}

#[test]
fn a_cell_of_every_type_is_read() {
    let person = json!({"id": "usr1", "email": "ada@example.test", "name": "Ada"});
    let attachment =
        json!([{"id": "att1", "url": "https://v5.airtableusercontent.test/x", "filename": "a.pdf", "size": 1}]);
    let cases = [
        ("Name", json!("Ada"), text("Ada")),
        ("Rich", json!("**a**\n"), text("**a**")),
        ("Age", json!(5), Value::Number(5.0)),
        ("Age", json!(5.5), Value::Number(5.5)),
        ("Share", json!(0.123), Value::Number(0.123)),
        ("Call", json!(61.5), Value::Number(61.5)),
        ("Stars", json!(4), Value::Integer(4)),
        ("VIP", json!(true), Value::Boolean(true)),
        ("Stage", json!("Lead"), text("Lead")),
        ("Tags", json!(["Lead", "Won"]), list(&["Lead", "Won"])),
        ("Owner", person.clone(), text("ada@example.test")),
        ("Owner", json!({"id": "usr1"}), text("usr1")),
        ("Team", json!([person]), list(&["usr1"])),
        ("Company", json!(["rec1", "rec2"]), list(&["rec1", "rec2"])),
        ("Files", attachment, list(&["att1"])),
        ("Born", json!("2026-11-23"), Value::Date(NaiveDate::from_ymd_opt(2026, 11, 23).unwrap())),
        ("Seen", json!("2026-11-23T09:30:00.123Z"), moment("2026-11-23T09:30:00.123Z")),
        ("Code", json!({"text": "4006381", "type": "ean8"}), text("4006381")),
        ("Sum", json!(12), Value::Number(12.0)),
        ("Roll", json!([12]), Value::Number(12.0)),
        ("Look", json!(["Lead", null, "Won"]), list(&["Lead", "Won"])),
        ("Look", json!("Lead"), list(&["Lead"])),
        ("Count", json!(3), Value::Integer(3)),
        ("Made", json!("2026-11-01T08:00:00.000Z"), moment("2026-11-01T08:00:00Z")),
        ("Edited", json!("2026-11-01"), moment("2026-11-01T00:00:00Z")),
        ("By", json!({"id": "usr1", "email": "ada@example.test", "name": "Ada"}), text("ada@example.test")),
        ("Button", json!({"label": "Open", "url": "https://x.test"}), text("https://x.test")),
        ("Button", json!({"label": "Open", "url": null}), text("Open")),
        ("Ai", json!({"state": "generated", "isStale": false, "value": "so"}), text("so")),
        ("Ai", json!({"state": "loading", "isStale": true, "value": null}), Value::Null),
        ("Sync", json!("One"), text("One")),
        ("Next", json!({"wacky": [1]}), text(r#"{"wacky":[1]}"#)),
        ("Lost", json!(["a", 1]), text("a, 1")),
    ];
    for (field, cell, value) in cases {
        assert_eq!(read(field, &cell), Ok(value), "{field} {cell}");
    }
}

#[test]
fn an_absent_cell_is_empty_and_an_absent_checkmark_is_false() {
    for field in &contacts().fields {
        let expected = if field.name == "VIP" { Value::Boolean(false) } else { Value::Null };
        assert_eq!(field.value(&Map::new()), Ok(expected), "{}", field.name);
    }
}

#[test]
fn an_error_of_a_formula_is_no_value() {
    let broken = [json!({"specialValue": "NaN"}), json!({"error": "#ERROR!"}), json!("#ERROR!")];
    for cell in &broken {
        for field in ["Sum", "Roll", "Look", "Lost"] {
            assert_eq!(read(field, cell), Err("broken_formula"), "{field} {cell}");
        }
    }
    assert_eq!(read("Look", &json!([{"error": "#ERROR!"}])), Err("broken_formula"));
    assert_eq!(read("Ai", &json!({"state": "error", "errorType": "x", "value": null})), Err("broken_formula"));
}

#[test]
fn looked_up_attachments_are_kept_by_id_and_never_by_their_urls() {
    let kind = Kind::Lookup(Box::new(Kind::Attachments));
    let cell = json!([{"id": "att1", "url": "https://v5.airtableusercontent.test/x", "filename": "a.pdf"}]);
    assert_eq!(decode(&kind, &cell), Ok(list(&["att1"])));
}

#[test]
fn a_cell_that_does_not_fit_names_why() {
    let cases = [
        ("Name", json!({"a": 1}), "not_a_text"),
        ("Age", json!("5"), "not_a_number"),
        ("Stars", json!(3.5), "not_a_whole_number"),
        ("VIP", json!("yes"), "not_a_boolean"),
        ("Born", json!("23.11.2026"), "not_a_date"),
        ("Seen", json!("2026-11-23 09:30"), "not_a_datetime"),
        ("Tags", json!("Lead"), "not_a_list"),
        ("Owner", json!({}), "not_an_object"),
    ];
    for (field, cell, code) in cases {
        assert_eq!(read(field, &cell), Err(code), "{field} {cell}");
    }
}

fn write(field: &str, value: &Value, is_typecast: bool) -> Result<Json, String> {
    encode(contacts().field(field).unwrap(), value, is_typecast).map_err(|rejection| rejection.code)
}

#[test]
fn a_value_of_every_type_is_written() {
    let day = Value::Date(NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
    let cases = [
        ("Name", text("Ada"), json!("Ada")),
        ("Name", Value::Integer(7), json!("7")),
        ("Age", Value::Integer(7), json!(7)),
        ("Age", Value::Number(7.0), json!(7)),
        ("Age", text("7.5"), json!(7.5)),
        ("Share", Value::Number(0.123), json!(0.123)),
        ("Stars", Value::Integer(5), json!(5)),
        ("Stars", Value::Integer(0), json!(null)),
        ("VIP", Value::Boolean(false), json!(false)),
        ("Stage", text("Lead"), json!("Lead")),
        ("Stage", text("lead"), json!("lead")),
        ("Tags", list(&["Lead", "Won"]), json!(["Lead", "Won"])),
        ("Tags", list(&[]), json!([])),
        ("Owner", text("ada@example.test"), json!({"email": "ada@example.test"})),
        ("Owner", text("usr1"), json!({"id": "usr1"})),
        ("Team", list(&["usr1"]), json!(["usr1"])),
        ("Company", list(&["rec1"]), json!(["rec1"])),
        ("Company", text("rec1"), json!(["rec1"])),
        ("Files", list(&["att1", "https://x.test/a.pdf"]), json!([{"id": "att1"}, {"url": "https://x.test/a.pdf"}])),
        ("Born", day.clone(), json!("2026-11-23")),
        ("Seen", moment("2026-11-23T10:30:00+01:00"), json!("2026-11-23T09:30:00.000Z")),
        ("Seen", day, json!("2026-11-23T00:00:00.000Z")),
        ("Code", text("40"), json!({"text": "40"})),
    ];
    for (field, value, cell) in cases {
        assert_eq!(write(field, &value, false), Ok(cell), "{field} {value:?}");
    }
}

#[test]
fn null_and_empty_text_clear_any_writable_cell() {
    for field in contacts().fields.iter().filter(|field| !field.kind.is_read_only()) {
        assert_eq!(write(&field.name, &Value::Null, false), Ok(Json::Null));
        assert_eq!(write(&field.name, &text(""), false), Ok(Json::Null));
    }
}

#[test]
fn what_airtable_would_refuse_is_refused_here() {
    let cases = [
        ("Age", text("many"), "not_a_number"),
        ("Age", Value::Number(f64::INFINITY), "not_a_number"),
        ("Stars", Value::Integer(6), "out_of_range"),
        ("Stars", Value::Number(2.5), "out_of_range"),
        ("VIP", text("maybe"), "not_a_boolean"),
        ("Stage", text("Lost"), "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ("Tags", list(&["Lead", "Lost"]), "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ("Born", text("23.11.2026"), "not_a_date"),
        ("Seen", text("noon"), "not_a_datetime"),
        ("Sum", Value::Number(1.0), "read_only_field"),
        ("Next", text("a"), "read_only_field"),
    ];
    for (field, value, code) in cases {
        assert_eq!(write(field, &value, false), Err(code.to_owned()), "{field} {value:?}");
    }
}

#[test]
fn with_typecast_airtable_converts_texts_and_makes_options() {
    assert_eq!(write("Age", &text("7"), true), Ok(json!("7")));
    assert_eq!(write("Stage", &text("Lost"), true), Ok(json!("Lost")));
    assert_eq!(write("Tags", &list(&["Lost"]), true), Ok(json!(["Lost"])));
}

#[test]
fn a_table_is_described_by_its_declared_types() {
    let schema = base().describe(&"Contacts".into(), false).unwrap();
    let field = |name: &str| schema.field(name).unwrap();
    assert_eq!(field("Stage").field_type, FieldType::Choice);
    assert_eq!(field("Stage").options[1].value, "Won");
    assert_eq!(field("Company").field_type, FieldType::Link);
    assert_eq!(field("Sum").field_type, FieldType::Number);
    assert!(field("Sum").is_read_only && field("Next").is_read_only && !field("Files").is_read_only);
    let keys: Vec<&str> =
        schema.fields.iter().filter(|field| field.is_upsert_key).map(|field| field.name.as_str()).collect();
    assert_eq!(keys, ["Name", "Notes", "Age", "Stage", "Tags", "Born"]);
    assert!(schema.field("_id").is_none(), "a field named as one of Ferry's columns cannot be offered");
}

#[test]
fn a_source_offers_a_linked_table_where_one_field_alone_links_to_it() {
    let of_contacts = base().describe(&"Contacts".into(), true).unwrap();
    assert_eq!(of_contacts.field("_links.Companies").unwrap().field_type, FieldType::Link);
    let of_companies = base().describe(&"Companies".into(), true).unwrap();
    assert!(of_companies.field("_links.Contacts").is_none());
}

#[test]
fn an_unknown_table_is_answered_with_the_nearest_name() {
    let error = base().describe(&"Contact".into(), false).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean `Contacts`?"));
}

/// Any JSON, with the members that Airtable uses among its names.
fn any_json() -> impl Strategy<Value = Json> {
    let number = prop_oneof![any::<i64>().prop_map(Number::from), any::<u64>().prop_map(Number::from)];
    let float = any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Json::Null, Json::Number));
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number.prop_map(Json::Number),
        float,
        ".{0,12}|-?[0-9]{1,7}-[0-9]{1,2}-[0-9]{1,2}(T[0-9:.]{0,12}Z)?".prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof!["id|name|email|url|text|value|error|specialValue|errorType|filename", ".{0,5}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            proptest::collection::vec((name, inner), 0..4).prop_map(|members| members.into_iter().collect::<Json>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_cell_makes_a_decoder_panic_and_none_gets_another_type(cell in any_json()) {
        for field in &contacts().fields {
            let Ok(value) = decode(&field.kind, &cell) else { continue };
            let column = crate::model::column("c", field.kind.field_type(), std::slice::from_ref(&value)).unwrap();
            prop_assert_eq!(Value::from_any(&column.get(0).unwrap()).unwrap(), value, "{}", field.name);
        }
    }

    #[test]
    fn what_is_written_reads_back(number in -1e15..1e15_f64, words in "[a-zA-Z0-9 é]{1,20}", millis in 0_i64..4_000_000_000_000) {
        let moment = DateTime::from_timestamp_millis(millis).unwrap();
        let cases = [
            ("Pay", Value::Number(number)),
            ("Notes", Value::Text(words)),
            ("Seen", Value::DateTime(moment)),
            ("Born", Value::Date(moment.date_naive())),
        ];
        for (field, value) in cases {
            prop_assert_eq!(read(field, &write(field, &value, false).unwrap()), Ok(value));
        }
    }
}
