//! Local CRMs: `ferry emulate` as a process.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value as Json;

use super::FERRY;

/// How often an emulator that loses answers is asked.
const ATTEMPTS: usize = 30;

/// Emulators in a process of their own, which ends with this.
#[derive(Debug)]
pub(crate) struct Crms {
    process: Child,
    urls: BTreeMap<String, String>,
    web: Web,
}

/// Asks over HTTP.
#[derive(Debug)]
struct Web {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Crms {
    /// Starts emulators on free ports; `args` are further arguments of `ferry emulate`.
    pub(crate) fn start(vendors: &[&str], fixtures: Option<&Path>, args: &[&str]) -> Self {
        let mut command = Command::new(FERRY);
        command.arg("emulate").args(vendors).args(["--port", "0", "--quiet"]).args(args);
        if let Some(fixtures) = fixtures {
            command.arg("--fixtures").arg(fixtures);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        // Made before the lines are read, so that the process ends with it if they do not come.
        let mut crms = Self { process, urls: BTreeMap::new(), web: Web::new() };
        for line in stdout.lines().take(vendors.len()) {
            let line = line.unwrap();
            let (vendor, url) = line.split_once(' ').expect("a line is `VENDOR URL`");
            crms.urls.insert(vendor.to_owned(), url.to_owned());
        }
        assert_eq!(crms.urls.len(), vendors.len(), "the emulators did not start");
        crms
    }

    /// Returns the vendors that there are emulators of.
    pub(crate) fn vendors(&self) -> impl Iterator<Item = &str> {
        self.urls.keys().map(String::as_str)
    }

    /// Returns the URL of a vendor's API host.
    pub(crate) fn url(&self, vendor: &str) -> &str {
        &self.urls[vendor]
    }

    /// Returns the answer of a path as JSON.
    pub(crate) fn get(&self, vendor: &str, path: &str) -> Json {
        self.web.get(&format!("{}{path}", self.urls[vendor]))
    }

    /// Sends what a person does in the vendor's screens, and makes sure that it is taken.
    pub(crate) fn send(&self, vendor: &str, (method, path): (&str, &str), body: &Json) {
        self.web.send(method, &format!("{}{path}", self.urls[vendor]), body);
    }

    /// Returns the answer of a path as JSON, from an emulator that loses answers.
    pub(crate) fn get_at_last(&self, vendor: &str, path: &str) -> Json {
        let url = format!("{}{path}", self.urls[vendor]);
        (0..ATTEMPTS).find_map(|_| self.web.try_get(&url).ok()).unwrap_or_else(|| panic!("{url} is never answered"))
    }

    /// Opens a page as a browser does, redirects and all, and returns the status of where it ends.
    pub(crate) fn visit(&self, url: &str) -> u16 {
        self.web.visit(url)
    }

    /// Returns what every emulator holds and was asked, by vendor.
    pub(crate) fn counts(&self) -> BTreeMap<String, Json> {
        self.urls.keys().map(|vendor| (vendor.clone(), self.get(vendor, "/_emulator/counts"))).collect()
    }

    /// Returns how many records of an object an emulator holds.
    pub(crate) fn held(&self, vendor: &str, object: &str) -> u64 {
        self.get(vendor, "/_emulator/counts")["records"][object].as_u64().unwrap_or_default()
    }
}

impl Drop for Crms {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Web {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// Opens a page as a browser does, redirects and all, and returns the status of where it ends.
    fn visit(&self, url: &str) -> u16 {
        let visit = async { self.client.get(url).timeout(super::COMMAND_TIMEOUT).send().await };
        self.runtime.block_on(visit).unwrap_or_else(|error| panic!("{url}: {error}")).status().as_u16()
    }

    fn send(&self, method: &str, url: &str, body: &Json) {
        let request = self.client.request(method.parse().unwrap(), url).bearer_auth("a-test").json(body);
        let sent = async { request.timeout(super::COMMAND_TIMEOUT).send().await };
        let answer = self.runtime.block_on(sent).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(answer.status().is_success(), "{method} {url}: {}", answer.status());
    }

    fn get(&self, url: &str) -> Json {
        self.try_get(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn try_get(&self, url: &str) -> reqwest::Result<Json> {
        self.runtime.block_on(async {
            let request = self.client.get(url).bearer_auth("a-test").timeout(super::COMMAND_TIMEOUT);
            request.send().await?.error_for_status()?.json().await
        })
    }
}
