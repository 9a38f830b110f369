//! Loads a pipeline file: reads it and what stands beside it, checks it, and says what it means.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::connector::Registry;
use crate::redact::redact;

use super::{
    broken::Broken,
    diagnostic::{Diagnostic, Severity, finish},
    files::{Surroundings, read_yaml},
    offline::OfflineSchemas,
    options::OptionNames,
    pipeline::Pipeline,
    resolve::{Checked, Scene, resolve},
    schema::Schemas,
    secret::{self, Masking},
    span::{Document, Spot},
};

/// The name of the file with shared connections, beside a pipeline.
const CONNECTIONS_FILE: &str = "connections.yaml";

/// What became of a pipeline file.
#[derive(Debug)]
pub struct Loaded {
    /// The pipeline; none if there is any error.
    pub pipeline: Option<Pipeline>,
    /// All findings, in the order of the file's lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts of the files that findings speak of, with literal secrets masked, to show their lines.
    pub sources: BTreeMap<PathBuf, String>,
}

/// Loads a pipeline. Files are read and nothing else is asked: the environment and what is known offline are given.
pub fn load(
    path: &Path,
    registry: &Registry,
    environment: &dyn Fn(&str) -> Option<String>,
    offline: &dyn OfflineSchemas,
) -> Loaded {
    load_with_placeholder(path, registry, environment, None, offline)
}

/// Loads a pipeline as [`load`] does. The placeholder stands for variables that have neither a value nor a default: a dry run
/// needs no credentials.
pub fn load_with_placeholder(
    path: &Path,
    registry: &Registry,
    environment: &dyn Fn(&str) -> Option<String>,
    placeholder: Option<&str>,
    offline: &dyn OfflineSchemas,
) -> Loaded {
    Format::new(registry).load(path, environment, placeholder, offline)
}

/// What pipelines of some connectors look like, worked out once for many files.
pub struct Format<'registry> {
    registry: &'registry Registry,
    schemas: Result<Schemas, String>,
}

impl fmt::Debug for Format<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Format").field("registry", self.registry).finish_non_exhaustive()
    }
}

impl<'registry> Format<'registry> {
    /// Works out the form of pipelines with these connectors.
    pub fn new(registry: &'registry Registry) -> Self {
        Self { registry, schemas: Schemas::new(registry) }
    }

    /// Loads a pipeline as [`load_with_placeholder`] does.
    pub fn load(
        &self,
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        placeholder: Option<&str>,
        offline: &dyn OfflineSchemas,
    ) -> Loaded {
        let mut loading = Loading { findings: Vec::new(), sources: BTreeMap::new(), placeholder };
        let pipeline = loading.load(path, self, environment, offline);
        let Loading { mut findings, sources, .. } = loading;
        finish(&mut findings, path, &sources);
        let is_sound = findings.iter().all(|finding| finding.severity != Severity::Error);
        Loaded { pipeline: pipeline.filter(|_| is_sound), diagnostics: findings, sources }
    }
}

struct Loading<'a> {
    findings: Vec<Diagnostic>,
    sources: BTreeMap<PathBuf, String>,
    placeholder: Option<&'a str>,
}

impl Loading<'_> {
    fn load(
        &mut self,
        path: &Path,
        format: &Format<'_>,
        environment: &dyn Fn(&str) -> Option<String>,
        offline: &dyn OfflineSchemas,
    ) -> Option<Pipeline> {
        let base_dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let schemas = match &format.schemas {
            Ok(schemas) => schemas,
            Err(reason) => {
                let message = format!("the options of a connector make no valid JSON Schema: {reason}");
                self.findings.push(Diagnostic::error("config.schema", Spot::file(path), message));
                return None;
            }
        };
        let names = schemas.options();
        let document = self.read(path, names)?;
        let shared_path = base_dir.join(CONNECTIONS_FILE);
        let shared = if shared_path.is_file() && shared_path != path { self.read(&shared_path, names) } else { None };
        let surroundings = Surroundings::new(environment, self.placeholder, base_dir, &mut self.findings);
        let (content, broken) = schemas.check_pipeline(&document, &mut self.findings);
        self.keep(&document, names, &broken);
        let pipeline = Checked { document: &document, content, broken };
        let documents: Vec<&Document> = [Some(&document), shared.as_ref()].into_iter().flatten().collect();
        secret::refuse_misplaced(&documents, names, &mut self.findings);
        let shared = shared.as_ref().map(|document| {
            let (content, broken) = schemas.check_connections(document, &mut self.findings);
            self.keep(document, names, &broken);
            Checked { document, content, broken }
        });
        let scene = Scene { path, base_dir, registry: format.registry, lookup: &surroundings, options: names, offline };
        let resolved = resolve(&scene, pipeline, shared, &mut self.findings);
        // A secret that is asked for where none belongs, as the name of a connection, must not end up in a finding.
        for finding in &mut self.findings {
            finding.message = redact(&finding.message).into_owned();
            finding.hint = finding.hint.take().map(|hint| redact(&hint).into_owned());
            finding.path = redact(&finding.path).into_owned();
        }
        resolved
    }

    /// Reads a YAML file, and keeps the text of one that is no YAML for showing lines.
    fn read(&mut self, path: &Path, names: &OptionNames) -> Option<Document> {
        let (document, text) = read_yaml(path, &mut self.findings);
        if document.is_none() {
            self.sources.insert(path.to_owned(), secret::mask_unread(&text, names));
        }
        document
    }

    /// Keeps a file's text for showing lines, once it is known which of its keys are none.
    fn keep(&mut self, document: &Document, names: &OptionNames, broken: &Broken) {
        let masking = Masking { names, unknown: broken.unknown() };
        self.sources.insert(document.file.to_path_buf(), secret::mask(document, masking));
    }
}
