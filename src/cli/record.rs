//! `ferry record`: takes records of a live system into the fixtures, masked, so that a dry run works on the shape of one's own
//! data.

mod masks;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use emulators::{EmulatorOptions, read_fixtures};
use futures::StreamExt;
use serde_json::{Map, Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{ConnectorError, Entry, FixtureForm, ReadRequest, Source};
use crate::model::{
    ConnectionName, Field, FieldName, ID, LINK_PREFIX, ObjectName, Page, Schema, SyncMode, UPDATED_AT, Value,
    ValueError,
};
use crate::private_file::PrivateFile;

use super::{
    args::RecordArgs,
    audit,
    exit::{Exit, Failure},
    load::load,
    local::fixtures_folder,
    output,
    tokens::StateTokens,
    workspace::{Workspace, check_pin, connection_named, context},
};

use self::masks::Masks;

pub(super) async fn record(workspace: &Workspace, args: &RecordArgs) -> Result<Exit, Failure> {
    let pipeline = load(workspace, &args.file)?;
    let (name, connection) = connection_named(&pipeline, &args.connection)?;
    let entry = workspace.registry.get(&connection.connector).map_err(|error| config(error.to_string()))?;
    let place = Place::new(entry, args)?;
    let masks = if args.no_mask { None } else { Some(Masks::new(&workspace.pseudonym_key(&args.file)?)) };
    let tokens = Arc::new(StateTokens(workspace.open_state_for_tokens(&args.file, &pipeline).await?));
    let mut context = context(Clock::system(), &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    let audit = audit::attach(workspace, &pipeline, &mut context)?;
    let context = context.for_connection(name.clone());
    check_pin(&workspace.registry, connection, &context).await?;
    let source = (entry.source)(connection.options.clone(), &context).map_err(|error| config(error.to_string()))?;
    let failed = |error: ConnectorError| Failure::of_connector(name, error);
    let schema = source.describe(&place.object).await.map_err(failed)?;
    let Some(fixtures) = source.fixtures() else { return Err(not_recordable(entry)) };
    let form = fixtures.fixture(&place.object).await.map_err(failed)?;
    let sheet = Sheet::new(&schema, &form, &place, masks, &args.keep)?;
    let taken = sheet.take(name, source.as_ref(), args.limit).await?;
    audit.finish()?;
    place.write(&form, &taken, sheet.masks.as_ref(), args)?;
    place.check_loads(entry)?;
    tell(workspace, &place, &taken, args)
}

/// What was read.
#[derive(Debug, Default)]
struct Taken {
    records: Vec<Map<String, Json>>,
    rejected: usize,
    links_left_out: usize,
}

/// Where the fixture goes.
#[derive(Debug)]
struct Place {
    object: ObjectName,
    folder: PathBuf,
    /// The ids of the records that are there already, by object.
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Place {
    fn new(entry: &Entry, args: &RecordArgs) -> Result<Self, Failure> {
        if entry.emulator.is_none() {
            return Err(not_recordable(entry));
        }
        if args.object.contains(['/', '\\']) || args.object.starts_with('.') {
            let message = format!("`{}` cannot be the name of a file, which a fixture's object must be", args.object);
            return Err(Failure::new(Exit::Usage, "record.name", message));
        }
        let folder = fixtures_folder(args.output.as_deref(), &args.file).join(entry.name);
        let mut place = Self { object: ObjectName::new(&args.object), folder, known: BTreeMap::new() };
        let there = place.endings().into_iter().take(2).find(|path| path.exists());
        if let Some(there) = there.filter(|_| !args.force) {
            let message = format!("`{}` is there already", there.display());
            return Err(Failure::new(Exit::Usage, "record.exists", message)
                .with_hint("`--force` writes it anew; `--output DIR` writes somewhere else"));
        }
        if place.folder.is_dir() {
            let fixtures = read_fixtures(&place.folder)
                .map_err(|error| Failure::new(Exit::Usage, "fixtures", error.to_string()))?;
            for (object, fixture) in fixtures {
                place.known.insert(object, fixture.records.iter().filter_map(id_of).collect());
            }
        }
        Ok(place)
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    fn endings(&self) -> [PathBuf; 3] {
        ["jsonl", "csv", "schema.yaml"].map(|ending| self.file(&self.object, ending))
    }

    fn write(
        &self,
        form: &FixtureForm,
        taken: &Taken,
        masks: Option<&Masks>,
        args: &RecordArgs,
    ) -> Result<(), Failure> {
        fs::create_dir_all(&self.folder)?;
        if args.force {
            for old in self.endings().iter().filter(|path| path.exists()) {
                fs::remove_file(old)?;
            }
        }
        write_lines(&self.file(&self.object, "jsonl"), &taken.records)?;
        let schema = self.file(&self.object, "schema.yaml");
        write_yaml(&schema, &completed(&schema, &form.schema)?)?;
        for (name, schema) in form.beside.iter().filter(|(name, _)| !name.contains(['/', '\\'])) {
            let path = self.file(name, "schema.yaml");
            write_yaml(&path, &completed(&path, schema)?)?;
        }
        for (name, records) in &form.records_beside {
            let is_there = ["jsonl", "csv"].iter().any(|ending| self.file(name, ending).exists());
            if !is_there {
                let masked = records.iter().map(|record| mask_plain(record, masks)).collect::<Vec<_>>();
                write_lines(&self.file(name, "jsonl"), &masked)?;
            }
        }
        Ok(())
    }

    /// Starts the local vendor on what is in the folder now: a fixture that cannot be loaded is none.
    fn check_loads(&self, entry: &Entry) -> Result<(), Failure> {
        let Some(emulator) = entry.emulator else { return Err(not_recordable(entry)) };
        let options = EmulatorOptions { fixtures: Some(self.folder.clone()), ..EmulatorOptions::default() };
        (emulator.make)(options, Clock::system()).map(drop).map_err(|reason| {
            let message =
                format!("the local {} cannot be filled from `{}`: {reason}", entry.name, self.folder.display());
            Failure::new(Exit::Failed, "record.unloadable", message)
                .with_hint("fix or remove the fixture that is named")
        })
    }
}

/// How a record becomes a line of the fixture.
struct Sheet {
    request: ReadRequest,
    fields: Vec<Field>,
    /// The columns with links, and where each may lead.
    links: Vec<(FieldName, Vec<ObjectName>)>,
    updated_at: Option<FieldName>,
    known: BTreeMap<String, BTreeSet<String>>,
    masks: Option<Masks>,
    kept: Vec<String>,
}

impl Sheet {
    fn new(
        schema: &Schema,
        form: &FixtureForm,
        place: &Place,
        masks: Option<Masks>,
        kept: &[String],
    ) -> Result<Self, Failure> {
        if let Some(unknown) = kept.iter().find(|name| schema.field(name).is_none()) {
            let message = format!("`{}` has no field `{unknown}`", place.object);
            return Err(
                Failure::new(Exit::Usage, "field.unknown", message).with_hint("`ferry describe` lists the fields")
            );
        }
        let fields: Vec<Field> = form.fields.iter().filter_map(|name| schema.field(name)).cloned().collect();
        let mut links: Vec<(FieldName, Vec<ObjectName>)> =
            form.links.iter().map(|(field, target)| (field.clone(), target.clone())).collect();
        if links.is_empty() {
            let columns = schema.fields.iter().filter_map(|field| {
                field.name.strip_prefix(LINK_PREFIX).map(|target| (field.name.clone(), vec![ObjectName::new(target)]))
            });
            links.extend(columns);
        }
        // Links to what is no fixture would lead nowhere, and each kind of them may cost calls.
        let mut known = place.known.clone();
        for (name, records) in form.records_beside.iter().filter(|(name, _)| !place.known.contains_key(*name)) {
            known.insert(name.clone(), records.iter().filter_map(id_of).collect());
        }
        links.retain(|(_, targets)| {
            targets.iter().any(|target| *target == place.object || known.contains_key(target.as_str()))
        });
        let (asked, named): (Vec<_>, Vec<_>) = links.iter().partition(|(field, _)| field.starts_with(LINK_PREFIX));
        let request = ReadRequest {
            shown: Vec::new(),
            object: place.object.clone(),
            fields: fields
                .iter()
                .map(|field| &field.name)
                .chain(named.into_iter().map(|(field, _)| field))
                .cloned()
                .collect(),
            links: asked.into_iter().flat_map(|(_, targets)| targets.clone()).collect(),
            filter: None,
            sync_mode: SyncMode::FullRefresh,
            cursor: None,
        };
        let updated_at = form.updated_at.clone();
        Ok(Self { request, fields, links, updated_at, known, masks, kept: kept.to_vec() })
    }

    async fn take(&self, connection: &ConnectionName, source: &dyn Source, limit: u64) -> Result<Taken, Failure> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut taken = Taken::default();
        let mut pages = source.read(self.request.clone());
        while taken.records.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(|error| Failure::of_connector(connection, error))?;
            taken.rejected += page.rejects.len();
            let room = limit - taken.records.len();
            self.add(&page, room, &mut taken)
                .map_err(|error| Failure::new(Exit::Failed, "records", error.to_string()))?;
        }
        self.drop_loose_links(&mut taken);
        Ok(taken)
    }

    fn add(&self, page: &Page, room: usize, taken: &mut Taken) -> Result<(), ValueError> {
        let cell = |name: &str, row: usize| match page.frame.column(name).ok().and_then(|column| column.get(row).ok()) {
            Some(any) => Value::from_any(&any),
            None => Ok(Value::Null),
        };
        for row in 0..page.frame.height().min(room) {
            let mut record = Map::new();
            record.insert(ID.to_owned(), Json::from(self.id(&cell(ID, row)?.to_text())));
            for field in &self.fields {
                let value = cell(&field.name, row)?;
                let is_kept = self.kept.iter().any(|kept| *kept == *field.name);
                let value = match self.masks.as_ref().filter(|_| !is_kept) {
                    Some(masks) => masks.mask(field, value),
                    None => value,
                };
                if !value.is_null() {
                    record.insert(field.name.to_string(), plain(&value));
                }
            }
            for (field, _) in &self.links {
                match cell(field, row)? {
                    Value::List(ids) => {
                        record.insert(field.to_string(), ids.iter().map(|id| Json::from(self.id(id))).collect());
                    }
                    Value::Text(id) => {
                        record.insert(field.to_string(), Json::from(self.id(&id)));
                    }
                    Value::Null
                    | Value::Integer(_)
                    | Value::Number(_)
                    | Value::Boolean(_)
                    | Value::Date(_)
                    | Value::DateTime(_) => {}
                }
            }
            if let Some(name) = &self.updated_at {
                let moment = cell(UPDATED_AT, row)?;
                if !moment.is_null() {
                    record.insert(name.to_string(), moment.to_json());
                }
            }
            taken.records.push(record);
        }
        Ok(())
    }

    fn id(&self, id: &str) -> String {
        self.masks.as_ref().map_or_else(|| id.to_owned(), |masks| masks.id(id))
    }

    /// Leaves out links to records that are not among the fixtures: the local vendor would refuse them.
    fn drop_loose_links(&self, taken: &mut Taken) {
        let own: BTreeSet<String> =
            taken.records.iter().filter_map(|record| record.get(ID)?.as_str().map(str::to_owned)).collect();
        let none = BTreeSet::new();
        for record in &mut taken.records {
            for (field, targets) in &self.links {
                let ids_of = |target: &ObjectName| {
                    if *target == self.request.object { &own } else { self.known.get(&**target).unwrap_or(&none) }
                };
                let is_there =
                    |id: &Json| id.as_str().is_some_and(|id| targets.iter().any(|target| ids_of(target).contains(id)));
                match record.get_mut(field.as_str()) {
                    Some(Json::Array(list)) => {
                        let before = list.len();
                        list.retain(is_there);
                        taken.links_left_out += before - list.len();
                    }
                    Some(id) if !is_there(id) => {
                        record.remove(field.as_str());
                        taken.links_left_out += 1;
                    }
                    Some(_) | None => {}
                }
            }
        }
    }
}

fn tell(workspace: &Workspace, place: &Place, taken: &Taken, args: &RecordArgs) -> Result<Exit, Failure> {
    let file = place.file(&place.object, "jsonl");
    if workspace.output.is_json {
        output::json(&json!({
            "object": place.object, "file": file, "records": taken.records.len(), "rejected": taken.rejected,
            "links_left_out": taken.links_left_out, "is_masked": !args.no_mask,
        }))?;
        return Ok(Exit::Done);
    }
    let count = |count: usize, word: &str| output::counted(u64::try_from(count).unwrap_or(u64::MAX), word);
    let masked = if args.no_mask { "as they are: they hold personal values" } else { "masked" };
    let records = count(taken.records.len(), "record");
    output::data(&format!("{records} of `{}` in `{}`, {masked}\n", place.object, file.display()))?;
    if taken.rejected > 0 {
        workspace
            .output
            .say(&format!("{} did not fit their own field types and were left out", count(taken.rejected, "record")));
    }
    if taken.links_left_out > 0 {
        let links = count(taken.links_left_out, "link");
        workspace
            .output
            .say(&format!("{links} to records that are no fixtures were left out; record those objects first"));
    }
    let folder = place.folder.parent().unwrap_or(Path::new(""));
    workspace.output.say(&format!(
        "next: `ferry run {} --dry-run --fixtures {}`",
        args.file.display(),
        folder.display()
    ));
    Ok(Exit::Done)
}

/// Returns a fixture's id, under whichever name it has it.
fn id_of(record: &Map<String, Json>) -> Option<String> {
    [ID, "id", "Id"].iter().find_map(|name| record.get(*name)).map(super::rejects::cell_text)
}

/// Returns a value as a fixture has it: whole numbers are written without a fraction, as ids and counts are.
fn plain(value: &Value) -> Json {
    match value {
        Value::Number(number) => match number.to_string().parse::<i64>() {
            Ok(whole) => Json::from(whole),
            Err(_) => value.to_json(),
        },
        other => other.to_json(),
    }
}

fn mask_plain(record: &Map<String, Json>, masks: Option<&Masks>) -> Map<String, Json> {
    let Some(masks) = masks else { return record.clone() };
    let mask = |name: &String, value: &Json| match value {
        Json::String(text) if name != "id" => {
            let field = Field::new(name, crate::model::FieldType::Text);
            masks.mask(&field, Value::Text(text.clone())).to_json()
        }
        other => other.clone(),
    };
    record.iter().map(|(name, value)| (name.clone(), mask(name, value))).collect()
}

/// Adds to a schema file that is there already what it does not say.
fn completed(path: &Path, schema: &Json) -> Result<Json, Failure> {
    if !path.exists() {
        return Ok(schema.clone());
    }
    let wrong = |error: String| Failure::new(Exit::Usage, "fixtures", format!("`{}`: {error}", path.display()));
    let mut there: Json = serde_yaml::from_str(&fs::read_to_string(path)?).map_err(|error| wrong(error.to_string()))?;
    if let (Some(there), Some(schema)) = (there.as_object_mut(), schema.as_object()) {
        for (name, content) in schema {
            there.entry(name).or_insert_with(|| content.clone());
        }
    }
    Ok(there)
}

fn write_lines(path: &Path, records: &[Map<String, Json>]) -> Result<(), Failure> {
    let mut lines = String::new();
    for record in records {
        lines.push_str(&Json::Object(record.clone()).to_string());
        lines.push('\n');
    }
    Ok(PrivateFile::write(path, lines.as_bytes())?)
}

fn write_yaml(path: &Path, schema: &Json) -> Result<(), Failure> {
    let text =
        serde_yaml::to_string(schema).map_err(|error| Failure::new(Exit::Failed, "records", error.to_string()))?;
    Ok(PrivateFile::write(path, text.as_bytes())?)
}

fn config(message: String) -> Failure {
    Failure::new(Exit::Usage, "connection.config", message)
}

fn not_recordable(entry: &Entry) -> Failure {
    let message = format!("`{}` has no local emulator, so a dry run takes no fixtures for it", entry.name);
    Failure::new(Exit::Usage, "record.unsupported", message)
        .with_hint("a dry run reads files as they are: put a shortened copy into the folder")
}
