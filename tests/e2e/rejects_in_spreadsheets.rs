//! Rejected records go through a person's spreadsheet and come back: as a workbook, as CSV of any kind.

use std::{fs, path::Path};

use ferry::workbook::Reader;
use rust_xlsxwriter::Workbook;
use serde_json::Value as Json;

use super::{
    people::put_people,
    support::{Crms, Desk},
};

/// People of whom two are rejected, with texts that spreadsheets like to change.
const PEOPLE: &str = "id,email,first,last
007,anna@example.org,Anna,Albrecht
008,carla-at-example.org,Zoë,=Costa
009,,Łucja,Möller
";

/// A run that rejects the last two.
fn rejecting_run() -> (Crms, Desk) {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    let report = desk.run(&crms, &pipeline, &[], 4);
    assert_eq!(report["streams"][0]["destinations"][0]["rejected"], 2, "{report}");
    (crms, desk)
}

/// Reads the first sheet.
fn sheet(path: &Path) -> Vec<Vec<String>> {
    let mut book = Reader::open(path).unwrap();
    let name = book.sheets()[0].clone();
    let mut lines: Vec<Vec<String>> = Vec::new();
    book.for_each_row(&name, |_, cells| {
        let mut line = Vec::new();
        for (column, cell) in cells {
            line.resize(usize::try_from(*column).unwrap(), String::new());
            line.push(cell.text());
        }
        lines.push(line);
        true
    })
    .unwrap();
    lines
}

fn place(lines: &[Vec<String>], column: &str) -> usize {
    lines[0].iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}: {:?}", lines[0]))
}

fn created(desk: &Desk, file: &str) -> (Json, String) {
    let ran = desk.ferry(["redrive", "--from", file, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.page());
    (ran.json()["streams"][0]["destinations"][0]["created"].clone(), ran.stderr)
}

fn lasts(crms: &Crms) -> Vec<String> {
    let contacts = crms.get("hubspot", "/crm/v3/objects/contacts?properties=lastname,firstname");
    let mut names: Vec<String> = contacts["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| {
            format!("{} {}", contact["properties"]["firstname"], contact["properties"]["lastname"]).replace('"', "")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_workbook_tells_what_to_do_and_brings_back_what_was_corrected() {
    let (crms, desk) = rejecting_run();
    assert_eq!(desk.ferry(["rejects", "-o", "rejects.xlsx"]).code, 0);
    let mut lines = sheet(&desk.path("rejects.xlsx"));
    assert_eq!(lines[0][..7], ["line", "source_id", "reason", "vendor_says", "what_to_do", "field", "value"]);
    let row =
        |lines: &[Vec<String>], id: &str| lines.iter().position(|line| line.get(1).is_some_and(|it| it == id)).unwrap();
    let (carla, didier) = (row(&lines, "008"), row(&lines, "009"));
    let column = |name: &str| place(&lines, name);
    let (address, first, last, to_do) =
        (column("source.email"), column("source.first"), column("source.last"), column("what_to_do"));
    assert!(address < first && first < last, "in the order of the mappings: {:?}", lines[0]);
    assert_eq!((lines[carla][first].as_str(), lines[carla][last].as_str()), ("Zoë", "=Costa"));
    assert_eq!(lines[didier][to_do], "fill in `email`, here or at the source");
    lines[carla][address] = "carla@example.org".to_owned();
    lines[didier][address] = "didier@example.org".to_owned();

    // Another program saves it: a title, a sheet before it, numbers where it saw some.
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Export Summary").unwrap().write(0, 0, "made by a program").unwrap();
    let saved = book.add_worksheet().set_name("Rejects").unwrap();
    saved.write(0, 0, "Table 1").unwrap();
    for (number, line) in (1..).zip(&lines) {
        for (place, cell) in (0..).zip(line) {
            match cell.parse::<f64>() {
                Ok(value) => saved.write(number, place, value).unwrap(),
                Err(_) => saved.write_string(number, place, cell).unwrap(),
            };
        }
    }
    book.save(desk.path("saved.xlsx")).unwrap();
    let (count, said) = created(&desk, "saved.xlsx");
    assert_eq!(count, 2);
    for line in [
        "2 cells corrected in 2 records:",
        "  people 008: source.email `carla-at-example.org` → `carla@example.org`",
        "  people 009: source.email (empty) → `didier@example.org`",
    ] {
        assert!(said.lines().any(|told| told == line), "{said}");
    }
    let again = desk.ferry(["redrive", "--from", "saved.xlsx", "--json"]);
    assert!(
        again.stderr.contains("2 records of the file went through a redrive before and are left out"),
        "{}",
        again.page()
    );
    assert_eq!(lasts(&crms), ["Anna Albrecht", "Zoë =Costa", "Łucja Möller"]);
}

#[test]
fn csv_comes_back_in_any_encoding_with_any_separator() {
    let (_crms, desk) = rejecting_run();
    assert_eq!(desk.ferry(["rejects", "-o", "rejects.csv"]).code, 0);
    let text = fs::read_to_string(desk.path("rejects.csv")).unwrap();
    assert!(text.starts_with("\u{feff}line;source_id;reason;"), "{text}");
    let corrected = text.trim_start_matches('\u{feff}').replace("carla-at-example.org;", "carla@example.org;");
    let (mac, _, _) = encoding_rs::MACINTOSH.encode(&corrected);
    let (shift, _, is_lossy) = encoding_rs::WINDOWS_1250.encode(&corrected);
    assert!(!is_lossy || corrected.contains('ë'));
    let wide: Vec<u8> = corrected.replace(';', "\t").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms: [(&str, Vec<u8>); 5] = [
        ("mac.csv", mac.into_owned()),
        ("central.csv", shift.into_owned()),
        ("wide.txt", wide),
        ("pipes.csv", corrected.replace(';', "|").into_bytes()),
        ("returns.csv", corrected.replace("\r\n", "\n").replace('\n', "\r").into_bytes()),
    ];
    for (name, bytes) in forms {
        fs::write(desk.path(name), bytes).unwrap();
        let ran = desk.ferry(["redrive", "--from", name, "--json"]);
        let told: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(" → ")).collect();
        assert!(
            told.len() <= 2 && told.iter().all(|line| line.contains("email") || line.contains("value")),
            "{name}: {}",
            ran.page()
        );
    }
}
