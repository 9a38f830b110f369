//! Tells people that a run has ended, as `on_finish` of its pipeline says.
//!
//! Nothing here changes what the run ends with: a receiver that fails, hangs or is gone gets a line, and is kept with the attempt.

mod body;
mod command;
mod mail;
mod webhook;

use std::time::Duration;

use futures::future::join_all;

use crate::clock::Clock;
use crate::config::{NoticeWhen, Pipeline, Receiver};
use crate::state::{Notice, RunTally};

use super::{output, printable::one_line};

pub(super) use body::Ending;

/// Longest time for one receiver, in real time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tells all receivers of a pipeline that ask for such an end, side by side. Returns whether each was reached.
pub(super) async fn tell(pipeline: &Pipeline, tally: &RunTally, open_rejects: u64) -> Vec<Notice> {
    let ending = Ending::new(tally, open_rejects);
    let wanted = pipeline.on_finish.iter().filter(|entry| is_wanted(entry.when, &ending));
    let clock = Clock::system();
    let told = wanted.map(async |entry| {
        let error = tokio::select! {
            told = send(pipeline, &entry.receiver, &ending) => told.err(),
            () = clock.sleep(TIMEOUT) => Some(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        Notice { to: entry.receiver.name(), error }
    });
    let notices = join_all(told).await;
    for notice in &notices {
        if let Some(error) = &notice.error {
            output::insist(&one_line(&format!("warning: {} was not told of the run's end: {error}", notice.to)));
        }
    }
    notices
}

async fn send(pipeline: &Pipeline, receiver: &Receiver, ending: &Ending<'_>) -> Result<(), String> {
    match receiver {
        Receiver::Webhook(url) => webhook::post(url.clone(), ending).await,
        Receiver::Mail(mail) => mail::send(mail, ending).await,
        Receiver::Command(command) => command::run(command, &pipeline.base_dir, ending).await,
    }
}

/// Tells whether a receiver asks for such an end. A spent quota and a signal are no failures.
fn is_wanted(when: NoticeWhen, ending: &Ending<'_>) -> bool {
    match when {
        NoticeWhen::Always => true,
        NoticeWhen::Rejects => ending.has_rejects(),
        NoticeWhen::Failed => ending.has_failed(),
    }
}
