//! The report's page in a real browser: at the widths of a telephone and a desk, light and dark, nothing overflows, and no request leaves
//! it. Says so and skips where there is no Chromium. Screenshots are kept in the folder `FERRY_SCREENSHOTS`, where one is named.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use clock::Clock;

use super::{
    people::{PEOPLE, put_people},
    support::{Crms, Desk},
};

/// Names under which Chromium is installed.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
/// Hosts that Chromium asks by itself, also with an empty page: for updates, the time, and whether somebody is logged in.
const OF_THE_BROWSER: [&str; 4] = [".google.com:", ".google.com/", ".googleapis.com", ".gvt1.com"];
/// Longest time for one page, in real time.
const TIMEOUT: Duration = Duration::from_mins(1);
/// What the page says of itself, put in by the test: the page has no script of its own.
const PROBE: &str = r#"<script>addEventListener("load",()=>{const wide=document.documentElement.scrollWidth,view=document.documentElement.clientWidth;
const over=[...document.querySelectorAll("main *")].filter(e=>e.getBoundingClientRect().right>view+1&&!e.closest("svg")).map(e=>e.tagName+"."+e.className);
const style=getComputedStyle(document.body);
document.title=JSON.stringify({wide,view,over,page:style.backgroundColor,text:style.color,requests:performance.getEntriesByType("resource").length});});</script>"#;

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = BROWSERS
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
    if found.is_none() {
        println!("skipped: no Chromium is installed ({})", BROWSERS.join(", "));
    }
    found
}

/// A page with a bit of everything: three pipelines, of which one failed, one has rejects, and one is done.
fn page(desk: &Desk) -> String {
    for (name, token, records) in [
        ("people", "secret-hubspot-token", PEOPLE),
        ("a-pipeline-with-a-very-long-name-that-has-to-be-broken-somewhere", "invalid-token", PEOPLE),
        ("done", "secret-hubspot-token", "id,email,first,last\n1,anna.albrecht@example.org,Anna,Albrecht\n"),
    ] {
        put_people(desk, records, "");
        let text = fs::read_to_string(desk.path("people.yaml"))
            .unwrap()
            .replace("name: people\nconn", &format!("name: {name}\nconn"));
        desk.write("people.yaml", &text.replace("${HUBSPOT_TOKEN}", token));
        let ran = desk.ferry(["run", "people.yaml", "--quiet"]);
        assert!(matches!(ran.code, 0 | 3 | 4), "{}", ran.stderr);
    }
    let ran = desk.ferry(["report", "--html", "report.html"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    fs::read_to_string(desk.path("report.html")).unwrap()
}

#[test]
fn the_page_holds_no_values_unless_asked_and_nothing_to_fetch() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let html = page(&desk);
    for fetched in ["src=", "href=", "@import", "url(", "<script", "<link", "http://", "https://"] {
        assert!(!html.contains(fetched) || fetched.starts_with("http"), "{fetched}\n{html}");
    }
    assert!(!html.contains("carla.costa"), "{html}");
    let ran = desk.ferry(["report", "--html", "report.html", "--values"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(fs::read_to_string(desk.path("report.html")).unwrap().contains("carla.costa-at-example.org"));
}

#[test]
fn the_page_fits_a_telephone_and_a_desk_light_and_dark_and_asks_nobody() {
    let Some(browser) = browser() else { return };
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    // The probe is the test's own, so the page's policy is taken out for it; that it is there is looked at first.
    let html = page(&desk);
    let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
    assert!(html.contains(policy));
    let probed = html.replace(policy, PROBE);
    let probed = desk.write("probed.html", &probed);
    let (proxy, asked) = proxy();
    let mut colours = Vec::new();
    for (width, is_dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        let dom = look(&browser, &desk, &proxy, &probed, width, is_dark);
        let (_, rest) = dom.split_once("<title>").unwrap();
        let (said, _) = rest.split_once("</title>").unwrap();
        let said: serde_json::Value =
            serde_json::from_str(&said.replace("&quot;", "\"")).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!(said["wide"], said["view"], "it can be scrolled sideways at {width}: {said}");
        assert_eq!(said["over"].as_array().unwrap().len(), 0, "at {width}: {said}");
        assert_eq!(said["requests"], 0, "{said}");
        colours.push(said["page"].as_str().unwrap().to_owned());
    }
    assert_eq!(colours[0], colours[2]);
    assert_eq!(colours[1], colours[3]);
    assert_ne!(colours[0], colours[1], "light and dark look alike");
    let asked = asked.lock().unwrap();
    let is_own = |line: &String| OF_THE_BROWSER.iter().any(|host| line.contains(host));
    assert!(asked.iter().all(is_own), "the page asked somebody for something: {asked:?}");
}

/// Where all that the browser would fetch is sent: keeps the first line of each request, and answers none.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let mut line = String::new();
            // One that hangs up at once asks for nothing.
            if BufReader::new(stream).read_line(&mut line).is_ok_and(|count| count > 0) {
                kept.lock().unwrap().push(line);
            }
        }
    });
    (address, asked)
}

/// Opens the page and returns what the browser made of it; a screenshot is kept where a folder for it is named.
fn look(browser: &Path, desk: &Desk, proxy: &str, page: &Path, width: u32, is_dark: bool) -> String {
    let name = format!("report-{width}-{}", if is_dark { "dark" } else { "light" });
    let mut arguments = vec![
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--no-first-run".to_owned(),
        format!("--proxy-server=http://{proxy}"),
        format!("--user-data-dir={}", desk.path("browser").display()),
        format!("--window-size={width},2000"),
        "--virtual-time-budget=2000".to_owned(),
    ];
    if is_dark {
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    } else {
        arguments.push("--blink-settings=preferredColorScheme=1".to_owned());
    }
    let url = format!("file://{}", page.display());
    if let Some(folder) = std::env::var_os("FERRY_SCREENSHOTS") {
        let file = PathBuf::from(folder).join(format!("{name}.png"));
        let shot = format!("--screenshot={}", file.display());
        run(browser, &[arguments.as_slice(), &[shot, url.clone()]].concat());
    }
    run(browser, &[arguments.as_slice(), &["--dump-dom".to_owned(), url]].concat())
}

fn run(browser: &Path, arguments: &[String]) -> String {
    let mut process = Command::new(browser)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = process.stdout.take().unwrap();
    let (sender, read) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    let text = read.recv_timeout(TIMEOUT);
    let _ = process.kill();
    let _ = process.wait();
    text.expect("the browser did not end in time")
}

/// A history of 5,000 runs, as 14 years of nights leave it.
#[test]
fn a_page_of_5000_runs_is_small() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    assert_eq!(desk.ferry(["run", "people.yaml", "--quiet"]).code, 4);
    let mut state = rusqlite::Connection::open(desk.path("state.db")).unwrap();
    let transaction = state.transaction().unwrap();
    let ledger = r#"{"read":1200,"filtered":0,"duplicate":0,"unchanged":1180,"created":12,"updated":7,"deleted":0,"rejected":1,"held":0}"#;
    let now = Clock::system().now();
    for number in 0..5_000_u32 {
        let day = now - chrono::TimeDelta::hours(i64::from(number) * 5 + 24);
        let (id, start) = (format!("run_old_{number:05}"), day.to_rfc3339());
        let end = (day + chrono::TimeDelta::minutes(7)).to_rfc3339();
        let (status, code) = if number % 9 == 0 { ("failed", 3) } else { ("done", 0) };
        let pipeline = format!("nightly-{}", number % 4);
        transaction
            .execute(
                "INSERT INTO runs (run_id, pipeline, file, fingerprint, kind, status, started_at, finished_at, version)
                 VALUES (?1, ?2, 'p.yaml', '', 'run', ?3, ?4, ?5, '')",
                rusqlite::params![id, pipeline, status, start, end],
            )
            .unwrap();
        transaction
            .execute(
                "INSERT INTO attempts (run_id, number, started_at, finished_at, exit_code, ledger, quotas, place)
                 VALUES (?1, 1, ?2, ?3, ?4, ?5, '{\"crm\":0.31}', ?6)",
                rusqlite::params![id, start, end, code, ledger, -i64::from(number)],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(state);
    let mut best = Duration::MAX;
    for _ in 0..3 {
        #[expect(clippy::disallowed_methods, reason = "a test of processes has only the machine's clock")]
        let begun = Instant::now();
        let ran = desk.ferry(["report", "--html", "report.html", "--quiet"]);
        best = best.min(begun.elapsed());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let size = fs::metadata(desk.path("report.html")).unwrap().len();
    println!("5,000 runs: {best:?}, {size} bytes");
    assert!(size < 2_000_000, "{size} bytes");
}
