//! `ferry describe`: the fields of an object as its system declares them.

use std::{path::Path, sync::Arc};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::model::{ConnectionName, ObjectName, Schema};

use super::{
    audit,
    description::Sides,
    exit::{Exit, Failure},
    load::load,
    output,
    summary::new_table,
    tokens::StateTokens,
    workspace::{Workspace, check_pin, connection_named, context},
};

/// Options of a choice that a line shows.
const SHOWN_OPTIONS: usize = 6;

pub(super) async fn describe(
    workspace: &Workspace,
    file: &Path,
    connection: &str,
    object: Option<&str>,
) -> Result<Exit, Failure> {
    let pipeline = load(workspace, file)?;
    let name = ConnectionName::new(connection);
    let objects = match object {
        Some(object) => vec![ObjectName::new(object)],
        None => pipeline.objects_of(&name),
    };
    let schemas = ask(workspace, &pipeline, &name, file, &objects).await?;
    if schemas.is_empty() {
        let message = format!("the pipeline reads and writes nothing at `{name}`");
        return Err(
            Failure::new(Exit::Usage, "object.absent", message).with_hint("name an object after the connection")
        );
    }
    keep(workspace, &pipeline, &name, file, &schemas)?;
    if workspace.output.is_json {
        output::json(&json!({ "connection": connection, "objects": schemas }))?;
    } else {
        for schema in &schemas {
            output::data(&text(schema))?;
        }
    }
    Ok(Exit::Done)
}

async fn ask(
    workspace: &Workspace,
    pipeline: &Pipeline,
    name: &ConnectionName,
    file: &Path,
    objects: &[ObjectName],
) -> Result<Vec<Schema>, Failure> {
    let (_, connection) = connection_named(pipeline, name)?;
    let unusable = |message: String| Failure::new(Exit::Usage, "connection.config", message);
    let entry = workspace.registry.get(&connection.connector).map_err(|error| unusable(error.to_string()))?;
    let tokens = Arc::new(StateTokens(workspace.open_state_for_tokens(file, pipeline).await?));
    let mut context = context(Clock::system(), &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    let audit = audit::attach(workspace, pipeline, &mut context)?;
    check_pin(&workspace.registry, connection, &context.for_connection(name.clone())).await?;
    let mut schemas = Vec::new();
    // A system that is no source can still say what may be written to it.
    let sides = Sides::of(entry, connection, &context);
    for object in objects {
        let described = sides.describe(object).await.map_err(|error| unusable(error.to_string()))?;
        schemas.push(described.map_err(|error| Failure::of_connector(name, error))?);
    }
    audit.finish()?;
    Ok(schemas)
}

/// Keeps the descriptions, so that `ferry validate` knows the fields without asking.
fn keep(
    workspace: &Workspace,
    pipeline: &Pipeline,
    name: &ConnectionName,
    file: &Path,
    schemas: &[Schema],
) -> Result<(), Failure> {
    let Some(connection) = pipeline.connections.get(name) else { return Ok(()) };
    let cache = workspace.descriptions(file);
    for schema in schemas {
        cache.store(&connection.connector, name, schema)?;
    }
    Ok(())
}

fn text(schema: &Schema) -> String {
    let mut table = new_table();
    // Files have no labels.
    let has_labels = schema.fields.iter().any(|field| field.label.is_some());
    // Only a spreadsheet's columns have a format of their own, and tell what is filled.
    let has_looks = schema.fields.iter().any(|field| field.format.is_some() || field.filled_percent.is_some());
    let columns = |[name, label, kind, format, filled, marks, options]: [String; 7]| {
        let label = Some(label).filter(|_| has_labels);
        let looks = [format, filled].into_iter().filter(|_| has_looks);
        [name].into_iter().chain(label).chain([kind]).chain(looks).chain([marks, options]).collect::<Vec<_>>()
    };
    table.set_header(columns(["field", "label", "type", "format", "filled", "", "options"].map(str::to_owned)));
    for field in &schema.fields {
        let marks = [
            (field.is_required, "required"),
            (field.is_unique, "unique"),
            (field.is_formula, "formula"),
            (field.is_read_only, "read-only"),
            (field.is_write_only, "write-only"),
        ];
        let marks: Vec<&str> = marks.into_iter().filter_map(|(is_set, word)| is_set.then_some(word)).collect();
        let mut options: Vec<&str> =
            field.options.iter().take(SHOWN_OPTIONS).map(|choice| choice.value.as_str()).collect();
        if field.options.len() > SHOWN_OPTIONS {
            options.push("…");
        }
        let (kind, label) = (field.field_type.as_str().to_owned(), field.label.clone().unwrap_or_default());
        let format = field.format.clone().unwrap_or_default();
        let filled = field.filled_percent.map(|percent| format!("{percent} %")).unwrap_or_default();
        let (marks, options) = (marks.join(" "), options.join(", "));
        table.add_row(columns([field.name.to_string(), label, kind, format, filled, marks, options]));
    }
    format!("{}\n{table}\n", schema.object)
}
