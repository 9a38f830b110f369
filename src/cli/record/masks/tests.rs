//! What a stand-in keeps and what it hides.

use super::*;
use crate::model::{Choice, FieldName};

fn masks() -> Masks {
    Masks::new(b"a key of the tests")
}

fn mask(field: &str, text: &str) -> String {
    match masks().mask(&Field::new(field, FieldType::Text), Value::Text(text.to_owned())) {
        Value::Text(masked) => masked,
        other => panic!("{other:?} is no text"),
    }
}

#[test]
fn a_mail_address_stays_one_and_hides_both_halves() {
    for mail in ["ada.lovelace@analytical.co.uk", "b@x.de", "o'neil+news@mail.example.com"] {
        let masked = mask("email", mail);
        assert!(looks_like_mail(&masked) && masked.ends_with(".example"), "{masked}");
        for part in mail.split(['@', '.', '+']).filter(|part| part.len() > 3) {
            assert!(!masked.contains(part) || part == "example", "{masked} shows `{part}`");
        }
    }
    assert_eq!(mask("email", "Ada@X.test").to_lowercase(), mask("Work E-Mail", "ada@x.test"), "case is no difference");
    assert_eq!(mask("email", " ADA@X.TEST "), format!(" {} ", mask("email", "ada@x.test").to_uppercase()));
    assert!(!mask("email", "ada-at-x.test").contains('@'), "what is no address becomes none");
    assert!(mask("notes", "ada@x.test").ends_with(".example"), "an address is known wherever it stands");
}

#[test]
fn the_domain_of_an_address_and_a_company_stay_the_same_domain() {
    let mail = mask("email", "ada@acme.com");
    let domain = mask("domain", "acme.com");
    assert_eq!(mail.rsplit_once('@').unwrap().1, domain);
    assert_eq!(mask("website", "https://www.acme.com"), format!("https://www.{domain}"));
    assert!(mask("website", "https://acme.com/people/ada").starts_with(&format!("https://{domain}/")));
    assert!(!mask("website", "https://acme.com/people/ada?x=lovelace").contains("lovelace"));
}

#[test]
fn a_full_name_fits_its_parts() {
    let (first, last) = (mask("firstname", "Ada"), mask("lastname", "Lovelace"));
    assert_eq!(mask("Full Name", "Ada Lovelace"), format!("{first} {last}"));
    assert_eq!(mask("name", "ADA  LOVELACE"), format!("{}  {}", first.to_uppercase(), last.to_uppercase()));
    assert!(mask("company", "Lovelace GmbH").ends_with(" GmbH"));
    assert_ne!(first, "Ada");
}

#[test]
fn valid_phones_stay_valid_and_lose_their_last_digits() {
    for phone in ["+49 30 901820", "+1 (202) 555-0143", "+442079460958", "+33 1 70 18 99 00"] {
        let masked = mask("phone", phone);
        assert_eq!(is_valid_phone(phone), is_valid_phone(&masked), "{phone} became {masked}");
        assert_ne!(masked, phone);
        let shape = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "0");
        assert_eq!(shape(&masked), shape(phone), "it is written the same way");
    }
    assert_eq!(mask("phone", "+49 (30) 1234-567"), {
        let same = mask("mobile", "+49 30 1234567");
        format!("{} ({}) {}-{}", &same[..3], &same[4..6], &same[7..11], &same[11..])
    });
}

#[test]
fn texts_keep_their_shape_and_tags_and_lose_their_words() {
    let text = "<p class=\"ada\">Call Ada, room 12!</p>\nAda";
    let masked = mask("message", text);
    assert!(masked.starts_with("<p>") && masked.contains("</p>\n"), "{masked}");
    assert!(!masked.to_lowercase().contains("ada") && !masked.contains("12"), "{masked}");
    assert_eq!(masked.len(), text.len() - " class=\"ada\"".len());
    assert_eq!(mask("customer_no", "AB-1234").len(), 7);
}

#[test]
fn what_tells_of_no_person_stays() {
    assert_eq!(mask("country", "Deutschland"), "Deutschland");
    assert_eq!(mask("hs_lead_status", "NEW"), "NEW");
    let field = Field {
        options: vec![Choice { value: "Lead".into(), label: "Lead".into() }],
        ..Field::new("Name", FieldType::Choice)
    };
    assert_eq!(masks().mask(&field, Value::Text("Lead".into())), Value::Text("Lead".into()));
    let amount = Field::new("amount", FieldType::Number);
    assert_eq!(masks().mask(&amount, Value::Number(12.5)), Value::Number(12.5));
    assert_eq!(masks().mask(&amount, Value::Null), Value::Null);
    let born = Field::new("date_of_birth", FieldType::Date);
    let date = Value::Date(chrono::NaiveDate::from_ymd_opt(1815, 12, 10).unwrap());
    assert_ne!(masks().mask(&born, date.clone()), date);
}

#[test]
fn another_key_gives_other_stand_ins_and_one_key_always_the_same() {
    let field = Field { name: FieldName::new("email"), ..Field::new("email", FieldType::Text) };
    let value = || Value::Text("ada@x.test".to_owned());
    assert_eq!(masks().mask(&field, value()), masks().mask(&field, value()));
    assert_ne!(Masks::new(b"another").mask(&field, value()), masks().mask(&field, value()));
}

#[test]
fn different_values_stay_different() {
    let mut seen = std::collections::HashSet::new();
    for number in 0..5_000 {
        assert!(seen.insert(mask("email", &format!("person.{number}@example.org"))), "{number}");
        assert!(seen.insert(mask("customer_no", &format!("O-{number}"))), "{number}");
        assert!(seen.insert(mask("phone", &format!("+49 30 90{number:05}"))), "{number}");
    }
}

#[test]
fn ids_are_masked_where_they_are_addresses() {
    assert_eq!(masks().id("20100000005"), "20100000005");
    assert_eq!(masks().id("ada@x.test"), mask("email", "ada@x.test"));
}
