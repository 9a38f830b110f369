//! Local CRMs in the place of a pipeline's own: for a dry run, and for knowing what fixtures look like.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use emulators::{EmulatorOptions, Running, serve};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, NoSchemas, Pipeline};
use crate::connector::{Context, Entry, Options};
use crate::http::MemoryTokens;
use crate::model::{ConnectionName, ObjectName, RateLimit};

use super::{
    described::Described,
    exit::{Exit, Failure},
    workspace::{Workspace, context, exchanges, variable},
};

/// Stands for variables that are not set and have no default: local CRMs need no credentials.
pub(super) const PLACEHOLDER: &str = "dry-run";

/// A key that nobody trusts: dry runs sign with it, so that they never hold a real one.
const KEY_OF_NO_USE: &str = include_str!("local/key_of_no_use.pem");

/// A local CRM in the place of a connection's own; stops when dropped.
#[derive(Debug)]
pub(super) struct Local {
    pub running: Running,
    pub connection: ConnectionName,
    pub limits: &'static [RateLimit],
}

/// Finds the fixtures: as named, beside the pipeline, beside its folder, or here.
pub(super) fn fixtures_folder(named: Option<&Path>, pipeline: &Path) -> PathBuf {
    if let Some(folder) = named {
        return folder.to_owned();
    }
    let beside = pipeline.parent().unwrap_or(Path::new("")).join("fixtures");
    let above = pipeline.parent().and_then(Path::parent).unwrap_or(Path::new("")).join("fixtures");
    [beside, above].into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("fixtures"))
}

/// Points every connection to a CRM at an emulator.
pub(super) async fn redirect(
    workspace: &Workspace,
    pipeline: &mut Pipeline,
    fixtures: &Path,
    clock: &Clock,
) -> Result<Vec<Local>, Failure> {
    let mut locals = Vec::new();
    let tokens = Arc::new(MemoryTokens::default());
    let context = context(clock.clone(), &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    for (name, connection) in &mut pipeline.connections {
        let Ok(entry) = workspace.registry.get(&connection.connector) else { continue };
        if entry.emulator.is_none() {
            if entry.capabilities.is_local {
                continue;
            }
            let message = format!("connection `{name}` cannot be part of a dry run: there is no local {}", entry.name);
            return Err(Failure::new(Exit::Usage, "dry_run.no_emulator", message));
        }
        let account = connection.account.as_ref().map(|account| account.id().to_owned());
        let running = start(entry, account, fixtures, clock).await?;
        // Every host: the credentials of a login would go to one that is left out.
        for host in entry.hosts {
            connection.options.insert(host.option.to_owned(), Json::from(running.url()));
        }
        // What signs log-ins must be a key; this one opens nothing.
        for key_option in entry.key_options {
            if let Some(key) = connection.options.get_mut(key_option.option) {
                *key = Json::from((key_option.written)(KEY_OF_NO_USE));
            }
        }
        log_in(entry, &mut connection.options, &context);
        locals.push(Local { running, connection: name.clone(), limits: entry.capabilities.rate_limits });
    }
    Ok(locals)
}

/// Gives a connection that somebody has to log in to in the browser a token that the local CRM accepts.
fn log_in(entry: &Entry, options: &mut Options, context: &Context) {
    if !matches!((entry.authorization)(options.clone(), context), Ok(Some(_))) {
        return;
    }
    let mut logged_in = options.clone();
    logged_in.entry("refresh_token").or_insert_with(|| Json::from(PLACEHOLDER));
    if (entry.check_config)(logged_in.clone()).is_ok() {
        *options = logged_in;
    }
}

/// Starts a local CRM, which plays the account that the connection is pinned to.
async fn start(entry: &Entry, account: Option<String>, fixtures: &Path, clock: &Clock) -> Result<Running, Failure> {
    let failed = |message: String| {
        Failure::new(Exit::Usage, "fixtures", format!("the local {} cannot start: {message}", entry.name))
    };
    let Some(emulator) = entry.emulator else { return Err(failed("there is none".to_owned())) };
    let folder = Some(fixtures.join(entry.name)).filter(|folder| folder.is_dir());
    let options = EmulatorOptions { fixtures: folder, account, exchanges: exchanges(), ..EmulatorOptions::default() };
    let service = (emulator.make)(options, clock.clone()).map_err(failed)?;
    serve(service, 0).await.map_err(|error| failed(error.to_string()))
}

/// Asks local CRMs that are filled from fixtures what the objects of a pipeline look like. Fields that only the live systems have
/// are not known. A pipeline with mistakes of its own has no connections to ask: nothing is known then.
pub(super) async fn describe_fixtures(
    workspace: &Workspace,
    file: &Path,
    fixtures: &Path,
) -> Result<Described, Failure> {
    let loaded = config::load_with_placeholder(file, &workspace.registry, &variable, Some(PLACEHOLDER), &NoSchemas);
    let Some(mut pipeline) = loaded.pipeline else { return Ok(Described::default()) };
    let clock = Clock::system();
    let locals = redirect(workspace, &mut pipeline, fixtures, &clock).await?;
    let tokens = Arc::new(MemoryTokens::default());
    let context = context(clock, &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    let mut known = Described::ask(workspace, &pipeline, &context).await;
    for local in &locals {
        let name = &local.connection;
        let Some(connection) = pipeline.connections.get(name) else { continue };
        let described = known.schemas.keys().filter(|(owner, _)| owner == name).map(|(_, object)| object.clone());
        let mut objects: Vec<ObjectName> = described.collect();
        objects.extend(fixture_objects(&fixtures.join(&connection.connector)));
        objects.sort();
        objects.dedup();
        known.objects.insert(name.clone(), objects);
    }
    Ok(known)
}

/// Returns the objects that have a file in the folder: `contacts.csv`, `contacts.schema.yaml`.
fn fixture_objects(folder: &Path) -> Vec<ObjectName> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.split_once('.').map(|(object, _)| ObjectName::from(object))).collect()
}
