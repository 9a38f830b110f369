//! A preview on a terminal: the keys that page it, and how it fits the width.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use super::{
    mirrors::{PLACES, SPEED},
    pages::check_text,
    plans,
    previews::{EXPORT, put_pipeline},
    support::{Desk, FERRY, wait_until},
};

/// What asks for a key.
const KEYS: &str = "n next record · r what would be rejected · q quit";

/// A command that works on a terminal, which the program `script` of util-linux makes. A crate for it would bring features of `libc`
/// along that have all of polars built a second time.
pub(super) struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How often a key was asked for when the last one was typed.
    asked: usize,
}

impl Terminal {
    /// Types a command on a terminal that is dumb: escape codes would be in the way of what is compared.
    fn open(desk: &Desk, columns: u16, args: &[&str]) -> Self {
        Self::open_as("dumb", desk, columns, args)
    }

    /// Types a command on a terminal of a kind.
    pub(super) fn open_as(term: &str, desk: &Desk, columns: u16, args: &[&str]) -> Self {
        let quoted: Vec<String> = args.iter().map(|arg| format!("'{}'", arg.replace('\'', "'\\''"))).collect();
        let typed = format!("stty rows 50 cols {columns} && exec '{FERRY}' {}", quoted.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
        command.current_dir(desk.path("")).env_clear().envs(desk.variables());
        command.env("TERM", term).env("SHELL", "/bin/sh").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (mut reader, keys) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                sink.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keys, shown, asked: 0 }
    }

    fn text(&self) -> String {
        self.raw().replace('\r', "")
    }

    /// Returns all that was sent to the terminal so far.
    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until a key is asked for once more, and types one.
    fn press(&mut self, key: &str) {
        wait_until("a key is asked for", || self.text().matches(KEYS).count() > self.asked);
        self.asked = self.text().matches(KEYS).count();
        self.keys.write_all(key.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until something is asked, and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        wait_until("something is asked", || self.text().contains(question));
        self.keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end, and returns the exit code with all that was shown.
    fn end(self) -> (i32, String) {
        self.end_with("this was a preview")
    }

    /// Waits for the end, which shows this last.
    pub(super) fn end_with(mut self, last: &str) -> (i32, String) {
        let (code, _) = self.finish(last);
        (code, self.text())
    }

    /// Waits for the end, which shows this last, and returns the exit code with all that was sent to the terminal.
    pub(super) fn finish(&mut self, last: &str) -> (i32, String) {
        let mut code = None;
        wait_until("the command ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        wait_until("all is shown", || self.text().contains(last));
        (code.and_then(|code| code.code()).unwrap_or(-1), self.raw())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn desk() -> Desk {
    let desk = Desk::without_tokens();
    desk.write("export.csv", &format!("{EXPORT}4,,\"1,00\",01.01.2024,,,Open,\n"));
    let amount = ("amount", "apply: [{ number: { decimal: \",\", thousands: \".\" } }], required: true".to_owned());
    let since = ("since", "format: \"%d.%m.%Y\"".to_owned());
    let stage = ("stage", "values: { Open: o, Won: w }".to_owned());
    put_pipeline(&desk, &[amount, since, stage].into());
    desk
}

fn record(number: u32) -> String {
    format!("record {number}: ")
}

#[test]
fn keys_show_the_next_record_the_rejects_and_the_end() {
    let desk = desk();
    let mut terminal = Terminal::open(&desk, 120, &["preview", "typed.yaml", "--show", "3"]);
    // What means nothing is passed over.
    terminal.press("xr");
    terminal.press("n");
    terminal.press("q");
    let (code, text) = terminal.end();
    assert_eq!(code, 4, "{text}");
    assert_eq!(text.matches("would be rejected\n").count(), 1, "`r` shows them, once: {text}");
    assert!(text.contains(&record(1)) && text.contains(&record(2)) && !text.contains(&record(3)), "{text}");
    assert!(!text.contains("not mapped"), "`q` ends it before all findings: {text}");
}

#[test]
fn behind_the_last_record_all_findings_are_shown() {
    let desk = desk();
    for key in ["n", " ", "\r", "\u{1b}[B"] {
        let mut terminal = Terminal::open(&desk, 120, &["preview", "typed.yaml", "--show", "2"]);
        terminal.press(key);
        terminal.press(key);
        let (code, text) = terminal.end();
        assert_eq!(code, 4, "{text}");
        assert!(text.contains("would be rejected\n") && text.contains("not mapped\n"), "{key:?}: {text}");
    }
}

#[test]
fn a_terminal_without_records_to_show_asks_for_no_key() {
    let desk = desk();
    for args in [["--show", "0"], ["--where", "id = 'none'"]] {
        let (_, text) = Terminal::open(&desk, 120, &[&["preview", "typed.yaml"], &args[..]].concat()).end();
        assert!(!text.contains(KEYS), "{args:?}: {text}");
    }
}

#[test]
fn a_preview_fits_the_terminal() {
    let desk = desk();
    for columns in [80, 120] {
        let mut terminal = Terminal::open(&desk, columns, &["preview", "typed.yaml", "--show", "2"]);
        terminal.press("n");
        terminal.press("n");
        let (_, text) = terminal.end();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        let tables: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("hint") && !line.starts_with("this")).collect();
        let wide = tables.iter().filter(|line| line.chars().count() > usize::from(columns)).collect::<Vec<_>>();
        assert!(wide.is_empty(), "{columns} columns, {widest} wide: {wide:?}");
        check_text(&desk, &format!("preview_at_{columns}_columns"), &text);
    }
}

#[test]
fn a_plan_fits_the_terminal() {
    let place = &PLACES[0];
    let crms = place.start();
    let desk = Desk::new(&crms);
    plans::put(&desk, "people", &[plans::person(1, "Ada")]);
    let file = plans::pipeline(&desk, place, "people", "upsert");
    desk.run(&crms, &file, &SPEED, 0);
    // A field is new at the source since the last run, and nothing uses it.
    let row = |number: usize, name: &str, remark: &str| {
        let mut row: serde_json::Value = serde_json::from_str(&plans::person(number, name)).unwrap();
        row["remark"] = remark.into();
        row.to_string()
    };
    let remark = "a remark that is longer than what is shown of it";
    plans::put(&desk, "people", &[row(1, &"A long name ".repeat(9), remark), row(2, "Grace", "")]);
    for columns in [80, 120] {
        let args = [&["plan", "people.yaml", "--quiet"], &SPEED[..]].concat();
        let (code, text) = Terminal::open(&desk, columns, &args).end_with("people changed what Ferry wrote");
        assert_eq!(code, 0, "{text}");
        let wide = text.lines().find(|line| line.chars().count() > usize::from(columns));
        assert!(wide.is_none(), "{columns} columns: {wide:?}\n{text}");
        check_text(&desk, &format!("plan_at_{columns}_columns"), &text);
    }
}

/// Shown first, then asked: only a yes removes anything.
#[test]
fn an_erasure_fits_the_terminal_and_asks() {
    let place = &PLACES[0];
    let crms = place.start();
    let desk = Desk::new(&crms);
    plans::put(&desk, "people", &[plans::person(1, "Ada"), plans::person(2, "Grace")]);
    let file = plans::pipeline(&desk, place, "people", "upsert");
    desk.run(&crms, &file, &SPEED, 0);
    let address = "p1@example.org";
    let held = crms.held(place.vendor, place.object);
    for (columns, answer, held, last) in [(80, "n", held, "[y/N]"), (120, "y", held - 1, "by the next run")] {
        let args = ["erase", "people.yaml", "--email", address, "--at-destinations", SPEED[0], SPEED[1]];
        let mut terminal = Terminal::open(&desk, columns, &args);
        terminal.answer("remove all this? [y/N]", answer);
        let (code, text) = terminal.end_with(last);
        assert_eq!((code, crms.held(place.vendor, place.object)), (0, held), "{text}");
        assert!(!text.contains(address), "{text}");
        let is_table = |line: &&str| !line.starts_with(['·', '!']) && !line.contains("next run");
        let wide = text.lines().filter(is_table).find(|line| line.chars().count() > usize::from(columns));
        assert!(wide.is_none(), "{columns} columns: {wide:?}\n{text}");
        check_text(&desk, &format!("erase_at_{columns}_columns"), &text);
    }
}
