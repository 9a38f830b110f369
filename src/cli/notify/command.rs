//! Hands the end of a run to a command.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::clock::Clock;

use super::Ending;

/// How often it is looked whether the command has ended, in real time.
const LOOK: Duration = Duration::from_millis(50);

/// A command that is killed when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the command in the pipeline's folder until it ends. Nobody reads what it prints.
pub(super) async fn run(command: &str, folder: &Path, ending: &Ending<'_>) -> Result<(), String> {
    let (command, folder, body) = (command.to_owned(), folder.to_owned(), ending.json()?);
    let started = tokio::task::spawn_blocking(move || start(&command, &folder, &body));
    let mut running = started.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let clock = Clock::system();
    loop {
        match running.0.try_wait() {
            Ok(None) => clock.sleep(LOOK).await,
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn start(command: &str, folder: &Path, body: &str) -> std::io::Result<Running> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.args([if cfg!(windows) { "/C" } else { "-c" }, command]).current_dir(folder);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not care for it closes its input.
        let _ = stdin.write_all(body.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    Ok(Running(child))
}
