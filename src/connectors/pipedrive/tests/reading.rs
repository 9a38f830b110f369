//! Reading: pages, changes, archived and deleted deals, conditions.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::model::{Comparison, Cursor, Page, Predicate, Value};

use super::{
    Company,
    company::{column, filtered, request, since},
    text,
};

fn last_cursor(pages: &[Page]) -> Option<Cursor> {
    pages.last().and_then(|page| page.cursor.clone())
}

/// 1,200 persons of one second.
fn persons() -> String {
    let mut rows = "id,name,update_time\n".to_owned();
    (1..=1200).for_each(|id| writeln!(rows, "{id},Person {id},2026-01-05 08:00:00").unwrap());
    rows
}

#[tokio::test]
async fn no_record_is_lost_at_a_page_border_within_one_second() {
    let company = Company::start(&[("persons.csv", &persons())]).await;
    let pages = company.read(request("persons", &["name"])).await;
    assert_eq!((pages.len(), column(&pages, "name").len()), (3, 1200));
    let first = Cursor(json!({"at": "done", "since": 1_767_600_000}));
    let changed = company.read(since("persons", &["name"], Some(first))).await;
    let mut names = column(&changed, "name");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 1200);
}

#[tokio::test]
async fn a_read_goes_on_where_it_stopped() {
    let company = Company::start(&[("persons.csv", &persons())]).await;
    let pages = company.read(request("persons", &["name"])).await;
    let rest = company
        .read(crate::connector::ReadRequest { cursor: pages[0].cursor.clone(), ..request("persons", &["name"]) })
        .await;
    assert_eq!(column(&rest, "name").len(), 700);
}

#[tokio::test]
async fn only_what_changed_is_read_again() {
    let company = Company::start(&[("persons.csv", &persons())]).await;
    let pages = company.read(since("persons", &["name"], None)).await;
    let none = company.read(since("persons", &["name"], last_cursor(&pages))).await;
    assert!(column(&none, "name").is_empty());
    company.call("PATCH", "api/v2/persons/7", json!({"name": "Changed"})).await;
    let changed = company.read(since("persons", &["name"], last_cursor(&none))).await;
    assert_eq!(column(&changed, "name"), ["Changed"]);
}

#[tokio::test]
async fn archived_deals_are_read_and_deleted_ones_told() {
    let deals = "id,title,is_archived\n1,Open,\n2,Archived,true\n3,Gone,\n";
    let company = Company::start(&[("deals.csv", deals)]).await;
    let pages = company.read(since("deals", &["title", "is_archived"], None)).await;
    assert_eq!(column(&pages, "title"), ["Open", "Gone", "Archived"]);
    company.call("DELETE", "api/v2/deals/3", Json::Null).await;
    let changed = company.read(since("deals", &["title"], last_cursor(&pages))).await;
    let deleted: Vec<_> = column(&changed, "_id").into_iter().zip(column(&changed, "_deleted")).collect();
    assert!(deleted.contains(&("3".to_owned(), "true".to_owned())), "{deleted:?}");
}

#[tokio::test]
async fn a_list_of_version_one_survives_a_deletion_before_its_offset() {
    let mut notes = "id,content,deal_id,add_time\n".to_owned();
    (1..=1100).for_each(|id| writeln!(notes, "{id},Note {id},1,2026-01-05 08:00:00").unwrap());
    let company = Company::start(&[("deals.csv", "id,title\n1,D\n"), ("notes.csv", &notes)]).await;
    let source = company.source();
    let mut pages = source.read(request("notes", &["content"]));
    let mut read = vec![futures::StreamExt::next(&mut pages).await.unwrap().unwrap()];
    company.call("DELETE", "api/v1/notes/3", Json::Null).await;
    while let Some(page) = futures::StreamExt::next(&mut pages).await {
        read.push(page.unwrap());
    }
    let mut contents = column(&read, "content");
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 1100, "all that was there when the read began");
}

#[tokio::test]
async fn conditions_are_sent_as_far_as_lists_take_them() {
    let deals = "id,title,status,owner_id\n1,A,open,1\n2,B,won,1\n3,C,open,2\n";
    let users = "id,name,email\n1,Ada,ada@acme.test\n2,Grace,grace@acme.test\n";
    let company = Company::start(&[("deals.csv", deals), ("users.csv", users)]).await;
    let equal = |field: &str, value: &str| Predicate::Compare {
        field: field.into(),
        comparison: Comparison::Equal,
        value: text(value),
    };
    let one_of = |field: &str, values: &[&str]| Predicate::In {
        field: field.into(),
        values: values.iter().map(|value| text(value)).collect(),
    };
    let cases = [
        (equal("status", "won"), vec!["B"]),
        (equal("owner_id", "grace@acme.test"), vec!["C"]),
        (equal("stage_id", "Qualified"), vec!["A", "B", "C"]),
        (one_of("_id", &["1", "3"]), vec!["A", "C"]),
        (Predicate::All(vec![equal("status", "open"), equal("owner_id", "ada@acme.test")]), vec!["A"]),
        (equal("title", "A"), vec!["A", "B", "C"]),
        (Predicate::Any(vec![equal("status", "won"), equal("title", "A")]), vec!["A", "B", "C"]),
    ];
    for (filter, titles) in cases {
        let pages = company.read(filtered("deals", &["title"], filter.clone())).await;
        assert_eq!(column(&pages, "title"), titles, "{filter:?}");
    }
}

#[tokio::test]
async fn times_of_a_condition_are_sent_in_whole_seconds() {
    let persons = "id,name,update_time\n1,A,2026-01-05 08:00:00\n2,B,2026-01-05 08:00:01\n3,C,2026-01-05 08:00:02\n";
    let company = Company::start(&[("persons.csv", persons)]).await;
    let moment = |text: &str| Value::DateTime(text.parse().unwrap());
    let part =
        |comparison, text: &str| Predicate::Compare { field: "_updated_at".into(), comparison, value: moment(text) };
    let cases = [
        (vec![part(Comparison::Less, "2026-01-05T08:00:01Z")], vec!["A"]),
        (vec![part(Comparison::Less, "2026-01-05T08:00:01.5Z")], vec!["A", "B"]),
        (
            vec![
                part(Comparison::GreaterOrEqual, "2026-01-05T08:00:01Z"),
                part(Comparison::Less, "2026-01-05T08:00:02Z"),
            ],
            vec!["B"],
        ),
    ];
    for (parts, names) in cases {
        let pages = company.read(filtered("persons", &["name"], Predicate::All(parts.clone()))).await;
        assert_eq!(column(&pages, "name"), names, "{parts:?}");
    }
}

#[tokio::test]
async fn users_pipelines_and_stages_are_read() {
    let company = Company::start(&[("users.csv", "id,name,email\n1,Ada,ada@acme.test\n")]).await;
    assert_eq!(column(&company.read(request("users", &["email"])).await, "email"), ["ada@acme.test"]);
    let stages = company.read(request("stages", &["name", "pipeline_id"])).await;
    assert_eq!(column(&stages, "pipeline_id")[0], "Pipeline");
    assert_eq!(column(&stages, "name").len(), 5);
    assert_eq!(column(&company.read(request("pipelines", &["name"])).await, "name"), ["Pipeline"]);
    assert_eq!(Value::Null.to_text(), "");
}
