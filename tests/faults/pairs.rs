//! The pairs that are tested: one line each, and a pipeline in `pipelines/`.

use std::path::Path;

use crate::disturbance::{KINDS, Kind};
use crate::inputs::spoil_files;
use crate::systems::System;

/// A pipeline from one system to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) source: &'static str,
    pub(crate) destination: &'static str,
    /// The way that is taken, where there are several between the two.
    way: &'static str,
    pipeline: &'static str,
    /// Whether the source's files are spoilt.
    is_spoilt: bool,
}

pub(crate) const PAIRS: &[Pair] = &[
    Pair::new("csv", "hubspot", "", include_str!("pipelines/csv-to-hubspot.yaml")),
    Pair::new("hubspot", "airtable", "", include_str!("pipelines/hubspot-to-airtable.yaml")),
    Pair::new("airtable", "hubspot", "", include_str!("pipelines/airtable-to-hubspot.yaml")),
    Pair::new("airtable", "csv", "", include_str!("pipelines/airtable-to-csv.yaml")),
    Pair::new("csv", "salesforce", "", include_str!("pipelines/csv-to-salesforce.yaml")),
    Pair::new("csv", "salesforce", "in bulk", include_str!("pipelines/csv-to-salesforce-bulk.yaml")),
    Pair::new("hubspot", "salesforce", "", include_str!("pipelines/hubspot-to-salesforce.yaml")),
    Pair::new("salesforce", "hubspot", "", include_str!("pipelines/salesforce-to-hubspot.yaml")),
    Pair::new("csv", "google_sheets", "", include_str!("pipelines/csv-to-sheets.yaml")),
    Pair::new("hubspot", "google_sheets", "", include_str!("pipelines/hubspot-to-sheets.yaml")),
    Pair::new("google_sheets", "hubspot", "", include_str!("pipelines/sheets-to-hubspot.yaml")),
    Pair::new("csv", "pipedrive", "", include_str!("pipelines/csv-to-pipedrive.yaml")),
    Pair::new("pipedrive", "hubspot", "", include_str!("pipelines/pipedrive-to-hubspot.yaml")),
    Pair::new("hubspot", "pipedrive", "", include_str!("pipelines/hubspot-to-pipedrive.yaml")),
    Pair::new("csv", "hubspot", "of spoilt files", include_str!("pipelines/csv-to-hubspot.yaml")).spoilt(),
    Pair::new("csv", "salesforce", "of spoilt files", include_str!("pipelines/csv-to-salesforce.yaml")).spoilt(),
];

/// How many of a proxy's disturbances the sample has for each pair. The pairs take turns, so that all of them occur.
const PROXY_KINDS_IN_SAMPLE: usize = 2;
/// What the sample does to spoilt files.
const SPOILT_SAMPLE: &[Kind] =
    &[Kind::KillBeforeAnswer, Kind::DropAfter, Kind::MissingResults, Kind::GatewayPages, Kind::LateAnswers];

impl Pair {
    const fn new(source: &'static str, destination: &'static str, way: &'static str, pipeline: &'static str) -> Self {
        Self { source, destination, way, pipeline, is_spoilt: false }
    }

    const fn spoilt(self) -> Self {
        Self { is_spoilt: true, ..self }
    }

    /// Returns the pair of these systems.
    pub(crate) fn of(source: &str, destination: &str) -> Self {
        Self::by_way(source, destination, "")
    }

    /// Returns the pair of these systems that takes this way.
    pub(crate) fn by_way(source: &str, destination: &str, way: &str) -> Self {
        let is_it = |pair: &&Self| (pair.source, pair.destination, pair.way) == (source, destination, way);
        *PAIRS.iter().find(is_it).unwrap()
    }

    /// Returns the ways in which it is disturbed: those of all pairs, and those of its systems.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let systems = [System::of(self.source), System::of(self.destination)];
        let own = systems.into_iter().flat_map(|system| system.own_kinds.iter().copied());
        // A proxy stands before a system, not before files.
        let is_possible = |kind: &Kind| systems[1].has_emulator || !kind.is_of_proxy();
        KINDS.iter().copied().chain(own).filter(is_possible).collect()
    }

    /// Tells whether a run can be taken back: files are written anew by each run.
    pub(crate) fn can_be_undone(&self) -> bool {
        System::of(self.destination).has_emulator
    }

    /// Returns the disturbances of the sample: each once, but of those of the proxy only some.
    pub(crate) fn sample(&self) -> Vec<Kind> {
        if self.is_spoilt {
            return SPOILT_SAMPLE.to_vec();
        }
        let (proxied, mut kinds): (Vec<Kind>, Vec<Kind>) =
            self.kinds().into_iter().partition(|kind| kind.is_of_proxy());
        if !proxied.is_empty() {
            let place = PAIRS.iter().position(|pair| pair == self).unwrap() * PROXY_KINDS_IN_SAMPLE;
            kinds.extend(proxied.iter().cycle().skip(place % proxied.len()).take(PROXY_KINDS_IN_SAMPLE));
        }
        kinds
    }

    /// Writes the pipeline and what its systems start with into a folder, and returns the two systems.
    pub(crate) fn lay_out(&self, folder: &Path) -> [&'static System; 2] {
        let systems = [System::of(self.source), System::of(self.destination)];
        (systems[0].fill_source)(folder);
        (systems[1].fill_destination)(folder);
        if self.is_spoilt {
            spoil_files(folder);
        }
        std::fs::write(folder.join("pipeline.yaml"), self.pipeline).unwrap();
        systems
    }

    pub(crate) fn name(&self) -> String {
        format!("{} → {} {}", self.source, self.destination, self.way).trim_end().to_owned()
    }
}
