//! A person works in the sheet at seeded moments, between any two requests: nothing of theirs is lost, nothing lands elsewhere.
//!
//! `FERRY_SHEETS_SEEDS=2000` tries as many seeds, `FERRY_SHEETS_SEED=17` that one alone.

use std::collections::BTreeMap;

use super::*;
use crate::model::FieldType::{Number, Text};

const FIELDS: &[(&str, FieldType)] = &[("Id", Text), ("Amount", Number)];
/// As many as take seconds; thousands are tried by hand.
const SEEDS: u64 = 120;
/// Ends of the paths of requests: all of them, and each kind.
const MOMENTS: [&str; 6] = ["", SPREADSHEET, "values:batchGet", "values:batchUpdate", ":append", ":batchUpdate"];

/// Draws the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()].clone()
    }
}

/// What a row should hold: the amount that Ferry wrote last, and what the person keeps beside it.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    amount: f64,
    note: String,
    has_formula: bool,
}

/// A run of one seed.
struct Story {
    desk: Desk,
    dice: Dice,
    rows: BTreeMap<String, Expected>,
    /// Rows that the person deletes at some moment: they may be there or not.
    doomed: Vec<String>,
    told: Vec<String>,
    remark: &'static str,
}

impl Story {
    async fn begin(seed: u64) -> Self {
        let mut rows = json!([["Id", "Amount", "Note", "Double"]]);
        let mut expected = BTreeMap::new();
        for (number, id) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
            let row = number + 2;
            rows.as_array_mut().unwrap().push(json!([id, number, format!("of {id}"), format!("=B{row}*2")]));
            let amount = f64::from(u32::try_from(number).unwrap());
            expected.insert((*id).to_owned(), Expected { amount, note: format!("of {id}"), has_formula: true });
        }
        let desk = Desk::typed("T", rows).await;
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1);
        Self { desk, dice, rows: expected, doomed: Vec::new(), told: Vec::new(), remark: "Note" }
    }

    /// Draws what the person does; the columns that Ferry writes keep their headings.
    fn action(&mut self) -> Json {
        let dice = &mut self.dice;
        match dice.below(12) {
            0 => json!({ "action": "sort", "column": "Amount", "descending": dice.below(2) == 0 }),
            1 => json!({ "action": "sort", "column": "Id", "descending": dice.below(2) == 0 }),
            2 => json!({ "action": "insert_rows", "at": dice.below(7) + 2, "count": dice.below(3) + 1 }),
            3 => {
                json!({ "action": "insert_columns", "at": dice.pick(&["A", "B", "C", "D"]), "count": dice.below(2) + 1 })
            }
            4 => json!({ "action": "move_rows", "at": dice.below(4) + 2, "to": dice.below(4) + 8 }),
            5 => json!({ "action": "move_columns", "at": dice.pick(&["C", "D"]), "to": "A" }),
            6 => json!({ "action": "move_columns", "at": "A", "to": dice.pick(&["D", "E"]) }),
            7 => {
                let renamed =
                    json!({ "find": "Note", "replacement": "Remark", "matchEntireCell": true, "allSheets": true });
                self.remark = "Remark";
                json!({ "action": "request", "request": { "findReplace": renamed } })
            }
            8 => json!({ "action": "set", "range": "T60", "values": [["=1+1"]] }),
            9 => {
                let ids: Vec<String> = self.rows.keys().filter(|id| !self.doomed.contains(id)).cloned().collect();
                if ids.len() < 3 {
                    return json!({ "action": "set", "range": "T60", "values": [["=1+2"]] });
                }
                let id = dice.pick(&ids);
                self.doomed.push(id.clone());
                json!({ "action": "delete_rows", "id": id })
            }
            10 => json!({ "action": "delete_blank", "column": 0 }),
            _ => json!({ "action": "set", "range": "T61", "values": [["=1+2"]] }),
        }
    }

    fn person(&mut self) {
        for _ in 0..self.dice.below(3) {
            let (moment, actions) = (self.dice.pick(&MOMENTS), self.action());
            self.told.push(format!("before `{moment}`: {actions}"));
            self.desk.meanwhile(moment, actions);
        }
    }

    async fn ferry(&mut self, sheet: &dyn Destination, round: u32) {
        let amount = f64::from(round * 10 + 100);
        let ids: Vec<String> = self.rows.keys().cloned().collect();
        match self.dice.below(6) {
            0 | 1 => {
                let new: Vec<String> = (0..=self.dice.below(3)).map(|number| format!("n{round}{number}")).collect();
                self.told.push(format!("insert {new:?}"));
                let of = |id: &String| record(None, &[("Id", text(id)), ("Amount", Value::Number(amount))]);
                let outcomes = load(sheet, "T", Operation::Insert, new.iter().map(of).collect()).await;
                let expected: Vec<Outcome> = new.iter().map(|id| created(id)).collect();
                assert_eq!(outcomes, expected, "{:#?}", self.told);
                let blank = Expected { amount, note: String::new(), has_formula: false };
                self.rows.extend(new.into_iter().map(|id| (id, blank.clone())));
            }
            2 => {
                let id = self.dice.pick(&ids);
                self.told.push(format!("delete {id}"));
                let outcomes = load(sheet, "T", Operation::Delete, vec![record(Some(&id), &[])]).await;
                assert_eq!(outcomes, [Outcome::Deleted], "{:#?}", self.told);
                self.rows.remove(&id);
            }
            _ => {
                let ids: Vec<String> = ids.into_iter().filter(|_| self.dice.below(2) == 0).collect();
                self.told.push(format!("update {ids:?}"));
                let of = |id: &String| record(Some(id), &[("Id", text(id)), ("Amount", Value::Number(amount))]);
                let outcomes = load(sheet, "T", Operation::Update, ids.iter().map(of).collect()).await;
                for (id, outcome) in ids.iter().zip(outcomes) {
                    let is_gone = self.doomed.contains(id) && outcome == Outcome::Missing;
                    assert!(is_gone || outcome == updated(id), "{id}: {outcome:?} {:#?}", self.told);
                    if let Some(row) = self.rows.get_mut(id).filter(|_| !is_gone) {
                        row.amount = amount;
                    }
                }
            }
        }
    }

    /// Compares every cell of the sheet with what it should be.
    async fn check(&self) {
        let cells = self.desk.values("T!A1:Z100").await;
        let told = || format!("{:#?}\n{cells:#?}", self.told);
        let table: Vec<Vec<String>> =
            cells.as_array().unwrap().iter().map(|row| row.as_array().unwrap().iter().map(seen).collect()).collect();
        let headings = &table[0];
        let place = |name: &str| {
            headings.iter().position(|heading| heading == name).unwrap_or_else(|| panic!("{name}: {}", told()))
        };
        let note = if headings.contains(&"Note".to_owned()) { "Note" } else { self.remark };
        let places = [place("Id"), place("Amount"), place(note), place("Double")];
        let mut found = BTreeMap::new();
        for row in &table[1..] {
            let cell = |place: usize| row.get(place).cloned().unwrap_or_default();
            let strays = row.iter().enumerate().filter(|(place, text)| !places.contains(place) && !text.is_empty());
            assert!(strays.clone().all(|(_, text)| text == "2" || text == "3"), "a value is in no column: {}", told());
            let [id, amount, note, double] = places.map(cell);
            if [&id, &amount, &note, &double].iter().all(|text| text.is_empty()) {
                continue;
            }
            let amount: f64 = amount.parse().unwrap_or_else(|_| panic!("`{id}` has no amount: {}", told()));
            let has_formula = !double.is_empty();
            assert!(!has_formula || double == (amount * 2.0).to_string(), "the formula of `{id}`: {}", told());
            assert!(found.insert(id, Expected { amount, note, has_formula }).is_none(), "{}", told());
        }
        let is_there = |(id, _): &(&String, &Expected)| !self.doomed.contains(id) || found.contains_key(*id);
        let expected: BTreeMap<String, Expected> =
            self.rows.iter().filter(is_there).map(|(id, row)| (id.clone(), row.clone())).collect();
        assert_eq!(found, expected, "{}", told());
    }
}

fn seen(cell: &Json) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}

#[expect(clippy::disallowed_methods, reason = "the caller of the test says how many seeds it tries")]
#[tokio::test]
async fn a_person_at_work_at_any_moment_loses_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("FERRY_SHEETS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FERRY_SHEETS_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let mut story = Story::begin(seed).await;
        story.told.push(format!("seed {seed}"));
        let sheet = story.desk.planned("T", &["Id"], FIELDS, &[]).await;
        for round in 0..6 {
            story.person();
            story.ferry(&*sheet, round).await;
        }
        story.desk.meanwhile.lock().unwrap().clear();
        story.check().await;
    }
}
