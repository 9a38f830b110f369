use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any},
    proptest,
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
fn any_text_is_written_and_read_as_the_same_text() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    runner
        .run(&vec(any::<String>(), 1..40), |texts| {
            runtime.block_on(async {
                let desk = Desk::typed("T", json!([["Id", "Text"]])).await.with("id", json!("Id"));
                let sheet = desk.planned("T", &["Id"], &[("Id", Text), ("Text", Text)], &[]).await;
                let record = |(number, shown): (usize, &String)| {
                    record(None, &[("Id", text(&format!("k{number}"))), ("Text", text(shown))])
                };
                load(&*sheet, "T", Operation::Insert, texts.iter().enumerate().map(record).collect()).await;
                let pages = desk.read("T", &["Text"]).await;
                assert_eq!(column(&pages, "Text"), texts);
            });
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_title_and_heading_is_addressed_right(title in "[^\\x00-\\x1f\\[\\]*?:/\\\\]{1,40}", heading in "[a-zA-Z0-9äöüßéñ文字!\"#$%&()*+,.:;<=>?@_`|~^'-]{1,20}") {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let desk = Desk::start(&[]).await.with("create_tab", json!(true));
            let key: &str = if heading == "Id" { "Key" } else { "Id" };
            let sheet = desk.planned(&title, &[key], &[(key, Text), (&heading, Text)], &[]).await;
            load(&*sheet, &title, Operation::Insert, vec![record(None, &[(key, text("1")), (&heading, text("x"))])]).await;
            load(&*sheet, &title, Operation::Update, vec![record(Some("1"), &[(key, text("1")), (&heading, text("y"))])]).await;
            assert_eq!(column(&desk.read(&title, &[&heading]).await, &heading), ["y"]);
        });
    }
}
