//! The guides' first pipelines, typed as they stand there, against the local vendors.

use std::fs;

use super::support::{Crms, Desk, repository};

/// Returns the block of a language that follows a text.
fn block<'page>(page: &'page str, after: &str, language: &str) -> &'page str {
    let rest = page.split_once(after).unwrap_or_else(|| panic!("the guide has no `{after}`")).1;
    let rest = rest.split_once(&format!("```{language}\n")).unwrap().1;
    rest.split_once("```").unwrap().0
}

/// Types everything that a guide says for its first pipeline; each command must end well.
fn follow(vendor: &str) {
    let page = fs::read_to_string(repository(&format!("docs/guides/{}.md", vendor.replace('_', "-")))).unwrap();
    // The commands follow each other faster than a person types: several processes, each within the limits, are over them together.
    let crms = Crms::start(&[vendor], Some(&repository("fixtures")), &["--no-limits"]);
    let mut desk = Desk::new(&crms);
    desk.set("AIRTABLE_BASE", "appFerryDemo00001");
    desk.set("SPREADSHEET", "1FerryDemoSpreadsheet");
    let token = match vendor {
        "google_sheets" => "credentials: \"${GOOGLE_CREDENTIALS}\"".to_owned(),
        vendor => format!("token: \"${{{}_TOKEN}}\"", vendor.to_uppercase()),
    };
    let pipeline = block(&page, "## First pipeline", "yaml");
    assert!(pipeline.contains(&token), "{pipeline}");
    let separator = if pipeline.contains(&format!("{token}\n")) { "\n    " } else { ", " };
    let base_url = format!("base_url: \"${{{}_URL}}\"", vendor.to_uppercase());
    let local = pipeline.replace(&token, &format!("{token}{separator}{base_url}"));
    let commands: Vec<Vec<&str>> = block(&page, "in this order", "")
        .lines()
        .filter_map(|line| line.split('#').next()?.trim().strip_prefix("ferry "))
        .map(|command| command.split_whitespace().collect())
        .collect();
    assert!(commands.len() > 4, "{commands:?}");
    let file = commands[0][1];
    fs::create_dir_all(desk.path("pipelines")).unwrap();
    desk.write(file, &local);
    for command in commands {
        let ran = desk.ferry(&command);
        assert_eq!(ran.code, 0, "ferry {}: {ran:?}", command.join(" "));
    }
    assert!(fs::read_dir(desk.path("pipelines/out")).unwrap().count() == 1, "the guide's file is there");
}

#[test]
fn the_guide_of_hubspot_works_as_it_stands() {
    follow("hubspot");
}

#[test]
fn the_guide_of_airtable_works_as_it_stands() {
    follow("airtable");
}

#[test]
fn the_guide_of_google_sheets_works_as_it_stands() {
    follow("google_sheets");
}

#[test]
fn the_guide_of_pipedrive_works_as_it_stands() {
    follow("pipedrive");
}
