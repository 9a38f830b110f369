//! An object as a fixture of the local Salesforce: its fields in the words of its description, its record types, and the users
//! that own its records.

use serde_json::{Map, Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FixtureForm};
use crate::model::ObjectName;

use super::{
    names::normal_id,
    schema::{Catalog, Kind, RECORD_TYPE_FIELD},
    soql::{Query, text_literal},
};

/// The object of those who own records.
const USER: &str = "User";
/// The field that tells an account of a person from one of a company; only orgs with person accounts have it.
const PERSON_FIELD: &str = "IsPersonAccount";
/// What Salesforce keeps of every record; the id goes by a name of ours.
const SYSTEM: [&str; 4] = ["Id", "IsDeleted", "CreatedById", "LastModifiedById"];
/// Moments that the local Salesforce keeps of every record without being told that there are such fields.
const MOMENTS: [&str; 3] = ["CreatedDate", "LastModifiedDate", "SystemModstamp"];
/// What a fixture says of a field; the rest is Salesforce's own bookkeeping or follows from it.
const KEPT: [&str; 18] = [
    "name",
    "label",
    "length",
    "precision",
    "scale",
    "nillable",
    "createable",
    "updateable",
    "defaultedOnCreate",
    "externalId",
    "idLookup",
    "unique",
    "caseSensitive",
    "calculated",
    "autoNumber",
    "referenceTo",
    "relationshipName",
    "restrictedPicklist",
];
/// What is true where nothing is said, so that `false` has to be written.
const TRUE_UNSAID: [&str; 3] = ["nillable", "createable", "updateable"];
/// The types that a fixture can name; others are read as texts.
const TYPES: [&str; 17] = [
    "textarea",
    "email",
    "phone",
    "url",
    "picklist",
    "multipicklist",
    "combobox",
    "boolean",
    "int",
    "double",
    "currency",
    "percent",
    "date",
    "datetime",
    "time",
    "encryptedstring",
    "reference",
];

/// Returns the form of an object's fixture. Bodies are left out, as each costs a call, and so is what is read of parents.
pub(super) async fn form(catalog: &Catalog, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
    let info = catalog.object(object).await?;
    let described = catalog.api.description(&info.name).await?;
    let mut form = FixtureForm::default();
    let mut written = Vec::new();
    for field in list(&described["fields"]) {
        let Some(known) = field["name"].as_str().and_then(|name| info.field(name)) else { continue };
        let name = &known.field.name;
        if SYSTEM.contains(&name.as_str()) || known.kind == Kind::Body {
            continue;
        }
        let is_reference = known.kind == Kind::Reference && name.as_str() != RECORD_TYPE_FIELD;
        if is_reference {
            form.links.insert(name.clone(), known.targets.iter().map(ObjectName::new).collect());
        } else {
            form.fields.push(name.clone());
        }
        // The local Salesforce has these without being told: the moments always, the other where there are record types.
        if !MOMENTS.contains(&name.as_str()) && name.as_str() != RECORD_TYPE_FIELD {
            written.push(field_form(field));
        }
    }
    form.schema = json!({
        "name": info.name,
        "label": described["label"],
        "labelPlural": described["labelPlural"],
        "keyPrefix": described["keyPrefix"],
        "fields": written,
    });
    let is_with_people = form.fields.iter().any(|name| name.as_str() == PERSON_FIELD) && info.name == "Account";
    form.schema["recordTypes"] = record_types(catalog, &described, is_with_people).await?;
    if list(&form.schema["recordTypes"]).is_empty() {
        form.fields.retain(|name| name.as_str() != RECORD_TYPE_FIELD);
    }
    if is_with_people {
        form.beside.insert("org".to_owned(), json!({ "personAccounts": true }));
    }
    let is_owned = form.links.values().flatten().any(|target| target.as_str() == USER);
    if is_owned && info.name != USER {
        form.records_beside.insert(USER.to_owned(), users(catalog).await?);
    }
    Ok(form)
}

fn field_form(field: &Json) -> Json {
    let is_said = |name: &str, value: &Json| match value {
        Json::Bool(is_so) => *is_so || TRUE_UNSAID.contains(&name),
        Json::Number(number) => number.as_u64() != Some(0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Null | Json::Object(_) => false,
    };
    let kept = KEPT.iter().filter(|name| is_said(name, &field[**name]));
    let mut written: Map<String, Json> = kept.map(|name| ((*name).to_owned(), field[*name].clone())).collect();
    // What may be updated follows from what may be created, unless it is said.
    if field["updateable"] == field["createable"] {
        written.remove("updateable");
    }
    let field_type = field["type"].as_str().unwrap_or_default();
    let local = if field_type == "long" { "int" } else { field_type };
    let local = TYPES.iter().find(|known| **known == local).map_or("string", |known| known);
    written.insert("type".to_owned(), Json::from(local));
    let options = list(&field["picklistValues"]);
    if !options.is_empty() {
        let option =
            |option: &Json| json!({ "value": option["value"], "label": option["label"], "active": option["active"] });
        written.insert("picklistValues".to_owned(), options.iter().map(option).collect());
    }
    if let Some(default) = options.iter().find(|option| option["defaultValue"] == true) {
        written.insert("defaultValue".to_owned(), default["value"].clone());
    }
    Json::Object(written)
}

/// Returns the record types but for the master one, which every object has.
async fn record_types(catalog: &Catalog, described: &Json, is_with_people: bool) -> Result<Json, ConnectorError> {
    let people = if is_with_people { person_types(catalog).await? } else { Vec::new() };
    let own = list(&described["recordTypeInfos"]).iter().filter(|info| info["master"] != true);
    let form = |info: &Json| {
        let id = normal_id(info["recordTypeId"].as_str()?);
        let is_person_type = people.contains(&id);
        Some(json!({
            "developerName": info["developerName"],
            "name": info["name"],
            "recordTypeId": id,
            "defaultRecordTypeMapping": info["defaultRecordTypeMapping"].as_bool().unwrap_or_default(),
            "isPersonType": is_person_type,
        }))
    };
    Ok(own.filter_map(form).collect())
}

/// Returns the ids of the record types whose accounts are people.
async fn person_types(catalog: &Catalog) -> Result<Vec<String>, ConnectorError> {
    let query = Query {
        fields: vec!["Id"],
        object: "RecordType",
        conditions: vec![format!("SobjectType = {}", text_literal("Account")), "IsPersonType = TRUE".to_owned()],
        order_by: None,
    };
    let rows = catalog.api.query_all_pages(&query.text()).await?;
    Ok(rows.iter().filter_map(|row| row["Id"].as_str()).map(normal_id).collect())
}

/// Returns the active users with their addresses; none where this user may not see them.
async fn users(catalog: &Catalog) -> Result<Vec<Map<String, Json>>, ConnectorError> {
    const FIELDS: [&str; 5] = ["Username", "Email", "FirstName", "LastName", "IsActive"];
    let query = Query {
        fields: std::iter::once("Id").chain(FIELDS).collect(),
        object: USER,
        conditions: vec!["IsActive = TRUE".to_owned()],
        order_by: Some("Id"),
    };
    let rows = match catalog.api.query_all_pages(&query.text()).await {
        Ok(rows) => rows,
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Unauthorized) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let user = |row: &Json| {
        let id = [("id".to_owned(), Json::from(normal_id(row["Id"].as_str()?)))];
        let told = FIELDS.iter().filter(|name| !row[**name].is_null());
        Some(id.into_iter().chain(told.map(|name| ((*name).to_owned(), row[*name].clone()))).collect())
    };
    Ok(rows.iter().filter_map(user).collect())
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}
