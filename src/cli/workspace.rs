//! What commands work in: the environment's variables, the state file and its key, the HTTP stack.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Connection, Pipeline, SchemaCache};
use crate::connector::{Context, Registry};
use crate::engine;
use crate::http::{Meter, RateLimiter, TokenStore, Transport};
use crate::model::{ConnectionName, RateLimit, name_hint};
use crate::state::{FileKey, Seal, State, StateError};

use super::{
    args::Global,
    exit::{Exit, Failure},
    output::{self, Output},
};

/// The folder of the state file, beside the pipeline.
const STATE_FOLDER: &str = ".ferry";
/// The state file in it.
const STATE_FILE: &str = "state.db";
/// The folder beside it with what systems declared when they were last described.
const DESCRIPTIONS_FOLDER: &str = "descriptions";
/// The file with the key of what the state file seals.
const KEY_FILE: &str = "state.key";
/// The folder, in that of the user's settings, of the leases that all state files share.
const LEASES_FOLDER: &str = "leases";
/// The variable with the key of what the state file seals: 64 hexadecimal digits.
const KEY_VARIABLE: &str = "FERRY_STATE_KEY";

/// What every command is handed.
#[derive(Debug)]
pub(super) struct Workspace {
    pub global: Global,
    pub output: Output,
    pub registry: Registry,
}

/// The variable with the folder where emulators write down what they are asked: for the judges in `tests/judges`.
const EXCHANGES_VARIABLE: &str = "FERRY_EXCHANGES";

/// Returns the folder where emulators write down what they are asked, where there is one.
pub(super) fn exchanges() -> Option<PathBuf> {
    variable(EXCHANGES_VARIABLE).map(PathBuf::from)
}

/// Reads a variable of the environment.
pub(super) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok()
}

impl Workspace {
    /// Returns where the state of a pipeline is.
    pub(super) fn state_path(&self, pipeline: &Path) -> PathBuf {
        let folder = pipeline.parent().unwrap_or(Path::new(""));
        self.global.state.clone().unwrap_or_else(|| folder.join(STATE_FOLDER).join(STATE_FILE))
    }

    /// Returns what `ferry describe` has kept of the systems of a pipeline.
    pub(super) fn descriptions(&self, pipeline: &Path) -> SchemaCache {
        SchemaCache::new(self.state_path(pipeline).with_file_name(DESCRIPTIONS_FOLDER))
    }

    /// Returns the key of the pseudonyms of a pipeline's records: the same as long as the state's key is.
    pub(super) fn pseudonym_key(&self, pipeline: &Path) -> Result<Vec<u8>, Failure> {
        Ok(seal(&self.state_path(pipeline))?.pseudonym_key().to_vec())
    }

    /// Opens the state of a pipeline.
    pub(super) async fn open_state(&self, pipeline: &Path) -> Result<State, Failure> {
        open(&self.state_path(pipeline)).await
    }

    /// Opens the state of a pipeline that has run.
    pub(super) async fn existing_state(&self, pipeline: &Path) -> Result<State, Failure> {
        existing(&self.state_path(pipeline)).await
    }

    /// Opens the state for a command that needs it for renewed tokens alone: those must be kept, as some can be used only once.
    /// Where there is neither a state file nor anything to renew, none is made.
    pub(super) async fn open_state_for_tokens(&self, file: &Path, pipeline: &Pipeline) -> Result<State, Failure> {
        let renews = pipeline.connections.values().any(|connection| connection.options.contains_key("client_id"));
        if renews || self.state_path(file).exists() {
            self.open_state(file).await
        } else {
            Ok(State::in_memory(Seal::ephemeral())?)
        }
    }

    /// Opens the state file of a path, which must be there.
    pub(super) async fn state_at(&self, path: &Path) -> Result<State, Failure> {
        existing(path).await
    }

    /// Returns what opens a plan: the key of the state file, which the plan names when it is open.
    pub(super) fn opener_of(&self, plan: &Path) -> Result<State, Failure> {
        Ok(State::in_memory(seal(&self.state_path(plan))?)?)
    }

    /// Opens the state that is there: the one named, or the one of this folder or of `pipelines`.
    pub(super) async fn find_state(&self) -> Result<State, Failure> {
        if let Some(path) = &self.global.state {
            return existing(path).await;
        }
        let places = [Path::new(""), Path::new("pipelines")].map(|folder| folder.join(STATE_FOLDER).join(STATE_FILE));
        match places.iter().find(|place| place.exists()) {
            Some(place) => existing(place).await,
            None => Err(no_state(&places[0])),
        }
    }
}

/// Returns a connection of the pipeline, or says which there are.
pub(super) fn connection_named<'pipeline>(
    pipeline: &'pipeline Pipeline,
    name: &str,
) -> Result<(&'pipeline ConnectionName, &'pipeline Connection), Failure> {
    pipeline.connections.get_key_value(name).ok_or_else(|| {
        let known: Vec<&str> = pipeline.connections.keys().map(ConnectionName::as_str).collect();
        Failure::new(Exit::Usage, "connection.unknown", format!("the pipeline has no connection `{name}`"))
            .with_hint_if(name_hint(name, &known, "its connections are"))
    })
}

/// Refuses a connection that reaches another account than it is pinned to.
pub(super) async fn check_pin(registry: &Registry, connection: &Connection, context: &Context) -> Result<(), Failure> {
    if connection.account.is_some() {
        engine::learn_account(registry, connection, context).await?;
    }
    Ok(())
}

/// Makes what connectors are handed. `requests_per_sec` holds back all requests of the process together.
pub(super) fn context(
    clock: Clock,
    base_dir: &Path,
    tokens: Arc<dyn TokenStore>,
    shutdown: CancellationToken,
    requests_per_sec: Option<f64>,
) -> Result<Context, Failure> {
    let mut transport = Transport::new(clock.clone(), shutdown, tokens)
        .map_err(|error| Failure::new(Exit::Environment, "http", error.to_string()))?;
    transport.pace = requests_per_sec.map(|rate| RateLimiter::new(pace(rate), clock));
    Ok(Context {
        connection: ConnectionName::new(""),
        transport,
        meter: Meter::default(),
        base_dir: base_dir.to_owned(),
        meters: None,
    })
}

/// Turns requests per second into a limit: whole requests in a window of a second, or one request in a longer window.
fn pace(requests_per_sec: f64) -> RateLimit {
    let one = std::num::NonZeroU32::MIN;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "floored and within the type's range")]
    let whole = std::num::NonZeroU32::new(requests_per_sec.floor().clamp(0.0, f64::from(u32::MAX)) as u32);
    let window = match whole {
        Some(whole) => f64::from(whole.get()) / requests_per_sec,
        None => 1.0 / requests_per_sec.max(1e-6),
    };
    RateLimit::per("pace", whole.unwrap_or(one), std::time::Duration::from_secs_f64(window))
}

async fn existing(path: &Path) -> Result<State, Failure> {
    if path.exists() { open(path).await } else { Err(no_state(path)) }
}

fn no_state(path: &Path) -> Failure {
    let message = format!("there is no state file `{}`, so there are no runs to show", path.display());
    Failure::new(Exit::Usage, "state.absent", message)
        .with_hint("name it with `--state FILE`; it is `.ferry/state.db` beside the pipeline")
}

async fn open(path: &Path) -> Result<State, Failure> {
    let state = State::open(path, seal(path)?).await?;
    state.note_killed().await?;
    Ok(match settings_folder() {
        Some(folder) => state.with_lease_folder(folder.join(LEASES_FOLDER)),
        None => state,
    })
}

/// Finds the key: from the environment, else from the user's folder for settings, else beside the state file.
fn seal(state: &Path) -> Result<Seal, Failure> {
    if let Some(text) = variable(KEY_VARIABLE) {
        return Seal::from_text(&text).ok_or_else(|| {
            let message = format!("`{KEY_VARIABLE}` holds no key");
            Failure::new(Exit::Environment, "state.key", message).with_hint("a key is 64 hexadecimal digits")
        });
    }
    let settings = settings_folder();
    let key_file = settings.as_ref().map_or_else(|| state.with_file_name(KEY_FILE), |folder| folder.join(KEY_FILE));
    if state.exists() && !key_file.exists() {
        let message = format!("the key of the state file `{}` is not there: `{}`", state.display(), key_file.display());
        return Err(Failure::new(Exit::Environment, "state.key", message)
            .with_hint_if(StateError::WrongKey.hint().map(str::to_owned)));
    }
    let FileKey { seal, is_new } = FileKey::open(&key_file)?;
    if is_new {
        tell_key_place(&key_file, settings.is_some());
    }
    Ok(seal)
}

/// Says once where the key is: users have to keep it, and to keep it apart from the state file.
fn tell_key_place(key_file: &Path, is_apart: bool) {
    let place = key_file.display();
    output::insist(&format!(
        "made the key of the state file, `{place}`: keep a copy, the state file cannot be used without it"
    ));
    if !is_apart {
        output::insist(&format!(
            "warning: there is no home folder (`HOME`), so the key is beside the state file: anyone who copies that folder can read \
             both; set `{KEY_VARIABLE}` to keep the key elsewhere"
        ));
    }
}

/// Returns the folder of the user's settings for Ferry; none where there is no home folder. A variable that is empty or names no
/// absolute path counts as not set.
fn settings_folder() -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let settings = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(settings.join("ferry"))
}
