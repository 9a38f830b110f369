//! Filters, over HTTP; the language itself is tested beside it.

use reqwest::Method;
use serde_json::json;

use super::Local;

async fn people() -> Local {
    let local = Local::start().await;
    local.people().await;
    let records = json!([
        { "fields": { "Name": "O'Neil \\ \"Q\"", "Age": 1, "Status": "Lead", "Tags": ["a"], "Active": true, "Born": "2000-01-01" } },
        { "fields": { "Name": "Bea", "Age": 20, "Status": "Won", "Tags": ["a", "b"], "Email": "BEA@example.com" } },
        { "fields": { "Name": "Empty" } },
    ]);
    local.post("/People", json!({ "records": records })).await;
    local
}

#[tokio::test]
async fn keeps_the_records_that_the_formula_is_true_of() {
    let local = people().await;
    let check = async |formula: &str, expected: &[&str]| {
        let body = json!({ "filterByFormula": formula, "sort": [{ "field": "Name" }] });
        let answer = local.post("/People/listRecords", body).await;
        let names: Vec<_> =
            answer["records"].as_array().unwrap().iter().map(|record| record["fields"]["Name"].clone()).collect();
        assert_eq!(names, expected, "{formula}");
    };
    check(r#"{Name}='O\'Neil \\ "Q"'"#, &["O'Neil \\ \"Q\""]).await;
    check("AND({Age}>=1, {Age}<20)", &["O'Neil \\ \"Q\""]).await;
    check("LOWER({Email})='bea@example.com'", &["Bea"]).await;
    check("{Email}='bea@example.com'", &[]).await;
    check("OR({Status}='Won', {Active}=TRUE())", &["Bea", "O'Neil \\ \"Q\""]).await;
    check("{Tags}='a, b'", &["Bea"]).await;
    check("FIND('b', ARRAYJOIN({Tags}))", &["Bea"]).await;
    check("{Status}=BLANK()", &["Empty"]).await;
    check("IS_SAME({Born}, DATETIME_PARSE('2000-01-01'))", &["O'Neil \\ \"Q\""]).await;
    check("{Age}='20'", &[]).await;
    check("OR({Name}='Bea', {Name}='Empty', {Name}='Nobody')", &["Bea", "Empty"]).await;
    check("", &["Bea", "Empty", "O'Neil \\ \"Q\""]).await;
}

#[tokio::test]
async fn finds_records_by_their_ids() {
    let local = people().await;
    let id = local.get("/People?filterByFormula=Name='Bea'").await["records"][0]["id"].as_str().unwrap().to_owned();
    let formula = format!("OR(RECORD_ID()='{id}',RECORD_ID()='rec00000000000000')");
    let answer = local.post("/People/listRecords", json!({ "filterByFormula": formula })).await;
    assert_eq!(answer["records"][0]["fields"]["Name"], "Bea");
    assert_eq!(answer["records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_record_that_was_never_changed_has_no_time_of_change() {
    let local = people().await;
    let since = "DATETIME_PARSE('2020-01-01T00:00:00.000Z')";
    let changed = format!("IS_AFTER(LAST_MODIFIED_TIME(),{since})");
    assert_eq!(local.names(&format!("filterByFormula={changed}")).await, Vec::<String>::new());
    let id = local.get("/People?filterByFormula=Name='Bea'").await["records"][0]["id"].as_str().unwrap().to_owned();
    local.patch(&format!("/People/{id}"), json!({ "fields": { "Age": 21 } })).await;
    assert_eq!(local.names(&format!("filterByFormula={changed}")).await, ["Bea"]);
    let of_name = format!("IS_AFTER(LAST_MODIFIED_TIME({{Name}}),{since})");
    assert_eq!(local.names(&format!("filterByFormula={of_name}")).await, Vec::<String>::new());
    let either = format!("OR({changed},IS_AFTER(CREATED_TIME(),{since}))");
    assert_eq!(local.names(&format!("filterByFormula={either}")).await.len(), 3);
}

#[tokio::test]
async fn a_formula_that_cannot_be_read_is_refused() {
    let local = people().await;
    for (formula, reason) in [
        ("{Name}='O'Neil'", "Invalid formula. Please check your formula text."),
        ("AND(", "Invalid formula. Please check your formula text."),
        ("LOWER()", "Invalid formula. Please check your formula text."),
        ("{Foo}={Bar}", "Unknown field names: foo, bar"),
        ("BAD({Name})", "Unknown function names: bad"),
    ] {
        let body = json!({ "filterByFormula": formula });
        let (status, answer) = local.ask(Method::POST, "/People/listRecords", Some(body)).await;
        let message = format!("The formula for filtering records is invalid: {reason}");
        let error = json!({ "type": "INVALID_FILTER_BY_FORMULA", "message": message });
        assert_eq!((status, &answer["error"]), (422, &error), "{formula}");
    }
}
