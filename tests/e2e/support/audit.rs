//! Closes the books after a run: the ledgers, against what the emulators count themselves.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value as Json;

/// What becomes of a record that was read: exactly one of these.
pub(crate) const LEDGER: [&str; 8] =
    ["filtered", "duplicate", "unchanged", "created", "updated", "deleted", "rejected", "held"];

/// What emulators hold and were asked, by vendor.
type Counts = BTreeMap<String, Json>;

/// Which vendors a pipeline's streams and connections belong to.
#[derive(Debug)]
struct Route {
    vendor_of_connection: BTreeMap<String, String>,
    source_of_stream: BTreeMap<String, String>,
}

/// What a run says it did at one vendor.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    calls: u64,
    calls_write: u64,
    rate_limited: u64,
}

impl Route {
    /// Reads it out of the pipeline file.
    fn of(pipeline: &Path) -> Self {
        let text = fs::read_to_string(pipeline).unwrap();
        let yaml: Json = serde_yaml::from_str(&text).unwrap();
        let word = |json: &Json| json.as_str().unwrap().to_owned();
        let connections = yaml["connections"].as_object().unwrap().iter();
        let streams = yaml["streams"].as_array().unwrap().iter();
        Self {
            vendor_of_connection: connections.map(|(name, options)| (name.clone(), word(&options["type"]))).collect(),
            source_of_stream: streams
                .map(|stream| (word(&stream["name"]), word(&stream["source"]["connection"])))
                .collect(),
        }
    }

    fn vendor(&self, connection: &Json) -> &str {
        &self.vendor_of_connection[connection.as_str().unwrap()]
    }
}

/// Checks that the ledger of every stream and destination closes.
pub(crate) fn audit_ledgers(report: &Json) {
    for (stream, destination) in destinations(report) {
        let accounted: u64 = LEDGER.iter().map(|column| count(destination, column)).sum();
        assert_eq!(count(destination, "read"), accounted, "the ledger does not close: {destination}");
        assert!(count(destination, "read") <= count(stream, "read"), "more records than were read: {stream}");
        let calls = count(destination, "calls_read") + count(destination, "calls_write");
        assert_eq!(count(destination, "calls"), calls, "calls are neither reads nor writes: {destination}");
    }
}

/// Closes the books of a run that is done: every ledger closes, and records and calls are those that the emulators count.
pub(crate) fn audit_whole(pipeline: &Path, report: &Json, before: &Counts, after: &Counts) {
    assert_eq!(report["status"], "done", "{report}");
    audit_ledgers(report);
    let route = Route::of(pipeline);
    for (vendor, object) in objects(after) {
        let (claimed, grown) = (claimed_growth(&route, report, vendor, object), growth(before, after, vendor, object));
        assert_eq!(claimed, grown, "{vendor} {object}: the emulator counts other records: {report}");
    }
    for vendor in after.keys() {
        let (claimed, asked) = (claimed_calls(&route, report, vendor), asked(before, after, vendor));
        if report["is_resumed"] == true {
            // The report keeps all calls to destinations, but of those to sources only the last process' own.
            assert_eq!(claimed.calls_write, asked.calls_write, "{vendor}: the emulator counts other calls: {report}");
        } else {
            assert_eq!(claimed, asked, "{vendor}: the emulator counts other calls: {report}");
        }
    }
}

/// Closes the books of a run that was stopped: what it has accounted for is there, and it may have written more than that.
pub(crate) fn audit_stopped(pipeline: &Path, report: &Json, before: &Counts, after: &Counts) {
    assert_eq!(report["status"], "interrupted", "{report}");
    audit_ledgers(report);
    let route = Route::of(pipeline);
    for (vendor, object) in objects(after) {
        let (claimed, grown) = (claimed_growth(&route, report, vendor, object), growth(before, after, vendor, object));
        assert!(claimed <= grown, "{vendor} {object}: {claimed} claimed, {grown} there: {report}");
    }
    for vendor in after.keys() {
        let (claimed, asked) = (claimed_calls(&route, report, vendor), asked(before, after, vendor));
        assert_eq!(claimed, asked, "{vendor}: the emulator counts other calls: {report}");
    }
}

/// Checks the calls of the first run that was made at emulators.
pub(crate) fn audit_calls(pipeline: &Path, report: &Json, after: &Counts) {
    let route = Route::of(pipeline);
    for (vendor, counted) in after {
        let requests = &counted["requests"];
        let calls = count(requests, "read") + count(requests, "write");
        assert_eq!(
            claimed_calls(&route, report, vendor).calls,
            calls,
            "{vendor}: the emulator counts other calls: {report}"
        );
    }
}

fn objects(counts: &Counts) -> impl Iterator<Item = (&str, &str)> {
    counts.iter().flat_map(|(vendor, held)| {
        held["records"].as_object().unwrap().keys().map(move |object| (vendor.as_str(), object.as_str()))
    })
}

/// How many records more there are, by the emulator's count.
fn growth(before: &Counts, after: &Counts, vendor: &str, object: &str) -> i64 {
    let held = |counts: &Counts| counts[vendor]["records"][object].as_i64().unwrap_or_default();
    held(after) - held(before)
}

/// What was asked, by the emulator's count.
fn asked(before: &Counts, after: &Counts, vendor: &str) -> Account {
    let asked = |kind: &str| count(&after[vendor]["requests"], kind) - count(&before[vendor]["requests"], kind);
    Account { calls: asked("read") + asked("write"), calls_write: asked("write"), rate_limited: asked("rate_limited") }
}

/// How many records more there must be, by the ledgers.
fn claimed_growth(route: &Route, report: &Json, vendor: &str, object: &str) -> i64 {
    let of_object = destinations(report).filter(|(_, destination)| {
        route.vendor(&destination["connection"]) == vendor && destination["object"] == object
    });
    let growth = |column: &str, destination: &Json| i64::try_from(count(destination, column)).unwrap();
    of_object.map(|(_, destination)| growth("created", destination) - growth("deleted", destination)).sum()
}

fn claimed_calls(route: &Route, report: &Json, vendor: &str) -> Account {
    let mut account = Account::default();
    for stream in report["streams"].as_array().unwrap() {
        let source = &route.source_of_stream[stream["name"].as_str().unwrap()];
        if route.vendor_of_connection[source] == vendor {
            account.calls += count(stream, "calls");
            account.rate_limited += count(stream, "rate_limited");
        }
    }
    for (_, destination) in destinations(report) {
        if route.vendor(&destination["connection"]) == vendor {
            account.calls += count(destination, "calls");
            account.calls_write += count(destination, "calls_write");
            account.rate_limited += count(destination, "rate_limited");
        }
    }
    account
}

fn destinations(report: &Json) -> impl Iterator<Item = (&Json, &Json)> {
    let streams = report["streams"].as_array().unwrap().iter();
    streams.flat_map(|stream| stream["destinations"].as_array().unwrap().iter().map(move |account| (stream, account)))
}

fn count(json: &Json, name: &str) -> u64 {
    json[name].as_u64().unwrap_or_else(|| panic!("`{name}` is no count in {json}"))
}
