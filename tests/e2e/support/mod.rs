//! The local CRMs, the desk at which `ferry` is typed, and the audit after every run.

mod audit;
mod crms;
mod desk;
mod gateway;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use audit::{LEDGER, audit_calls, audit_ledgers, audit_stopped, audit_whole};
pub(crate) use crms::Crms;
pub(crate) use desk::{Background, Desk, Ran};
pub(crate) use gateway::Gateway;

/// Longest time for one command, in real time: the longest run takes a tenth of it on two busy cores.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_mins(10);

/// The binary under test.
pub(crate) const FERRY: &str = env!("CARGO_BIN_EXE_ferry");

/// Returns a path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns a folder of the sample data beside the repository; says so and returns none where there is none.
pub(crate) fn sample_data(folder: &str) -> Option<PathBuf> {
    let path = repository("../shared/data").join(folder);
    if !path.is_dir() {
        println!("skipped: there is no sample data in {}", path.display());
        return None;
    }
    Some(path)
}

/// Polls until `is_reached`, for at most a minute.
pub(crate) fn wait_until(what: &str, is_reached: impl FnMut() -> bool) {
    wait_within(Duration::from_mins(1), what, is_reached);
}

/// Polls until `is_reached`, for at most this time.
pub(crate) fn wait_within(time: Duration, what: &str, mut is_reached: impl FnMut() -> bool) {
    const PAUSE: Duration = Duration::from_millis(20);
    let polls = time.as_millis() / PAUSE.as_millis();
    for _ in 0..polls {
        if is_reached() {
            return;
        }
        pause(PAUSE);
    }
    panic!("did not happen in {time:?}: {what}");
}

/// Lets real time pass: between polls, and between requests that keep to a limit.
pub(crate) fn pause(length: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a test of processes has only the machine's clock")]
    std::thread::sleep(length);
}
