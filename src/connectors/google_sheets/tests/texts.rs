use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any},
    prop_oneof, proptest,
    test_runner::TestRunner,
};

use super::*;
use crate::model::FieldType::Text;

/// Texts that a sheet would take for something else if it were typed in.
const TEXTS: [&str; 24] = [
    "007",
    "08028",
    "0050",
    "1E5",
    "3-5",
    "=A1",
    "+4930",
    "TRUE",
    "'quoted",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "=HYPERLINK(\"http://x.test\")",
    "1/2",
    "12:30",
    "2024-01-01",
    "1,5",
    "$5",
    "50%",
    " blanks ",
    "two\nlines",
    "🎉",
    "null",
    "\r=1",
];

#[tokio::test]
async fn texts_stay_letter_for_letter_and_are_no_formulas() {
    let desk = Desk::typed("T", json!([["Id", "Text"]])).await.with("id", json!("Id"));
    let fields = &[("Id", Text), ("Text", Text)];
    let sheet = desk.planned("T", &["Id"], fields, &[]).await;
    let of = |number: usize, shown: &str| record(None, &[("Id", text(&number.to_string())), ("Text", text(shown))]);
    let records = TEXTS.iter().enumerate().map(|(number, shown)| of(number, shown)).collect();
    load(&*sheet, "T", Operation::Insert, records).await;
    assert_eq!(column(&desk.read("T", &["Text"]).await, "Text"), TEXTS);
    let shifted = |number: usize| {
        let id = number.to_string();
        record(Some(&id), &[("Id", text(&id)), ("Text", text(TEXTS[(number + 1) % TEXTS.len()]))])
    };
    load(&*sheet, "T", Operation::Update, (0..TEXTS.len()).map(shifted).collect()).await;
    let mut expected = TEXTS.to_vec();
    expected.rotate_left(1);
    assert_eq!(column(&desk.read("T", &["Text"]).await, "Text"), expected);
}

#[test]
fn any_text_is_written_and_read_as_the_same_text_and_is_no_formula() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let start = prop_oneof![
        Just(""),
        Just("="),
        Just("+"),
        Just("-"),
        Just("@"),
        Just("'"),
        Just("\t="),
        Just("\r="),
        Just("#N")
    ];
    let text_of = (start, any::<String>()).prop_map(|(start, rest)| format!("{start}{rest}"));
    runner
        .run(&(vec(text_of.clone(), 1..30), vec(text_of, 30)), |(texts, others)| {
            runtime.block_on(async {
                for mode in ["insert", "formula", "gap", "update", "replace"] {
                    let header =
                        if mode == "gap" { json!([["Id", "", "Text"]]) } else { json!([["Id", "Text", "Days"]]) };
                    let desk = Desk::typed("T", header).await.with("id", json!("Id"));
                    let formulas: &[(&str, &str, bool)] =
                        if mode == "formula" { &[("Days", "=1+1", false)] } else { &[] };
                    let key: &[&str] = if mode == "replace" { &[] } else { &["Id"] };
                    let sheet = desk.planned("T", key, &[("Id", Text), ("Text", Text)], formulas).await;
                    let of = |id: Option<&str>, number: usize, shown: &str| {
                        record(id, &[("Id", text(&format!("k{number}"))), ("Text", text(shown))])
                    };
                    if mode == "replace" {
                        sheet.replace().unwrap().begin(&"T".into(), &[]).await.unwrap();
                    }
                    let first = if mode == "update" { &others[..texts.len()] } else { &texts };
                    let records = first.iter().enumerate().map(|(number, shown)| of(None, number, shown)).collect();
                    load(&*sheet, "T", Operation::Insert, records).await;
                    if mode == "replace" {
                        sheet.replace().unwrap().put_in_place(&"T".into()).await.unwrap();
                    }
                    if mode == "update" {
                        let change = |(number, shown): (usize, &String)| of(Some(&format!("k{number}")), number, shown);
                        load(&*sheet, "T", Operation::Update, texts.iter().enumerate().map(change).collect()).await;
                    }
                    // A formula would be read as its result, or as an error.
                    let pages = desk.read("T", &["Text"]).await;
                    let rejects: usize = pages.iter().map(|page| page.rejects.len()).sum();
                    assert_eq!((column(&pages, "Text"), rejects), (texts.clone(), 0), "{mode}");
                }
            });
            Ok(())
        })
        .unwrap();
}

/// Titles and headings that a range or a formula could take for something else.
const NAMES: [&str; 20] = [
    "Q1",
    "A1",
    "R1C1",
    "$A$1",
    "a!b",
    "Jon's",
    "''",
    "'quoted'",
    "\u{1f389}",
    "two\nlines",
    " blanks ",
    "{x}",
    "a}b",
    "[1]",
    "2024",
    "1:2",
    "1,2",
    "\"x\"",
    "=A1",
    "TRUE",
];

#[tokio::test]
async fn names_that_look_like_cells_are_addressed_right() {
    for (number, name) in NAMES.iter().enumerate() {
        let other = NAMES[(number + 7) % NAMES.len()];
        check_name(name, other).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_title_and_heading_is_addressed_right(
        title in "[^\\x00-\\x1f\\[\\]*?:/\\\\]{1,40}",
        heading in "[a-zA-Z0-9äöüßéñ文字!\"#$%&()*+,.:;<=>?@_`|~^' \\n{}\\[\\]-]{0,18}[a-zA-Z0-9!}\\]]",
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(check_name(&title, &heading));
    }
}

/// Writes to a tab and a column of these names, changes what was written, and lets a formula speak of it.
async fn check_name(title: &str, heading: &str) {
    let desk = Desk::start(&[]).await.with("create_tab", json!(true));
    let key: &str = if heading.trim() == "Id" { "Key" } else { "Id" };
    let formula = format!("=\"<\"&{{{}}}&\">\"", heading.replace('}', "}}"));
    let fields = &[(key, Text), (heading, Text)];
    let sheet = desk.planned(title, &[key], fields, &[("Sum of all", &formula, true)]).await;
    load(&*sheet, title, Operation::Insert, vec![record(None, &[(key, text("1")), (heading, text("x"))])]).await;
    load(&*sheet, title, Operation::Update, vec![record(Some("1"), &[(key, text("1")), (heading, text("y"))])]).await;
    let schema = desk.source().describe(&title.into()).await.unwrap();
    let name = schema.fields.iter().map(|field| field.name.as_str()).nth(1).unwrap();
    let pages = desk.read(title, &[name, "Sum of all"]).await;
    assert_eq!(
        (column(&pages, name), column(&pages, "Sum of all")),
        (vec!["y".to_owned()], vec!["<y>".to_owned()]),
        "{title} {heading}"
    );
}
