//! Compares a disturbed testbed with an undisturbed one.

use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;

use crate::content::Content;
use crate::testbed::{Ended, Testbed, binary, is_complete};

/// What an undisturbed run leaves.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) content: Content,
    pub(crate) account: Vec<String>,
    pub(crate) state: StateFacts,
}

/// What counts of a state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateFacts {
    mapped: i64,
    intents: i64,
    pending_links: i64,
    open_letters: i64,
    /// Images of what records held before they were written: none is kept of a record that was not written.
    images: i64,
    last_status: String,
}

/// How a disturbed testbed differs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) runs: usize,
    pub(crate) doubled: usize,
    pub(crate) lost: usize,
    pub(crate) ledger_mismatches: usize,
    pub(crate) letter_mismatches: usize,
    /// All that is wrong, for a person.
    pub(crate) problems: Vec<String>,
}

impl StateFacts {
    pub(crate) fn read(testbed: &Testbed) -> Self {
        let file = Connection::open_with_flags(testbed.state_path(), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let count = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let last = "SELECT status FROM runs WHERE is_begun ORDER BY rowid DESC LIMIT 1";
        Self {
            mapped: count("SELECT COUNT(*) FROM id_map"),
            intents: count("SELECT COUNT(*) FROM intents"),
            pending_links: count("SELECT COUNT(*) FROM links WHERE linked < total"),
            open_letters: count("SELECT COUNT(*) FROM dead_letters WHERE resolved_at IS NULL"),
            images: count("SELECT COUNT(*) FROM images"),
            last_status: file.query_row(last, [], |row| row.get(0)).unwrap(),
        }
    }
}

/// Returns the files of the state's folder that hold a person's address in clear.
pub(crate) fn addresses_in_clear(testbed: &Testbed) -> Vec<String> {
    let folder = testbed.state_path().parent().unwrap().to_owned();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let has_address = |path: &std::path::PathBuf| {
        let text = std::fs::read(path).unwrap().to_ascii_lowercase();
        // A hash may end like the beginning of an address, and stand before a field that is called so.
        let is_address = |rest: &[u8]| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && rest[digits..].starts_with(b".example")
        };
        let mut places = text.windows(5).enumerate().filter(|(_, window)| window == b"@firm");
        places.any(|(at, window)| is_address(&text[at + window.len()..]))
    };
    files.filter(has_address).map(|path| path.display().to_string()).collect()
}

/// Returns what `ferry rejects` tells of a run: its letters, without those of links and without what waits.
pub(crate) fn letters(testbed: &Testbed, ended: &Ended) -> Vec<Json> {
    let run = ended.report.as_ref().unwrap()["run_id"].as_str().unwrap().to_owned();
    let mut command = Command::new(binary());
    command.args(["rejects", &run, "--state", ".ferry/state.db", "--json"]);
    testbed.furnish(&mut command);
    let told: Json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let is_counted = |letter: &&Json| letter["kind"] == "rejected" || letter["kind"] == "held";
    told["rejects"].as_array().unwrap().iter().filter(is_counted).cloned().collect()
}

/// What becomes of records that an undo takes back.
const TAKEN_BACK: [&str; 7] =
    ["restored", "deleted", "recreated", "left_changed", "left_gone", "left_impossible", "rejected"];

/// Every destination's account in the report of an undo.
fn undone_accounts(report: &Json) -> &[Json] {
    report["targets"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every destination's account in a report.
fn accounts(report: &Json) -> Vec<&Json> {
    let streams = report["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    streams.iter().flat_map(|stream| stream["destinations"].as_array().map(Vec::as_slice).unwrap_or_default()).collect()
}

fn number(account: &Json, name: &str) -> u64 {
    account[name].as_u64().unwrap_or_default()
}

/// Returns the accounts for comparison: whether a record was created by this or by an earlier attempt makes no difference.
pub(crate) fn folded(report: &Json) -> Vec<String> {
    let fold = |account: &&Json| {
        let written: u64 = ["created", "updated", "unchanged"].iter().map(|name| number(account, name)).sum();
        let others = ["read", "filtered", "duplicate", "deleted", "rejected", "held"];
        let others = others.map(|name| format!("{name} {}", number(account, name))).join(", ");
        format!("{}: {others}, at the destination {written}", account["object"])
    };
    let undone = undone_accounts(report).iter().map(|account| {
        let counts = TAKEN_BACK.map(|name| format!("{name} {}", number(account, name))).join(", ");
        format!("{}: {counts}", account["object"])
    });
    accounts(report).iter().map(fold).chain(undone).collect()
}

impl Findings {
    /// Checks what a run printed: every ledger closes.
    pub(crate) fn check_ledgers(&mut self, ended: &Ended) {
        self.runs += 1;
        let Some(report) = &ended.report else { return };
        for account in accounts(report) {
            let columns = ["filtered", "duplicate", "unchanged", "created", "updated", "deleted", "rejected", "held"];
            self.check_sum(account, "read", &columns);
        }
        for account in undone_accounts(report) {
            self.check_sum(account, "written", &TAKEN_BACK);
        }
    }

    fn check_sum(&mut self, account: &Json, whole: &str, columns: &[&str]) {
        let sum: u64 = columns.iter().map(|name| number(account, name)).sum();
        if sum != number(account, whole) {
            self.ledger_mismatches += 1;
            self.problems.push(format!("a ledger does not close: {account}"));
        }
    }

    /// Checks that a complete run has as many letters as its ledgers say records were rejected or held.
    pub(crate) fn check_letters(&mut self, testbed: &Testbed, ended: &Ended) {
        let Some(report) = ended.report.as_ref().filter(|_| is_complete(ended)) else { return };
        let of_account = |account: &&Json| number(account, "rejected") + number(account, "held");
        let counted: u64 =
            accounts(report).into_iter().chain(undone_accounts(report)).map(|account| of_account(&account)).sum();
        let kept = letters(testbed, ended).len() as u64;
        if counted != kept {
            self.letter_mismatches += 1;
            self.problems.push(format!("{kept} letters for {counted} records that were rejected or held"));
        }
    }

    /// Checks what the destination and the state file hold at the end.
    pub(crate) async fn check_what_is_left(&mut self, testbed: &Testbed, expected: &Expected) {
        let content = testbed.content().await;
        let missing = content.surplus_of(&expected.content);
        let surplus = expected.content.surplus_of(&content);
        self.lost = missing.len();
        self.doubled = surplus.len();
        self.problems.extend(missing.iter().take(3).map(|record| format!("not there: {record}")));
        self.problems.extend(surplus.iter().take(3).map(|record| format!("too much: {record}")));
        if content.len() != expected.content.len() {
            self.problems.push(format!("{} records instead of {}", content.len(), expected.content.len()));
        }
        let state = StateFacts::read(testbed);
        if state != expected.state {
            self.problems.push(format!("state {state:?} instead of {:?}", expected.state));
        }
        self.problems
            .extend(addresses_in_clear(testbed).iter().map(|file| format!("{file} holds an address in clear")));
    }

    /// Checks the end.
    pub(crate) async fn check_end(&mut self, testbed: &Testbed, expected: &Expected, last: &Ended) {
        self.check_what_is_left(testbed, expected).await;
        match &last.report {
            None => self.problems.push(format!("the last run printed no report: {}", last.stderr)),
            Some(report) => {
                let account = folded(report);
                if account != expected.account {
                    self.ledger_mismatches += 1;
                    self.problems.push(format!("account {account:#?} instead of {:#?}", expected.account));
                    let left = report["left"].as_array().into_iter().flatten();
                    self.problems.extend(left.take(3).map(|record| format!("left: {record}")));
                }
            }
        }
    }
}
