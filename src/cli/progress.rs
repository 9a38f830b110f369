//! Shows how a run goes on: bars on a terminal, a plain line now and then without one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use crate::clock::Clock;
use crate::engine::{Observer, WaitReason};
use crate::model::{Calls, ConnectionName, StreamName};

use super::{
    log,
    output::{Output, Talk, counted},
    printable::one_line,
};

/// How often a plain line is printed for a stream, in real time.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// What is drawn for a stream before anything was read.
const READING: &str = "{prefix:<14!} {spinner} reading";
/// What is drawn of a stream whose records are on their way and whose source has not said how many they are: no bar, as it could
/// only go back and forth.
const COUNTING: &str = "{prefix:<14!} {spinner} {human_pos:>7} done, {msg}";
/// What is drawn of a stream of which it is known how many records it has: in 60 columns still one line, which is drawn over in place.
const MOVING: &str = "{prefix:<14!} {wide_bar} {human_pos:>7}/{human_len:<7} {msg} {eta}";
/// The same while it waits: nobody knows when records that wait will have arrived.
const WAITING: &str = "{prefix:<14!} {wide_bar} {human_pos:>7}/{human_len:<7} {msg}";

/// Picks how a run is shown while it goes on.
pub(super) fn observer(output: Output) -> Arc<dyn Observer> {
    match output.talk {
        Talk::Quiet => Arc::new(Quiet),
        Talk::Bars => Arc::new(Bars::new()),
        Talk::Lines => Arc::new(Lines::new(output)),
    }
}

/// Shows nothing, and names the run in what else is said.
#[derive(Debug)]
struct Quiet;

impl Observer for Quiet {
    fn run_started(&self, run_id: &str) {
        log::set_run(run_id);
    }
}

/// Draws bars: one for each stream.
#[derive(Debug)]
struct Bars {
    bars: MultiProgress,
    streams: Mutex<HashMap<StreamName, Stream>>,
}

#[derive(Debug)]
struct Stream {
    bar: ProgressBar,
    read: u64,
    /// How many records it has, as the source says.
    total: Option<u64>,
    done: HashMap<ConnectionName, (u64, Calls)>,
}

impl Bars {
    fn new() -> Self {
        Self { bars: MultiProgress::new(), streams: Mutex::default() }
    }

    fn with(&self, stream: &StreamName, change: impl FnOnce(&mut Stream)) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get_mut(stream) {
            change(stream);
            stream.draw();
        }
    }
}

impl Stream {
    /// The bar's position is what the slowest destination is done with. It never goes back.
    fn draw(&self) {
        let done = self.done.values().map(|(records, _)| *records).min().unwrap_or(0);
        let mut calls = Calls::default();
        for (_, destination_calls) in self.done.values() {
            calls += *destination_calls;
        }
        let done = done.max(self.bar.position());
        let waited = match calls.waited_millis / 1_000 {
            0 => String::new(),
            seconds => format!(", {} s waited", HumanCount(seconds)),
        };
        let calls = counted(calls.total(), "call");
        let message = if let Some(total) = self.total {
            self.bar.set_style(style(MOVING));
            self.bar.set_length(total.max(self.read).max(done));
            format!("{calls}{waited}")
        } else {
            self.bar.set_style(style(COUNTING));
            format!("{} read, {calls}{waited}", HumanCount(self.read))
        };
        self.bar.set_position(done);
        self.bar.set_message(message);
    }

    /// Says what it waits for, until something happens again.
    fn wait(&self, line: &str) {
        let is_counted = self.total.is_some();
        self.bar.set_style(style(if is_counted { WAITING } else { COUNTING }));
        self.bar.set_message(line.to_owned());
    }
}

impl Observer for Bars {
    fn run_started(&self, run_id: &str) {
        log::set_run(run_id);
    }

    fn account_noted(&self, remark: &str) {
        if self.bars.println(remark).is_err() {
            tracing::info!(remark, "about an account");
        }
    }

    fn schema_changed(&self, remark: &str) {
        let line = one_line(remark);
        if self.bars.println(&line).is_err() {
            tracing::info!(%line, "about an object");
        }
    }

    fn stream_started(&self, stream: &StreamName) {
        // A bar of nothing would look like one that is full.
        let bar =
            self.bars.add(ProgressBar::new(0).with_style(style(READING)).with_prefix(one_line(stream).into_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        let begun = Stream { bar, read: 0, total: None, done: HashMap::new() };
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), begun);
    }

    fn records_left(&self, stream: &StreamName, records: u64) {
        self.with(stream, |stream| stream.total = Some(stream.read + records));
    }

    fn records_read(&self, stream: &StreamName, records: u64) {
        self.with(stream, |stream| stream.read += records);
    }

    fn records_done(&self, stream: &StreamName, connection: &ConnectionName, records: u64, calls: Calls) {
        self.with(stream, |stream| {
            let done = stream.done.entry(connection.clone()).or_default();
            done.0 += records;
            done.1 = calls;
        });
    }

    fn waiting(&self, connection: &ConnectionName, reason: &WaitReason, wait: Duration) {
        if matches!(reason, WaitReason::Limit { .. } | WaitReason::Vendor { .. }) {
            let line = waiting_line(connection, reason, wait);
            self.streams.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|stream| stream.wait(&line));
            return;
        }
        if self.bars.println(one_line(&waiting_line(connection, reason, wait))).is_err() {
            tracing::debug!(%connection, ?wait, ?reason, "waiting before a destination is written");
        }
    }

    fn links_started(&self, stream: &StreamName, connection: &ConnectionName, links: u64) {
        // Bars that ended are gone from the screen; the pass over links is short and gets a line of its own.
        let text = format!("{stream}: closing {} at {connection}", counted(links, "link"));
        if self.bars.println(one_line(&text)).is_err() {
            tracing::debug!(%stream, links, "links are closed");
        }
    }

    fn stream_finished(&self, stream: &StreamName) {
        let finished = self.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
        if let Some(stream) = finished {
            stream.bar.finish_and_clear();
        }
    }
}

/// Prints a plain line at the start and end of each stream and every few seconds between.
#[derive(Debug)]
struct Lines {
    output: Output,
    clock: Clock,
    streams: Mutex<HashMap<StreamName, Tally>>,
}

#[derive(Debug, Default)]
struct Tally {
    read: u64,
    total: Option<u64>,
    done: u64,
    calls: u64,
    told_at: Duration,
}

impl Lines {
    fn new(output: Output) -> Self {
        Self { output, clock: Clock::system(), streams: Mutex::default() }
    }

    fn tell(&self, stream: &StreamName, change: impl FnOnce(&mut Tally)) {
        let line = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            let tally = streams.entry(stream.clone()).or_default();
            change(tally);
            let now = self.clock.elapsed();
            if now.saturating_sub(tally.told_at) < PLAIN_INTERVAL {
                return;
            }
            tally.told_at = now;
            tally.line(stream)
        };
        self.output.say(&line);
    }
}

impl Tally {
    fn line(&self, stream: &StreamName) -> String {
        let (read, done, calls) = (counted(self.read, "record"), HumanCount(self.done), counted(self.calls, "call"));
        match self.total.filter(|total| *total > self.read) {
            Some(total) => format!("{stream}: {read} of {} read, {done} done, {calls}", HumanCount(total)),
            None => format!("{stream}: {read} read, {done} done, {calls}"),
        }
    }
}

impl Observer for Lines {
    fn run_started(&self, run_id: &str) {
        log::set_run(run_id);
    }

    fn account_noted(&self, remark: &str) {
        self.output.say(remark);
    }

    fn schema_changed(&self, remark: &str) {
        self.output.say(&one_line(remark));
    }

    fn stream_started(&self, stream: &StreamName) {
        let told_at = self.clock.elapsed();
        let begun = Tally { told_at, ..Tally::default() };
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), begun);
        self.output.say(&format!("{stream}: started"));
    }

    fn records_left(&self, stream: &StreamName, records: u64) {
        self.tell(stream, |tally| tally.total = Some(tally.read + records));
    }

    fn records_read(&self, stream: &StreamName, records: u64) {
        self.tell(stream, |tally| tally.read += records);
    }

    fn records_done(&self, stream: &StreamName, _connection: &ConnectionName, records: u64, calls: Calls) {
        self.tell(stream, |tally| {
            tally.done += records;
            tally.calls = calls.total();
        });
    }

    fn waiting(&self, connection: &ConnectionName, reason: &WaitReason, wait: Duration) {
        self.output.say(&waiting_line(connection, reason, wait));
    }

    fn links_started(&self, stream: &StreamName, connection: &ConnectionName, links: u64) {
        self.output.say(&format!("{stream}: closing {} at {connection}", counted(links, "link")));
    }

    fn stream_finished(&self, stream: &StreamName) {
        let finished = self.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
        if let Some(tally) = finished {
            self.output.say(&tally.line(stream));
        }
    }
}

/// Says why nothing happens for a while.
fn waiting_line(connection: &ConnectionName, reason: &WaitReason, wait: Duration) -> String {
    let seconds = wait.as_secs_f64().ceil();
    match reason {
        WaitReason::StoppedRun => format!("waiting {seconds} s for requests of the stopped run to reach {connection}"),
        WaitReason::Writer { pipeline, is_stopped: false } => {
            format!("waiting {seconds} s until {connection} finds what `{pipeline}` last wrote there by the same key")
        }
        WaitReason::Writer { pipeline, is_stopped: true } => format!(
            "waiting {seconds} s for requests of `{pipeline}`, which was stopped, to reach {connection}: it writes there too"
        ),
        WaitReason::Limit { vendor } => format!("waiting {seconds} s for {vendor}'s limit"),
        WaitReason::Vendor { vendor } => format!("waiting {seconds} s: {vendor} does not answer"),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
