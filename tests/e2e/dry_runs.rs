//! Every pipeline of the repository runs out of the box.

use std::{collections::BTreeSet, fs, net::TcpListener};

use serde_json::Value as Json;

use super::support::{Desk, LEDGER, audit_ledgers, repository};

#[test]
fn every_pipeline_runs_dry_without_credentials() {
    let mut pipelines: Vec<_> =
        fs::read_dir(repository("pipelines")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pipelines.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    assert!(pipelines.len() >= 6, "{pipelines:?}");
    for pipeline in pipelines {
        let desk = Desk::without_tokens();
        let requests = desk.path("requests.jsonl");
        let args = ["run", pipeline.to_str().unwrap(), "--dry-run", "--json", "--requests", requests.to_str().unwrap()];
        let ran = desk.ferry(args);
        let place = pipeline.display();
        assert!([0, 4].contains(&ran.code), "{place}: {}{}", ran.stdout, ran.stderr);
        let report = ran.json();
        assert_eq!(report["status"], "done", "{place}");
        audit_ledgers(&report);
        check_keys(&report);
        check_requests(&report, &fs::read_to_string(&requests).unwrap());
        assert!(!desk.path("state.db").exists(), "{place}: a dry run keeps nothing");
    }
    for left_over in ["pipelines/.ferry", "pipelines/out"] {
        assert!(!repository(left_over).exists(), "a dry run leaves `{left_over}` behind");
    }
}

#[test]
fn nothing_of_a_dry_run_reaches_a_proxy_or_the_host_of_the_logins() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let mut desk = Desk::without_tokens();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        desk.set(name, &url);
    }
    let text = format!(
        "version: 1\nname: away\nconnections:\n  base: {{ type: airtable, base_id: appFerryDemo00001, client_id: app, client_secret: \"${{SECRET}}\", \
         refresh_token: \"${{REFRESH}}\", oauth_url: \"{url}\" }}\n  files: {{ type: csv, path: out }}\nstreams:\n  - name: leads\n    \
         source: {{ connection: base, object: Leads }}\n    destinations:\n      - {{ connection: files, object: leads, mappings: {{ name: Name }} }}\n"
    );
    let pipeline = desk.write("away.yaml", &text);
    let fixtures = repository("fixtures");
    let ran = desk.ferry([
        "run",
        pipeline.to_str().unwrap(),
        "--dry-run",
        "--json",
        "--fixtures",
        fixtures.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(elsewhere.accept().is_err(), "somebody else was asked");
}

/// What `--json` prints is a contract: neither more nor less than these.
fn check_keys(report: &Json) {
    let keys = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        keys(report),
        set(&["run_id", "status", "is_resumed", "streams", "reasons", "earlier_rejects", "findings"])
    );
    let calls = ["calls", "calls_read", "calls_write", "rate_limited", "calls_halving"];
    let links = ["links_pending", "waiting", "missing"];
    let account =
        set(&[&["connection", "account", "object", "status", "read"], &LEDGER[..], &calls[..], &links[..]].concat());
    for stream in report["streams"].as_array().unwrap() {
        let mut there = keys(stream);
        // Only where requests have a cost.
        there.remove("quota");
        assert_eq!(there, set(&["name", "source_account", "read", "calls", "rate_limited", "destinations"]));
        for destination in stream["destinations"].as_array().unwrap() {
            let mut there = keys(destination);
            // Only where the vendor tells its quota.
            there.remove("quota_used");
            there.remove("quota");
            // Only where there are duplicates.
            there.remove("merged");
            assert_eq!(there, account);
        }
    }
    for reason in report["reasons"].as_array().unwrap() {
        let mut there = keys(reason);
        // Only where one field is to blame.
        there.remove("field");
        assert_eq!(there, set(&["stream", "connection", "kind", "code", "records"]));
    }
}

/// Every call that the report counts is among the requests that a dry run shows, and none beside.
fn check_requests(report: &Json, requests: &str) {
    let count = |json: &Json| json["calls"].as_u64().unwrap();
    let streams = report["streams"].as_array().unwrap().iter();
    let calls: u64 = streams
        .map(|stream| count(stream) + stream["destinations"].as_array().unwrap().iter().map(count).sum::<u64>())
        .sum();
    assert_eq!(u64::try_from(requests.lines().count()).unwrap(), calls);
    for line in requests.lines() {
        let request: Json = serde_json::from_str(line).unwrap();
        assert!(!request["path"].as_str().unwrap().is_empty(), "{request}");
    }
}
