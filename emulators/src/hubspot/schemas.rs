//! Custom objects: their definition, and how the API shows it.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    definitions::PropertySpec,
    errors::Refusal,
    portal::{CustomNames, Portal},
    properties::{all_shown, create as create_property},
    render::Answer,
    request::Call,
    time::iso,
};

/// The names of one and of several records.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Labels {
    pub(super) singular: Option<String>,
    pub(super) plural: Option<String>,
}

/// A custom object as a client or a fixture defines it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemaSpec {
    pub(super) name: String,
    #[serde(default)]
    pub(super) labels: Labels,
    #[serde(default)]
    pub(super) properties: Vec<PropertySpec>,
    #[serde(default)]
    required_properties: Vec<String>,
    #[serde(default)]
    searchable_properties: Vec<String>,
    primary_display_property: Option<String>,
    #[serde(default)]
    secondary_display_properties: Vec<String>,
    #[serde(default)]
    associated_objects: Vec<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    labels: Option<Labels>,
    required_properties: Option<Vec<String>>,
    searchable_properties: Option<Vec<String>>,
    primary_display_property: Option<String>,
    secondary_display_properties: Option<Vec<String>>,
    description: Option<String>,
    #[serde(default)]
    clear_description: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssociationBody {
    from_object_type_id: String,
    to_object_type_id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct ReadBody {
    inputs: Vec<String>,
}

/// Answers what concerns the definitions of custom objects.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", []) => Ok(list(portal, call.flag("archived"))),
        ("POST", []) => call.json().and_then(|spec| {
            let object = create(portal, spec)?;
            Ok(Answer::created(shown(portal, object)))
        }),
        ("POST", ["batch", "read"]) => batch_read(portal, call),
        ("GET", [name]) => find(portal, name).map(|object| Answer::ok(shown(portal, object))),
        ("PATCH", [name]) => find(portal, name).and_then(|object| update(portal, call, object)),
        ("DELETE", [name]) => find(portal, name).and_then(|object| archive(portal, object)),
        ("POST", [name, "associations"]) => find(portal, name).and_then(|object| associate(portal, call, object)),
        ("DELETE", [name, "associations", id]) => {
            find(portal, name).and_then(|object| remove_association(portal, object, id))
        }
        _ => return None,
    })
}

fn find(portal: &Portal, name: &str) -> Result<usize, Refusal> {
    let no_such_schema = || Refusal::not_found(format!("Unable to infer object type from: {name}"));
    portal.find(name).filter(|object| portal.objects[*object].custom.is_some()).ok_or_else(no_such_schema)
}

fn list(portal: &Portal, is_archived: bool) -> Answer {
    let custom = (0..portal.objects.len()).filter(|object| {
        portal.objects[*object].custom.as_ref().is_some_and(|custom| custom.is_archived == is_archived)
    });
    Answer::ok(json!({"results": custom.map(|object| shown(portal, object)).collect::<Vec<Json>>()}))
}

fn batch_read(portal: &Portal, call: &Call) -> Result<Answer, Refusal> {
    let body: ReadBody = call.json()?;
    let found = body.inputs.iter().map(|name| find(portal, name)).collect::<Result<Vec<_>, _>>()?;
    let results: Vec<Json> = found.into_iter().map(|object| shown(portal, object)).collect();
    Ok(Answer::ok(json!({"results": results})))
}

/// Defines a custom object and returns its place.
pub(super) fn create(portal: &mut Portal, spec: SchemaSpec) -> Result<usize, Refusal> {
    let name = spec.name.to_lowercase();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.chars().all(is_word) {
        return Err(Refusal::invalid(format!("Object name {name} is not valid")));
    }
    if portal.find(&name).is_some() {
        return Err(Refusal::invalid(format!("An object named {name} already exists"))
            .with_sub_category("ObjectTypeDefinition.OBJECT_ALREADY_EXISTS"));
    }
    let label = spec.labels.singular.unwrap_or_else(|| name.clone());
    let plural = spec.labels.plural.unwrap_or_else(|| format!("{label}s"));
    let missing = spec
        .required_properties
        .iter()
        .chain(&spec.primary_display_property)
        .find(|required| !spec.properties.iter().any(|property| &property.name == *required));
    if let Some(missing) = missing {
        return Err(Refusal::invalid(format!("Property {missing} is not among the properties of the object")));
    }
    let targets = spec.associated_objects.iter().map(|name| portal.object(name)).collect::<Result<Vec<_>, _>>()?;
    let object = portal.add_custom(CustomNames { name, label, plural });
    for mut property in spec.properties {
        if property.group_name.is_empty() {
            portal.objects[object].groups[0].name.clone_into(&mut property.group_name);
        }
        if let Err(refusal) = create_property(portal, object, property) {
            portal.release_names(object);
            drop_schema(portal, object);
            return Err(refusal);
        }
    }
    let kind = &mut portal.objects[object];
    kind.defaults.extend(spec.primary_display_property.clone());
    kind.required = spec.required_properties;
    kind.searchable = spec.searchable_properties;
    kind.primary = spec.primary_display_property;
    if let Some(custom) = &mut kind.custom {
        custom.description = spec.description;
        custom.secondary = spec.secondary_display_properties;
    }
    for target in targets {
        define_association(portal, object, target, None);
    }
    Ok(object)
}

fn drop_schema(portal: &mut Portal, object: usize) {
    if let Some(custom) = &mut portal.objects[object].custom {
        custom.is_archived = true;
    }
}

fn define_association(portal: &mut Portal, from: usize, to: usize, name: Option<String>) -> u32 {
    let id = portal.default_link((from, to));
    let owner = if portal.objects[from].custom.is_some() { from } else { to };
    if let Some(custom) = &mut portal.objects[owner].custom {
        custom.associations.retain(|(known, ..)| *known != id);
        custom.associations.push((id, from, to, name));
    }
    id
}

fn shown_association(portal: &Portal, (id, from, to, name): &(u32, usize, usize, Option<String>)) -> Json {
    let (from, to) = (&portal.objects[*from], &portal.objects[*to]);
    let name = name.clone().unwrap_or_else(|| format!("{}_to_{}", from.singular, to.singular));
    json!({"id": id.to_string(), "fromObjectTypeId": from.type_id, "toObjectTypeId": to.type_id, "name": name})
}

fn shown(portal: &Portal, object: usize) -> Json {
    let kind = &portal.objects[object];
    let Some(custom) = &kind.custom else { return Json::Null };
    let associations: Vec<Json> =
        custom.associations.iter().map(|association| shown_association(portal, association)).collect();
    let mut shown = json!({
        "id": kind.type_id.trim_start_matches("2-"), "objectTypeId": kind.type_id, "name": kind.name,
        "fullyQualifiedName": kind.full_name(portal.id), "labels": {"singular": kind.label, "plural": kind.plural},
        "primaryDisplayProperty": kind.primary, "secondaryDisplayProperties": custom.secondary,
        "requiredProperties": kind.required, "searchableProperties": kind.searchable,
        "properties": all_shown(portal, object), "associations": associations,
        "allowsSensitiveProperties": false, "archived": custom.is_archived,
        "createdAt": iso(custom.created_at), "updatedAt": iso(custom.updated_at),
    });
    if let Some(description) = &custom.description {
        shown["description"] = Json::from(description.as_str());
    }
    shown
}

fn update(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: UpdateBody = call.json()?;
    let now = portal.now();
    let kind = &mut portal.objects[object];
    let named = [&body.required_properties, &body.searchable_properties, &body.secondary_display_properties];
    let named = named.into_iter().flatten().flatten().chain(&body.primary_display_property);
    for name in named {
        if kind.live_property(name).is_none() {
            return Err(Refusal::invalid(format!("Property \"{name}\" does not exist")));
        }
    }
    let labels = body.labels.unwrap_or_default();
    kind.label = labels.singular.unwrap_or_else(|| kind.label.clone());
    kind.plural = labels.plural.unwrap_or_else(|| kind.plural.clone());
    kind.required = body.required_properties.unwrap_or_else(|| kind.required.clone());
    kind.searchable = body.searchable_properties.unwrap_or_else(|| kind.searchable.clone());
    kind.primary = body.primary_display_property.or_else(|| kind.primary.clone());
    if let Some(custom) = &mut kind.custom {
        custom.secondary = body.secondary_display_properties.unwrap_or_else(|| custom.secondary.clone());
        custom.description = if body.clear_description { None } else { body.description.or(custom.description.take()) };
        custom.updated_at = now;
    }
    Ok(Answer::ok(shown(portal, object)))
}

fn archive(portal: &mut Portal, object: usize) -> Result<Answer, Refusal> {
    if portal.objects[object].records.len() > 0 {
        return Err(Refusal::invalid("The object still has records; archive them first"));
    }
    portal.release_names(object);
    drop_schema(portal, object);
    Ok(Answer::nothing())
}

fn associate(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: AssociationBody = call.json()?;
    let (from, to) = (portal.object(&body.from_object_type_id)?, portal.object(&body.to_object_type_id)?);
    if from != object && to != object {
        return Err(Refusal::invalid("One end of the association must be the object itself"));
    }
    let id = define_association(portal, from, to, body.name.clone());
    Ok(Answer::created(shown_association(portal, &(id, from, to, body.name))))
}

fn remove_association(portal: &mut Portal, object: usize, id: &str) -> Result<Answer, Refusal> {
    let custom = portal.objects[object].custom.as_mut();
    let associations = custom.map(|custom| &mut custom.associations).ok_or_else(Refusal::no_such_record)?;
    let place = associations.iter().position(|(known, ..)| known.to_string() == id);
    let place = place.ok_or_else(|| Refusal::not_found(format!("Association {id} does not exist")))?;
    let (id, from, to, _) = associations.remove(place);
    portal.links.undefine((from, to), id);
    Ok(Answer::nothing())
}
