//! The 59 customers of the Chinook sample database arrive with E.164 phones, or are rejected with a reason.

use std::{collections::BTreeMap, fs};

use regex::Regex;
use serde_json::Value as Json;

use super::support::{Crms, Desk, repository, sample_data};

const CUSTOMERS: usize = 59;
/// Customers whose number is none in their country's numbering plan.
const INVALID: usize = 3;

#[test]
fn customers_arrive_with_international_phones_or_are_rejected() {
    let Some(folder) = sample_data("chinook") else { return };
    let crms = Crms::start(&["hubspot"], Some(&repository("tests/pipelines/chinook/fixtures")), &[]);
    let mut desk = Desk::new(&crms);
    desk.set("CHINOOK_DATA", folder.to_str().unwrap());
    let report = desk.run(&crms, &repository("tests/pipelines/chinook/json-to-hubspot.yaml"), &[], 4);
    let account = &report["streams"][0]["destinations"][0];
    assert_eq!((&account["read"], &account["rejected"]), (&Json::from(CUSTOMERS), &Json::from(INVALID)), "{report}");

    let phones = original_phones(&folder);
    check_contacts(&crms, &phones);
    check_rejects(&desk.ferry(["rejects", "--json"]).json(), &phones);
}

/// Reads the customers' numbers, as they are written in the document, by e-mail address.
fn original_phones(folder: &std::path::Path) -> BTreeMap<String, Option<String>> {
    let text = fs::read_to_string(folder.join("ChinookData.json")).unwrap();
    let document: Json = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let customers = document["Customer"].as_array().unwrap().iter();
    let text = |json: &Json| json.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let phones: BTreeMap<_, _> = customers
        .map(|customer| (text(&customer["Email"]).unwrap().to_lowercase(), text(&customer["Phone"])))
        .collect();
    assert_eq!(phones.len(), CUSTOMERS);
    phones
}

fn check_contacts(crms: &Crms, phones: &BTreeMap<String, Option<String>>) {
    let page = crms.get("hubspot", "/crm/v3/objects/contacts?limit=100&properties=email,phone,firstname");
    let contacts = page["results"].as_array().unwrap();
    assert_eq!(contacts.len(), CUSTOMERS - INVALID);
    let e164 = Regex::new(r"^\+[1-9][0-9]{6,14}$").unwrap();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    for contact in contacts {
        let properties = &contact["properties"];
        let original = &phones[properties["email"].as_str().unwrap()];
        let arrived = properties["phone"].as_str();
        assert_eq!(arrived.is_some(), original.is_some(), "{properties}");
        let (Some(arrived), Some(original)) = (arrived, original) else { continue };
        assert!(e164.is_match(arrived), "{arrived}");
        let last = digits(original);
        assert!(arrived.ends_with(&last[last.len() - 6..]), "{arrived} is not {original}");
    }
}

fn check_rejects(rejects: &Json, phones: &BTreeMap<String, Option<String>>) {
    let letters = rejects["rejects"].as_array().unwrap();
    assert_eq!(letters.len(), INVALID);
    for letter in letters {
        assert_eq!((letter["kind"].as_str(), letter["code"].as_str()), (Some("rejected"), Some("invalid_phone")));
        assert_eq!(letter["field"], "phone");
        let email = letter["source"]["Email"].as_str().unwrap().to_lowercase();
        assert_eq!(letter["value"].as_str(), phones[&email].as_deref(), "{letter}");
        assert_ne!(letter["reason"].as_str().unwrap(), "", "{letter}");
    }
}
