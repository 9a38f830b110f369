//! Workbooks as people have them and want them: read, written, and what is said where that cannot be.

use std::fs;

use rust_xlsxwriter::{Formula, Workbook};

use super::{
    pages::check_all,
    support::{Desk, Ran, repository},
};

/// Copies one object of one connection to another.
fn copied(desk: &Desk, source: &str, object: &str, destination: &str, target: &str) -> Ran {
    let text = format!(
        "version: 1\nname: copy\nconnections:\n  from: {source}\n  to: {destination}\nstreams:\n  - name: all\n    source: {{ connection: \
         from, object: {object} }}\n    destinations:\n      - {{ connection: to, object: {target}, mappings: {{ id: id }} }}\n"
    );
    desk.write("copy.yaml", &text);
    desk.ferry(["run", "copy.yaml", "--quiet"])
}

const BOOK: &str = "{ type: excel, path: book.xlsx }";
const OUT: &str = "{ type: csv, path: out }";

/// Puts a workbook on the desk, with sheets of cells.
fn put_book(desk: &Desk, name: &str, sheets: &[(&str, &[&[&str]])]) {
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet().set_name(*name).unwrap();
        for (row, cells) in (0..).zip(*rows) {
            for (column, cell) in (0..).zip(*cells) {
                if let Some(formula) = cell.strip_prefix('=') {
                    sheet.write_formula(row, column, Formula::new(formula).set_result("#N/A")).unwrap();
                } else {
                    sheet.write(row, column, *cell).unwrap();
                }
            }
        }
    }
    book.save(desk.path(name)).unwrap();
}

#[test]
fn workbooks_that_cannot_be_read() {
    let desk = Desk::without_tokens();
    put_book(
        &desk,
        "book.xlsx",
        &[
            ("People", &[&["id", "name"], &["1", "Ada"], &["=NA()", "Bea"]]),
            ("Twice", &[&["id", "Name", "Name"], &["1", "a", "b"]]),
            ("Fault", &[&["id", "=NA()"], &["1", "a"]]),
            ("Nothing", &[]),
        ],
    );
    fs::create_dir_all(desk.path("folder")).unwrap();
    fs::write(desk.path("text.xlsx"), "id;name\n1;Ada\n").unwrap();
    fs::write(desk.path("wide.xls"), b"\xFF\xFEi\0d\0\t\0n\0").unwrap();
    fs::write(desk.path("page.xls"), "<html><table><tr><td>id</td></tr></table></html>").unwrap();
    fs::write(desk.path("packed.xlsx"), b"\x1F\x8B\x08\0").unwrap();
    let whole = fs::read(desk.path("book.xlsx")).unwrap();
    fs::write(desk.path("cut.xlsx"), &whole[..whole.len() / 2]).unwrap();
    for name in ["locked.xlsx", "formulas.xlsx"] {
        fs::copy(repository("tests/data/workbooks").join(name), desk.path(name)).unwrap();
    }
    fs::write(desk.path("people.csv"), &whole).unwrap();
    fs::write(desk.path("people.json"), b"[\0{\0").unwrap();
    let read =
        |path: &str, object: &str| copied(&desk, &format!("{{ type: excel, path: {path} }}"), object, OUT, "copy");
    let pages = [
        ("the sheet is misspelt", read("book.xlsx", "Peeple")),
        ("the sheet is another", read("book.xlsx", "Customers")),
        ("a cell is an error", read("book.xlsx", "People")),
        ("a column is there twice", read("book.xlsx", "Twice")),
        ("a column is called by an error", read("book.xlsx", "Fault")),
        ("the sheet is empty", read("book.xlsx", "Nothing")),
        ("the workbook is not there", read("absent.xlsx", "People")),
        ("the path is a folder", read("folder", "People")),
        ("it is a text", read("text.xlsx", "People")),
        ("it is a text in UTF-16", read("wide.xls", "People")),
        ("it is a web page", read("page.xls", "People")),
        ("it is packed", read("packed.xlsx", "People")),
        ("it is damaged", read("cut.xlsx", "People")),
        ("it has a password", read("locked.xlsx", "People")),
        ("a formula has no result", {
            let text = "version: 1\nname: copy\nconnections:\n  from: { type: excel, path: formulas.xlsx }\n  to: { type: csv, path: out }\n\
                        streams:\n  - name: all\n    source: { connection: from, object: Sheet }\n    destinations:\n      - { connection: to, \
                        object: copy, mappings: { id: sum } }\n";
            desk.write("copy.yaml", text);
            desk.ferry(["run", "copy.yaml", "--quiet"])
        }),
        ("a CSV file is a workbook", copied(&desk, "{ type: csv, path: . }", "people", OUT, "copy")),
        ("a JSON file is UTF-16", copied(&desk, "{ type: json, path: . }", "people", OUT, "copy")),
        (
            "the time zone is none",
            copied(&desk, "{ type: excel, path: book.xlsx, time_zone: Berlin }", "People", OUT, "copy"),
        ),
    ];
    check_all(&desk, "workbooks_that_cannot_be_read", &pages);
}

#[test]
fn workbooks_that_cannot_be_written() {
    let desk = Desk::without_tokens();
    desk.write("people.csv", "id\n1\n");
    put_book(&desk, "mine.xlsx", &[("Notes", &[&["my own"]])]);
    let write = |path: &str, object: &str| {
        copied(&desk, "{ type: csv, path: . }", "people", &format!("{{ type: excel, path: {path} }}"), object)
    };
    let before = fs::read(desk.path("mine.xlsx")).unwrap();
    let pages = [
        ("it holds another's sheet", write("mine.xlsx", "people")),
        ("it is no .xlsx", write("book.xls", "people")),
        ("the sheet's name is too long", write("book.xlsx", "all the people of all the countries")),
        ("the folder is a file", write("people.csv/book.xlsx", "people")),
    ];
    check_all(&desk, "workbooks_that_cannot_be_written", &pages);
    assert_eq!(fs::read(desk.path("mine.xlsx")).unwrap(), before);
}

/// Two streams write sheets of one workbook, a third one reads one of them back.
#[test]
fn sheets_of_one_workbook_are_written_compared_and_read_back() {
    let desk = Desk::without_tokens();
    desk.write("people.csv", "id,phone,since\n1,0049 30 1,2024-01-31\n2,=1+1,2024-02-29\n");
    desk.write("firms.csv", "id,zip\n1,01067\n");
    let stream = |name: &str, mappings: &str| {
        format!(
            "  - name: {name}\n    source: {{ connection: in, object: {name} }}\n    destinations:\n      - {{ connection: book, object: {name}, \
             mappings: {{ {mappings} }} }}\n"
        )
    };
    let both = format!(
        "version: 1\nname: book\nconnections:\n  in: {{ type: csv, path: ., id: id }}\n  book: {BOOK}\nstreams:\n{}{}",
        stream("people", "id: { from: id, type: integer }, phone: phone, since: { from: since, type: date }"),
        stream("firms", "id: id, zip: zip")
    );
    desk.write("book.yaml", &both);
    assert_eq!(desk.ferry(["run", "book.yaml", "--quiet"]).code, 0);
    let plan = desk.ferry(["plan", "book.yaml", "--exit-code"]);
    assert_eq!(plan.code, 0, "a plan right after a run is empty: {}", plan.page());
    desk.write("firms.csv", "id,zip\n1,01069\n");
    assert_eq!(desk.ferry(["run", "book.yaml", "--quiet", "--stream", "firms"]).code, 0);
    let back = format!(
        "version: 1\nname: back\nconnections:\n  book: {BOOK}\n  out: {OUT}\nstreams:\n{}{}",
        stream("people", "id: id, phone: phone, since: since")
            .replace("connection: book", "connection: out")
            .replace("connection: in", "connection: book"),
        stream("firms", "id: id, zip: zip")
            .replace("connection: book", "connection: out")
            .replace("connection: in", "connection: book"),
    );
    desk.write("back.yaml", &back);
    let ran = desk.ferry(["run", "back.yaml", "--quiet"]);
    assert_eq!(ran.code, 0, "{}", ran.page());
    let written = |name: &str| fs::read_to_string(desk.path(name)).unwrap();
    assert_eq!(written("out/people.csv"), "id,phone,since\n1,0049 30 1,2024-01-31\n2,=1+1,2024-02-29\n");
    assert_eq!(written("out/firms.csv"), "id,zip\n1,01069\n");
    let twice = both.replace("object: firms, mappings", "object: People, mappings");
    desk.write("twice.yaml", &twice);
    let refused = desk.ferry(["validate", "twice.yaml"]);
    assert!(refused.page().contains("config.file_written_twice"), "{}", refused.page());
}
