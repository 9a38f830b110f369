//! The table of what is tested: a system is one line, a pair is one line and a pipeline in `pipelines/`.

use std::path::Path;

use crate::content::{self, Reading};
use crate::data;

/// A system: its connector's name, what it holds as source and as destination, and how its records are read back.
pub(crate) struct System {
    pub(crate) name: &'static str,
    pub(crate) has_emulator: bool,
    pub(crate) fill_source: fn(&Path),
    pub(crate) fill_destination: fn(&Path),
    pub(crate) read_back: Reading,
}

/// A pipeline from one system to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) source: &'static str,
    pub(crate) destination: &'static str,
    pipeline: &'static str,
}

const SYSTEMS: &[System] = &[
    System::new("csv", false, data::csv_source, data::nothing, content::of_files),
    System::new("hubspot", true, data::hubspot_source, data::hubspot_destination, content::of_hubspot),
    System::new("airtable", true, data::airtable_source, data::airtable_destination, content::of_airtable),
];

pub(crate) const PAIRS: &[Pair] = &[
    Pair { source: "csv", destination: "hubspot", pipeline: include_str!("pipelines/csv-to-hubspot.yaml") },
    Pair { source: "hubspot", destination: "airtable", pipeline: include_str!("pipelines/hubspot-to-airtable.yaml") },
    Pair { source: "airtable", destination: "hubspot", pipeline: include_str!("pipelines/airtable-to-hubspot.yaml") },
    Pair { source: "airtable", destination: "csv", pipeline: include_str!("pipelines/airtable-to-csv.yaml") },
];

impl System {
    const fn new(
        name: &'static str,
        has_emulator: bool,
        fill_source: fn(&Path),
        fill_destination: fn(&Path),
        read_back: Reading,
    ) -> Self {
        Self { name, has_emulator, fill_source, fill_destination, read_back }
    }

    pub(crate) fn of(name: &str) -> &'static Self {
        SYSTEMS.iter().find(|system| system.name == name).unwrap()
    }
}

impl Pair {
    /// Returns the pair of these systems.
    pub(crate) fn of(source: &str, destination: &str) -> Self {
        *PAIRS.iter().find(|pair| pair.source == source && pair.destination == destination).unwrap()
    }

    /// Writes the pipeline and what its systems start with into a folder, and returns the two systems.
    pub(crate) fn lay_out(&self, folder: &Path) -> [&'static System; 2] {
        let systems = [System::of(self.source), System::of(self.destination)];
        (systems[0].fill_source)(folder);
        (systems[1].fill_destination)(folder);
        std::fs::write(folder.join("pipeline.yaml"), self.pipeline).unwrap();
        systems
    }

    pub(crate) fn name(&self) -> String {
        format!("{} → {}", self.source, self.destination)
    }
}
