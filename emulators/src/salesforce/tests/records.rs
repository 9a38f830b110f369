use serde_json::{Value as Json, json};

use super::{Org, code, text};

const THING: &str = "fields:\n  - {name: Key__c, type: string, length: 20, externalId: true, unique: true}\n  \
                     - {name: Loose__c, type: string, externalId: true}\n  \
                     - {name: Size__c, type: picklist, restrictedPicklist: true, picklistValues: [Small, Large]}\n  \
                     - {name: Tags__c, type: multipicklist, restrictedPicklist: true, picklistValues: [a, b, c]}\n  \
                     - {name: Parent__c, type: reference, referenceTo: [Thing__c], childRelationshipName: Things__r}\n  \
                     - {name: Day__c, type: date}\n  - {name: At__c, type: datetime}\n  - {name: Share__c, type: percent, precision: 5, scale: 2}\n  \
                     - {name: Is__c, type: boolean}\n  - {name: Count__c, type: int}\n";

async fn things() -> Org {
    Org::with_files(&[("Thing__c.schema.yaml", THING)]).await
}

#[tokio::test]
async fn makes_reads_changes_and_deletes_a_record() {
    let org = Org::open().await;
    let id = org.create("Account", json!({"name": "  One  ", "numberofemployees": "7", "BillingCity": "Bonn"})).await;
    let (_, account) = org.get(&format!("sobjects/Account/{id}")).await;
    assert_eq!((&account["Name"], &account["NumberOfEmployees"]), (&json!("One"), &json!(7)));
    assert_eq!(account["BillingAddress"]["city"], "Bonn");
    assert!(text(&account["CreatedDate"]).ends_with(".000+0000"));
    let short = &id[..15];
    assert_eq!(org.patch(&format!("sobjects/Account/{short}"), json!({"BillingCity": null})).await.0, 204);
    let (_, account) = org.get(&format!("sobjects/Account/{id}?fields=BillingCity,BillingAddress")).await;
    assert_eq!(
        (&account["BillingCity"], &account["BillingAddress"], &account["Id"]),
        (&Json::Null, &Json::Null, &json!(id))
    );
    assert_eq!(org.delete(&format!("sobjects/Account/{id}")).await.0, 204);
    let (status, gone) = org.get(&format!("sobjects/Account/{id}")).await;
    assert_eq!((status, code(&gone)), (404, "ENTITY_IS_DELETED"));
    assert_eq!(org.get("sobjects/Account/001000000000000AAA").await.0, 404);
}

async fn check_refused(org: &Org, object: &str, fields: Json, expected: (&str, &str)) {
    let (status, body) = org.post(&format!("sobjects/{object}"), fields).await;
    assert_eq!((status, code(&body)), (400, expected.0), "{body}");
    assert!(text(&body[0]["message"]).contains(expected.1), "{body}");
}

#[tokio::test]
async fn refuses_what_the_vendor_refuses() {
    let org = things().await;
    check_refused(&org, "Account", json!({}), ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]")).await;
    let long = "x".repeat(41);
    check_refused(
        &org,
        "Account",
        json!({"Name": "a", "BillingCity": long}),
        ("STRING_TOO_LONG", "Billing City: data value too large"),
    )
    .await;
    check_refused(
        &org,
        "Thing__c",
        json!({"Size__c": "Huge"}),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Size: bad value for restricted picklist field: Huge"),
    )
    .await;
    check_refused(&org, "Thing__c", json!({"Tags__c": "a;z"}), ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "z")).await;
    check_refused(
        &org,
        "Account",
        json!({"Name": "a", "foo": 1}),
        ("INVALID_FIELD", "No such column 'foo' on sobject of type Account"),
    )
    .await;
    check_refused(
        &org,
        "Contact",
        json!({"LastName": "a", "Name": "b"}),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name"),
    )
    .await;
    check_refused(
        &org,
        "Contact",
        json!({"LastName": "a", "Email": "b"}),
        ("INVALID_EMAIL_ADDRESS", "invalid email address: b"),
    )
    .await;
    check_refused(
        &org,
        "Contact",
        json!({"LastName": "a", "AccountId": "x"}),
        ("MALFORMED_ID", "id value of incorrect type: x"),
    )
    .await;
    check_refused(
        &org,
        "Contact",
        json!({"LastName": "a", "AccountId": "001000000000000AAA"}),
        ("INVALID_CROSS_REFERENCE_KEY", "invalid cross"),
    )
    .await;
    check_refused(
        &org,
        "Thing__c",
        json!({"Day__c": "soon"}),
        ("JSON_PARSER_ERROR", "Cannot deserialize instance of date"),
    )
    .await;
    check_refused(
        &org,
        "Thing__c",
        json!({"Tags__c": ["a"]}),
        ("JSON_PARSER_ERROR", "instance of multipicklist from START_ARRAY"),
    )
    .await;
    check_refused(
        &org,
        "Thing__c",
        json!({"Share__c": 1000}),
        ("NUMBER_OUTSIDE_VALID_RANGE", "value outside of valid range"),
    )
    .await;
    check_refused(
        &org,
        "Thing__c",
        json!({"CreatedDate": "2020-01-01T00:00:00Z"}),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "CreatedDate"),
    )
    .await;
}

#[tokio::test]
async fn keeps_values_in_the_vendor_s_form() {
    let org = things().await;
    let sent = json!({"Day__c": "2020-12-22T21:16:01Z", "At__c": "2026-01-31T13:00:00+01:00", "Share__c": "12.345", "Is__c": "true",
        "Tags__c": "c;a", "Size__c": "small", "Name": "n"});
    let id = org.create("Thing__c", sent).await;
    let (_, thing) = org.get(&format!("sobjects/Thing__c/{id}")).await;
    assert_eq!((&thing["Day__c"], &thing["At__c"]), (&json!("2020-12-22"), &json!("2026-01-31T12:00:00.000+0000")));
    assert_eq!(
        (&thing["Share__c"], &thing["Is__c"], &thing["Size__c"]),
        (&json!(12.345), &json!(true), &json!("Small"))
    );
    let id = org
        .create("Contact", json!({"LastName": "Myers", "FirstName": "Chloe", "Email": "Chloe.Myers@Example.com"}))
        .await;
    let (_, contact) = org.get(&format!("sobjects/Contact/{id}")).await;
    assert_eq!((&contact["Email"], &contact["Name"]), (&json!("chloe.myers@example.com"), &json!("Chloe Myers")));
    assert_eq!(contact["OwnerId"], "0055g0000000001AAA");
}

#[tokio::test]
async fn knows_what_a_stage_means() {
    let org = Org::open().await;
    let deal = json!({"Name": "d", "StageName": "Closed Won", "CloseDate": "2026-02-03", "Amount": 10});
    let id = org.create("Opportunity", deal).await;
    let (_, deal) = org.get(&format!("sobjects/Opportunity/{id}")).await;
    assert_eq!((&deal["IsWon"], &deal["IsClosed"], &deal["Probability"]), (&json!(true), &json!(true), &json!(100.0)));
    assert_eq!(
        (&deal["ExpectedRevenue"], &deal["FiscalYear"], &deal["Fiscal"]),
        (&json!(10.0), &json!(2026), &json!("2026 1"))
    );
    org.create("Opportunity", json!({"Name": "d", "StageName": "In Progress", "CloseDate": "2026-02-03"})).await;
}

#[tokio::test]
async fn upserts_by_an_external_id() {
    let org = things().await;
    let (status, made) = org.patch("sobjects/Thing__c/Key__c/a%2Fb", json!({"Name": "one"})).await;
    assert_eq!((status, &made["created"]), (201, &json!(true)), "{made}");
    let (status, kept) = org.patch("sobjects/Thing__c/Key__c/A%2FB", json!({"Name": "two"})).await;
    assert_eq!((status, &kept["created"], &kept["id"]), (200, &json!(false), &made["id"]));
    assert_eq!(org.get("sobjects/Thing__c/Key__c/a%2Fb").await.1["Name"], "two");
    assert_eq!(org.patch("sobjects/Thing__c/Key__c/new?updateOnly=true", json!({"Name": "x"})).await.0, 404);
    let (status, refusal) = org.patch("sobjects/Thing__c/Key__c/k", json!({"Key__c": "k"})).await;
    assert_eq!((status, code(&refusal)), (400, "INVALID_FIELD"));
    let (status, refusal) = org.patch("sobjects/Thing__c/Size__c/k", json!({})).await;
    assert_eq!(
        (status, text(&refusal[0]["message"])),
        (404, "Provided external ID field does not exist or is not accessible: Size__c")
    );
}

#[tokio::test]
async fn answers_300_when_several_records_have_the_key() {
    let org = things().await;
    for _ in 0..2 {
        org.create("Thing__c", json!({"Loose__c": "same"})).await;
    }
    let (status, urls) = org.patch("sobjects/Thing__c/Loose__c/same", json!({"Name": "x"})).await;
    assert_eq!((status, urls.as_array().unwrap().len()), (300, 2));
    assert!(text(&urls[0]).starts_with("/services/data/v67.0/sobjects/Thing__c/a"));
    assert_eq!(org.query("SELECT COUNT() FROM Thing__c WHERE Name = 'x'").await.1["totalSize"], 0);
}

#[tokio::test]
async fn refuses_a_value_that_another_record_has() {
    let org = things().await;
    let first = org.create("Thing__c", json!({"Key__c": "One"})).await;
    let (status, refusal) = org.post("sobjects/Thing__c", json!({"Key__c": "one"})).await;
    assert_eq!((status, code(&refusal)), (400, "DUPLICATE_VALUE"));
    assert!(text(&refusal[0]["message"]).contains(&first[..15]));
    assert_eq!(org.patch(&format!("sobjects/Thing__c/{first}"), json!({"Key__c": "ONE"})).await.0, 204);
}

#[tokio::test]
async fn finds_parents_by_their_keys() {
    let org = things().await;
    let parent = org.create("Thing__c", json!({"Key__c": "p"})).await;
    let child = org.create("Thing__c", json!({"Parent__r": {"Key__c": "p"}})).await;
    assert_eq!(org.get(&format!("sobjects/Thing__c/{child}")).await.1["Parent__c"], json!(parent));
    let (status, refusal) = org.post("sobjects/Thing__c", json!({"Parent__r": {"Key__c": "nobody"}})).await;
    assert_eq!(
        (status, text(&refusal[0]["message"])),
        (400, "Foreign key external ID: nobody not found for field Key__c in entity Thing__c")
    );
    assert_eq!(org.post("sobjects/Thing__c", json!({"Parent__c": "p"})).await.1[0]["errorCode"], "MALFORMED_ID");
    let contact = org.create("Contact", json!({"LastName": "l", "Email": "who@x.example"})).await;
    let who = json!({"attributes": {"type": "Contact"}, "Email": "who@x.example"});
    let task = org.create("Task", json!({"Subject": "s", "Who": who})).await;
    assert_eq!(org.get(&format!("sobjects/Task/{task}")).await.1["WhoId"], json!(contact));
    assert_eq!(org.post("sobjects/Task", json!({"Who": {"Email": "who@x.example"}})).await.0, 400);
}

#[tokio::test]
async fn deletes_details_with_their_parent_and_clears_other_references() {
    let org = Org::open().await;
    let account = org.create("Account", json!({"Name": "a"})).await;
    let child = org.create("Account", json!({"Name": "b", "ParentId": account})).await;
    let contact = org.create("Contact", json!({"LastName": "c", "AccountId": account})).await;
    org.delete(&format!("sobjects/Account/{account}")).await;
    assert_eq!(org.get(&format!("sobjects/Contact/{contact}")).await.0, 404);
    assert_eq!(org.get(&format!("sobjects/Account/{child}")).await.1["ParentId"], Json::Null);
}

#[tokio::test]
async fn sets_audit_fields_in_inserts_where_the_org_allows_it() {
    let org = Org::open().await;
    org.set(json!({"auditFields": true})).await;
    let fields =
        json!({"Name": "old", "CreatedDate": "2015-01-02T03:04:05Z", "LastModifiedDate": "2016-01-02T03:04:05Z"});
    let id = org.create("Account", fields).await;
    let (_, account) = org.get(&format!("sobjects/Account/{id}")).await;
    assert_eq!(account["CreatedDate"], "2015-01-02T03:04:05.000+0000");
    assert_eq!(account["LastModifiedDate"], "2016-01-02T03:04:05.000+0000");
    assert!(text(&account["SystemModstamp"]) > "2020");
    let (_, refusal) =
        org.patch(&format!("sobjects/Account/{id}"), json!({"CreatedDate": "2015-01-02T03:04:05Z"})).await;
    assert_eq!(code(&refusal), "INVALID_FIELD_FOR_INSERT_UPDATE");
}

#[tokio::test]
async fn gives_new_leads_to_the_queue_unless_told_not_to() {
    let org = Org::open().await;
    org.set(json!({"assignmentRules": true})).await;
    let lead = json!({"LastName": "l", "Company": "c"});
    org.create("Lead", lead.clone()).await;
    let quiet = org.request(reqwest::Method::POST, "sobjects/Lead").header("Sforce-Auto-Assign", "FALSE");
    assert_eq!(quiet.json(&lead).send().await.unwrap().status(), 201);
    let job = json!({"operation": "insert", "object": "Lead"});
    org.ingest(job, "LastName,Company\nl,c\n").await;
    let owners = org.column("SELECT Owner.Name FROM Lead ORDER BY Id", "/Owner/Name").await;
    assert_eq!(owners, "New records,Integration User,Integration User");
    assert_eq!(
        org.column("SELECT SobjectType FROM AssignmentRule WHERE Active = true", "/SobjectType").await,
        "Case,Lead"
    );
}

#[tokio::test]
async fn warns_of_duplicates_until_they_are_wanted() {
    let org = Org::open().await;
    org.set(json!({"duplicateRules": true})).await;
    let contact = json!({"LastName": "l", "Email": "l@x.example"});
    org.create("Contact", contact.clone()).await;
    let (status, refusal) = org.post("sobjects/Contact", contact.clone()).await;
    assert_eq!((status, code(&refusal)), (400, "DUPLICATES_DETECTED"));
    let wanted =
        org.request(reqwest::Method::POST, "sobjects/Contact").header("Sforce-Duplicate-Rule-Header", "allowSave=true");
    assert_eq!(wanted.json(&contact).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn runs_the_rules_that_fixtures_bring_while_they_are_active() {
    let duplicates = "Id,MasterLabel,DeveloperName,SobjectType,IsActive\n0Bm000000000001,Same e-mail,Same,Contact,true\n0Bm000000000002,Old,Old,Lead,false\n";
    let assignments = "Id,Name,SobjectType,Active\n01Q000000000001,To the queue,Lead,true\n";
    let org = Org::with_files(&[("DuplicateRule.csv", duplicates), ("AssignmentRule.csv", assignments)]).await;
    assert_eq!(
        org.column("SELECT MasterLabel FROM DuplicateRule WHERE IsActive = TRUE", "/MasterLabel").await,
        "Same e-mail"
    );
    let contact = json!({"LastName": "l", "Email": "l@x.example"});
    org.create("Contact", contact.clone()).await;
    assert_eq!(code(&org.post("sobjects/Contact", contact).await.1), "DUPLICATES_DETECTED");
    let lead = json!({"LastName": "l", "Company": "c", "Email": "l@x.example"});
    for _ in 0..2 {
        org.create("Lead", lead.clone()).await;
    }
    assert_eq!(org.column("SELECT Owner.Name FROM Lead", "/Owner/Name").await, "New records,New records");
}

#[tokio::test]
async fn makes_person_accounts_with_their_twin() {
    let types = "recordTypes:\n  - {developerName: PersonAccount, name: Person Account, isPersonType: true}\n";
    let org = Org::with_files(&[("org.schema.yaml", "personAccounts: true\n"), ("Account.schema.yaml", types)]).await;
    let soql = "SELECT Id FROM RecordType WHERE SobjectType='Account' AND IsPersonType=true";
    let kind = org.column(soql, "/Id").await;
    let id = org
        .create(
            "Account",
            json!({"FirstName": "Ann", "LastName": "Lee", "RecordTypeId": kind, "PersonEmail": "A@x.example"}),
        )
        .await;
    let (_, account) = org.get(&format!("sobjects/Account/{id}")).await;
    assert_eq!((&account["Name"], &account["IsPersonAccount"]), (&json!("Ann Lee"), &json!(true)));
    let twin = text(&account["PersonContactId"]).to_owned();
    assert_eq!(
        org.column("SELECT Id FROM Contact WHERE Email = 'a@x.example' AND IsPersonAccount = true", "/Id").await,
        twin
    );
}

#[tokio::test]
async fn tells_what_changed_and_what_is_gone() {
    let org = Org::open().await;
    let kept = org.create("Lead", json!({"LastName": "a", "Company": "c"})).await;
    let gone = org.create("Lead", json!({"LastName": "b", "Company": "c"})).await;
    org.delete(&format!("sobjects/Lead/{gone}")).await;
    let now = org.clock.now();
    let time = |minutes: i64| (now + chrono::TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let window = format!("start={}&end={}", time(-60), time(60));
    let (_, updated) = org.get(&format!("sobjects/Lead/updated/?{window}")).await;
    assert_eq!(updated["ids"], json!([kept]));
    let (_, deleted) = org.get(&format!("sobjects/Lead/deleted/?{window}")).await;
    assert_eq!(deleted["deletedRecords"][0]["id"], json!(gone));
    let (status, refusal) =
        org.get(&format!("sobjects/Lead/updated?start={}&end={}", time(-60 * 24 * 31), time(0))).await;
    assert_eq!((status, code(&refusal)), (400, "INVALID_REPLICATION_DATE"));
}

#[tokio::test]
async fn takes_the_content_of_notes_as_base64() {
    let org = Org::open().await;
    let id = org.create("ContentNote", json!({"Title": "t", "Content": "SGVsbG8="})).await;
    let (_, note) = org.get(&format!("sobjects/ContentNote/{id}")).await;
    let url = text(&note["Content"]).to_owned();
    assert_eq!(org.text_of(&url).await, "Hello");
    let (_, refusal) = org.post("sobjects/ContentNote", json!({"Title": "t", "Content": "not base64!"})).await;
    assert_eq!(code(&refusal), "JSON_PARSER_ERROR");
}
