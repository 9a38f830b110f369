//! What a check tells of an org's rules and of what its user may write.

use serde_json::{Value as Json, json};

use crate::connector::Remark;
use crate::model::{FieldName, Operation};

use super::{
    description, destination, destination_with,
    script::{Reply, Script, error, ok},
    source,
};

/// Answers a query that selects ids.
fn rows(rows: &[Json]) -> Reply {
    let mut records = rows.to_vec();
    for (place, record) in records.iter_mut().enumerate() {
        record["Id"] = json!(format!("0Bm5g000000000{place}CAA"));
    }
    ok(&json!({ "totalSize": rows.len(), "done": true, "records": records }))
}

/// An org with two rules against duplicates of contacts and one that assigns leads.
async fn org() -> Script {
    Script::start(|asked| {
        let query = asked.parameter("q");
        let duplicate = |name: &str| json!({ "SobjectType": "Contact", "MasterLabel": name });
        match asked.path.as_str() {
            "query" if query.contains("FROM DuplicateRule") => {
                rows(&[duplicate("Same e-mail"), duplicate("Same name")])
            }
            "query" if query.contains("FROM AssignmentRule") => {
                rows(&[json!({ "SobjectType": "Lead", "Name": "Queue" })])
            }
            _ => ok(&json!({})),
        }
    })
    .await
}

fn text<'r>(rules: &'r [Remark], subject: &str) -> &'r str {
    &rules.iter().find(|rule| rule.subject == subject).unwrap_or_else(|| panic!("{subject}: {rules:?}")).text
}

#[tokio::test]
async fn active_rules_are_named_with_what_they_do() {
    let script = org().await;
    let rules =
        destination(&script.url).probe().unwrap().inspect(&["Contact".into(), "lead".into()]).await.unwrap().rules;
    assert!(
        text(&rules, "duplicate rules of `Contact`")
            .starts_with("`Same e-mail`, `Same name` are active: a record like")
    );
    assert!(text(&rules, "duplicate rules of `Contact`").contains("allow_duplicates"));
    assert_eq!(text(&rules, "duplicate rules of `lead`"), "none is active");
    assert!(text(&rules, "assignment rules of `lead`").starts_with("`Queue` is active: it does not run, unless"));
    assert_eq!(rules.len(), 3, "contacts have no assignment rules");
    let queries: Vec<String> = script.asked().iter().map(|asked| asked.parameter("q").to_owned()).collect();
    assert!(queries.iter().any(|query| {
        query.ends_with("WHERE IsActive = TRUE AND SobjectType IN ('Contact','lead') ORDER BY MasterLabel")
    }));
    assert!(
        source(&script.url).probe().unwrap().inspect(&["Lead".into()]).await.unwrap().rules.is_empty(),
        "a read meets no rule"
    );
}

#[tokio::test]
async fn what_the_connection_says_of_rules_is_told_with_them() {
    let script = org().await;
    let options = json!({ "allow_duplicates": true, "assignment_rule": "default" });
    let rules = destination_with(&script.url, &options)
        .probe()
        .unwrap()
        .inspect(&["Contact".into(), "Lead".into()])
        .await
        .unwrap()
        .rules;
    assert!(
        text(&rules, "duplicate rules of `Contact`")
            .ends_with("is saved where the rule alerts, and rejected where it blocks")
    );
    assert!(text(&rules, "assignment rules of `Lead`").contains("it runs, as `assignment_rule: default` says"));
}

#[tokio::test]
async fn rules_that_this_user_may_not_see_are_no_failure() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "query" => error(400, "INVALID_TYPE", "sObject type 'DuplicateRule' is not supported."),
        _ => ok(&json!({})),
    })
    .await;
    let rules = destination(&script.url).probe().unwrap().inspect(&["Lead".into()]).await.unwrap().rules;
    assert!(text(&rules, "duplicate rules").starts_with("could not be read"));
    assert!(text(&rules, "assignment rules").starts_with("could not be read"));
}

#[tokio::test]
async fn an_object_s_name_cannot_change_the_query_for_rules() {
    let script = org().await;
    destination(&script.url).probe().unwrap().inspect(&["Lead') OR (Name != '".into()]).await.unwrap();
    let query = script
        .asked()
        .iter()
        .map(|asked| asked.parameter("q").to_owned())
        .find(|query| query.contains("DuplicateRule"));
    assert!(query.unwrap().contains(r"SobjectType IN ('Lead\') OR (Name != \'')"));
}

#[tokio::test]
async fn each_field_that_this_user_may_not_write_is_named_with_what_to_do() {
    let script = org().await;
    let destination = destination(&script.url);
    let fields: Vec<FieldName> = ["LastName", "SystemModstamp", "CreatedDate"].iter().map(FieldName::new).collect();
    let refused = async |operation: Operation| {
        let refusals =
            destination.permissions().unwrap().refusals(&"Contact".into(), &operation, &fields).await.unwrap();
        refusals
            .into_iter()
            .map(|refusal| format!("{}: {}", refusal.message, refusal.hint.unwrap()))
            .collect::<Vec<_>>()
    };
    let insert = refused(Operation::Insert).await;
    assert_eq!(insert.len(), 1, "{insert:?}");
    assert!(insert[0].contains("`SystemModstamp`") && insert[0].contains("give the user `Edit` on it"), "{insert:?}");
    assert_eq!(refused(Operation::Update).await.len(), 1, "what only a new record takes is left out of updates");
    let upsert = refused(Operation::Upsert { key: vec!["Email".into()] }).await;
    assert!(
        upsert.iter().any(|refusal| refusal.contains("`CreatedDate`") && refusal.contains("when: on_create")),
        "{upsert:?}"
    );
    assert!(refused(Operation::Delete).await.is_empty());
}

#[tokio::test]
async fn an_object_that_may_be_changed_only_says_which_right_is_missing() {
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "sobjects/Contact/describe" => {
            let mut contact = description("Contact");
            contact["createable"] = false.into();
            contact["deletable"] = false.into();
            ok(&contact)
        }
        _ => super::script::standing_answer(asked, url).unwrap_or_else(|| ok(&json!({}))),
    })
    .await;
    let destination = destination(&script.url);
    let hints = async |operation: Operation| {
        let refusals = destination
            .permissions()
            .unwrap()
            .refusals(&"Contact".into(), &operation, &["LastName".into()])
            .await
            .unwrap();
        refusals.into_iter().map(|refusal| refusal.hint.unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert!(hints(Operation::Insert).await.contains("`Create` on the object"));
    assert!(hints(Operation::Delete).await.contains("`Delete` on the object"));
    assert_eq!(hints(Operation::Update).await, "");
}
