//! `--metrics FILE`: how a run ended, for the textfile collector of Prometheus' node exporter.
//!
//! The file is written whole under another name and renamed, so the collector never reads half of it. It holds counts and names alone,
//! and everybody may read it: the collector is another user.

use std::{collections::HashMap, fs, io::Write, path::Path};

use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

use crate::state::RunTally;

use super::{night_end::NightEnd, runs::written};

/// Each way in which a run can end, as the label `status` names it.
const ENDS: [(NightEnd, &str); 6] = [
    (NightEnd::Done, "done"),
    (NightEnd::Rejects, "rejects"),
    (NightEnd::Waiting, "waiting"),
    (NightEnd::Stopped, "stopped"),
    (NightEnd::Failed, "failed"),
    (NightEnd::Killed, "killed"),
];

/// What is measured when a run has ended.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub tally: &'a RunTally,
    /// Records of this run and of earlier ones that are still not written.
    pub open_rejects: u64,
    /// When a run of the pipeline was last done, in seconds since 1970.
    pub last_done: Option<i64>,
}

/// Writes the file.
pub(super) fn write(path: &Path, measured: &Measured<'_>) -> Result<(), String> {
    let text = text(measured).map_err(|error| error.to_string())?;
    put(path, &text).map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}

fn put(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".ferry-").suffix(".part").tempfile_in(folder)?;
    file.write_all(text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn text(measured: &Measured<'_>) -> Result<Vec<u8>, prometheus::Error> {
    let Measured { tally, open_rejects, last_done } = measured;
    let gauges = Gauges { registry: Registry::new(), pipeline: &tally.run.pipeline };
    let (last, ledger) = (&tally.last, &tally.ledger);
    gauges.one(
        "ferry_run_start_timestamp_seconds",
        "When the last attempt at a run began.",
        seconds(last.started_at.timestamp()),
    )?;
    if let Some(end) = last.finished_at {
        gauges.one(
            "ferry_run_end_timestamp_seconds",
            "When the last attempt at a run ended.",
            seconds(end.timestamp()),
        )?;
        let took = (end - last.started_at).as_seconds_f64();
        gauges.one("ferry_run_duration_seconds", "How long the last attempt at a run took.", took)?;
    }
    if let Some(code) = last.exit_code {
        gauges.one("ferry_run_exit_code", "What the last attempt at a run ended with.", f64::from(code))?;
    }
    if let Some(done) = last_done {
        gauges.one(
            "ferry_run_last_done_timestamp_seconds",
            "When a run last ended with every record accounted for.",
            seconds(*done),
        )?;
    }
    let end = NightEnd::of_last(tally.run.status, last.exit_code);
    let ends = ENDS.map(|(which, word)| (word, f64::from(u8::from(which == end))));
    gauges.each(
        "ferry_run_status",
        "How the last attempt at a run ended: 1 for one status, 0 for the others.",
        "status",
        ends,
    )?;
    let fates = [
        ("read", ledger.read),
        ("filtered", ledger.filtered),
        ("duplicate", ledger.duplicate),
        ("unchanged", ledger.unchanged),
        ("created", ledger.created),
        ("updated", ledger.updated),
        ("deleted", ledger.deleted),
        ("rejected", ledger.rejected),
        ("held", ledger.held),
    ];
    gauges.each(
        "ferry_run_records",
        "Records of the run at all destinations, by fate.",
        "fate",
        fates.map(|(fate, count)| (fate, number(count))),
    )?;
    gauges.one(
        "ferry_run_written_records",
        "Records that the run created, updated or deleted.",
        number(written(ledger)),
    )?;
    gauges.one(
        "ferry_open_reject_records",
        "Records that are not written and that wait for somebody.",
        number(*open_rejects),
    )?;
    let quotas = last.quotas.iter().map(|(connection, share)| (connection.as_str(), *share));
    gauges.each(
        "ferry_quota_used_ratio",
        "Share of the vendor's quota that was used when the run ended.",
        "connection",
        quotas,
    )?;
    let mut text = Vec::new();
    TextEncoder::new().encode(&gauges.registry.gather(), &mut text)?;
    Ok(text)
}

/// Gauges that all have the pipeline's label.
struct Gauges<'a> {
    registry: Registry,
    pipeline: &'a str,
}

impl Gauges<'_> {
    fn one(&self, name: &str, help: &str, value: f64) -> Result<(), prometheus::Error> {
        let gauge = self.register(name, help, &[])?;
        gauge.get_metric_with_label_values::<&str>(&[])?.set(value);
        Ok(())
    }

    fn each<'v>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, f64)>,
    ) -> Result<(), prometheus::Error> {
        let gauge = self.register(name, help, &[label])?;
        for (word, value) in values {
            gauge.get_metric_with_label_values(&[word])?.set(value);
        }
        Ok(())
    }

    fn register(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        let constant = HashMap::from([("pipeline".to_owned(), self.pipeline.to_owned())]);
        let gauge = GaugeVec::new(Opts::new(name, help).const_labels(constant), labels)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format has floats alone")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "the format has floats alone")]
fn seconds(timestamp: i64) -> f64 {
    timestamp as f64
}
