//! Products, prices, products of opportunities, and files.

use serde_json::{Value as Json, json};

use super::{Org, code, text};

/// Makes a product with a price in the standard price book; returns the ids of product, price book and price.
async fn priced(org: &Org, price: f64) -> (String, String, String) {
    let product = org.create("Product2", json!({"Name": "Rocket", "ProductCode": "R-1", "IsActive": true})).await;
    let book = org.column("SELECT Id FROM Pricebook2 WHERE IsStandard = true", "/Id").await;
    let fields = json!({"Product2Id": product, "Pricebook2Id": book, "UnitPrice": price, "IsActive": true});
    (product.clone(), book.clone(), org.create("PricebookEntry", fields).await)
}

async fn deal(org: &Org) -> String {
    org.create("Opportunity", json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-01-01"})).await
}

async fn record(org: &Org, object: &str, id: &str) -> Json {
    org.get(&format!("sobjects/{object}/{id}")).await.1
}

#[tokio::test]
async fn a_price_is_in_the_standard_price_book_first() {
    let org = Org::open().await;
    let own = org.create("Pricebook2", json!({"Name": "Own", "IsActive": true})).await;
    let product = org.create("Product2", json!({"Name": "Plain"})).await;
    let price = |product: &str, book: &str| json!({"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 5});
    let (status, refusal) = org.post("sobjects/PricebookEntry", price(&product, &own)).await;
    assert_eq!((status, code(&refusal)), (400, "STANDARD_PRICE_NOT_DEFINED"));
    let (product, book, entry) = priced(&org, 9.5).await;
    assert_eq!(record(&org, "PricebookEntry", &entry).await["Name"], "Rocket");
    let (_, refusal) = org.post("sobjects/PricebookEntry", price(&product, &book)).await;
    assert_eq!(code(&refusal), "DUPLICATE_VALUE");
    let standard = json!({"Product2Id": product, "Pricebook2Id": own, "UnitPrice": 1, "UseStandardPrice": true});
    let own = org.create("PricebookEntry", standard).await;
    assert_eq!(record(&org, "PricebookEntry", &own).await["UnitPrice"], 9.5);
}

#[tokio::test]
async fn an_opportunity_is_worth_its_products() {
    let org = Org::open().await;
    let (_, book, entry) = priced(&org, 10.0).await;
    let deal = deal(&org).await;
    let item = |more: Json| {
        let mut fields = json!({"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 3});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let first = org.create("OpportunityLineItem", item(json!({}))).await;
    let shown = record(&org, "OpportunityLineItem", &first).await;
    assert_eq!((&shown["UnitPrice"], &shown["TotalPrice"]), (&json!(10.0), &json!(30.0)));
    assert_eq!((text(&shown["ProductCode"]), text(&shown["Name"])), ("R-1", "Deal Rocket"));
    let second = org.create("OpportunityLineItem", item(json!({"TotalPrice": 12}))).await;
    assert_eq!(record(&org, "OpportunityLineItem", &second).await["UnitPrice"], 4.0);
    let shown = record(&org, "Opportunity", &deal).await;
    assert_eq!((&shown["Amount"], &shown["TotalOpportunityQuantity"]), (&json!(42.0), &json!(6.0)));
    assert_eq!((&shown["HasOpportunityLineItem"], text(&shown["Pricebook2Id"])), (&json!(true), book.as_str()));

    assert_eq!(org.patch(&format!("sobjects/Opportunity/{deal}"), json!({"Amount": 1})).await.0, 204);
    assert_eq!(record(&org, "Opportunity", &deal).await["Amount"], 42.0);
    assert_eq!(org.patch(&format!("sobjects/OpportunityLineItem/{first}"), json!({"Quantity": 1})).await.0, 204);
    assert_eq!(record(&org, "Opportunity", &deal).await["Amount"], 22.0);
    assert_eq!(org.delete(&format!("sobjects/OpportunityLineItem/{first}")).await.0, 204);
    assert_eq!(record(&org, "Opportunity", &deal).await["Amount"], 12.0);
    let names = org.column(
        "SELECT Name, (SELECT Product2.Name FROM OpportunityLineItems) FROM Opportunity",
        "/OpportunityLineItems/records/0/Product2/Name",
    );
    assert_eq!(names.await, "Rocket");
}

#[tokio::test]
async fn a_product_of_an_opportunity_has_a_price_of_its_price_book() {
    let org = Org::open().await;
    let (product, _, entry) = priced(&org, 10.0).await;
    let own = org.create("Pricebook2", json!({"Name": "Own", "IsActive": true})).await;
    let fields = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Pricebook2Id": own});
    let deal = org.create("Opportunity", fields).await;
    for (name, id) in [("PricebookEntryId", &entry), ("Product2Id", &product)] {
        let mut fields = json!({"OpportunityId": deal, "Quantity": 1});
        fields[name] = Json::from(id.as_str());
        let (status, refusal) = org.post("sobjects/OpportunityLineItem", fields).await;
        assert_eq!((status, code(&refusal)), (400, "FIELD_INTEGRITY_EXCEPTION"), "{name}");
    }
    let (_, refusal) = org.post("sobjects/OpportunityLineItem", json!({"PricebookEntryId": entry})).await;
    assert_eq!(code(&refusal), "REQUIRED_FIELD_MISSING");
}

#[tokio::test]
async fn a_file_is_a_document_with_versions() {
    let org = Org::open().await;
    let account = org.create("Account", json!({"Name": "A"})).await;
    let fields =
        json!({"PathOnClient": "notes/plan.txt", "VersionData": "SGVsbG8=", "FirstPublishLocationId": account});
    let first = org.create("ContentVersion", fields).await;
    let shown = record(&org, "ContentVersion", &first).await;
    let document = text(&shown["ContentDocumentId"]).to_owned();
    assert!(document.starts_with("069"), "{shown}");
    assert_eq!((text(&shown["Title"]), text(&shown["FileType"]), &shown["ContentSize"]), ("plan", "TEXT", &json!(5)));
    assert_eq!(org.text_of(&format!("sobjects/ContentVersion/{first}/VersionData")).await, "Hello");
    let again =
        json!({"PathOnClient": "plan.txt", "VersionData": "SGk=", "ContentDocumentId": document, "Title": "New"});
    let second = org.create("ContentVersion", again).await;
    let soql = "SELECT VersionNumber, IsLatest FROM ContentVersion ORDER BY VersionNumber";
    assert_eq!(org.column(soql, "/IsLatest").await, "false,true");
    let shown = record(&org, "ContentDocument", &document).await;
    assert_eq!((text(&shown["LatestPublishedVersionId"]), text(&shown["Title"])), (second.as_str(), "New"));
    let links = format!("SELECT LinkedEntityId FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'");
    assert!(org.column(&links, "/LinkedEntityId").await.contains(&account));
    assert_eq!(org.post("sobjects/ContentDocument", json!({"Title": "x"})).await.0, 400);
    assert_eq!(org.delete(&format!("sobjects/ContentDocument/{document}")).await.0, 204);
    assert_eq!(org.get(&format!("sobjects/ContentVersion/{first}")).await.0, 404);

    let note = org.create("ContentNote", json!({"Title": "n", "Content": "SGVsbG8="})).await;
    let link = json!({"ContentDocumentId": note, "LinkedEntityId": account, "ShareType": "V"});
    org.create("ContentDocumentLink", link).await;
    assert_eq!(record(&org, "ContentDocument", &note).await["FileType"], "SNOTE");
}
