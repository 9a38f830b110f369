//! Black box: the real binary, its emulators as processes of their own, and an audit after every run.
//!
//! One crate, so that it is linked once. What every test stands on is in `support`; start there.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod audit_log;
#[cfg(test)]
mod blank_records;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod chinook;
#[cfg(test)]
mod circles;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod dry_runs;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod empty_files;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod file_pages;
#[cfg(test)]
mod guides;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod levels;
#[cfg(test)]
mod live_runs;
#[cfg(test)]
mod local_files;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod lost_answers;
#[cfg(test)]
mod mirror_codes;
#[cfg(test)]
mod mirrors;
#[cfg(test)]
mod nights;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod parents;
#[cfg(test)]
mod people;
#[cfg(test)]
mod pipedrive;
#[cfg(test)]
mod pipedrive_answers;
#[cfg(test)]
mod pipedrive_cases;
#[cfg(test)]
mod plan_costs;
#[cfg(test)]
mod plan_reports;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod previews;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod quotas;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod rejects_in_spreadsheets;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod report_page;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod round_trip_pipedrive;
#[cfg(test)]
mod sales;
#[cfg(test)]
mod sheet_answers;
#[cfg(test)]
mod sheet_quota;
#[cfg(test)]
mod sheets;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod support;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod terminals;
#[cfg(test)]
mod trees;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod workbooks;
