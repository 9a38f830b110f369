//! The morning after: for each way in which a night can fail, what a person is told by the exit code, `runs`, `show`, `report`, a
//! notification and the metrics; and the same of the green night after it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use regex::Regex;
use serde_json::Value as Json;

use super::{
    pages::check_text,
    people::{PEOPLE, many_people, put_people},
    support::{Crms, Desk, Ran, wait_until},
};

const GOOD: &str =
    "id,email,first,last\n1,anna.albrecht@example.org,Anna,Albrecht\n2,bertil.berg@example.org,Bertil,Berg\n";
/// Tells a file of every end.
const TELLS: &str = "on_finish: [{ when: always, run: \"cat >> told.jsonl\" }]\n";

/// A desk whose nights leave all that they can.
struct Bedside {
    crms: Crms,
    desk: Desk,
}

impl Bedside {
    fn new(records: &str) -> Self {
        Self::with(records, "", &[])
    }

    fn with(records: &str, limits: &str, faults: &[&str]) -> Self {
        let crms = Crms::start(&["hubspot"], None, faults);
        let mut desk = Desk::new(&crms);
        desk.set("FERRY_METRICS", desk.path("ferry.prom").to_str().unwrap());
        put_people(&desk, records, &format!("{limits}{TELLS}"));
        Self { crms, desk }
    }

    fn night(&self) -> Ran {
        self.desk.ferry(["run", "people.yaml"])
    }

    /// Returns all that a night left, as one page.
    fn morning(&self, title: &str, night: &Ran) -> String {
        let mut page = format!("===== {title}\n{}", night.page());
        for words in [&["runs"][..], &["show"], &["report"]] {
            page.extend(["\n===== ferry ", &words.join(" "), "\n", &self.desk.ferry(words).page()]);
        }
        page.extend(["\n===== the last notification\n", &self.last_told(), "\n"]);
        let metrics = fs::read_to_string(self.desk.path("ferry.prom")).unwrap_or_else(|_| "(none)\n".to_owned());
        page.push_str("\n===== the metrics\n");
        page.extend(metrics.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]));
        page
    }

    fn last_told(&self) -> String {
        let told = fs::read_to_string(self.desk.path("told.jsonl")).unwrap_or_default();
        let Some(line) = told.lines().last() else { return "(nobody was told)".to_owned() };
        serde_json::to_string_pretty(&serde_json::from_str::<Json>(line).unwrap()).unwrap()
    }

    /// Shows the failed night and the green one after it.
    fn check(&self, name: &str, failed: &Ran, failed_page: &str, green: &str) {
        assert_ne!(failed.code, 0, "{}", failed.stderr);
        let after = self.night();
        assert!(matches!(after.code, 0 | 4), "{}{}", after.stdout, after.stderr);
        let page = format!("{failed_page}\n{}", self.morning(green, &after));
        check_text(&self.desk, name, &blanked(&page));
    }
}

/// Blanks what differs from night to night.
fn blanked(page: &str) -> String {
    let rules = [
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)", "[TIME]"),
        (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?", "[TIME]"),
        (r"\d{4}-\d{2}-\d{2}", "[DAY]"),
        (r"\d+:\d{2}:\d{2}", "[TOOK]"),
        (r"(?m)^(ferry_run_\w*seconds\S*) \S+$", "$1 [SECONDS]"),
        (r"the longest day \d+ s", "the longest day [N] s"),
        (r"(correlationId|request_id|id of the request)(\S*): \S+", "$1$2: [ID]"),
        (r"\.ferry-\w+\.part", "[PART]"),
        (r"─+", "─"),
    ];
    rules.iter().fold(page.to_owned(), |page, (pattern, blank)| {
        Regex::new(pattern).unwrap().replace_all(&page, *blank).into_owned()
    })
}

#[test]
fn a_night_with_an_expired_login() {
    let mut bedside = Bedside::new(PEOPLE);
    bedside.desk.set("HUBSPOT_TOKEN", "expired-token");
    let night = bedside.night();
    assert_eq!(night.code, 3, "{}", night.stderr);
    let page = bedside.morning("the login has ended", &night);
    bedside.desk.set("HUBSPOT_TOKEN", "secret-hubspot-token");
    bedside.check("night_login", &night, &page, "a new login, and two records that cannot be written");
}

#[test]
fn a_night_without_a_scope() {
    let mut bedside = Bedside::new(GOOD);
    bedside.desk.set("HUBSPOT_TOKEN", "noscope-token");
    let night = bedside.night();
    let page = bedside.morning("a scope is missing", &night);
    bedside.desk.set("HUBSPOT_TOKEN", "secret-hubspot-token");
    bedside.check("night_scope", &night, &page, "the scope is there");
}

#[test]
fn a_night_without_a_network() {
    let mut bedside = Bedside::new(GOOD);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = bedside.crms.url("hubspot").to_owned();
    bedside.desk.set("HUBSPOT_URL", &format!("http://{closed}"));
    let night = bedside.night();
    assert_eq!(night.code, 3, "{}", night.stderr);
    let page = bedside.morning("nobody answers", &night);
    bedside.desk.set("HUBSPOT_URL", &url);
    bedside.check("night_network", &night, &page, "the network is there");
}

#[test]
fn a_night_that_spends_its_quota_ends_with_six() {
    let bedside = Bedside::with(GOOD, "limits: { quota_share: 0.0000001 }\n", &[]);
    let night = bedside.night();
    assert_eq!(night.code, 6, "{}", night.stderr);
    let report = bedside.desk.ferry(["run", "people.yaml", "--json", "--quiet"]).json();
    assert_eq!(report["wait"]["for"], "quota", "{report}");
    assert_eq!(report["wait"]["connection"], "crm", "{report}");
    assert!(report["wait"]["until"].is_string(), "{report}");
    let page = bedside.morning("the share of the quota is used", &night);
    put_people(&bedside.desk, GOOD, TELLS);
    bedside.check("night_quota", &night, &page, "there is quota again");
}

#[test]
fn a_night_after_the_source_changed() {
    let bedside = Bedside::new(GOOD);
    assert_eq!(bedside.night().code, 0);
    bedside.desk.write("people.csv", &GOOD.replace("email", "mail"));
    let night = bedside.night();
    let page = bedside.morning("the source calls a field something else", &night);
    bedside.desk.write("people.csv", GOOD);
    bedside.check("night_source_changed", &night, &page, "the field has its name again");
}

#[test]
fn a_night_after_the_destination_changed() {
    let bedside = Bedside::new(GOOD);
    let text = fs::read_to_string(bedside.desk.path("people.yaml")).unwrap();
    bedside.desk.write("people.yaml", &text.replace("lastname: last", "gone_since: last"));
    let night = bedside.night();
    let page = bedside.morning("the destination has a field no more", &night);
    bedside.desk.write("people.yaml", &text);
    bedside.check("night_destination_changed", &night, &page, "the mapping names a field that is there");
}

#[test]
fn a_night_without_its_source_file() {
    let bedside = Bedside::new(GOOD);
    fs::remove_file(bedside.desk.path("people.csv")).unwrap();
    let night = bedside.night();
    let page = bedside.morning("the source's file is missing", &night);
    bedside.desk.write("people.csv", GOOD);
    bedside.check("night_source_missing", &night, &page, "the file is there");
}

#[test]
fn a_night_in_which_half_of_the_records_are_rejected() {
    let half = "id,email,first,last\n1,anna.albrecht@example.org,Anna,Albrecht\n2,no address,Bertil,Berg\n";
    let bedside = Bedside::new(half);
    let night = bedside.night();
    assert_eq!(night.code, 4, "{}", night.stderr);
    let page = bedside.morning("one of two records is rejected", &night);
    bedside.desk.write("people.csv", GOOD);
    bedside.check("night_rejects", &night, &page, "it is corrected at the source");
}

#[test]
fn a_night_with_a_full_disk() {
    let bedside = Bedside::new(&many_people(20_000));
    let night = bedside.desk.ferry_with_files_of(1_200, ["run", "people.yaml", "--quiet"]);
    assert_ne!(night.code, 0, "{}{}", night.stdout, night.stderr);
    let runs = bedside.desk.ferry(["runs", "--json"]).json();
    let run = &runs["runs"][0];
    assert!(["failed", "killed"].contains(&run["status"].as_str().unwrap()), "{runs}");
    assert_eq!(run["last_attempt"]["errors"].as_array().unwrap().len(), 1, "{runs}");
    let report = bedside.desk.ferry(["report"]);
    assert!(!report.stdout.contains("Running"), "{}", report.stdout);
    let after = bedside.desk.ferry(["run", "people.yaml", "--clock-speed", "20"]);
    assert_eq!(after.code, 0, "{}{}", after.stdout, after.stderr);
}

#[test]
fn a_killed_night_is_not_said_to_run() {
    let bedside = Bedside::with(&many_people(400), "limits: { batch_size: 10 }\n", &["--fault", "slow=200ms"]);
    let run = bedside.desk.start("run", ["run", "people.yaml"]);
    wait_until("records are written", || bedside.crms.held("hubspot", "contacts") >= 20);
    let running = bedside.desk.ferry(["runs", "--json"]).json();
    assert_eq!(running["runs"][0]["status"], "running", "{running}");
    run.signal("KILL");
    run.finish();
    let runs = bedside.desk.ferry(["runs", "--json"]).json();
    assert_eq!(runs["runs"][0]["status"], "killed", "{runs}");
    assert_eq!(runs["runs"][0]["last_attempt"]["errors"][0]["code"], "killed", "{runs}");
    assert!(runs["runs"][0]["last_attempt"]["last_sign_at"].is_string(), "{runs}");
    let report = bedside.desk.ferry(["report"]).stdout;
    assert!(report.contains("Was killed on ") && report.contains("resumes"), "{report}");
    let shown = bedside.desk.ferry(["show"]).stdout;
    assert!(shown.contains(", killed\n   ! the process ended without a word"), "{shown}");
    let after = bedside.desk.ferry(["run", "people.yaml", "--clock-speed", "20"]);
    assert_eq!(after.code, 0, "{}", after.stderr);
    let report = bedside.desk.ferry(["report"]).stdout;
    assert!(report.contains("Done on ") && report.contains("in attempt 2"), "{report}");
}

#[test]
fn a_pipeline_that_cannot_be_read_and_one_that_is_locked_leave_a_row_too() {
    let bedside = Bedside::with(&many_people(400), "limits: { batch_size: 10 }\n", &["--fault", "slow=200ms"]);
    let run = bedside.desk.start("run", ["run", "people.yaml"]);
    wait_until("records are written", || bedside.crms.held("hubspot", "contacts") >= 20);
    assert_eq!(bedside.night().code, 3);
    let text = fs::read_to_string(bedside.desk.path("people.yaml")).unwrap();
    bedside.desk.write("people.yaml", &text.replace("key: [email]", "keys: [email]"));
    assert_eq!(bedside.night().code, 2);
    run.signal("INT");
    run.finish();
    let runs = bedside.desk.ferry(["runs", "--json"]).json();
    let told: Vec<_> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["status"].as_str().unwrap(), &run["is_begun"], run["exit_code"].as_u64().unwrap()))
        .collect();
    let no = Json::Bool(false);
    let yes = Json::Bool(true);
    assert_eq!(told, [("failed", &no, 2), ("interrupted", &no, 3), ("interrupted", &yes, 130)], "{runs}");
    assert_eq!(runs["runs"][1]["last_attempt"]["errors"][0]["wait"]["for"], "lease", "{runs}");
    // What never began is neither the last run nor what the next one goes on with.
    bedside.desk.write("people.yaml", &text);
    let shown = bedside.desk.ferry(["show", "--json"]).json();
    assert_eq!(shown["run_id"], runs["runs"][2]["run_id"]);
    let resumed = bedside.desk.ferry(["run", "people.yaml", "--json", "--clock-speed", "20"]).json();
    assert_eq!((&resumed["run_id"], &resumed["is_resumed"]), (&shown["run_id"], &yes));
    let shown_after = bedside.desk.ferry(["show", "--json"]).json();
    assert_eq!((&shown_after["run_id"], &shown_after["is_resumed"]), (&shown["run_id"], &yes), "{shown_after}");
}

#[test]
fn any_unique_part_of_an_id_will_do_and_filters_filter() {
    let bedside = Bedside::new(PEOPLE);
    assert_eq!(bedside.night().code, 4);
    assert_eq!(bedside.night().code, 4);
    let listed = bedside.desk.ferry(["runs", "--json"]).json();
    let ids: Vec<&str> = listed["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let end = &ids[0][ids[0].len() - 4..];
    assert_eq!(bedside.desk.ferry(["show", end, "--json"]).json()["run_id"], ids[0]);
    let pages = [
        vec!["rejects", "run_"],
        vec!["report", "people.csv"],
        vec!["report", "--html", "people.csv/report.html", "--quiet"],
    ];
    let pages: String = pages.iter().map(|words| bedside.desk.ferry(words).page()).collect();
    check_text(&bedside.desk, "runs_and_reports_that_cannot_be_shown", &blanked(&pages));
    let count = |words: &[&str]| {
        let words = [&["runs", "--json"], words].concat();
        bedside.desk.ferry(words).json()["runs"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--limit", "1"]), 1);
    assert_eq!(count(&["--status", "failed"]), 0);
    assert_eq!(count(&["--pipeline", "people"]), 2);
    assert_eq!(count(&["--pipeline", "another"]), 0);
    assert_eq!(count(&["--since", "1h"]), 2);
    assert_eq!((&listed["runs"][0]["read"], &listed["runs"][0]["open_rejects"]), (&5.into(), &2.into()));
    assert_eq!(listed["runs"][1]["open_rejects"], 0, "what the second night left is its own: {listed}");
}

#[test]
fn thirty_nights_in_one_log_can_be_told_apart() {
    let mut bedside = Bedside::new(PEOPLE);
    bedside.desk.set("FERRY_LOG_FORMAT", "json");
    let ran = bedside.night();
    let lines: Vec<Json> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 3, "{}", ran.stderr);
    for line in &lines {
        assert!(line["time"].is_string() && line["pipeline"] == "people", "{line}");
    }
    assert!(lines.iter().filter(|line| line["run"].is_string()).count() >= 2, "{}", ran.stderr);
    bedside.desk.unset("FERRY_LOG_FORMAT");
    let quiet = bedside.desk.ferry(["run", "people.yaml", "--quiet"]);
    let first = quiet.stdout.lines().next().unwrap();
    assert!(first.starts_with("run_") && first.ends_with(" of pipeline `people`: done"), "{first}");
}

/// Answers one connection after the other, and hands over what it was sent.
fn receiver(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = request(&mut stream);
            answer(&mut stream);
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_webhook_that_answers_500_hangs_or_is_gone_changes_nothing() {
    let bedside = Bedside::new(PEOPLE);
    let (good, told) = receiver(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap());
    let (bad, _bad) = receiver(|stream| stream.write_all(b"HTTP/1.1 500 Oh no\r\ncontent-length: 0\r\n\r\n").unwrap());
    // A listener that nobody accepts from hangs.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hang = hanging.local_addr().unwrap();
    let receivers = format!(
        "on_finish:\n  - {{ when: rejects, webhook: \"http://{good}/T1/secret-path\" }}\n  - {{ when: always, webhook: \"http://{bad}/\" }}\n  \
         - {{ when: always, webhook: \"http://{hang}/\" }}\n  - {{ when: always, webhook: \"http://{gone}/\" }}\n  \
         - {{ when: failed, webhook: \"http://{good}/never\" }}\n  - {{ when: always, run: \"exit 3\" }}\n"
    );
    put_people(&bedside.desk, PEOPLE, &receivers);
    let ran = bedside.night();
    assert_eq!(ran.code, 4, "as without them: {}", ran.stderr);
    let body: Json = serde_json::from_str(&told.recv().unwrap()).unwrap();
    assert!(body["text"].as_str().unwrap().starts_with("Ferry: people done, with rejected records"), "{body}");
    assert_eq!((&body["records"]["rejected"], &body["exit_code"]), (&2.into(), &4.into()));
    assert!(!body.to_string().contains("carla.costa"), "no value of a record: {body}");
    let shown = bedside.desk.ferry(["show"]).stdout;
    for line in [
        "· webhook 127.0.0.1: told",
        "· webhook 127.0.0.1: not told: it answered 500 Internal Server Error",
        "· webhook 127.0.0.1: not told: no answer within 10 s",
        "· webhook 127.0.0.1: not told: it cannot be reached",
        "· command: not told: it ended with exit status: 3",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert_eq!(ran.stderr.matches("was not told of the run's end").count(), 4, "{}", ran.stderr);
    assert!(!shown.contains("secret-path") && !ran.stderr.contains("secret-path"));
}

/// A mail server for one mail.
fn mail_server() -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        stream.write_all(b"220 here\r\n").unwrap();
        let mut mail = String::new();
        let mut is_data = false;
        while let Some(Ok(line)) = lines.next() {
            mail.extend([line.as_str(), "\n"]);
            let answer: &[u8] = match (is_data, line.as_str()) {
                (true, ".") => {
                    is_data = false;
                    b"250 taken\r\n"
                }
                (true, _) => continue,
                (false, "DATA") => {
                    is_data = true;
                    b"354 go on\r\n"
                }
                (false, "QUIT") => break,
                (false, _) => b"250 fine\r\n",
            };
            stream.write_all(answer).unwrap();
        }
        mail
    });
    (port, served)
}

#[test]
fn a_mail_tells_of_a_failed_night() {
    let mut bedside = Bedside::new(GOOD);
    let (port, served) = mail_server();
    let mail = format!(
        "on_finish: [{{ when: failed, mail: {{ to: \"ops@example.com, boss@example.com\", from: ferry@example.com, host: 127.0.0.1, port: {port} }} }}]\n"
    );
    put_people(&bedside.desk, GOOD, &mail);
    bedside.desk.set("HUBSPOT_TOKEN", "expired-token");
    let ran = bedside.night();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(!ran.stderr.contains("was not told"), "{}", ran.stderr);
    let sent = served.join().unwrap();
    for part in ["RCPT TO:<boss@example.com>", "Subject: Ferry: people failed", "From: ferry@example.com"] {
        assert!(sent.contains(part), "{part}\n{sent}");
    }
}
