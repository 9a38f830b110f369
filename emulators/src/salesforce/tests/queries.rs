use serde_json::json;

use super::{Org, code, text};

async fn filled() -> Org {
    let org = Org::open().await;
    let big = org
        .create("Account", json!({"Name": "Big", "Industry": "Energy", "NumberOfEmployees": 500, "AnnualRevenue": 9}))
        .await;
    let small = org.create("Account", json!({"Name": "small", "NumberOfEmployees": 5, "ParentId": big})).await;
    org.create("Account", json!({"Name": "O'Neil 50%_", "Industry": "Energy"})).await;
    org.create(
        "Contact",
        json!({"LastName": "One", "AccountId": small, "Birthdate": "1990-05-01", "Email": "one@x.example"}),
    )
    .await;
    org.create("Contact", json!({"LastName": "Two", "AccountId": small, "Title": "CEO"})).await;
    org.create("Contact", json!({"LastName": "Three"})).await;
    org
}

#[tokio::test]
async fn filters_by_text_number_null_and_lists() {
    let org = filled().await;
    for (condition, expected) in [
        ("Name = 'SMALL'", "small"),
        ("Name LIKE 'b%'", "Big"),
        ("Name LIKE '%\\%\\_'", "O'Neil 50%_"),
        ("Name = 'O\\'Neil 50%_'", "O'Neil 50%_"),
        ("Industry = null", "small"),
        ("Industry != 'Energy'", "small"),
        ("NumberOfEmployees > 5", "Big"),
        ("NumberOfEmployees <= 5 AND Industry = NULL", "small"),
        ("Name IN ('big', 'small') AND (NOT Name LIKE 'B%')", "small"),
        ("Name NOT IN ('Big', 'small')", "O'Neil 50%_"),
        ("(Industry = 'Energy' AND NumberOfEmployees = null) OR AnnualRevenue = 9.0", "Big,O'Neil 50%_"),
        ("Parent.Name = 'Big'", "small"),
        ("Id IN (SELECT AccountId FROM Contact WHERE Title = 'CEO')", "small"),
        ("IsDeleted = false AND CreatedDate = TODAY AND CreatedDate >= LAST_N_DAYS:3", "Big,small,O'Neil 50%_"),
        ("SystemModstamp < 2020-01-01T00:00:00Z", ""),
        ("Account.Name = 'Big'", "Big"),
    ] {
        let mut expected = expected.split(',').collect::<Vec<_>>();
        let soql = format!("SELECT Name FROM Account WHERE {condition}");
        let found = org.column(&soql, "/Name").await;
        let mut found = found.split(',').collect::<Vec<_>>();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{condition}");
    }
}

#[tokio::test]
async fn sorts_limits_and_skips() {
    let org = filled().await;
    let names = |soql: &'static str| org.column(soql, "/Name");
    assert_eq!(names("SELECT Name FROM Account ORDER BY Name").await, "Big,O'Neil 50%_,small");
    assert_eq!(
        names("SELECT Name FROM Account ORDER BY NumberOfEmployees DESC NULLS LAST").await,
        "Big,small,O'Neil 50%_"
    );
    assert_eq!(names("SELECT Name FROM Account ORDER BY NumberOfEmployees").await, "O'Neil 50%_,small,Big");
    assert_eq!(
        names("SELECT Name FROM Account ORDER BY Parent.Name NULLS LAST, Id DESC LIMIT 2").await,
        "small,O'Neil 50%_"
    );
    assert_eq!(names("SELECT Name FROM Account ORDER BY Id LIMIT 1 OFFSET 1").await, "small");
    assert_eq!(names("SELECT Name FROM Account ORDER BY Id DESC LIMIT 1").await, "O'Neil 50%_");
}

#[tokio::test]
async fn nests_parents_and_children() {
    let org = filled().await;
    let (_, found) =
        org.query("SELECT LastName, Account.Parent.Name, Account.Name, Owner.Alias FROM Contact ORDER BY Id").await;
    let records = &found["records"];
    assert_eq!(records[0]["Account"]["Parent"]["Name"], "Big");
    assert_eq!(records[0]["Account"]["attributes"]["type"], "Account");
    assert_eq!(records[0]["Account"]["Name"], "small");
    assert_eq!(records[2]["Account"], json!(null));
    assert_eq!(records[2]["Owner"]["Alias"], "integr");
    let soql = "SELECT Name, (SELECT LastName FROM Contacts WHERE LastName LIKE 'T%' ORDER BY LastName LIMIT 5) FROM Account ORDER BY Id";
    let (_, found) = org.query(soql).await;
    assert_eq!(found["records"][0]["Contacts"], json!(null));
    let children = &found["records"][1]["Contacts"];
    assert_eq!(
        (&children["totalSize"], &children["done"], &children["records"][0]["LastName"]),
        (&json!(1), &json!(true), &json!("Two"))
    );
}

#[tokio::test]
async fn counts_and_sums_up() {
    let org = filled().await;
    let (_, counted) = org.query("select count() from Account where Industry = 'Energy'").await;
    assert_eq!(counted, json!({"totalSize": 2, "done": true, "records": []}));
    let soql = "SELECT Industry, COUNT(Id), SUM(NumberOfEmployees) people FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC";
    let (_, groups) = org.query(soql).await;
    assert_eq!(
        groups["records"][0],
        json!({"attributes": {"type": "AggregateResult"}, "Industry": "Energy", "expr0": 2, "people": 500.0})
    );
    assert_eq!(groups["records"][1]["Industry"], json!(null));
    let soql = "SELECT Industry FROM Account GROUP BY Industry HAVING COUNT(Id) > 1 AND Industry != null";
    assert_eq!(org.column(soql, "/Industry").await, "Energy");
    let (_, one) =
        org.query("SELECT MAX(CreatedDate), COUNT_DISTINCT(Industry), AVG(NumberOfEmployees) FROM Account").await;
    assert!(text(&one["records"][0]["expr0"]).ends_with("+0000"));
    assert_eq!((&one["records"][0]["expr1"], &one["records"][0]["expr2"]), (&json!(1), &json!(252.5)));
}

#[tokio::test]
async fn selects_all_fields_of_at_most_200_records() {
    let org = filled().await;
    let (_, all) = org.query("SELECT FIELDS(ALL) FROM Account LIMIT 200").await;
    assert!(all["records"][0].get("BillingAddress").is_some());
    assert_eq!(org.query("SELECT FIELDS(STANDARD) FROM Account").await.0, 200);
    let (status, refusal) = org.query("SELECT FIELDS(ALL) FROM Account").await;
    assert_eq!((status, code(&refusal)), (400, "MALFORMED_QUERY"));
}

async fn check_refused(org: &Org, soql: &str, expected: (&str, &str)) {
    let (status, body) = org.query(soql).await;
    assert_eq!((status, code(&body)), (400, expected.0), "{soql}: {body}");
    assert!(text(&body[0]["message"]).contains(expected.1), "{soql}: {body}");
}

#[tokio::test]
async fn echoes_a_wrong_query_with_a_caret() {
    let org = Org::open().await;
    let (_, refusal) = org.query("select count() from XYZZY").await;
    assert_eq!(
        text(&refusal[0]["message"]),
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported. If \
         you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your \
         WSDL or the describe call for the appropriate names."
    );
    assert_eq!(code(&refusal), "INVALID_TYPE");
    check_refused(
        &org,
        "SELECT foo FROM Account",
        ("INVALID_FIELD", "Column:8\nNo such column 'foo' on entity 'Account'"),
    )
    .await;
    check_refused(
        &org,
        "SELECT Foo.Name FROM Account",
        ("INVALID_FIELD", "Didn't understand relationship 'Foo' in field path"),
    )
    .await;
    check_refused(&org, "SELECT Id FROM Account WHERE", ("MALFORMED_QUERY", "unexpected token: '<EOF>'")).await;
    check_refused(
        &org,
        "SELECT Id FROM Account WHERE Name = 'a\\x'",
        ("MALFORMED_QUERY", "Illegal character sequence"),
    )
    .await;
    check_refused(
        &org,
        "SELECT Id FROM Account WHERE Name = 'a' OR Id = null AND Id = null",
        ("MALFORMED_QUERY", "'AND'"),
    )
    .await;
    check_refused(&org, "SELECT Id FROM Account WHERE Name = 5", ("INVALID_FIELD", "must be of type string")).await;
    check_refused(
        &org,
        "SELECT Id FROM Contact WHERE Birthdate = '2020-01-01'",
        ("INVALID_FIELD", "must be of type date and should not be enclosed in quotes"),
    )
    .await;
    check_refused(
        &org,
        "SELECT Id FROM Contact WHERE CreatedDate > 2020-01-01",
        ("INVALID_FIELD", "must be of type dateTime"),
    )
    .await;
    check_refused(
        &org,
        "SELECT Id FROM Contact WHERE AccountId = 'x'",
        ("INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
    )
    .await;
    check_refused(&org, "SELECT Id FROM Account WHERE Description = 'x'", ("INVALID_FIELD", "can not be filtered"))
        .await;
    check_refused(&org, "SELECT Id, Id FROM Account", ("INVALID_FIELD", "duplicate field selected: Id")).await;
    check_refused(&org, "SELECT Id FROM Account OFFSET 2001", ("NUMBER_OUTSIDE_VALID_RANGE", "2000")).await;
    check_refused(
        &org,
        "SELECT Name, COUNT(Id) FROM Account",
        ("MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
    )
    .await;
}

#[tokio::test]
async fn pages_with_locators_that_hold_no_slash() {
    let org = Org::open().await;
    let rows = (0..450).map(|number| format!("n{number}\n")).collect::<Vec<_>>().concat();
    org.ingest(json!({"object": "Account", "operation": "insert"}), &format!("Name\n{rows}")).await;
    let request = org.request(reqwest::Method::GET, "query").query(&[("q", "SELECT Name FROM Account")]);
    let (_, first) = super::read(request.header("sforce-query-options", "batchSize=200").send().await.unwrap()).await;
    assert_eq!(
        (&first["totalSize"], &first["done"], first["records"].as_array().unwrap().len()),
        (&json!(450), &json!(false), 200)
    );
    let next = text(&first["nextRecordsUrl"]).to_owned();
    let (before, locator) = next.rsplit_once('/').unwrap();
    assert_eq!(before, "/services/data/v67.0/query");
    assert_eq!(org.get(&next).await.1["records"].as_array().unwrap().len(), 250);
    let (status, refusal) = org.get(&format!("query/{}x", locator.split('-').next().unwrap())).await;
    assert_eq!((status, code(&refusal)), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test]
async fn drops_the_oldest_of_eleven_open_queries() {
    let org = Org::open().await;
    let rows = (0..201).map(|number| format!("n{number}\n")).collect::<Vec<_>>().concat();
    org.ingest(json!({"object": "Account", "operation": "insert"}), &format!("Name\n{rows}")).await;
    let mut locators = Vec::new();
    for _ in 0..11 {
        let request = org.request(reqwest::Method::GET, "query").query(&[("q", "SELECT Id FROM Account")]);
        let (_, page) =
            super::read(request.header("sforce-query-options", "batchSize=200").send().await.unwrap()).await;
        locators.push(text(&page["nextRecordsUrl"]).to_owned());
    }
    assert_eq!(org.get(&locators[0]).await.0, 400);
    assert_eq!(org.get(&locators[1]).await.0, 200);
}

#[tokio::test]
async fn reads_the_bin_with_query_all_only() {
    let org = Org::open().await;
    let id = org.create("Account", json!({"Name": "gone"})).await;
    org.delete(&format!("sobjects/Account/{id}")).await;
    assert_eq!(org.get("query?q=SELECT+Id+FROM+Account").await.1["totalSize"], 0);
    let (_, all) = org.get("queryAll?q=SELECT+Id,IsDeleted+FROM+Account").await;
    assert_eq!((&all["totalSize"], &all["records"][0]["IsDeleted"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn tells_what_a_query_s_columns_are_instead_of_its_records() {
    let org = Org::open().await;
    let soql =
        "SELECT Id, Name, Owner.Name, Owner.Email, NumberOfEmployees, (SELECT LastName FROM Contacts) FROM Account";
    let asked = org.request(reqwest::Method::GET, "query").query(&[("q", soql), ("columns", "true")]);
    let (status, told) = super::read(asked.send().await.unwrap()).await;
    assert_eq!((status, &told["entityName"], &told["idSelected"]), (200, &"Account".into(), &true.into()));
    let columns = told["columnMetadata"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().map(|column| text(&column["columnName"])).collect();
    assert_eq!(names, ["Id", "Name", "Owner", "NumberOfEmployees", "Contacts"]);
    assert_eq!(columns[2]["joinColumns"].as_array().unwrap().len(), 2);
    assert_eq!((&columns[2]["aggregate"], &columns[4]["aggregate"]), (&false.into(), &true.into()));
    assert_eq!(columns[4]["joinColumns"][0]["columnName"], "LastName");
    assert_eq!((&columns[3]["apexType"], &columns[3]["numberType"]), (&"Integer".into(), &true.into()));
    let soql = "SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry";
    let asked = org.request(reqwest::Method::GET, "query").query(&[("q", soql), ("columns", "true")]);
    let (_, told) = super::read(asked.send().await.unwrap()).await;
    let count = &told["columnMetadata"][1];
    assert_eq!((&count["columnName"], &count["aggregate"]), (&"expr0".into(), &true.into()));
    assert!(text(&count["displayName"]).eq_ignore_ascii_case("count(Id)"), "{count}");
}
