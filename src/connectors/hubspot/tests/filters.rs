//! Conditions and keys as searches.

use serde_json::{Value as Json, json};

use crate::model::{Comparison, FieldName, Predicate, Value};

use super::{
    super::{destination::plan_search, limits, source::translate},
    info,
};

fn compare(field: &str, comparison: Comparison, value: Value) -> Predicate {
    Predicate::Compare { field: field.into(), comparison, value }
}

fn equal(field: &str, value: &str) -> Predicate {
    compare(field, Comparison::Equal, Value::Text(value.to_owned()))
}

fn groups(predicate: &Predicate) -> Json {
    json!(translate(predicate, &info("contacts"), 2, 2_000))
}

fn operator_of(predicate: &Predicate) -> Option<String> {
    groups(predicate)[0][0]["operator"].as_str().map(str::to_owned)
}

#[test]
fn values_are_json_and_nothing_else() {
    let tricky = equal("firstname", "O'Brien\" }], \"x\": [");
    let expected = json!([[{ "propertyName": "firstname", "operator": "EQ", "value": "O'Brien\" }], \"x\": [" }]]);
    assert_eq!(groups(&tricky), expected);
}

#[test]
fn only_comparisons_that_find_at_least_what_sql_finds_are_sent() {
    let number = |comparison| compare("amount", comparison, Value::Number(5.0));
    assert_eq!(operator_of(&number(Comparison::NotEqual)).as_deref(), Some("NEQ"));
    assert_eq!(operator_of(&number(Comparison::GreaterOrEqual)).as_deref(), Some("GTE"));
    let name = |comparison| compare("firstname", comparison, Value::Text("Ada".to_owned()));
    assert_eq!(operator_of(&name(Comparison::Equal)).as_deref(), Some("EQ"));
    assert_eq!(operator_of(&name(Comparison::NotEqual)), None);
    assert_eq!(operator_of(&name(Comparison::Less)), None);
    assert_eq!(operator_of(&equal("phone", "+49")), None);
    assert_eq!(operator_of(&equal("topics", "NEW")), None);
    assert_eq!(operator_of(&equal("amount", "5")), None, "a number is not compared with a text");
    assert_eq!(operator_of(&equal("nothing_like_it", "5")), None);
    assert_eq!(operator_of(&Predicate::IsNull("topics".into())).as_deref(), Some("NOT_HAS_PROPERTY"));
    assert_eq!(operator_of(&Predicate::IsNotNull("email".into())).as_deref(), Some("HAS_PROPERTY"));
}

#[test]
fn lists_of_texts_are_lower_case_and_options_are_as_they_are() {
    let values = || vec![Value::Text("DE".to_owned()), Value::Text("At".to_owned())];
    let found = |field: &str| groups(&Predicate::In { field: field.into(), values: values() })[0][0]["values"].clone();
    assert_eq!(found("firstname"), json!(["de", "at"]));
    assert_eq!(found("hs_lead_status"), json!(["DE", "At"]));
}

#[test]
fn moments_are_milliseconds_and_own_fields_have_the_vendors_names() {
    let moment = Value::DateTime(chrono::DateTime::from_timestamp_millis(1_700_000_000_123).unwrap());
    let filter = groups(&compare("_updated_at", Comparison::Less, moment))[0][0].clone();
    assert_eq!(filter, json!({ "propertyName": "lastmodifieddate", "operator": "LT", "value": "1700000000123" }));
    assert_eq!(groups(&equal("_id", "7"))[0][0]["propertyName"], "hs_object_id");
    assert_eq!(groups(&equal("_id", "7 OR 1")), json!([]));
}

#[test]
fn alternatives_become_groups_and_a_part_that_cannot_be_said_is_left_out() {
    let either = Predicate::Any(vec![equal("firstname", "Ada"), equal("firstname", "Bo")]);
    let unsayable = compare("firstname", Comparison::Less, Value::Text("M".to_owned()));
    let both = Predicate::All(vec![either.clone(), Predicate::IsNotNull("email".into()), unsayable.clone()]);
    let found = groups(&both);
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert!(found.as_array().unwrap().iter().all(|group| group.as_array().unwrap().len() == 2));
    // Of alternatives, none may be left out: the answer would lack records.
    assert_eq!(groups(&Predicate::Any(vec![either, unsayable])), json!([]));
}

#[test]
fn what_is_beyond_the_vendors_limits_is_left_out() {
    let many = |count: usize| Predicate::All((0..count).map(|_| Predicate::IsNotNull("email".into())).collect());
    let sizes = |predicate: &Predicate| -> Vec<usize> {
        translate(predicate, &info("contacts"), 2, 2_000).iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(&many(9)), [limits::MAX_GROUP_FILTERS - 2]);
    let alternatives = |count: usize| Predicate::Any((0..count).map(|_| equal("firstname", "A")).collect());
    assert_eq!(sizes(&alternatives(5)).len(), 5);
    assert_eq!(sizes(&alternatives(6)).len(), 0);
    // Five groups of four filters are more than 18.
    let product = Predicate::All(vec![
        alternatives(5),
        Predicate::IsNotNull("email".into()),
        Predicate::IsNotNull("phone".into()),
    ]);
    assert_eq!(sizes(&product), [2, 2, 2, 2, 2].map(|filters: usize| filters.min(1)).to_vec());
    assert_eq!(sizes(&equal("firstname", &"x".repeat(3_000))), Vec::<usize>::new());
}

#[test]
fn keys_are_searched_in_as_few_bodies_as_the_limit_allows() {
    let keys: Vec<Vec<Value>> = (0..250).map(|number| vec![Value::Text(format!("Name {number}"))]).collect();
    let properties = ["hs_object_id".to_owned()];
    let searches = plan_search(&info("companies"), &["firstname".into()], &keys, &properties).unwrap();
    let counts: Vec<usize> = searches.iter().map(|search| search[0][0]["values"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [100, 100, 50]);
    assert_eq!(searches[0][0][0]["values"][0], "name 0");
    let long: Vec<Vec<Value>> = (0..10).map(|at| vec![Value::Text(format!("{at}{}", "ä".repeat(900)))]).collect();
    for search in plan_search(&info("companies"), &["firstname".into()], &long, &properties).unwrap() {
        assert!(json!(search).to_string().chars().count() < limits::MAX_SEARCH_CHARS);
    }
}

#[test]
fn keys_of_several_fields_are_groups() {
    let key = |at: i64| vec![Value::Text(format!("Name {at}")), Value::Number(1.0)];
    let keys: Vec<Vec<Value>> = (0..12).map(key).collect();
    let fields: [FieldName; 2] = ["dealname".into(), "amount".into()];
    let searches = plan_search(&info("deals"), &fields, &keys, &["hs_object_id".to_owned()]).unwrap();
    assert_eq!(searches.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 2]);
    assert!(plan_search(&info("deals"), &["topics".into()], &[vec![Value::List(vec![])]], &[]).is_err());
}

proptest::proptest! {
    #[test]
    fn any_key_is_looked_for_as_it_is_within_the_limits(texts in proptest::collection::vec("\\PC{1,40}", 1..250)) {
        let keys: Vec<Vec<Value>> = texts.iter().map(|text| vec![Value::Text(text.clone())]).collect();
        let searches =
            plan_search(&info("contacts"), &[FieldName::new("firstname")], &keys, &["firstname".to_owned()]).unwrap();
        let mut asked = Vec::new();
        for groups in &searches {
            proptest::prop_assert_eq!((groups.len(), groups[0].len()), (1, 1));
            let filter = &groups[0][0];
            proptest::prop_assert_eq!((&filter["propertyName"], &filter["operator"]), (&json!("firstname"), &json!("IN")));
            let values = filter["values"].as_array().unwrap();
            proptest::prop_assert!(values.len() <= limits::MAX_IN_VALUES);
            proptest::prop_assert!(json!(groups).to_string().chars().count() <= limits::MAX_SEARCH_CHARS);
            asked.extend(values.iter().map(|value| value.as_str().unwrap().to_owned()));
        }
        let mut wanted: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
        wanted.sort();
        wanted.dedup();
        asked.sort();
        asked.dedup();
        proptest::prop_assert_eq!(asked, wanted);
    }

    #[test]
    fn any_text_of_a_condition_arrives_as_it_is(text in "\\PC{1,60}") {
        let groups = groups(&equal("firstname", &text));
        if groups.as_array().is_some_and(|groups| !groups.is_empty()) {
            proptest::prop_assert_eq!(&groups[0][0]["value"], &json!(text));
        }
    }
}
