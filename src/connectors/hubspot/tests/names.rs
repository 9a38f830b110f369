//! Owners, pipelines and stages by name.

use serde_json::json;

use crate::model::{BatchRecord, Fields, Operation, Value};

use super::{
    super::{
        destination::Encoder,
        schema::{Owners, Pipelines},
    },
    info,
    script::{owners, pipelines},
};

fn encoder(default_owner: Option<&str>) -> Encoder {
    let mut people = serde_json::from_value::<Vec<_>>(owners(false, "")["results"].clone()).unwrap();
    people.extend(serde_json::from_value::<Vec<_>>(owners(false, "p2")["results"].clone()).unwrap());
    let pipelines = Pipelines::new(serde_json::from_value(pipelines()["results"].clone()).unwrap());
    Encoder::of(info("deals"), Some(Owners::new(people)), default_owner, Some(pipelines))
}

fn encoded(default_owner: Option<&str>, fields: &[(&str, &str)]) -> Result<serde_json::Value, String> {
    let fields: Fields =
        fields.iter().map(|(name, value)| ((*name).into(), Value::Text((*value).to_owned()))).collect();
    let record = BatchRecord { trace_id: "row-1".to_owned(), destination_id: None, fields };
    let input = encoder(default_owner).input(0, &record, &Operation::Insert);
    input.map(|input| json!(input.properties)).map_err(|rejection| rejection.code)
}

#[test]
fn owners_are_found_by_mail_whatever_its_case_and_ids_pass() {
    let owner =
        |text: &str| encoded(None, &[("hubspot_owner_id", text)]).map(|found| found["hubspot_owner_id"].clone());
    assert_eq!(owner("ada@EXAMPLE.test"), Ok(json!("1")));
    assert_eq!(owner("bo@example.test"), Ok(json!("2")));
    assert_eq!(owner("2"), Ok(json!("2")));
    assert_eq!(owner(""), Ok(json!("")));
    assert_eq!(owner("nobody@example.test"), Err("unknown_owner".to_owned()));
}

#[test]
fn the_default_owner_takes_whom_nobody_knows_and_a_user_id_is_no_owner() {
    let owner =
        |text: &str| encoded(Some("1"), &[("hubspot_owner_id", text)]).map(|found| found["hubspot_owner_id"].clone());
    assert_eq!(owner("nobody@example.test"), Ok(json!("1")));
    assert_eq!(owner("11"), Ok(json!("1")), "11 is a user's id");
    assert_eq!(owner("3"), Ok(json!("3")));
}

#[test]
fn stages_are_found_by_name_within_their_pipeline() {
    let stage = |fields: &[(&str, &str)]| encoded(None, fields).map(|found| found["dealstage"].clone());
    assert_eq!(stage(&[("dealstage", "won"), ("pipeline", "partners")]), Ok(json!("701")));
    assert_eq!(stage(&[("dealstage", "Won"), ("pipeline", "default")]), Ok(json!("closedwon")));
    assert_eq!(stage(&[("dealstage", "closedwon")]), Ok(json!("closedwon")));
    assert_eq!(stage(&[("dealstage", " signed ")]), Ok(json!("702")));
    assert_eq!(stage(&[("dealstage", "Won")]), Err("ambiguous_stage".to_owned()));
    assert_eq!(stage(&[("dealstage", "Signed"), ("pipeline", "Sales")]), Err("unknown_stage".to_owned()));
    assert_eq!(stage(&[("dealstage", "Lost")]), Err("unknown_stage".to_owned()));
}

#[test]
fn pipelines_are_found_by_name() {
    let pipeline = |text: &str| encoded(None, &[("pipeline", text)]).map(|found| found["pipeline"].clone());
    assert_eq!(pipeline("PARTNERS"), Ok(json!("77")));
    assert_eq!(pipeline("77"), Ok(json!("77")));
    assert_eq!(pipeline("Resellers"), Err("unknown_pipeline".to_owned()));
}
