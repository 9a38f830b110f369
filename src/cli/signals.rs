//! Ctrl-C and SIGTERM: the first one lets the batches in flight finish, within bounds; the second one does not wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

use super::output::Output;

/// How long batches in flight may take after the first signal, in real time: supervisors kill what has not ended after 10 s.
const PATIENCE: Duration = Duration::from_secs(9);
/// Numbers of the signals (POSIX).
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// Which signal came, if one came.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    number: Arc<AtomicU8>,
}

impl Signals {
    /// Listens; the token is cancelled by the first signal.
    pub(super) fn listen(shutdown: CancellationToken, output: Output) -> Self {
        let text = "stopping: the batches in flight are committed; once more to stop at once";
        Self::listen_saying(shutdown, output, text)
    }

    /// Listens, and says this when the first signal comes.
    pub(super) fn listen_saying(shutdown: CancellationToken, output: Output, text: &'static str) -> Self {
        let signals = Self::default();
        let heard = signals.clone();
        tokio::spawn(async move {
            let number = wait().await;
            heard.number.store(number, Ordering::Relaxed);
            output.say(text);
            shutdown.cancel();
            let clock = Clock::system();
            let number = tokio::select! {
                number = wait() => number,
                () = clock.sleep(PATIENCE) => {
                    output.say("what is in flight did not end in time; the next run settles it");
                    number
                }
            };
            // The state file holds the intents of what is in flight, so the next run settles it.
            std::process::exit(i32::from(128_u8.saturating_add(number)));
        });
        signals
    }

    /// Returns the number of the signal that came.
    pub(super) fn number(&self) -> Option<u8> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }
}

#[cfg(unix)]
pub(super) async fn wait() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => SIGINT,
        _ = terminate.recv() => SIGTERM,
    }
}

#[cfg(not(unix))]
pub(super) async fn wait() -> u8 {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    SIGINT
}
