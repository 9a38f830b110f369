//! What stands between a process and the machine: a small library, loaded before the C library, through which the clock jumps,
//! the disk runs full, or the process dies in the middle of a write to the state file.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What the machine does to one run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Machine {
    /// So many milliseconds after its start, the clock goes back by an hour.
    ClockBack(u64),
    /// The n-th write to the state file is carried out by half, and the process is killed.
    KillAtWrite(u64),
    /// From the n-th write to the state file on, the disk is full.
    FullAtWrite(u64),
}

/// Where the number of writes to the state file is put.
const COUNT: &str = "state-writes";

impl Machine {
    /// Sets a command up for it. Without a C compiler, or elsewhere than on Linux, the run goes undisturbed.
    pub(crate) fn attach(self, command: &mut Command) {
        let Some(library) = library() else { return };
        let (name, value) = match self {
            Self::ClockBack(after_ms) => ("DISTURB_CLOCK_BACK_MS", after_ms),
            Self::KillAtWrite(number) => ("DISTURB_KILL_AT_WRITE", number),
            Self::FullAtWrite(number) => ("DISTURB_FULL_AT_WRITE", number),
        };
        command.env("LD_PRELOAD", library).env(name, value.to_string());
    }
}

/// Lets the library count the writes of a run.
pub(crate) fn count_writes(command: &mut Command, folder: &Path) {
    if let Some(library) = library() {
        command.env("LD_PRELOAD", library).env("DISTURB_COUNT", folder.join(COUNT));
    }
}

/// Returns how many writes were counted; none where nothing counts.
pub(crate) fn counted_writes(folder: &Path) -> u64 {
    let text = std::fs::read_to_string(folder.join(COUNT)).unwrap_or_default();
    text.parse().unwrap_or_default()
}

/// Builds the library, once; none where it cannot be.
pub(crate) fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        println!("clock, full disk and torn writes are left out: they are for Linux");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disturb.c");
    // Beside the test's own binary, and by process, so that two of them do not build at once into one file.
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disturb-{}.so", std::process::id()));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    if built.is_ok_and(|status| status.success()) {
        return Some(library);
    }
    println!("clock, full disk and torn writes are left out: there is no C compiler `cc`");
    None
}
