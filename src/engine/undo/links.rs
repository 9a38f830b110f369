//! Links whose other end is created again or deleted by the undo itself.

use std::collections::{HashMap, HashSet};

use crate::engine::{error::EngineError, setup::Loader};
use crate::model::{ConnectionName, FieldName, FieldType, Record, Value};
use crate::state::{Image, ImageKind};

use super::step::Abilities;

/// Records that an earlier attempt was about to write and has no answer of, by connection.
pub(super) type UnderWay = HashMap<ConnectionName, HashSet<String>>;

/// Lets links to records that were created again lead to their new ids.
pub(super) fn with_new_ids(loader: &Loader, mut images: Vec<Image>, renamed: &HashMap<String, String>) -> Vec<Image> {
    if renamed.is_empty() {
        return images;
    }
    let names = link_fields(loader);
    let before = images.iter_mut().flat_map(|image| image.before.iter_mut().flatten());
    for (_, value) in before.filter(|(name, _)| names.contains(name)) {
        for id in ids_of_mut(value) {
            if let Some(new) = renamed.get(id) {
                id.clone_from(new);
            }
        }
    }
    images
}

/// Takes out of what the run wrote the links to records that it created and that the undo deleted. The system clears such a link by
/// itself, so that it is no change that a person made.
pub(super) async fn without_deleted_links(
    (loader, abilities): (&Loader, &Abilities<'_>),
    undone_run: &str,
    images: &mut [Image],
    found: &HashMap<String, Record>,
    under_way: &UnderWay,
) -> Result<(), EngineError> {
    // Of links that are set by calls of their own it is not read whether they are there.
    let names: HashSet<&FieldName> =
        link_fields(loader).into_iter().filter(|name| abilities.is_readable(name)).collect();
    let mut missing = HashSet::new();
    for_links_not_held(&names, images, found, |value, held| {
        missing.extend(ids_of_mut(value).iter().filter(|id| !is_linked(held, id)).cloned());
    });
    if missing.is_empty() {
        return Ok(());
    }
    let connection = loader.connection();
    let under_way = under_way.get(connection).cloned().unwrap_or_default();
    let deleted = loader.services.state.deleted_of_run(undone_run, connection, missing, under_way).await?;
    for_links_not_held(&names, images, found, |value, held| {
        let is_left = |id: &String| !deleted.contains(id) || is_linked(held, id);
        if let Value::List(ids) = value {
            ids.retain(is_left);
        }
        if !ids_of_mut(value).iter().any(is_left) {
            *value = Value::Null;
        }
    });
    Ok(())
}

/// Looks at each field with links that the run wrote and that does not hold what it wrote, with what it holds.
fn for_links_not_held(
    names: &HashSet<&FieldName>,
    images: &mut [Image],
    found: &HashMap<String, Record>,
    mut look: impl FnMut(&mut Value, Option<&Value>),
) {
    for image in images.iter_mut().filter(|image| image.kind != ImageKind::Deleted) {
        let Some(now) = found.get(&image.destination_id) else { continue };
        for (name, value) in image.wrote.iter_mut().filter(|(name, _)| names.contains(name)) {
            let held = now.fields.get(name);
            if ids_of_mut(value).iter().any(|id| !is_linked(held, id)) {
                look(value, held);
            }
        }
    }
}

/// Returns the fields that hold ids of other records: by the system's own word, by their mapping, or because a parent's key sets them.
fn link_fields(loader: &Loader) -> HashSet<&FieldName> {
    let shape = &loader.shape;
    let mapped = shape.preparation.fields.iter().filter(|field| field.link.is_some()).map(|field| &field.name);
    let declared = shape.schema.fields.iter().filter(|field| field.field_type == FieldType::Link);
    let set_by_keys = shape.schema.fields.iter().filter_map(|field| Some(&field.parent.as_ref()?.sets));
    mapped.chain(declared.map(|field| &field.name)).chain(set_by_keys).collect()
}

fn is_linked(held: Option<&Value>, id: &str) -> bool {
    match held {
        Some(Value::List(ids)) => ids.iter().any(|held| held == id),
        Some(Value::Text(held)) => held == id,
        _ => false,
    }
}

fn ids_of_mut(value: &mut Value) -> &mut [String] {
    match value {
        Value::List(ids) => ids,
        Value::Text(id) => std::slice::from_mut(id),
        Value::Null
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Date(_)
        | Value::DateTime(_) => &mut [],
    }
}
