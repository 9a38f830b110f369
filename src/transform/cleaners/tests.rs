//! Every cleaner: its example, what it refuses, and that it survives any text.

use polars::prelude::{DataFrame, IntoLazy, NamedFrom, Series, col};
use proptest::prelude::*;

use super::{CLEANERS, Values, cleaner_names, compile};
use crate::model::{FieldType, Value};
use crate::transform::{spec::CleanerSpec, tests::yaml};

/// Cleans texts and returns what comes out as a person would type it; nothing for no value.
fn clean(cleaner: &str, texts: &[&str]) -> Vec<String> {
    let cleaner = compile(&yaml::<CleanerSpec>(cleaner)).unwrap();
    let frame = DataFrame::new(texts.len(), vec![Series::new("text".into(), texts).into()]).unwrap();
    let result = cleaner.clean(Values { expr: col("text"), field_type: FieldType::Text });
    let frame = frame.lazy().select([result.expr.alias("text")]).collect().unwrap();
    let column = frame.column("text").unwrap();
    (0..texts.len()).map(|index| Value::from_any(&column.get(index).unwrap()).unwrap().to_text()).collect()
}

/// Checks pairs of text and cleaned text; the empty text stands for no value.
fn check(cleaner: &str, pairs: &[(&str, &str)]) {
    let (texts, expected): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
    assert_eq!(clean(cleaner, &texts), expected, "{cleaner}");
}

#[test]
fn texts_are_written_in_one_form() {
    check("trim", &[(" Ada ", "Ada"), ("   ", "")]);
    check("collapse_spaces", &[("Ada \t\u{a0} Lovelace", "Ada Lovelace")]);
    check("lowercase", &[("ADA@Example.COM", "ada@example.com"), ("ÄÖ", "äö")]);
    check("uppercase", &[("de", "DE")]);
    check("titlecase", &[("ANNA-maria o'neil", "Anna-Maria O'Neil"), ("john's élan", "John's Élan")]);
    check("digits", &[("VAT DE 123-456", "123456"), ("none", "")]);
    check("{ truncate: { length: 5 } }", &[("Größenwahn", "Größe"), ("Ada", "Ada")]);
    check("{ truncate: 2 }", &[("日本語", "日本")]);
    check("{ null_if: [n/a, '-', unknown] }", &[("N/A", ""), (" - ", ""), ("known", "known")]);
}

#[test]
fn email_takes_addresses_alone() {
    check(
        "email",
        &[
            ("Ada <Ada@Example.COM>", "Ada@example.com"),
            ("mailto:ada@example.com", "ada@example.com"),
            (" ada+crm@sub.example.co.uk ", "ada+crm@sub.example.co.uk"),
            ("jürgen@müller.de", "jürgen@müller.de"),
            ("ada@example", ""),
            ("ada@@example.com", ""),
            ("ada lovelace@example.com", ""),
            (".ada@example.com", ""),
            ("a..b@example.com", ""),
            ("ada@-example.com", ""),
            ("ada@1.2.3.4", ""),
            ("n/a", ""),
        ],
    );
}

#[test]
fn phone_writes_e164_by_region() {
    check(
        "{ phone: { region: DE } }",
        &[
            ("030 1234567", "+49301234567"),
            ("+44 20 7946 0018", "+442079460018"),
            ("0049 30 1234567", "+49301234567"),
            ("(0)30/123 45 67", "+49301234567"),
            ("12", ""),
            ("call me", ""),
        ],
    );
    check("{ phone: germany }", &[("030 1234567", "+49301234567")]);
    check("phone", &[("+1 (212) 555-2368", "+12125552368"), ("00 49 30 1234567", "+49301234567"), ("030 1234567", "")]);
    check("{ phone: IT }", &[("06 6982", "+39066982")]);
}

#[test]
fn web_addresses_and_domains_are_found() {
    check(
        "url",
        &[
            ("Example.com/shop", "https://example.com/shop"),
            ("http://example.com", "http://example.com"),
            ("www.example.com/?a=1", "https://www.example.com/?a=1"),
            ("ftp://example.com", ""),
            ("not a url", ""),
            ("n/a", ""),
            ("none", ""),
        ],
    );
    check(
        "domain_of",
        &[
            ("https://www.Example.com/shop", "example.com"),
            ("ada@Example.com", "example.com"),
            ("Ada <ada@example.com>", "example.com"),
            ("example.co.uk", "example.co.uk"),
            ("https://user@example.com/x", "example.com"),
            ("nothing", ""),
        ],
    );
}

#[test]
fn html_becomes_text() {
    check(
        "html_to_text",
        &[
            ("<p>Hello <b>Ada</b> &amp; co</p>", "Hello Ada & co"),
            ("<p>one</p><p>two</p>", "one\n\ntwo"),
            ("<ul><li>one</li><li>two</li></ul>", "* one\n* two"),
            ("<p>see <a href=\"https://a.example\">this</a></p>", "see this"),
            ("<script>alert(1)</script><style>p{}</style>safe", "safe"),
            ("plain", "plain"),
        ],
    );
}

#[test]
fn booleans_and_numbers_are_read_as_people_write_them() {
    check("boolean", &[("Yes", "true"), ("off", "false"), (" 1 ", "true"), ("maybe", "")]);
    check("{ boolean: { yes: [ja], no: [nein] } }", &[("Ja", "true"), ("nein", "false"), ("yes", "")]);
    check(
        "number",
        &[("1,234.50", "1234.5"), ("1,5", ""), ("$ -3", "-3"), ("12", "12"), ("1.2.3", ""), ("NaN", ""), (".5", "0.5")],
    );
    check(
        "{ number: { decimal: ',', thousands: '.' } }",
        &[
            ("€ 1.234,50", "1234.5"),
            ("1.234.567", "1234567"),
            ("1,5", "1.5"),
            ("1.5", ""),
            ("1.234,50 €", "1234.5"),
            ("abc", ""),
            ("", ""),
        ],
    );
    check("{ number: { thousands: \"'\" } }", &[("1'234.5", "1234.5")]);
}

#[test]
fn dates_are_read_by_format_and_zone() {
    check(
        "date",
        &[
            ("2024-01-31", "2024-01-31"),
            ("2024-01-31T23:30:00-02:00", "2024-02-01"),
            ("31.01.2024", ""),
            ("2024-02-30", ""),
        ],
    );
    check(
        "{ date: '%d.%m.%Y' }",
        &[("31.01.2024", "2024-01-31"), ("1.2.2024", "2024-02-01"), ("2024-01-31", ""), ("31.01.2024 x", "")],
    );
    check(
        "{ date: { formats: ['%d.%m.%Y', '%d.%m.%y'] } }",
        &[("31.01.24", "2024-01-31"), ("31.01.2024", "2024-01-31"), ("31.01.124", "")],
    );
    check(
        "{ date: { formats: ['%d-%m-%Y', '%m/%d/%Y'] } }",
        &[("31-01-2024", "2024-01-31"), ("01/31/2024", "2024-01-31")],
    );
    check(
        "{ date: { zone: Europe/Berlin } }",
        &[
            ("2024-07-01T22:30:00Z", "2024-07-02"),
            // The day is plain, also where the clocks skip or repeat the hour.
            ("2024-03-31 02:30:00", "2024-03-31"),
            ("2024-10-27T02:30:00", "2024-10-27"),
        ],
    );
    check(
        "datetime",
        &[
            ("2024-07-01T12:00:00.250Z", "2024-07-01T12:00:00.250Z"),
            ("2024-07-01T12:00:00+02:00", "2024-07-01T10:00:00.000Z"),
            ("2024-07-01 12:00", "2024-07-01T12:00:00.000Z"),
            ("2024-07-01", "2024-07-01T00:00:00.000Z"),
            ("noon", ""),
        ],
    );
    check(
        "{ datetime: { format: '%d.%m.%Y %H:%M', zone: Europe/Berlin } }",
        &[
            ("01.07.2024 12:00", "2024-07-01T10:00:00.000Z"),
            ("31.03.2024 02:30", ""),
            ("27.10.2024 02:30", ""),
            // Standard time began with this midnight: the minutes of solar time that it skipped are read in it.
            ("01.04.1893 00:00", "1893-03-31T23:00:00.000Z"),
        ],
    );
}

#[test]
fn countries_and_currencies_become_codes() {
    check(
        "country",
        &[
            ("Deutschland", "DE"),
            ("germany", "DE"),
            ("DEU", "DE"),
            ("de", "DE"),
            ("USA", "US"),
            ("U.S.A.", "US"),
            ("United States of America", "US"),
            ("UK", "GB"),
            ("The Netherlands", "NL"),
            ("Czech Republic", "CZ"),
            ("Côte d'Ivoire", "CI"),
            ("Samoa", "WS"),
            ("Korea, Republic of", ""),
            ("Niger", "NE"),
            ("Atlantis", ""),
        ],
    );
    check("{ country: { to: alpha3 } }", &[("de", "DEU")]);
    check(
        "{ country: { to: name } }",
        &[("usa", "United States"), ("TT", "Trinidad and Tobago"), ("ph", "Philippines")],
    );
    check(
        "currency",
        &[
            ("€", "EUR"),
            ("Euro", "EUR"),
            ("eur", "EUR"),
            ("$", "USD"),
            ("US$", "USD"),
            ("£", "GBP"),
            ("Swiss franc", "CHF"),
            ("zł", "PLN"),
            ("¤", ""),
            ("kr", ""),
            ("shells", ""),
        ],
    );
}

#[test]
fn names_are_split() {
    let names =
        ["Ada Lovelace", "Ludwig van Beethoven", "Anna Maria Schmidt", "Lovelace, Ada", "Madonna", "Oscar de la Renta"];
    assert_eq!(clean("{ split_name: first }", &names), ["Ada", "Ludwig", "Anna Maria", "Ada", "Madonna", "Oscar"]);
    let last = ["Lovelace", "van Beethoven", "Schmidt", "Lovelace", "", "de la Renta"];
    assert_eq!(clean("{ split_name: { part: last } }", &names), last);
}

#[test]
fn mistakes_name_what_is_nearest() {
    for (cleaner, place, hint) in [
        ("trimm", "", "did you mean `trim`?"),
        ("{ phone: { regoin: DE } }", "phone.regoin", "did you mean `region`?"),
        ("{ datetime: { zone: Europe/Berln } }", "datetime.zone", "did you mean `Europe/Berlin`?"),
        ("{ trim: { x: 1 } }", "trim.x", "it takes none"),
        ("truncate", "truncate", "e.g. `{ truncate: { length: 80 } }`"),
    ] {
        let error = compile(&yaml::<CleanerSpec>(cleaner)).err().unwrap();
        assert_eq!((error.place().as_str(), error.hint.as_deref()), (place, Some(hint)), "{error}");
    }
    for wrong in [
        "{ phone: { region: Atlantis } }",
        "{ truncate: 0 }",
        "{ date: dd.mm.yyyy }",
        "{ split_name: middle }",
        "{ trim: 5 }",
        "{ country: { to: 5 } }",
        "{ number: { decimal: '.', thousands: '.' } }",
        "{ trim: {}, email: {} }",
    ] {
        assert!(compile(&yaml::<CleanerSpec>(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn the_list_is_in_order() {
    assert!(cleaner_names().is_sorted());
}

/// One way to write each cleaner, options included where it needs some.
const ALL: [&str; CLEANERS.len()] = [
    "boolean",
    "collapse_spaces",
    "country",
    "currency",
    "{ date: '%d.%m.%Y|%b %d, %y' }",
    "{ datetime: { zone: America/New_York } }",
    "digits",
    "domain_of",
    "email",
    "html_to_text",
    "lowercase",
    "normalize",
    "{ null_if: [x] }",
    "number",
    "{ phone: US }",
    "{ split_name: last }",
    "titlecase",
    "trim",
    "{ truncate: 3 }",
    "uppercase",
    "url",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_a_cleaner_panic(text in any::<String>()) {
        for cleaner in ALL {
            clean(cleaner, &[&text]);
        }
    }

    #[test]
    fn no_text_of_marks_makes_a_cleaner_panic(text in "[0-9<>&;@:/.,+()\\-'\" a-zäß\u{a0}]{0,40}") {
        for cleaner in ALL {
            clean(cleaner, &[&text]);
        }
    }
}
