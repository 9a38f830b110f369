//! The loader of pipelines: any file is either a pipeline or has findings that can be shown.

use std::fs;

use ferry::{
    cli::diagnostics::render,
    config::{Format, NoSchemas},
    connectors::registry,
};
use tempfile::TempDir;

use crate::Target;
use crate::mutation::Grammar;

pub(crate) struct Loader {
    folder: TempDir,
    format: Format<'static>,
}

impl Loader {
    pub(crate) fn new() -> Self {
        // The schema of all connectors takes longer to compile than a thousand files to check. It lives as long as the test.
        let registry = Box::leak(Box::new(registry()));
        Self { folder: tempfile::tempdir().unwrap(), format: Format::new(registry) }
    }
}

impl Target for Loader {
    const NAME: &'static str = "pipeline";
    const GRAMMAR: Grammar = Grammar::Yaml;
    const FOLDERS: &'static [&'static str] = &["pipelines", "tests/cli/mistakes"];

    fn feed(&mut self, input: &[u8]) -> Result<(), String> {
        let path = self.folder.path().join("pipeline.yaml");
        fs::write(&path, input).unwrap();
        let lookup = |name: &str| name.ends_with("_TOKEN").then(|| "s3cret-of-the-environment".to_owned());
        let loaded = self.format.load(&path, &lookup, None, &NoSchemas);
        let shown = render(&loaded.diagnostics, true) + &render(&loaded.diagnostics, false);
        if loaded.pipeline.is_none() && loaded.diagnostics.is_empty() {
            return Err("there is neither a pipeline nor a finding".to_owned());
        }
        if shown.contains("s3cret-of-the-environment") {
            return Err("a finding shows a secret".to_owned());
        }
        Ok(())
    }
}
