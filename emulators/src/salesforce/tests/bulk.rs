use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Org, code, text};

fn job(operation: &str, object: &str) -> Json {
    json!({"operation": operation, "object": object, "contentType": "CSV", "lineEnding": "LF"})
}

#[tokio::test]
async fn writes_rows_and_tells_each_outcome() {
    let org = Org::open().await;
    let done =
        org.ingest(job("insert", "Contact"), "LastName,Email\nOne,one@x.example\nTwo,bad\n\"Th\"\"ree\",\n").await;
    assert_eq!(
        (text(&done["state"]), &done["numberRecordsProcessed"], &done["numberRecordsFailed"]),
        ("JobComplete", &json!(3), &json!(1))
    );
    let path = format!("jobs/ingest/{}", text(&done["id"]));
    let failed = org.text_of(&format!("{path}/failedResults/")).await;
    assert_eq!(
        failed,
        "\"sf__Id\",\"sf__Error\",LastName,Email\n\"\",\"INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --\",Two,bad\n"
    );
    let successful = org.text_of(&format!("{path}/successfulResults")).await;
    let lines: Vec<&str> = successful.lines().collect();
    assert_eq!((lines[0], lines.len()), ("\"sf__Id\",\"sf__Created\",LastName,Email", 3));
    // The order is not that of the upload.
    assert!(lines[1].ends_with(",\"true\",\"Th\"\"ree\",") && lines[2].ends_with(",One,one@x.example"));
    for name in ["unprocessedrecords", "unprocessedRecords"] {
        assert_eq!(org.text_of(&format!("{path}/{name}")).await, "LastName,Email\n");
    }
}

#[tokio::test]
async fn clears_with_na_and_leaves_empty_cells_alone() {
    let org = Org::open().await;
    org.create("Contact", json!({"LastName": "l", "Email": "k@x.example", "Title": "t", "Phone": "1"})).await;
    let mut upsert = job("upsert", "Contact");
    upsert["externalIdFieldName"] = json!("Email");
    org.ingest(upsert, "Email,Title,Phone\nK@x.example,#N/A,\n").await;
    let (_, found) = org.query("SELECT Title, Phone FROM Contact").await;
    assert_eq!((&found["records"][0]["Title"], &found["records"][0]["Phone"]), (&Json::Null, &json!("1")));
}

#[tokio::test]
async fn finds_parents_by_relationship_columns() {
    let org = Org::open().await;
    org.create("Contact", json!({"LastName": "l", "Email": "who@x.example"})).await;
    let done =
        org.ingest(job("insert", "Task"), "Subject,Contact:Who.Email\na,who@x.example\nb,nobody@x.example\n").await;
    assert_eq!(done["numberRecordsFailed"], 1);
    assert_eq!(org.column("SELECT Who.Name FROM Task", "/Who/Name").await, "l");
    let done = org.ingest(job("insert", "Contact"), "LastName,Owner.Username\na,integration@ferry.example\n").await;
    assert_eq!(done["numberRecordsFailed"], 0);
    let done = org.ingest(job("insert", "Contact"), "LastName,User:Owner.Username\na,x\n").await;
    assert!(
        text(&done["errorMessage"]).contains("type is not needed for non polymorphic foreign key references"),
        "{done}"
    );
}

#[tokio::test]
async fn fails_whole_when_the_header_or_the_form_is_wrong() {
    let org = Org::open().await;
    for (csv, expected) in [
        ("Nope\nx\n", "InvalidBatch : Field name not found : Nope"),
        ("\u{feff}Name\nx\n", "unescaped quote"),
        ("Name\r\nx\r\n", "LineEnding is invalid on user data"),
        ("Name,Site\nx\n", "a row has 1 columns"),
    ] {
        let done = org.ingest(job("insert", "Account"), csv).await;
        assert_eq!((text(&done["state"]), &done["numberRecordsProcessed"]), ("Failed", &json!(0)), "{done}");
        assert!(text(&done["errorMessage"]).contains(expected), "{done}");
    }
    let (status, refusal) = org.post("jobs/ingest", job("upsert", "Account")).await;
    assert_eq!((status, code(&refusal)), (400, "INVALIDJOB"));
    assert_eq!(code(&org.post("jobs/ingest", job("insert", "Nope")).await.1), "INVALIDENTITY");
}

#[tokio::test]
async fn takes_every_delimiter_and_line_ending() {
    let org = Org::open().await;
    for (name, delimiter) in [("TAB", '\t'), ("PIPE", '|'), ("SEMICOLON", ';'), ("CARET", '^'), ("BACKQUOTE", '`')] {
        let mut insert = job("insert", "Account");
        (insert["columnDelimiter"], insert["lineEnding"]) = (json!(name), json!("CRLF"));
        let done = org.ingest(insert, &format!("Name{delimiter}Site\r\n{name}{delimiter}s\r\n")).await;
        assert_eq!(done["numberRecordsFailed"], 0, "{done}");
        let results = org.text_of(&format!("jobs/ingest/{}/successfulResults", text(&done["id"]))).await;
        assert!(results.starts_with(&format!("\"sf__Id\"{delimiter}\"sf__Created\"{delimiter}Name")), "{results}");
    }
    assert_eq!(org.query("SELECT COUNT() FROM Account WHERE Site = 's'").await.1["totalSize"], 5);
}

#[tokio::test]
async fn deletes_rows_softly_or_for_good() {
    let org = Org::open().await;
    let (a, b) = (org.create("Account", json!({"Name": "a"})).await, org.create("Account", json!({"Name": "b"})).await);
    org.ingest(job("delete", "Account"), &format!("Id\n{a}\n")).await;
    org.ingest(job("hardDelete", "Account"), &format!("Id\n{b}\n")).await;
    let (_, all) = org.get("queryAll?q=SELECT+Name,IsDeleted+FROM+Account").await;
    assert_eq!((&all["totalSize"], &all["records"][0]["Name"]), (&json!(1), &json!("a")));
    let done = org.ingest(job("delete", "Account"), &format!("Id\n{a}\n")).await;
    let failed = org.text_of(&format!("jobs/ingest/{}/failedResults", text(&done["id"]))).await;
    assert!(failed.contains(&format!("\"{a}\",\"ENTITY_IS_DELETED:entity is deleted: --\"")), "{failed}");
}

#[tokio::test]
async fn goes_through_its_states_and_can_be_aborted() {
    let org = Org::open().await;
    org.set(json!({"jobDelayMillis": 60_000})).await;
    let (_, made) = org.post("jobs/ingest", job("insert", "Account")).await;
    let path = format!("jobs/ingest/{}", text(&made["id"]));
    assert_eq!(
        (text(&made["state"]), text(&made["contentUrl"])),
        ("Open", format!("services/data/v67.0/{path}/batches").as_str())
    );
    let upload = || org.request(Method::PUT, &format!("{path}/batches")).body("Name\nx\n").send();
    assert_eq!(upload().await.unwrap().status(), 201);
    assert_eq!(upload().await.unwrap().status(), 400);
    org.patch(&path, json!({"state": "UploadComplete"})).await;
    assert_eq!(org.get(&path).await.1["state"], "UploadComplete");
    assert_eq!(org.patch(&path, json!({"state": "Aborted"})).await.1["state"], "Aborted");
    assert_eq!(org.text_of(&format!("{path}/unprocessedrecords")).await, "Name\nx\n");
    assert_eq!(org.patch(&path, json!({"state": "UploadComplete"})).await.0, 400);
    assert_eq!(org.delete(&path).await.0, 204);
    assert_eq!(org.get(&path).await.0, 404);
}

#[tokio::test]
async fn leaves_rows_unprocessed_when_it_fails_half_way() {
    let org = Org::open().await;
    org.set(json!({"jobFailures": 1.0})).await;
    let rows = (0..1_000).map(|number| format!("row {number:04}\n")).collect::<Vec<_>>().concat();
    let done = org.ingest(job("insert", "Account"), &format!("Name\n{rows}")).await;
    assert_eq!(text(&done["state"]), "Failed");
    let written = done["numberRecordsProcessed"].as_u64().unwrap();
    assert_eq!(org.query("SELECT COUNT() FROM Account").await.1["totalSize"], json!(written));
    let rest = org.text_of(&format!("jobs/ingest/{}/unprocessedrecords", text(&done["id"]))).await;
    assert_eq!(rest.lines().count() as u64, 1 + 1_000 - written);
    assert!((400..=600).contains(&written), "{written}");
}

#[tokio::test]
async fn reads_in_pages_that_each_repeat_the_header() {
    let org = Org::open().await;
    let rows = (0..500).map(|number| format!("row {number:04}\n")).collect::<Vec<_>>().concat();
    org.ingest(job("insert", "Account"), &format!("Name\n{rows}")).await;
    let query = json!({"operation": "query", "query": "SELECT Name, Parent.Name, CreatedDate FROM Account"});
    let (_, made) = org.post("jobs/query", query).await;
    assert_eq!(text(&made["state"]), "UploadComplete");
    let path = format!("jobs/query/{}", text(&made["id"]));
    assert_eq!(text(&org.end_of(&path).await["state"]), "JobComplete");
    let (mut locator, mut names, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page =
            org.request(Method::GET, &format!("{path}/results?maxRecords=200&locator={locator}")).send().await.unwrap();
        locator = page.headers()["sforce-locator"].to_str().unwrap().to_owned();
        let count: usize = page.headers()["sforce-numberofrecords"].to_str().unwrap().parse().unwrap();
        let text = page.text().await.unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("\"Name\",\"Parent.Name\",\"CreatedDate\""));
        let before = names.len();
        names.extend(lines.map(|line| line[1..9].to_owned()));
        assert_eq!(names.len() - before, count);
        pages += 1;
        if locator == "null" {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert!(!names.is_sorted(), "nothing asked for an order");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 500);
    let (status, _) = org.get(&format!("/services/data/v66.0/{path}/results")).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn lists_pages_that_can_be_read_side_by_side() {
    let org = Org::open().await;
    org.set(json!({"resultPageRows": 10})).await;
    let rows = (0..65).map(|number| format!("row {number:04}\n")).collect::<Vec<_>>().concat();
    org.ingest(job("insert", "Account"), &format!("Name\n{rows}")).await;
    let (_, made) = org.post("jobs/query", json!({"operation": "query", "query": "SELECT Name FROM Account"})).await;
    let path = format!("jobs/query/{}", text(&made["id"]));
    org.end_of(&path).await;
    let (_, first) = org.get(&format!("{path}/resultPages")).await;
    assert_eq!((first["resultPages"].as_array().unwrap().len(), &first["done"]), (5, &json!(false)));
    let (_, second) = org.get(text(&first["nextRecordUrl"])).await;
    assert_eq!((second["resultPages"].as_array().unwrap().len(), &second["done"]), (2, &json!(true)));
    let last = org.text_of(text(&second["resultPages"][1]["resultUrl"])).await;
    assert_eq!(last.lines().count(), 6);
}

#[tokio::test]
async fn refuses_what_bulk_queries_cannot_do() {
    let org = Org::open().await;
    for soql in [
        "SELECT COUNT(Id) FROM Account",
        "SELECT Id FROM Account LIMIT 5 OFFSET 5",
        "SELECT BillingAddress FROM Account",
    ] {
        let (status, refusal) = org.post("jobs/query", json!({"operation": "query", "query": soql})).await;
        assert_eq!((status, code(&refusal)), (400, "API_ERROR"), "{soql}");
    }
    let (status, refusal) =
        org.post("jobs/query", json!({"operation": "query", "query": "SELECT nope FROM Account"})).await;
    assert_eq!((status, code(&refusal)), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn results_with_crlf_have_no_stray_line_feed() {
    let org = Org::open().await;
    let mut insert = job("insert", "Contact");
    insert["lineEnding"] = json!("CRLF");
    let rows: String = (0..450).map(|row| if row % 3 == 0 { "\"N\",bad\r\n" } else { "\"N\",\r\n" }).collect();
    let done = org.ingest(insert, &format!("LastName,Email\r\n{rows}")).await;
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(450), &json!(150)));
    let path = format!("jobs/ingest/{}", text(&done["id"]));
    for (name, count) in [("successfulResults", 301), ("failedResults", 151), ("unprocessedrecords", 1)] {
        let results = org.text_of(&format!("{path}/{name}")).await;
        let lines: Vec<&str> = results.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), count, "{name}");
        assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])), "{name}: {results:?}");
        assert!(lines[0].ends_with("LastName,Email"), "{name}: {}", lines[0]);
        assert!(lines[1..].iter().all(|line| line.contains(",\"N")), "{name}: {results:?}");
    }
}
