//! What a terminal shows while a run goes on: totals that are true, bars that never go back, and what is waited for.

use std::{collections::BTreeMap, fs};

use regex::Regex;

use super::{
    people::{many_people, put_people},
    support::{Crms, Desk, repository},
    terminals::Terminal,
};

const SPEED: &str = "20";

/// Returns the lines that a terminal showed, each time they were drawn.
fn frames(raw: &str) -> Vec<String> {
    let escapes = Regex::new(r"\x1b\[[0-9;?]*[A-Za-z]").unwrap();
    let plain = escapes.replace_all(raw, "\n");
    plain.split(['\r', '\n']).map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Returns position and total of each bar as it was drawn, by stream.
fn bars(frames: &[String]) -> BTreeMap<String, Vec<(u64, u64)>> {
    let bar = Regex::new(r"^(\w+) .*[█░ ] +([\d,]+)/([\d,]+) ").unwrap();
    let number = |text: &str| text.replace(',', "").parse().unwrap();
    let mut bars: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for found in frames.iter().filter_map(|frame| bar.captures(frame)) {
        bars.entry(found[1].to_owned()).or_default().push((number(&found[2]), number(&found[3])));
    }
    bars
}

/// Runs a pipeline on a terminal and returns what was drawn.
fn drawn(term: &str, columns: u16, desk: &Desk, file: &str) -> Vec<String> {
    let args = ["run", file, "--clock-speed", SPEED, "--color", "never"];
    let mut terminal = Terminal::open_as(term, desk, columns, &args);
    let (code, raw) = terminal.finish("is done");
    assert!(matches!(code, 0 | 4), "{raw}");
    frames(&raw)
}

#[test]
fn a_bar_has_the_total_that_the_source_says_and_never_goes_back() {
    let crms = Crms::start(
        &["salesforce", "airtable"],
        Some(&repository("fixtures")),
        &["--clock-speed", SPEED, "--fault", "slow=20ms"],
    );
    for columns in [60, 80] {
        let desk = Desk::new(&crms);
        let base = "token: \"${AIRTABLE_TOKEN}\"";
        let text = fs::read_to_string(repository("pipelines/salesforce-to-airtable.yaml")).unwrap();
        assert!(text.contains(base));
        desk.write("crm.yaml", &text.replace(base, &format!("{base}, base_url: \"${{AIRTABLE_URL}}\"")));
        let frames = drawn("xterm", columns, &desk, "crm.yaml");
        let moving: Vec<&String> = frames.iter().take_while(|frame| !frame.contains('─')).collect();
        let widest = moving.iter().max_by_key(|frame| frame.chars().count()).unwrap();
        assert!(widest.chars().count() <= usize::from(columns), "{columns}: {widest}");
        let bars = bars(&frames);
        assert!(bars.contains_key("accounts"), "{frames:#?}");
        for (stream, drawn) in bars {
            assert!(drawn.is_sorted_by_key(|(position, _)| *position), "{stream} goes back: {drawn:?}");
            assert!(drawn.iter().all(|(_, total)| *total == drawn[0].1), "{stream} has one total: {drawn:?}");
        }
    }
}

#[test]
fn a_source_that_knows_no_total_has_no_bar_and_a_limit_is_named_while_it_is_waited_for() {
    let crms = Crms::start(&["hubspot"], None, &["--clock-speed", SPEED, "--fault", "429=0.5,seed=3"]);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(500), "");
    let frames = drawn("xterm", 80, &desk, "people.yaml");
    assert!(bars(&frames).is_empty(), "{frames:#?}");
    let counting = Regex::new(r"^people +\S +[\d,]+ done, ([\d,]+ read|waiting)").unwrap();
    assert!(frames.iter().any(|frame| counting.is_match(frame)), "{frames:#?}");
    let waits = Regex::new(r"waiting \d+ s for HubSpot's limit").unwrap();
    assert!(frames.iter().any(|frame| waits.is_match(frame)), "{frames:#?}");
}

#[test]
fn a_dumb_terminal_and_a_log_get_whole_lines() {
    let crms = Crms::start(&["hubspot"], None, &["--clock-speed", SPEED]);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(50), "");
    let mut terminal = Terminal::open_as("dumb", &desk, 80, &["run", "people.yaml", "--clock-speed", SPEED]);
    let (code, raw) = terminal.finish("is done");
    assert_eq!(code, 0, "{raw}");
    assert!(!raw.contains("\x1b[2K") && !raw.contains("\x1b[1A"), "{raw:?}");
    assert!(raw.contains("people: 50 records read, 50 done"), "{raw}");
}
