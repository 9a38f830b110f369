//! A folder with a home, a state file and variables of its own, in which `ferry` is typed.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::{COMMAND_TIMEOUT, Crms, FERRY, audit::audit_whole, wait_within};

/// The key of the state files on all desks, unless a test takes it away.
const STATE_KEY: &str = "3333333333333333333333333333333333333333333333333333333333333333";

/// Where a test types its commands.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that still runs; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    process: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// The key file of a service account, with a key that opens nothing.
fn key_file() -> String {
    let key = include_str!("../../../src/cli/local/key_of_no_use.pem");
    let email = "ferry@demo-project.iam.gserviceaccount.com";
    serde_json::json!({ "type": "service_account", "client_email": email, "private_key": key }).to_string()
}

impl Desk {
    /// Makes an empty desk with tokens that every emulator accepts, and the emulators' URLs as `HUBSPOT_URL` and so on.
    pub(crate) fn new(crms: &Crms) -> Self {
        let mut desk = Self::without_tokens();
        for vendor in crms.vendors() {
            let name = vendor.to_uppercase();
            desk.set(&format!("{name}_TOKEN"), &format!("secret-{vendor}-token"));
            desk.set(&format!("{name}_CLIENT_ID"), &format!("{vendor}-app"));
            desk.set(&format!("{name}_CLIENT_SECRET"), &format!("secret-{vendor}-app"));
            desk.set(&format!("{name}_URL"), crms.url(vendor));
        }
        desk.set("GOOGLE_CREDENTIALS", &key_file());
        desk
    }

    /// Makes an empty desk that knows no emulators and has no tokens.
    pub(crate) fn without_tokens() -> Self {
        let mut desk = Self { folder: tempfile::tempdir().unwrap(), variables: BTreeMap::new() };
        desk.set("HOME", desk.path("home").to_str().unwrap());
        desk.set("FERRY_STATE_KEY", STATE_KEY);
        desk
    }

    /// Sets a variable of the environment of all further commands.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable out of the environment of all further commands.
    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Returns the variables of the environment of all further commands.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let state = ("FERRY_STATE".to_owned(), self.path("state.db").to_str().unwrap().to_owned());
        self.variables.clone().into_iter().chain([state])
    }

    /// Returns a path on the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file on the desk.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Types a command and waits for its end.
    pub(crate) fn ferry<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        let output = assert_cmd::Command::from_std(self.command(args)).timeout(COMMAND_TIMEOUT).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Types a command on a machine that lets no file grow beyond so many blocks of 512 bytes or a kilobyte.
    pub(crate) fn ferry_with_files_of<const N: usize>(&self, blocks: u32, args: [&str; N]) -> Ran {
        // A write beyond the limit fails as on a broken disk; without the trap it would end the process.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {FERRY} {}", args.join(" "));
        let mut command = Command::new("/bin/sh");
        command.current_dir(self.folder.path()).env_clear().envs(&self.variables).args(["-c", &script]);
        command.env("FERRY_STATE", self.path("state.db"));
        let output = assert_cmd::Command::from_std(command).timeout(COMMAND_TIMEOUT).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Types a command and does not wait for its end. `name` is that of the files for its output.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = A>) -> Background {
        let (stdout, stderr) = (self.path(&format!("{name}.stdout")), self.path(&format!("{name}.stderr")));
        let mut command = self.command(args);
        command.stdout(fs::File::create(&stdout).unwrap()).stderr(fs::File::create(&stderr).unwrap());
        Background { process: command.stdin(Stdio::null()).spawn().unwrap(), stdout, stderr }
    }

    /// Runs a pipeline against emulators, checks the exit code, audits the run and returns its report.
    pub(crate) fn run(&self, crms: &Crms, pipeline: &Path, args: &[&str], code: i32) -> Json {
        let words = ["run", pipeline.to_str().unwrap()];
        self.audited(crms, pipeline, &[&words, args].concat(), code)
    }

    /// Types a command that moves records of a pipeline, checks the exit code, audits the run and returns its report.
    pub(crate) fn audited(&self, crms: &Crms, pipeline: &Path, args: &[&str], code: i32) -> Json {
        let before = crms.counts();
        let ran = self.ferry([args, &["--json", "--quiet"]].concat());
        assert_eq!(ran.code, code, "{}\n{}", ran.stderr, ran.stdout);
        let report = ran.json();
        audit_whole(pipeline, &report, &before, &crms.counts());
        report
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(FERRY);
        command.current_dir(self.folder.path()).env_clear().envs(&self.variables);
        // The judges look at what dry runs send, too.
        command.envs(std::env::var_os("FERRY_EXCHANGES").map(|folder| ("FERRY_EXCHANGES", folder)));
        command.env("FERRY_STATE", self.path("state.db")).args(args);
        command
    }
}

impl Ran {
    /// Returns stdout as the one JSON object that it is.
    pub(crate) fn json(&self) -> Json {
        let json: Json = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON value: {error}\n{}\n{}", self.stdout, self.stderr));
        assert!(json.is_object(), "stdout is not an object: {json}");
        json
    }

    /// Returns exit code, stdout and stderr as a snapshot shows them.
    pub(crate) fn page(&self) -> String {
        format!("exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Background {
    /// Returns what it has said on stderr so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends a signal, e.g. `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process.id())]).status().unwrap();
        assert!(sent.success(), "the process is gone");
    }

    /// Waits for the end of the command.
    pub(crate) fn finish(self) -> Ran {
        self.finish_within(Duration::from_mins(1))
    }

    /// Waits for the end of the command, which must come in time.
    pub(crate) fn finish_within(mut self, time: Duration) -> Ran {
        let mut status = None;
        wait_within(time, "the end of the command", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let code = status.and_then(|status| status.code()).unwrap_or(-1);
        Ran { code, stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
