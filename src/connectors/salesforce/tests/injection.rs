//! Nothing from a pipeline, a record or a description changes a query.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::model::{Comparison, FieldName, Predicate, Value};

use super::{
    super::{
        client::WireObject,
        names::is_path,
        schema::ObjectInfo,
        soql::{Query, condition, text_literal},
    },
    described, info, text,
};

/// Splits a query at its literals, as Salesforce's own reader would: returns what is outside of them, and the texts that the
/// literals stand for; none where a literal does not end or has an escape that SOQL does not know.
fn split(query: &str) -> Option<(String, Vec<String>)> {
    let (mut outside, mut texts) = (String::new(), Vec::new());
    let mut letters = query.chars();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            outside.push(letter);
            continue;
        }
        let mut literal = String::new();
        loop {
            match letters.next()? {
                '\'' => break,
                '\\' => literal.push(match letters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    same @ ('\\' | '\'') => same,
                    _ => return None,
                }),
                other => literal.push(other),
            }
        }
        outside.push('?');
        texts.push(literal);
    }
    Some((outside, texts))
}

fn compare(field: &str, value: Value) -> Predicate {
    Predicate::Compare { field: FieldName::new(field), comparison: Comparison::Equal, value }
}

proptest! {
    #[test]
    fn a_text_stays_within_its_literal(value in ".*") {
        let (outside, texts) = split(&format!("a = {} AND b", text_literal(&value))).unwrap();
        prop_assert_eq!(outside, "a = ? AND b");
        prop_assert_eq!(texts, vec![value]);
    }

    #[test]
    fn quotes_and_backslashes_in_any_order_stay_within_their_literal(value in "[\\\\'\n\r\tA]{0,12}") {
        let predicate = Predicate::In { field: FieldName::new("LastName"), values: vec![text(&value), text("x")] };
        let (outside, texts) = split(&condition(&predicate, &info("Contact")).unwrap()).unwrap();
        prop_assert_eq!(outside, "LastName IN (?,?)");
        prop_assert_eq!(texts, vec![value, "x".to_owned()]);
    }

    #[test]
    fn a_name_that_is_not_described_says_nothing(name in ".{0,30}", value in ".*") {
        prop_assume!(info("Contact").field(&name).is_none());
        prop_assert_eq!(condition(&compare(&name, Value::Text(value)), &info("Contact")), None);
    }

    #[test]
    fn a_description_cannot_add_a_word(object in ".{0,20}", field in ".{0,20}", parent in ".{0,20}") {
        let fields = json!([
            described("Id", "id", &Json::Null),
            described(&field, "string", &Json::Null),
            described("ParentId", "reference", &json!({ "relationshipName": parent, "referenceTo": ["Account"] })),
        ]);
        let wire: WireObject = serde_json::from_value(json!({ "name": object, "fields": fields })).unwrap();
        let Some(info) = ObjectInfo::new(&wire) else { return Ok(()) };
        let names: Vec<String> = info.source_schema().fields.iter().map(|field| field.name.to_string()).collect();
        prop_assert!(names.iter().all(|name| is_path(name)), "{names:?}");
        let query = Query { fields: names.iter().map(String::as_str).collect(), object: &info.name, ..Query::default() };
        let words = query.text();
        prop_assert_eq!(words.split(' ').count(), 4, "{}", words);
    }
}

#[test]
fn soql_is_asked_only_for_what_it_means_like_sql_or_wider() {
    let info = info("Contact");
    let say = |comparison, field: &str, value| {
        condition(&Predicate::Compare { field: FieldName::new(field), comparison, value }, &info)
    };
    // SOQL takes upper and lower case for the same: `!=` would leave out what SQL keeps.
    assert_eq!(say(Comparison::NotEqual, "LastName", text("a")), None);
    assert_eq!(say(Comparison::Less, "LastName", text("a")), None);
    assert_eq!(say(Comparison::Equal, "Description", text("a")), None, "long texts cannot be filtered by");
    assert_eq!(say(Comparison::Equal, "Amount", text("1 OR 1=1")), None, "a word is no number");
    assert_eq!(say(Comparison::Less, "Amount", Value::Number(5.0)).unwrap(), "Amount < 5");
    assert_eq!(say(Comparison::Equal, "Optin__c", Value::Boolean(true)).unwrap(), "Optin__c = TRUE");
    let day = Value::Date("2026-11-23".parse().unwrap());
    assert_eq!(say(Comparison::GreaterOrEqual, "Birthdate", day.clone()).unwrap(), "Birthdate >= 2026-11-23");
    assert_eq!(say(Comparison::GreaterOrEqual, "Seen__c", day), None, "a day is no moment to SOQL");
    let moment = Value::DateTime("2026-11-23T10:00:00Z".parse().unwrap());
    assert_eq!(say(Comparison::Less, "Seen__c", moment).unwrap(), "Seen__c < 2026-11-23T10:00:00.000Z");
    assert_eq!(condition(&Predicate::IsNull("AccountId".into()), &info).unwrap(), "AccountId = NULL");
}

#[test]
fn parts_that_cannot_be_said_are_left_out_of_all_and_undo_any() {
    let info = info("Contact");
    let (known, unknown) = (compare("LastName", text("a")), compare("Description", text("b")));
    let all = Predicate::All(vec![known.clone(), unknown.clone()]);
    assert_eq!(condition(&all, &info).unwrap(), "LastName = 'a'");
    assert_eq!(condition(&Predicate::Any(vec![known.clone(), unknown]), &info), None);
    let either = Predicate::Any(vec![known.clone(), Predicate::IsNotNull("Email".into())]);
    assert_eq!(condition(&either, &info).unwrap(), "(LastName = 'a' OR Email != NULL)");
}
