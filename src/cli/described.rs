//! What objects look like, for checking a pipeline against them: as systems describe them, and files as they are.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Connection, Diagnostic, FileTrouble, OfflineSchemas, Pipeline, Severity};
use crate::connector::{ConnectorError, Context, Entry, ErrorKind};
use crate::engine::EngineError;
use crate::http::MemoryTokens;
use crate::model::{ConnectionName, ObjectName, Schema};

use super::{
    description::Sides,
    workspace::{Workspace, context, variable},
};

/// What the objects of a pipeline look like.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) schemas: BTreeMap<(ConnectionName, ObjectName), Schema>,
    /// The objects that there are, of connections whose objects are all known.
    pub(super) objects: BTreeMap<ConnectionName, Vec<ObjectName>>,
}

impl OfflineSchemas for Described {
    fn schema(&self, _connector: &str, connection: &ConnectionName, object: &ObjectName) -> Option<Schema> {
        self.schemas.get(&(connection.clone(), object.clone())).cloned()
    }

    fn objects(&self, _connector: &str, connection: &ConnectionName) -> Option<Vec<ObjectName>> {
        self.objects.get(connection).cloned()
    }
}

impl Described {
    /// Asks the systems of a pipeline what the objects that it uses look like. What cannot be described stays unknown.
    pub(super) async fn ask(workspace: &Workspace, pipeline: &Pipeline, context: &Context) -> Self {
        let mut known = Self::default();
        for (name, connection) in &pipeline.connections {
            let Ok(entry) = workspace.registry.get(&connection.connector) else { continue };
            if (entry.folder)(connection.options.clone(), &pipeline.base_dir).is_some() {
                continue;
            }
            let sides = Sides::of(entry, connection, context);
            for object in pipeline.objects_of(name) {
                if let Ok(Ok(schema)) = sides.describe(&object).await {
                    known.schemas.insert((name.clone(), object), schema);
                }
            }
        }
        known
    }
}

/// Opens the files that a pipeline reads, beside what is known already.
pub(super) struct WithFiles<'a> {
    known: &'a dyn OfflineSchemas,
    base_dir: PathBuf,
    context: OnceCell<Option<Context>>,
}

impl<'a> WithFiles<'a> {
    /// Adds the files of a pipeline's connections to what is known.
    pub(super) fn new(pipeline: &Path, known: &'a dyn OfflineSchemas) -> Self {
        let base_dir = pipeline.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { known, base_dir: base_dir.to_owned(), context: OnceCell::new() }
    }

    /// Returns the context of file connectors, which ask nobody.
    fn context(&self) -> Option<&Context> {
        let make = || {
            let tokens = Arc::new(MemoryTokens::default());
            context(Clock::system(), &self.base_dir, tokens, CancellationToken::new(), None).ok()
        };
        self.context.get_or_init(make).as_ref()
    }
}

impl OfflineSchemas for WithFiles<'_> {
    fn schema(&self, connector: &str, connection: &ConnectionName, object: &ObjectName) -> Option<Schema> {
        self.known.schema(connector, connection, object)
    }

    fn objects(&self, connector: &str, connection: &ConnectionName) -> Option<Vec<ObjectName>> {
        self.known.objects(connector, connection)
    }

    fn file(&self, entry: &Entry, connection: &Connection, object: &ObjectName) -> Option<Result<Schema, FileTrouble>> {
        (entry.folder)(connection.options.clone(), &self.base_dir)?;
        let context = self.context()?.for_connection(connection.name.clone());
        let source = (entry.source)(connection.options.clone(), &context).ok()?;
        let describe = || tokio::runtime::Handle::current().block_on(source.describe(object));
        Some(tokio::task::block_in_place(describe).map_err(trouble))
    }
}

fn trouble(error: ConnectorError) -> FileTrouble {
    FileTrouble { is_absent: error.kind == ErrorKind::NotFound, message: error.message, hint: error.hint }
}

/// Tells whether something went wrong because the pipeline does not fit what the systems declare.
pub(super) fn is_about_fields(error: &EngineError) -> bool {
    matches!(error, EngineError::Transform { .. })
}

/// Finds all that does not fit, with its lines, where a run or a check met the first of it.
pub(super) async fn all_mistakes(
    workspace: &Workspace,
    pipeline: &Pipeline,
    context: &Context,
    placeholder: Option<&str>,
) -> Vec<Diagnostic> {
    let known = Described::ask(workspace, pipeline, context).await;
    let known = WithFiles::new(&pipeline.path, &known);
    let loaded = config::load_with_placeholder(&pipeline.path, &workspace.registry, &variable, placeholder, &known);
    loaded.diagnostics.into_iter().filter(|finding| finding.severity == Severity::Error).collect()
}
