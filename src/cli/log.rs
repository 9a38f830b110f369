//! What lines on stderr look like: text for people, or with `--log-format json` an object a line, with time, run and pipeline, so that
//! the nights in one log can be told apart.

use std::{
    fmt,
    sync::{OnceLock, PoisonError, RwLock},
};

use chrono::SecondsFormat;
use serde_json::{Map, Value as Json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::clock::Clock;
use crate::redact::redact;

use super::args::LogFormat;

/// What lines look like; text until it is set.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();
/// Whose lines they are.
static OWNER: RwLock<Owner> = RwLock::new(Owner { pipeline: None, run: None });

/// Whose lines they are.
struct Owner {
    pipeline: Option<String>,
    run: Option<String>,
}

/// Decides once what lines look like.
pub(super) fn choose(format: LogFormat) {
    // Only a second start in one process is refused, and there the first choice stays.
    let _ = FORMAT.set(format);
}

/// Tells whether lines are JSON.
pub(super) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Names the pipeline of the lines to come.
pub(super) fn set_pipeline(name: &str) {
    OWNER.write().unwrap_or_else(PoisonError::into_inner).pipeline = Some(name.to_owned());
}

/// Names the run of the lines to come.
pub(super) fn set_run(run_id: &str) {
    OWNER.write().unwrap_or_else(PoisonError::into_inner).run = Some(run_id.to_owned());
}

/// Makes a line of JSON.
pub(super) fn line(level: &str, fields: Map<String, Json>) -> String {
    let owner = OWNER.read().unwrap_or_else(PoisonError::into_inner);
    let time = Clock::system().now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut line = Map::new();
    line.insert("time".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("pipeline".to_owned(), owner.pipeline.clone().into());
    line.insert("run".to_owned(), owner.run.clone().into());
    line.extend(fields);
    redact(&Json::Object(line).to_string()).into_owned()
}

/// Makes a line of JSON out of a text.
pub(super) fn message(level: &str, text: &str) -> String {
    line(level, Map::from_iter([("message".to_owned(), Json::from(text))]))
}

/// Writes what the code logs as lines of JSON.
#[derive(Debug)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        writeln!(writer, "{}", line(&event.metadata().level().as_str().to_ascii_lowercase(), fields.0))
    }
}

/// The fields of an event.
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}
