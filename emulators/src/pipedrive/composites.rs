//! Values that are objects or lists of them: addresses, money, ranges, participants, attendees, prices.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    fields::ADDRESS_PARTS,
    forms::{Check, Form, MAX_TEXT, MAX_VARCHAR, boolean, currency, known, linked, number, object, text},
};

/// Reads an address: its text, and parts, of which those left out become null.
pub(super) fn address(value: &Json) -> Result<Json, String> {
    let given = object(value)?;
    known(given, &["value"], &ADDRESS_PARTS)?;
    let mut kept = Map::new();
    for name in std::iter::once("value").chain(ADDRESS_PARTS) {
        let part = given.get(name).filter(|part| !part.is_null());
        let part = part.map(|part| text(part, MAX_TEXT)).transpose().map_err(|problem| format!("{name}: {problem}"))?;
        kept.insert(name.to_owned(), part.unwrap_or_default());
    }
    Ok(Json::from(kept))
}

/// Reads an amount with its currency; the account's own where none is named.
pub(super) fn money(account: &Account, value: &Json) -> Result<Json, String> {
    let given = object(value)?;
    known(given, &["value", "currency"], &[])?;
    let amount = number(given.get("value").unwrap_or(&Json::Null)).map_err(|problem| format!("value: {problem}"))?;
    let unit = match given.get("currency") {
        Some(unit) => currency(account, unit).map_err(|problem| format!("currency: {problem}"))?,
        None => Json::from(account.company.currency.as_str()),
    };
    Ok(json!({"value": amount, "currency": unit}))
}

/// Reads an object of parts that are all required, beside texts that are not.
pub(super) fn range(value: &Json, parts: &[(&str, Check)], texts: &[&str]) -> Result<Json, String> {
    let given = object(value)?;
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    known(given, &names, texts)?;
    let mut kept = Map::new();
    for (name, check) in parts {
        let part = check(given.get(*name).unwrap_or(&Json::Null)).map_err(|problem| format!("{name}: {problem}"))?;
        kept.insert((*name).to_owned(), part);
    }
    for name in texts {
        let zone = given.get(*name).filter(|zone| !zone.is_null());
        let is_zone = zone.is_none_or(|zone| zone.as_str().is_some_and(|text| text.parse::<chrono_tz::Tz>().is_ok()));
        if !is_zone {
            return Err(format!("{name}: must be the name of a time zone"));
        }
        kept.insert((*name).to_owned(), zone.cloned().unwrap_or_else(|| Json::from("UTC")));
    }
    Ok(Json::from(kept))
}

/// Reads the persons of an activity, of whom one is the primary one.
pub(super) fn participants(account: &Account, value: &Json) -> Result<Json, String> {
    let mut kept = Vec::new();
    for one in value.as_array().ok_or("must be an array of objects")? {
        let one = object(one)?;
        known(one, &["person_id"], &["primary"])?;
        let person = linked(account, Form::Person, one.get("person_id").unwrap_or(&Json::Null))?;
        let primary = one
            .get("primary")
            .map_or(Ok(Json::from(false)), boolean)
            .map_err(|problem| format!("primary: {problem}"))?;
        kept.push(json!({"person_id": person, "primary": primary}));
    }
    // Exactly one is the primary one.
    let first = kept.iter().position(|one| one["primary"] == true).unwrap_or(0);
    for (place, one) in kept.iter_mut().enumerate() {
        one["primary"] = Json::from(place == first);
    }
    Ok(Json::from(kept))
}

/// Reads who else comes to an activity.
pub(super) fn attendees(value: &Json) -> Result<Json, String> {
    let mut kept = Vec::new();
    for one in value.as_array().ok_or("must be an array of objects")? {
        let given = object(one)?;
        known(given, &["email"], &["name", "status", "is_organizer", "person_id", "user_id"])?;
        let email = text(given.get("email").unwrap_or(&Json::Null), MAX_VARCHAR)
            .map_err(|problem| format!("email: {problem}"))?;
        let value = |name: &str, default: Json| given.get(name).cloned().unwrap_or(default);
        kept.push(json!({
            "email": email, "name": value("name", json!("")), "status": value("status", json!("noreply")),
            "is_organizer": value("is_organizer", json!(false)), "person_id": value("person_id", Json::Null),
            "user_id": value("user_id", Json::Null),
        }));
    }
    Ok(Json::from(kept))
}

/// Reads the prices of a product: one per currency.
pub(super) fn prices(account: &Account, value: &Json) -> Result<Json, String> {
    let mut kept: Vec<Json> = Vec::new();
    for one in value.as_array().ok_or("must be an array of objects")? {
        let given = object(one)?;
        known(given, &["currency", "price"], &["cost", "direct_cost", "notes"])?;
        let unit = currency(account, given.get("currency").unwrap_or(&Json::Null))?;
        if kept.iter().any(|other| other["currency"] == unit) {
            return Err(format!("there can be one price in {unit} alone"));
        }
        let amount = |name: &str| match given.get(name) {
            Some(amount) => number(amount).map_err(|problem| format!("{name}: {problem}")),
            None => Ok(json!(0)),
        };
        let direct = given.get("direct_cost").cloned().unwrap_or_default();
        let notes = given.get("notes").cloned().unwrap_or_else(|| json!(""));
        kept.push(json!({"price": amount("price")?, "currency": unit, "cost": amount("cost")?, "direct_cost": direct, "notes": notes}));
    }
    Ok(Json::from(kept))
}
