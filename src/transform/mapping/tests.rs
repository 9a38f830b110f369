//! Mappings from origin to required.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Mapped, Mapper, check_mappings};
use crate::model::{Choice, DELETED, Field, FieldName, FieldType, ParentKey, Schema};
use crate::transform::{
    TransformError,
    spec::{FullMapping, MappingSpec, MappingSpecs, NullPolicy, When},
    tests::{frame, records, schema, yaml},
};

fn source() -> Schema {
    schema(
        "people",
        &[
            ("text", FieldType::Text),
            ("number", FieldType::Number),
            ("count", FieldType::Integer),
            ("flag", FieldType::Boolean),
            ("day", FieldType::Date),
            ("moment", FieldType::Datetime),
            ("tags", FieldType::MultiChoice),
            ("Home Country", FieldType::Text),
        ],
    )
}

fn destination(field_type: FieldType, options: &[&str]) -> Schema {
    let mut out = schema("Out", &[("out", field_type), ("second", FieldType::Text)]);
    let option = |value: &&str| Choice { value: value.to_lowercase(), label: (*value).to_owned() };
    out.fields[0].options = options.iter().map(option).collect();
    out
}

fn map(mappings: &str, to: &Schema, rows: &Value) -> Mapped {
    let compiled = Mapper::compile(&yaml(mappings), &source(), to).unwrap();
    compiled.map(&frame(&source(), rows)).unwrap()
}

/// Maps single values of a source field; a rejection is told as its code.
fn check(mapping: &str, from: &str, to: &Schema, pairs: &[(Value, Value)]) {
    for (value, expected) in pairs {
        let mapped = map(&format!("out: {mapping}"), to, &json!([{ from: value }]));
        let found = match mapped.rejects.first() {
            Some(reject) => json!(reject.rejection.code),
            None => records(&mapped.frame)[0]["out"].clone(),
        };
        assert_eq!(found, *expected, "{mapping}: {value}");
    }
}

#[test]
fn text_is_read_strictly_as_the_destination_types_it() {
    let pairs = |field_type, pairs: &[(Value, Value)]| check("text", "text", &destination(field_type, &[]), pairs);
    pairs(
        FieldType::Integer,
        &[
            (json!("12"), json!(12)),
            (json!(" -5 "), json!(-5)),
            (json!("12.0"), json!(12)),
            (json!("12.5"), json!("not_an_integer")),
            (json!("12a"), json!("not_an_integer")),
            (json!("9007199254740993.00"), json!(9_007_199_254_740_993_i64)),
            (json!("99999999999999999999"), json!("not_exact")),
            (json!(""), Value::Null),
            (Value::Null, Value::Null),
        ],
    );
    pairs(
        FieldType::Number,
        &[
            (json!("1.5"), json!(1.5)),
            (json!("99999999999.99"), json!(99_999_999_999.99)),
            (json!("99999999999999.99"), json!("not_exact")),
            (json!("123456789012345678"), json!("not_exact")),
            (json!("9007199254740993"), json!("not_exact")),
            (json!("1,5"), json!("not_a_number")),
            (json!("NaN"), json!("not_a_number")),
            (json!("inf"), json!("not_a_number")),
            (json!("  "), Value::Null),
        ],
    );
    pairs(
        FieldType::Boolean,
        &[(json!("TRUE"), json!(true)), (json!("false"), json!(false)), (json!("yes"), json!("not_a_boolean"))],
    );
    pairs(
        FieldType::Date,
        &[
            (json!("2024-01-31"), json!("2024-01-31")),
            (json!("2024-01-31T23:00:00-02:00"), json!("2024-02-01")),
            (json!("31.01.2024"), json!("not_a_date")),
        ],
    );
    pairs(
        FieldType::Datetime,
        &[
            (json!("2024-01-31T10:00:00+01:00"), json!("2024-01-31T09:00:00.000Z")),
            (json!("2024-01-31"), json!("2024-01-31T00:00:00.000Z")),
            (json!("soon"), json!("not_a_datetime")),
        ],
    );
    let lists = [
        ("a; b;;", json!(["a", "b"])),
        (";", Value::Null),
        (";a;;a; ", json!(["a"])),
        ("a\\;b;c", json!(["a;b", "c"])),
    ];
    pairs(FieldType::MultiChoice, &lists.map(|(text, list)| (json!(text), list)));
}

#[test]
fn a_whole_number_becomes_a_number_only_where_it_is_carried_exactly() {
    let number = destination(FieldType::Number, &[]);
    let pairs = [(json!(5), json!(5.0)), (json!(9_007_199_254_740_993_i64), json!("not_exact"))];
    check("count", "count", &number, &pairs);
    check("{ from: count, apply: [number] }", "count", &number, &pairs);
    let marks = "{ from: text, apply: [{ number: { decimal: ',', thousands: '.' } }] }";
    let pairs = [
        (json!("1.234,5"), json!(1234.5)),
        (json!("99.999.999.999.999,99"), json!("not_exact")),
        (json!("1.5"), json!("not_a_number")),
    ];
    check(marks, "text", &number, &pairs);
}

#[test]
fn numbers_are_read_as_dates_where_a_format_says_so() {
    let (date, datetime) = (destination(FieldType::Date, &[]), destination(FieldType::Datetime, &[]));
    let noon = json!("2024-01-01T12:00:00.000Z");
    check(
        "{ from: text, format: excel }",
        "text",
        &date,
        &[(json!("31415.0"), json!("1986-01-03")), (json!("x"), json!("not_a_date"))],
    );
    check("{ from: text, format: excel }", "text", &datetime, &[(json!("45292.5"), noon.clone())]);
    check("{ from: number, format: excel }", "number", &datetime, &[(json!(45292.5), noon.clone())]);
    check(
        "{ from: text, format: 'excel|%d.%m.%Y' }",
        "text",
        &date,
        &[(json!("31.01.2024"), json!("2024-01-31")), (json!("59"), json!("1900-02-28"))],
    );
    check("{ from: count, format: epoch_millis }", "count", &datetime, &[(json!(1_704_110_400_000_i64), noon.clone())]);
    check(
        "{ from: text, apply: [{ datetime: epoch_secs }] }",
        "text",
        &datetime,
        &[(json!("1704110400"), noon.clone())],
    );
    check("{ from: text, apply: [{ datetime: '%s' }] }", "text", &datetime, &[(json!("1704110400"), noon)]);
    for (value, format) in [("31415", "excel"), ("1704110400", "epoch_secs"), ("1704110400000", "epoch_millis")] {
        let mapped = map("out: text", &date, &json!([{ "text": value }]));
        let reason = &mapped.rejects[0].rejection.reason;
        assert!(reason.contains(&format!("`format: {format}`")), "{reason}");
    }
}

#[test]
fn a_separator_of_the_mapping_takes_lists_apart_and_joins_them() {
    let list = destination(FieldType::MultiChoice, &[]);
    check("{ from: text, separator: ',' }", "text", &list, &[(json!("a, b;c"), json!(["a", "b;c"]))]);
    let text = destination(FieldType::Text, &[]);
    check("{ from: tags, separator: '|' }", "tags", &text, &[(json!(["a", "b|c"]), json!("a|b\\|c"))]);
    check("tags", "tags", &text, &[(json!(["a;b", "c"]), json!("a\\;b;c"))]);
}

#[test]
fn an_option_is_set_once_however_often_it_is_named() {
    let (open, closed) =
        (destination(FieldType::MultiChoice, &[]), destination(FieldType::MultiChoice, &["Training", "Sales"]));
    let named = [
        (json!("training;;training"), json!(["training"])),
        (json!("sales;training; sales;"), json!(["sales", "training"])),
        (json!(";;"), Value::Null),
    ];
    check("text", "text", &open, &named);
    let listed = [
        (json!(["Sales", "Training", "Sales"]), json!(["sales", "training"])),
        (json!(["sales", "SALES"]), json!(["sales"])),
    ];
    check("tags", "tags", &closed, &listed);
}

#[test]
fn a_list_is_blamed_for_the_one_item_that_is_wrong() {
    let to = destination(FieldType::MultiChoice, &["Pricing", "Support"]);
    for mapping in ["text", "{ from: text, values: { pricing: pricing } }"] {
        let mapped = map(&format!("out: {mapping}"), &to, &json!([{ "text": "pricing;nonsense" }]));
        assert_eq!(mapped.rejects[0].rejection.value.as_deref(), Some("nonsense"), "{mapping}");
    }
}

#[test]
fn what_a_record_does_not_mention_is_told_by_the_destinations_names() {
    let mappings = yaml("{ out: { from: text, 'null': clear }, second: { expr: \"concat_ws(' ', text, word)\" } }");
    let source = schema("In", &[("text", FieldType::Text), ("word", FieldType::Text)]);
    let mapper = Mapper::compile(&mappings, &source, &destination(FieldType::Text, &[])).unwrap();
    let absent = [Value::Null, json!(["text"]), json!(["text", "word"])];
    let rows: Vec<Value> = absent.iter().map(|_| json!({})).collect();
    let lists: Vec<crate::model::Value> =
        absent.iter().map(|names| crate::model::Value::from_json(names, FieldType::MultiChoice).unwrap()).collect();
    let mut page = frame(&source, &json!(rows));
    page.with_column(crate::model::column(crate::model::ABSENT, FieldType::MultiChoice, &lists).unwrap()).unwrap();
    let out = mapper.map(&page).unwrap().frame;
    let told = out.column(crate::model::ABSENT).unwrap();
    let text = |row: usize| crate::model::Value::from_any(&told.get(row).unwrap()).unwrap().to_text();
    assert_eq!([text(0), text(1), text(2)], ["", "out", "out;second"]);
}

#[test]
fn a_name_of_ferrys_own_that_the_file_has_too_is_refused() {
    let source = schema("In", &[("file._id", FieldType::Text)]);
    let to = destination(FieldType::Text, &[]);
    for mapping in ["_id", "{ expr: \"concat_ws('-', _id)\" }"] {
        let error = Mapper::compile(&yaml(&format!("out: {mapping}")), &source, &to).unwrap_err();
        assert_eq!(error.code, "transform.reserved", "{mapping}");
    }
    assert!(Mapper::compile(&yaml("{ out: file._id, second: _deleted }"), &source, &to).is_ok());
}

#[test]
fn typed_values_are_written_as_a_person_would() {
    let text = destination(FieldType::Text, &[]);
    check("number", "number", &text, &[(json!(5.0), json!("5")), (json!(1.25), json!("1.25"))]);
    check("count", "count", &text, &[(json!(7), json!("7"))]);
    check("flag", "flag", &text, &[(json!(true), json!("true"))]);
    check("day", "day", &text, &[(json!("2024-01-31"), json!("2024-01-31"))]);
    check("moment", "moment", &text, &[(json!("2024-01-31T10:00:00Z"), json!("2024-01-31T10:00:00.000Z"))]);
    check("tags", "tags", &text, &[(json!(["a", "b"]), json!("a;b")), (json!([]), Value::Null)]);
    check(
        "number",
        "number",
        &destination(FieldType::Integer, &[]),
        &[(json!(5.0), json!(5)), (json!(5.5), json!("not_an_integer"))],
    );
    check(
        "count",
        "count",
        &destination(FieldType::Boolean, &[]),
        &[(json!(1), json!(true)), (json!(2), json!("not_a_boolean"))],
    );
    check(
        "moment",
        "moment",
        &destination(FieldType::Date, &[]),
        &[(json!("2024-01-31T23:00:00Z"), json!("2024-01-31"))],
    );
    check(
        "day",
        "day",
        &destination(FieldType::Datetime, &[]),
        &[(json!("2024-01-31"), json!("2024-01-31T00:00:00.000Z"))],
    );
}

#[test]
fn formats_are_tried_in_order() {
    let date = destination(FieldType::Date, &[]);
    let mapping = "{ from: text, format: '%d-%m-%Y|%m/%d/%Y' }";
    check(
        mapping,
        "text",
        &date,
        &[
            (json!("31-01-2024"), json!("2024-01-31")),
            (json!("01/31/2024"), json!("2024-01-31")),
            (json!("2024-01-31"), json!("not_a_date")),
        ],
    );
    let text = destination(FieldType::Text, &[]);
    check("{ from: text, format: '%d.%m.%Y' }", "text", &text, &[(json!("31.01.2024"), json!("2024-01-31"))]);
    check(
        "{ from: text, type: integer }",
        "text",
        &text,
        &[(json!("5.0"), json!("5")), (json!("x"), json!("not_an_integer"))],
    );
}

#[test]
fn choices_are_checked_against_their_options() {
    let choice = destination(FieldType::Choice, &["Lead", "Customer"]);
    check(
        "text",
        "text",
        &choice,
        &[
            (json!("lead"), json!("lead")),
            (json!("LEAD"), json!("lead")),
            (json!("Customer"), json!("customer")),
            (json!("Partner"), json!("unknown_option")),
            (json!(""), Value::Null),
        ],
    );
    let several = destination(FieldType::MultiChoice, &["Lead", "Customer"]);
    check(
        "text",
        "text",
        &several,
        &[(json!("Lead;customer"), json!(["lead", "customer"])), (json!("lead;x"), json!("unknown_option"))],
    );
    check("tags", "tags", &several, &[(json!(["LEAD"]), json!(["lead"]))]);
}

#[test]
fn values_and_otherwise_translate() {
    let text = destination(FieldType::Text, &[]);
    let listed = "values: { A: Alpha, B: null, '1': One }";
    let check_rest = |rest: &str, unlisted: Value| {
        let mapping = format!("{{ from: text, {listed}{rest} }}");
        let fixed = [(json!("A"), json!("Alpha")), (json!("B"), Value::Null), (Value::Null, Value::Null)];
        check(&mapping, "text", &text, &[fixed.as_slice(), &[(json!("C"), unlisted)]].concat());
    };
    check_rest("", json!("unmapped_value"));
    check_rest(", otherwise: reject", json!("unmapped_value"));
    check_rest(", otherwise: keep", json!("C"));
    check_rest(", otherwise: 'null'", Value::Null);
    check_rest(", otherwise: { value: Other }", json!("Other"));
    check(
        &format!("{{ from: count, {listed} }}"),
        "count",
        &text,
        &[(json!(1), json!("One")), (json!(2), json!("unmapped_value"))],
    );
    let several = destination(FieldType::MultiChoice, &[]);
    let pairs = [(json!("A;B"), json!(["Alpha"])), (json!("A;C"), json!("unmapped_value"))];
    check(&format!("{{ from: text, {listed} }}"), "text", &several, &pairs);
    let number = destination(FieldType::Integer, &[]);
    check("{ from: text, values: { low: 1, high: 3 } }", "text", &number, &[(json!("high"), json!(3))]);
}

#[test]
fn a_text_of_blanks_stays_in_a_file_and_is_no_value_elsewhere() {
    let file = Schema { is_open: true, ..schema("Out", &[]) };
    let text = destination(FieldType::Text, &[]);
    for (mapping, in_file) in [
        ("text", json!(" ")),
        ("{ from: text, type: text }", json!(" ")),
        ("{ from: text, apply: [trim] }", Value::Null),
        ("{ from: text, default: none }", json!("none")),
        ("{ from: text, required: true }", json!("required")),
        ("{ from: text, type: integer }", Value::Null),
    ] {
        check(mapping, "text", &file, &[(json!(" "), in_file)]);
    }
    check("text", "text", &text, &[(json!(" "), Value::Null)]);
}

#[test]
fn defaults_fill_what_is_blank_and_required_refuses_it() {
    let text = destination(FieldType::Text, &[]);
    check(
        "{ from: text, apply: [trim], default: none }",
        "text",
        &text,
        &[(json!("  "), json!("none")), (json!("x"), json!("x"))],
    );
    check("{ from: count, default: 0 }", "count", &text, &[(Value::Null, json!("0")), (json!(3), json!("3"))]);
    check(
        "{ from: count, default: unknown }",
        "count",
        &text,
        &[(Value::Null, json!("unknown")), (json!(3), json!("3"))],
    );
    check(
        "{ from: text, required: true }",
        "text",
        &text,
        &[(json!(" "), json!("required")), (Value::Null, json!("required"))],
    );
    check("{ value: [a, b] }", "text", &destination(FieldType::MultiChoice, &[]), &[(Value::Null, json!(["a", "b"]))]);
    check("{ value: 5 }", "text", &destination(FieldType::Number, &[]), &[(Value::Null, json!(5.0))]);
}

#[test]
fn constants_are_given_to_every_record() {
    let rows = json!([{"text": "a"}, {"text": "b"}, {"text": null}]);
    let mapped = map("out: { value: [x, y] }\nsecond: { value: 5 }", &destination(FieldType::MultiChoice, &[]), &rows);
    assert_eq!(records(&mapped.frame), vec![json!({"out": ["x", "y"], "second": "5"}); 3]);
}

#[test]
fn origins_may_be_reserved_spaced_or_computed() {
    let text = destination(FieldType::Text, &[]);
    check("Home Country", "Home Country", &text, &[(json!("DE"), json!("DE"))]);
    check("_id", "text", &text, &[(Value::Null, json!("1"))]);
    check(
        "{ expr: \"coalesce(nullif(upper(text), ''), 'none')\" }",
        "text",
        &text,
        &[(json!("a"), json!("A")), (json!(""), json!("none"))],
    );
    check(
        "{ expr: 'CAST(text AS INTEGER) * 2' }",
        "text",
        &text,
        &[(json!("2"), json!("4")), (json!("x"), json!("cast_failed"))],
    );
    check("{ expr: 'EXTRACT(YEAR FROM day)' }", "day", &text, &[(json!("2024-01-31"), json!("2024"))]);
    check(
        "{ expr: \"CASE WHEN \\\"Home Country\\\" LIKE 'D%' THEN 'dach' ELSE 'world' END\" }",
        "Home Country",
        &text,
        &[(json!("DE"), json!("dach")), (json!("FR"), json!("world"))],
    );
    check(
        "{ from: text, apply: [{ phone: { region_from: Home Country } }] }",
        "text",
        &text,
        &[(json!("030 1234567"), json!("invalid_phone"))],
    );
    let rows = json!([{"text": "030 1234567", "Home Country": "Deutschland"}]);
    let mapped = map("out: { from: text, apply: [{ phone: { region_from: Home Country } }] }", &text, &rows);
    assert_eq!(records(&mapped.frame)[0]["out"], "+49301234567");
}

#[test]
fn links_are_lists_of_source_ids() {
    let link = destination(FieldType::Link, &[]);
    let mappings: MappingSpecs =
        yaml("out: { link: companies, from: _links.companies, required: true, null: clear, when: on_create }");
    let compiled = Mapper::compile(&mappings, &source(), &link).unwrap();
    let field = &compiled.fields()[0];
    assert_eq!((field.link.as_deref(), field.null, field.when), (Some("companies"), NullPolicy::Clear, When::OnCreate));
    let mapped =
        compiled.map(&frame(&source(), &json!([{"_links.companies": ["7", "8"]}, {"_links.companies": []}]))).unwrap();
    assert_eq!(records(&mapped.frame), [json!({"out": ["7", "8"]})]);
    assert_eq!(mapped.rejects[0].rejection.code, "required");
    check(
        "{ link: companies, from: text }",
        "text",
        &destination(FieldType::Text, &[]),
        &[(json!("7; 8"), json!(["7", "8"]))],
    );
}

#[test]
fn the_first_field_that_fails_names_the_reason() {
    let rows = json!([{"text": "x", "Home Country": "Atlantis"}]);
    let both = "out: { from: text, apply: [email] }\nsecond: { from: Home Country, apply: [country] }";
    let mapped = map(both, &destination(FieldType::Text, &[]), &rows);
    let rejected = &mapped.rejects[0];
    assert_eq!((rejected.id.as_str(), rejected.rejection.code.as_str()), ("1", "invalid_email"));
    assert_eq!((rejected.rejection.field.as_deref(), rejected.rejection.value.as_deref()), (Some("out"), Some("x")));
    assert_eq!(rejected.rejection.reason, "`x` is no e-mail address");
    assert_eq!((&rejected.source["_id"], &rejected.source["Home Country"]), (&json!("1"), &json!("Atlantis")));
}

#[test]
fn deleted_records_are_never_refused() {
    let rows = json!([{"_deleted": true, "text": "x"}, {"_deleted": true}]);
    let mapped = map("out: { from: text, apply: [email], required: true }", &destination(FieldType::Text, &[]), &rows);
    assert_eq!((mapped.frame.height(), mapped.rejects.len()), (2, 0));
    assert!(mapped.frame.column(DELETED).unwrap().bool().unwrap().all());
}

#[test]
fn columns_have_the_dtypes_of_their_fields() {
    let types = [
        FieldType::Text,
        FieldType::Integer,
        FieldType::Number,
        FieldType::Boolean,
        FieldType::Date,
        FieldType::Datetime,
        FieldType::Choice,
        FieldType::MultiChoice,
        FieldType::Link,
    ];
    for field_type in types {
        let compiled =
            Mapper::compile(&yaml("out: text\nsecond: { value: x }"), &source(), &destination(field_type, &[]))
                .unwrap();
        for rows in [json!([]), json!([{"text": null}])] {
            let mapped = compiled.map(&frame(&source(), &rows)).unwrap();
            assert_eq!(mapped.frame.column("out").unwrap().dtype(), &field_type.dtype());
            assert_eq!(compiled.fields()[0].field_type, field_type);
        }
    }
}

#[test]
fn an_open_destination_takes_any_field_as_it_is() {
    let open = Schema { object: "out.csv".into(), fields: Vec::new(), is_open: true };
    let compiled = Mapper::compile(&yaml("When: moment\nHow: { from: text, type: number }"), &source(), &open).unwrap();
    let types: Vec<FieldType> = compiled.fields().iter().map(|field| field.field_type).collect();
    assert_eq!(types, [FieldType::Datetime, FieldType::Number]);
}

#[test]
fn every_mistake_is_found_at_its_place() {
    let mut out = destination(FieldType::Choice, &["Lead"]);
    out.fields.push(Field { is_read_only: true, ..Field::new("made", FieldType::Text) });
    let mappings: MappingSpecs = yaml(
        "
out: { from: textt, apply: [trimm, { phone: { regio: DE } }], values: { a: Led } }
secnd: text
made: text
second: { from: text, expr: text, format: dd }
_id: text
",
    );
    let found = |source: Option<&Schema>, out: Option<&Schema>| -> Vec<String> {
        check_mappings(&mappings, source, out).iter().map(TransformError::place).collect()
    };
    let alone = [
        "mappings.out.apply[0]",
        "mappings.out.apply[1].phone.regio",
        "mappings.second",
        "mappings.second.format",
        "mappings._id",
    ];
    assert_eq!(found(None, None), alone);
    let both = found(Some(&source()), Some(&out));
    assert_eq!(
        both,
        [
            "mappings.out.apply[0]",
            "mappings.out.apply[1].phone.regio",
            "mappings.out.from",
            "mappings.secnd",
            "mappings.made",
            "mappings.second",
            "mappings.second.format",
            "mappings._id"
        ]
    );
}

#[test]
fn mistakes_of_one_mapping_are_told_apart() {
    let choice = destination(FieldType::Choice, &["Lead"]);
    let wrong = |mapping: &str, to: &Schema| {
        check_mappings(&yaml(&format!("out: {mapping}")), Some(&source()), Some(to)).remove(0)
    };
    for (mapping, place, code) in [
        ("{}", "mappings.out", "transform.mapping"),
        ("{ link: companies }", "mappings.out", "transform.mapping"),
        ("{ from: text, otherwise: keep }", "mappings.out.otherwise", "transform.mapping"),
        ("{ value: Led }", "mappings.out.value", "transform.unknown_option_value"),
        ("{ from: text, values: { a: Lead, b: Led } }", "mappings.out.values.b", "transform.unknown_option_value"),
        ("{ from: text, default: { a: 1 } }", "mappings.out.default", "transform.constant"),
        ("{ expr: 'sum(count)' }", "mappings.out.expr", "transform.sql"),
        ("{ expr: 'cnt + 1' }", "mappings.out.expr", "transform.unknown_field"),
        (
            "{ from: text, apply: [{ phone: { region_from: Country } }] }",
            "mappings.out.apply[0]",
            "transform.unknown_field",
        ),
    ] {
        let error = wrong(mapping, &choice);
        assert_eq!((error.place().as_str(), error.code), (place, code), "{mapping}: {error}");
    }
    let date = destination(FieldType::Date, &[]);
    assert_eq!(wrong("{ from: count }", &date).code, "transform.type");
    assert_eq!(wrong("{ value: soon }", &date).place(), "mappings.out.value");
    assert_eq!(wrong("_links.companies", &destination(FieldType::Link, &[])).code, "transform.mapping");
}

#[test]
fn standard_fields_that_a_side_lacks_are_left_out_and_others_are_mistakes() {
    let to = destination(FieldType::Text, &[]);
    for (name, mapping) in [("absent", "text"), ("out", "nothing"), ("out", "{ expr: nothing }")] {
        let specs = yaml(&format!("{name}: {mapping}"));
        assert!(Mapper::compile(&specs, &source(), &to).is_err(), "{name}: {mapping}");
        let standard = specs.into_iter().map(|(name, spec)| {
            let full = FullMapping { is_standard: true, ..spec.to_full() };
            (name, MappingSpec::Full(Box::new(full)))
        });
        assert_eq!(Mapper::compile(&standard.collect(), &source(), &to).unwrap().fields(), []);
    }
}

#[test]
fn a_parent_is_named_by_one_mapping() {
    let parent = |object: &str| ParentKey { sets: FieldName::new("WhoId"), object: object.into() };
    let field = |name: &str, object: &str| Field { parent: Some(parent(object)), ..Field::new(name, FieldType::Text) };
    let fields = vec![
        Field::new("WhoId", FieldType::Text),
        field("Lead:Who.Email", "Lead"),
        field("Lead:Who.No", "Lead"),
        field("Contact:Who.Email", "Contact"),
    ];
    let to = Schema { object: "Task".into(), fields, is_open: false };
    let places = |mappings: &str| -> Vec<(&'static str, String)> {
        let found = check_mappings(&yaml(mappings), Some(&source()), Some(&to));
        found.iter().map(|mistake| (mistake.code, mistake.place())).collect()
    };
    assert_eq!(places("{ 'Lead:Who.Email': text, 'Contact:Who.Email': text }"), []);
    let twice = |name: &str| vec![("transform.parent_twice", format!("mappings.{name}"))];
    assert_eq!(places("{ 'Lead:Who.Email': text, WhoId: text }"), twice("Lead:Who.Email"));
    assert_eq!(places("{ 'Lead:Who.Email': text, 'Lead:Who.No': text }"), twice("Lead:Who.No"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_record_is_mapped_or_rejected(texts in proptest::collection::vec(proptest::option::of("[0-9a-z@. \\-]{0,12}"), 0..20)) {
        let rows: Vec<Value> = texts.iter().map(|text| json!({"text": text, "Home Country": text})).collect();
        let mappings = "out: { from: text, type: integer }\nsecond: { from: Home Country, apply: [trim, email], required: true }";
        let mapped = map(mappings, &destination(FieldType::Text, &[]), &json!(rows));
        prop_assert_eq!(mapped.frame.height() + mapped.rejects.len(), texts.len());
    }
}
