//! Quoting, and how much of a condition Airtable is told.

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;

use crate::model::{Comparison, FieldName, Predicate, Value};

use super::{
    super::formula::{changed_since, filter, has_id, has_key, quote},
    contacts,
};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn day(text: &str) -> Value {
    Value::Date(text.parse::<NaiveDate>().unwrap())
}

fn compare(field: &str, comparison: Comparison, value: Value) -> Predicate {
    Predicate::Compare { field: FieldName::new(field), comparison, value }
}

fn equal(field: &str, value: Value) -> Predicate {
    compare(field, Comparison::Equal, value)
}

/// Reads a literal back as a formula parser does: a backslash takes the next character as it is, an apostrophe ends it.
fn unquote(literal: &str) -> Option<String> {
    let mut characters = literal.strip_prefix('\'')?.chars();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '\\' => text.push(characters.next()?),
            '\'' => return characters.next().is_none().then_some(text),
            other => text.push(other),
        }
    }
}

proptest! {
    #[test]
    fn any_text_comes_through_its_quotes(text in r#"[\\'"{}()=a-c\n]{0,12}|.{0,40}"#) {
        prop_assert_eq!(unquote(&quote(&text)), Some(text));
    }
}

#[test]
fn the_backslash_is_escaped_before_the_quote() {
    assert_eq!(quote(r"O'Hara \ Sons'"), r"'O\'Hara \\ Sons\''");
    assert_eq!(quote(r"\') , TRUE("), r"'\\\') , TRUE('");
}

#[test]
fn conditions_are_said_as_far_as_airtable_means_the_same() {
    let number = |comparison| compare("Age", comparison, Value::Integer(-5));
    let cases = [
        (equal("Name", text("Ada")), "{fldName}='Ada'"),
        (equal("Stage", text("Lead")), "{fldStage}='Lead'"),
        (equal("Email", text("o'x")), r"{fldEmail}='o\'x'"),
        (number(Comparison::Equal), "{fldAge}=-5"),
        (number(Comparison::NotEqual), "{fldAge}!=-5"),
        (number(Comparison::Less), "{fldAge}<-5"),
        (number(Comparison::GreaterOrEqual), "{fldAge}>=-5"),
        (equal("Age", Value::Number(0.5)), "{fldAge}=0.5"),
        (equal("VIP", Value::Boolean(true)), "{fldVip}"),
        (equal("VIP", Value::Boolean(false)), "NOT({fldVip})"),
        (equal("_id", text("rec1")), "RECORD_ID()='rec1'"),
        (Predicate::IsNull("Name".into()), "{fldName}=BLANK()"),
        (Predicate::IsNull("Age".into()), "{fldAge}=BLANK()"),
        (Predicate::IsNotNull("Born".into()), "NOT({fldBorn}=BLANK())"),
        (Predicate::In { field: "Name".into(), values: vec![text("a"), text("b")] }, "OR({fldName}='a',{fldName}='b')"),
        (Predicate::In { field: "_id".into(), values: vec![text("rec1")] }, "RECORD_ID()='rec1'"),
        (
            Predicate::Any(vec![
                equal("Name", text("a")),
                Predicate::All(vec![equal("Age", Value::Integer(1)), equal("Name", text("b"))]),
            ]),
            "OR({fldName}='a',AND({fldAge}=1,{fldName}='b'))",
        ),
    ];
    for (predicate, formula) in cases {
        assert_eq!(filter(contacts(), &predicate).as_deref(), Some(formula), "{predicate:?}");
    }
}

#[test]
fn what_airtable_may_compare_otherwise_is_not_said() {
    let cases = [
        equal("Name", text("")),
        equal("Name", text("two\nlines")),
        compare("Name", Comparison::NotEqual, text("a")),
        compare("Name", Comparison::Less, text("a")),
        equal("Rich", text("a")),
        equal("Share", Value::Number(0.1)),
        equal("Call", Value::Number(60.0)),
        equal("Sum", Value::Number(1.0)),
        equal("Age", Value::Number(f64::NAN)),
        equal("Tags", Value::List(vec!["Lead".to_owned()])),
        equal("Unheard", text("a")),
        equal("_updated_at", day("2026-01-01")),
        compare("Born", Comparison::NotEqual, day("2026-01-01")),
        Predicate::IsNotNull("Age".into()),
        Predicate::IsNull("VIP".into()),
        Predicate::IsNull("Tags".into()),
        Predicate::In { field: "Name".into(), values: vec![text("a"), text("")] },
        Predicate::In { field: "Name".into(), values: Vec::new() },
        Predicate::All(Vec::new()),
        Predicate::Any(Vec::new()),
        // A comparison with an empty date may be an error and spoil the alternative.
        Predicate::Any(vec![equal("Name", text("a")), equal("Born", day("2026-01-01"))]),
        Predicate::Any(vec![equal("Name", text("a")), compare("Name", Comparison::Less, text("b"))]),
    ];
    for predicate in cases {
        assert_eq!(filter(contacts(), &predicate), None, "{predicate:?}");
    }
}

#[test]
fn of_conditions_that_must_all_hold_those_are_said_that_can_be() {
    let both = Predicate::All(vec![equal("Name", text("Ada")), compare("Name", Comparison::Less, text("b"))]);
    assert_eq!(filter(contacts(), &both).unwrap(), "{fldName}='Ada'");
}

#[test]
fn days_are_compared_with_a_margin() {
    let from = compare("Born", Comparison::GreaterOrEqual, day("2026-11-23"));
    assert_eq!(filter(contacts(), &from).unwrap(), "IS_AFTER({fldBorn},DATETIME_PARSE('2026-11-22T00:00:00.000Z'))");
    let until = compare("Seen", Comparison::Less, day("2026-11-23"));
    assert_eq!(
        filter(contacts(), &until).unwrap(),
        "NOT(IS_AFTER({fldSeen},DATETIME_PARSE('2026-11-25T00:00:00.000Z')))"
    );
}

#[test]
fn a_list_too_long_for_a_formula_is_left_to_the_engine() {
    let values = (0..101).map(|number| text(&number.to_string())).collect();
    assert_eq!(filter(contacts(), &Predicate::In { field: "Name".into(), values }), None);
    let long = equal("Name", text(&"a".repeat(20_000)));
    assert_eq!(filter(contacts(), &long), None);
}

#[test]
fn keys_of_every_type_are_looked_up() {
    let table = contacts();
    let moment = Value::DateTime(DateTime::from_timestamp_millis(0).unwrap());
    let cases = [
        ("Name", text("O'Hara"), r"{fldName}='O\'Hara'"),
        ("Name", Value::Integer(7), "{fldName}='7'"),
        ("Age", Value::Integer(7), "{fldAge}=7"),
        ("VIP", Value::Boolean(false), "NOT({fldVip})"),
        ("Born", day("2026-11-23"), "IS_SAME({fldBorn},DATETIME_PARSE('2026-11-23'),'day')"),
        ("Seen", moment, "IS_SAME({fldSeen},DATETIME_PARSE('1970-01-01T00:00:00.000Z'))"),
        ("Tags", Value::List(vec!["Lead".to_owned(), "Won".to_owned()]), "({fldTags}&'')='Lead, Won'"),
    ];
    for (field, value, formula) in cases {
        let field = table.field(field).unwrap();
        assert_eq!(has_key(&[field], &[vec![value]]).as_deref(), Some(formula));
    }
    let (name, age) = (table.field("Name").unwrap(), table.field("Age").unwrap());
    let keys = [vec![text("a"), Value::Integer(1)], vec![text("b"), Value::Integer(2)]];
    assert_eq!(
        has_key(&[name, age], &keys).unwrap(),
        "OR(AND({fldName}='a',{fldAge}=1),AND({fldName}='b',{fldAge}=2))"
    );
    assert_eq!(has_key(&[name], &[vec![Value::Null]]), None);
}

#[test]
fn an_incremental_read_asks_for_created_records_too() {
    let since = DateTime::from_timestamp_millis(0).unwrap();
    let moment = "DATETIME_PARSE('1970-01-01T00:00:00.000Z')";
    assert_eq!(
        changed_since(since),
        format!(
            "OR(IS_SAME(LAST_MODIFIED_TIME(),{moment}),IS_AFTER(LAST_MODIFIED_TIME(),{moment}),\
             IS_SAME(CREATED_TIME(),{moment}),IS_AFTER(CREATED_TIME(),{moment}))"
        )
    );
}

#[test]
fn ids_are_quoted_like_any_value() {
    assert_eq!(has_id(["rec1", "re'c"]), r"OR(RECORD_ID()='rec1',RECORD_ID()='re\'c')");
}
