//! Types and values, both ways.

use chrono::{DateTime, NaiveDate};

use crate::model::{FieldType, Value};

use super::{
    super::schema::{decode, encode},
    info,
};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn moment(text: &str) -> Value {
    Value::DateTime(DateTime::parse_from_rfc3339(text).unwrap().to_utc())
}

#[test]
fn properties_become_fields_by_their_value_type() {
    let contacts = info("contacts");
    for (name, expected) in [
        ("email", FieldType::Text),
        ("phone", FieldType::Text),
        ("amount", FieldType::Number),
        ("newsletter", FieldType::Boolean),
        ("consent", FieldType::Boolean),
        ("closedate", FieldType::Datetime),
        ("birthday", FieldType::Date),
        ("hs_lead_status", FieldType::Choice),
        ("topics", FieldType::MultiChoice),
        ("hubspot_owner_id", FieldType::Choice),
        ("where", FieldType::Text),
    ] {
        assert_eq!(contacts.property(name).unwrap().field.field_type, expected, "{name}");
    }
}

#[test]
fn only_what_the_vendor_keeps_unique_is_a_key_and_what_it_computes_is_read_only() {
    let is_unique = |object: &str, name: &str| info(object).property(name).unwrap().field.is_unique;
    assert!(is_unique("contacts", "email") && is_unique("0-1", "email") && is_unique("companies", "customer_no"));
    assert!(!is_unique("companies", "email") && !is_unique("deals", "dealname"));
    let contacts = info("contacts");
    let is_read_only = |name: &str| contacts.property(name).unwrap().field.is_read_only;
    assert!(is_read_only("score") && is_read_only("hs_object_id") && !is_read_only("email"));
}

#[test]
fn links_and_filled_in_fields_are_described_where_they_belong() {
    let deals = info("deals").source_schema(&["cars".into()]);
    for name in
        ["_links.contacts", "_links.notes", "_links.cars", "hubspot_owner_email", "pipeline_label", "dealstage_label"]
    {
        assert!(deals.field(name).is_some(), "{name}");
    }
    assert!(deals.field("hubspot_owner_email").unwrap().is_read_only);
    let notes = info("notes").source_schema(&[]);
    assert!(notes.field("_links.contacts").is_some() && notes.field("_links.tasks").is_none());
    let written = info("deals").destination_schema(&[]);
    assert!(written.field("dealstage_label").is_none() && written.field("_links.companies").is_some());
    assert!(written.field("dealname").unwrap().is_required && !written.field("amount").unwrap().is_required);
}

#[test]
fn texts_of_the_wire_become_values() {
    for (field_type, wire, expected) in [
        (FieldType::Text, "", Value::Null),
        (FieldType::Number, "42", Value::Number(42.0)),
        (FieldType::Number, "-0.5", Value::Number(-0.5)),
        (FieldType::Boolean, "true", Value::Boolean(true)),
        (FieldType::Boolean, "", Value::Null),
        (FieldType::Date, "2026-01-31", Value::Date(day("2026-01-31"))),
        (FieldType::Date, "2026-01-31T00:00:00Z", Value::Date(day("2026-01-31"))),
        (FieldType::Date, "1769817600000", Value::Date(day("2026-01-31"))),
        (FieldType::Datetime, "2026-01-31T10:00:00.123Z", moment("2026-01-31T10:00:00.123Z")),
        (FieldType::Datetime, "2026-01-31T10:00:00Z", moment("2026-01-31T10:00:00Z")),
        (FieldType::Datetime, "1769817600000", moment("2026-01-31T00:00:00Z")),
        (FieldType::MultiChoice, "a;b", Value::List(vec!["a".to_owned(), "b".to_owned()])),
        (FieldType::Choice, "NEW", text("NEW")),
    ] {
        assert_eq!(decode(field_type, wire), Ok(expected), "{field_type:?} {wire}");
    }
}

#[test]
fn what_does_not_fit_its_type_is_named() {
    for (field_type, wire, code) in [
        (FieldType::Number, "1,000", "not_a_number"),
        (FieldType::Number, "NaN", "not_a_number"),
        (FieldType::Number, "inf", "not_a_number"),
        (FieldType::Boolean, "yes", "not_a_boolean"),
        (FieldType::Date, "2026-02-30", "not_a_date"),
        (FieldType::Date, "1769817600001", "not_a_date"),
        (FieldType::Datetime, "yesterday", "not_a_datetime"),
    ] {
        assert_eq!(decode(field_type, wire).unwrap_err().code, code, "{wire}");
    }
}

#[test]
fn values_become_texts_of_the_wire() {
    let contacts = info("contacts");
    let list = |items: &[&str]| Value::List(items.iter().map(|item| (*item).to_owned()).collect());
    for (name, value, expected) in [
        ("firstname", Value::Null, ""),
        ("amount", Value::Number(1e21), "1000000000000000000000"),
        ("amount", Value::Number(42.0), "42"),
        ("amount", Value::Number(0.000_000_1), "0.0000001"),
        ("amount", Value::Number(-0.0), "0"),
        ("amount", Value::Integer(7), "7"),
        ("newsletter", Value::Boolean(false), "false"),
        ("birthday", Value::Date(day("1969-12-31")), "1969-12-31"),
        ("birthday", moment("1969-12-31T00:00:00Z"), "1969-12-31"),
        ("closedate", moment("2026-01-31T10:00:00Z"), "2026-01-31T10:00:00.000Z"),
        ("closedate", Value::Date(day("2026-01-31")), "2026-01-31T00:00:00.000Z"),
        ("topics", list(&["NEW", "OPEN"]), "NEW;OPEN"),
        // Written as they are, these would add to the options that are there.
        ("topics", list(&["", "OPEN"]), "OPEN"),
        ("topics", text(";NEW; OPEN"), "NEW;OPEN"),
        ("topics", list(&[]), ""),
    ] {
        let property = contacts.property(name).unwrap();
        assert_eq!(encode(property, &value).unwrap(), expected, "{name} {value:?}");
    }
}

#[test]
fn texts_beyond_the_vendors_length_and_numbers_that_are_none_are_rejected() {
    let contacts = info("contacts");
    let name = contacts.property("firstname").unwrap();
    assert!(encode(name, &text(&"ä".repeat(65_536))).is_ok());
    assert_eq!(encode(name, &text(&"a".repeat(65_537))).unwrap_err().code, "too_long");
    let amount = contacts.property("amount").unwrap();
    assert_eq!(encode(amount, &Value::Number(f64::NAN)).unwrap_err().code, "not_a_number");
}
