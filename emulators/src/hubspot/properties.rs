//! The definitions of properties and their groups.
//!
//! Source: properties guide; texts of refusals without a documented form are our own.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    batch::batch_answer,
    definitions::{Kind, Property, PropertyOption, PropertySpec},
    errors::Refusal,
    object_type::{Group, ObjectType},
    portal::Portal,
    render::Answer,
    request::{Call, Inputs, NameInput},
};

/// Most properties with unique values that an account defines for one object. Source: properties guide.
const MAX_UNIQUE: usize = 10;
/// Most inputs of a batch of properties. Source: properties guide.
const MAX_INPUTS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    label: Option<String>,
    description: Option<String>,
    group_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    field_type: Option<String>,
    options: Option<Vec<PropertyOption>>,
    display_order: Option<i64>,
    hidden: Option<bool>,
    form_field: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    #[serde(flatten)]
    inputs: Inputs<NameInput>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody {
    name: Option<String>,
    label: Option<String>,
    display_order: Option<i64>,
}

/// Answers what concerns properties: `{object}/…`.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    let object = match portal.object(path.first()?) {
        Ok(object) => object,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match (method, &path[1..]) {
        ("GET", []) => Ok(list(portal, call, object)),
        ("POST", []) => call.json().and_then(|spec| {
            let name = create(portal, object, spec)?;
            Ok(Answer::created(shown(portal, object, &name)))
        }),
        ("POST", ["batch", "create"]) => batch_create(portal, call, object),
        ("POST", ["batch", "read"]) => batch_read(portal, call, object),
        ("POST", ["batch", "archive"]) => batch_archive(portal, call, object),
        ("GET", ["groups"]) => Ok(Answer::ok(
            json!({"results": portal.objects[object].groups.iter().map(shown_group).collect::<Vec<_>>()}),
        )),
        ("POST", ["groups"]) => create_group(portal, call, object),
        (_, ["groups", name]) => return group(portal, call, object, name),
        ("GET", [name]) => read(portal, call, object, name),
        ("PATCH", [name]) => update(portal, call, object, name),
        ("DELETE", [name]) => archive(portal, object, name).map(|()| Answer::nothing()),
        _ => return None,
    })
}

fn shown(portal: &Portal, object: usize, name: &str) -> Json {
    let kind = &portal.objects[object];
    let property = kind.properties.get(name);
    property.map(|property| property.shown(&portal.options(kind, property))).unwrap_or_default()
}

/// Shows every property that is not archived.
pub(super) fn all_shown(portal: &Portal, object: usize) -> Vec<Json> {
    let kind = &portal.objects[object];
    let live = kind.properties.values().filter(|property| property.archived_at.is_none());
    live.map(|property| property.shown(&portal.options(kind, property))).collect()
}

fn list(portal: &Portal, call: &Call, object: usize) -> Answer {
    let kind = &portal.objects[object];
    let is_archived = call.flag("archived");
    let sensitivity = call.parameter("dataSensitivity").unwrap_or("non_sensitive");
    let results: Vec<Json> = kind
        .properties
        .values()
        .filter(|property| property.archived_at.is_some() == is_archived && property.sensitivity() == sensitivity)
        .map(|property| property.shown(&portal.options(kind, property)))
        .collect();
    Answer::ok(json!({"results": results}))
}

fn no_such_property(name: &str) -> Refusal {
    Refusal::not_found(format!("Property \"{name}\" does not exist"))
}

fn read(portal: &Portal, call: &Call, object: usize, name: &str) -> Result<Answer, Refusal> {
    let property = portal.objects[object].properties.get(name);
    let is_archived = call.flag("archived");
    let sensitivity = call.parameter("dataSensitivity").unwrap_or("non_sensitive");
    property
        .filter(|property| property.archived_at.is_some() == is_archived && property.sensitivity() == sensitivity)
        .ok_or_else(|| no_such_property(name))?;
    Ok(Answer::ok(shown(portal, object, name)))
}

/// Defines a property and returns its name. One that was archived comes back with its values.
pub(super) fn create(portal: &mut Portal, object: usize, mut spec: PropertySpec) -> Result<String, Refusal> {
    let now = portal.now();
    let kind = &mut portal.objects[object];
    spec.name = spec.name.to_lowercase();
    check(kind, &spec)?;
    let name = spec.name.clone();
    if kind.properties.get(&name).is_some_and(|property| property.archived_at.is_none()) {
        let message = format!("A property named '{name}' already exists.");
        return Err(Refusal::new(StatusCode::CONFLICT, "OBJECT_ALREADY_EXISTS", message)
            .with_sub_category("Properties.PROPERTY_ALREADY_EXISTS"));
    }
    kind.define(Property::custom(spec, now));
    Ok(name)
}

fn check(kind: &ObjectType, spec: &PropertySpec) -> Result<(), Refusal> {
    let PropertySpec { name, label, group_name, .. } = spec;
    let empty = [("name", name), ("label", label), ("groupName", group_name), ("fieldType", &spec.field_type)];
    if let Some((field, _)) = empty.iter().find(|(_, value)| value.is_empty()) {
        return Err(Refusal::invalid(format!("Some required fields were not set: [{field}]")));
    }
    let is_word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.chars().all(is_word) {
        let message = format!("Property name {name} is not valid: a letter, then letters, digits and underscores");
        return Err(Refusal::invalid(message));
    }
    if !kind.groups.iter().any(|group| &group.name == group_name) {
        return Err(Refusal::invalid(format!("Property group {group_name} does not exist")));
    }
    check_types(spec.kind, &spec.field_type)?;
    check_options(spec)?;
    let unique = kind.properties.values().filter(|property| property.spec.has_unique_value && !property.is_standard);
    if spec.has_unique_value && unique.count() >= MAX_UNIQUE {
        return Err(Refusal::invalid(format!("The limit of {MAX_UNIQUE} unique properties is reached")));
    }
    if spec.has_unique_value && !matches!(spec.kind, Kind::String | Kind::Number) {
        return Err(Refusal::invalid("Only text and number properties can have unique values"));
    }
    Ok(())
}

fn check_types(kind: Kind, field_type: &str) -> Result<(), Refusal> {
    let fits: &[&str] = match kind {
        Kind::String => &["text", "textarea", "html", "file", "phonenumber", "calculation_equation"],
        Kind::Number => &["number", "text", "calculation_equation"],
        Kind::Date | Kind::Datetime => &["date"],
        Kind::Enumeration => &["select", "radio", "checkbox", "booleancheckbox", "calculation_equation"],
        Kind::Bool => &["booleancheckbox", "select", "radio", "calculation_equation"],
        Kind::PhoneNumber => &["phonenumber"],
        Kind::Json | Kind::ObjectCoordinates => &[],
    };
    if fits.contains(&field_type) {
        return Ok(());
    }
    let kind = json!(kind).as_str().map(str::to_owned).unwrap_or_default();
    Err(Refusal::invalid(format!("fieldType {field_type} does not fit type {kind}")))
}

fn check_options(spec: &PropertySpec) -> Result<(), Refusal> {
    let name = &spec.name;
    if spec.kind == Kind::Enumeration && spec.options.is_empty() && !spec.external_options {
        return Err(Refusal::invalid(format!("Property {name} is an enumeration and needs options")));
    }
    let mut values: Vec<&str> = spec.options.iter().map(|option| option.value.as_str()).collect();
    values.sort_unstable();
    if let Some(twice) = values.windows(2).find(|two| two[0] == two[1]).and_then(<[&str]>::first) {
        return Err(Refusal::invalid(format!("Property {name} has two options with the value {twice}")));
    }
    Ok(())
}

fn update(portal: &mut Portal, call: &Call, object: usize, name: &str) -> Result<Answer, Refusal> {
    let body: UpdateBody = call.json()?;
    let now = portal.now();
    let kind = &mut portal.objects[object];
    if let Some(group) = &body.group_name
        && !kind.groups.iter().any(|known| &known.name == group)
    {
        return Err(Refusal::invalid(format!("Property group {group} does not exist")));
    }
    let property = kind.properties.get_mut(name).filter(|property| property.archived_at.is_none());
    let property = property.ok_or_else(|| no_such_property(name))?;
    let is_definition = body.label.is_some() || body.kind.is_some() || body.field_type.is_some();
    if property.is_standard && (is_definition || property.is_read_only) {
        return Err(Refusal::invalid(format!("Property {name} is read-only and its definition cannot be changed")));
    }
    let mut spec = property.spec.clone();
    spec.label = body.label.unwrap_or(spec.label);
    spec.description = body.description.unwrap_or(spec.description);
    spec.group_name = body.group_name.unwrap_or(spec.group_name);
    spec.kind = body.kind.unwrap_or(spec.kind);
    spec.field_type = body.field_type.unwrap_or(spec.field_type);
    spec.options = body.options.unwrap_or(spec.options);
    spec.display_order = body.display_order.unwrap_or(spec.display_order);
    spec.hidden = body.hidden.unwrap_or(spec.hidden);
    spec.form_field = body.form_field.unwrap_or(spec.form_field);
    if !property.is_standard {
        check_types(spec.kind, &spec.field_type)?;
        check_options(&spec)?;
    }
    property.spec = spec;
    property.updated_at = now;
    Ok(Answer::ok(shown(portal, object, name)))
}

fn archive(portal: &mut Portal, object: usize, name: &str) -> Result<(), Refusal> {
    let now = portal.now();
    let property = portal.objects[object].properties.get_mut(name);
    let property = property.filter(|property| property.archived_at.is_none()).ok_or_else(|| no_such_property(name))?;
    if property.is_standard {
        return Err(Refusal::invalid(format!("Property {name} is defined by HubSpot and cannot be archived")));
    }
    property.archived_at = Some(now);
    Ok(())
}

fn batch_create(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<PropertySpec>>()?.checked(MAX_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for spec in inputs {
        let name = spec.name.clone();
        match create(portal, object, spec) {
            Ok(name) => results.push(shown(portal, object, &name)),
            Err(refusal) => errors.push(refusal.with_context("name", &[name])),
        }
    }
    Ok(batch_answer(portal, StatusCode::CREATED, &results, &errors, &[]))
}

fn batch_read(portal: &Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: ReadBody = call.json()?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for NameInput { name } in body.inputs.checked(MAX_INPUTS)? {
        let property = portal.objects[object].properties.get(&name);
        if property.is_some_and(|property| property.archived_at.is_some() == body.archived) {
            results.push(shown(portal, object, &name));
        } else {
            errors.push(no_such_property(&name).with_context("name", &[name]));
        }
    }
    Ok(batch_answer(portal, StatusCode::OK, &results, &errors, &[]))
}

fn batch_archive(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    for NameInput { name } in call.json::<Inputs<NameInput>>()?.checked(MAX_INPUTS)? {
        archive(portal, object, &name)?;
    }
    Ok(Answer::nothing())
}

fn shown_group(group: &Group) -> Json {
    json!({"name": group.name, "label": group.label, "displayOrder": group.display_order, "archived": false})
}

fn create_group(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: GroupBody = call.json()?;
    let (Some(name), Some(label)) = (body.name, body.label) else {
        return Err(Refusal::invalid("Some required fields were not set: [name, label]"));
    };
    let groups = &mut portal.objects[object].groups;
    if groups.iter().any(|group| group.name == name) {
        let message = format!("A property group named '{name}' already exists.");
        return Err(Refusal::new(StatusCode::CONFLICT, "OBJECT_ALREADY_EXISTS", message));
    }
    let group = Group { name, label, display_order: body.display_order.unwrap_or(-1) };
    let shown = shown_group(&group);
    groups.push(group);
    Ok(Answer::created(shown))
}

fn group(portal: &mut Portal, call: &Call, object: usize, name: &str) -> Option<Result<Answer, Refusal>> {
    let kind = &mut portal.objects[object];
    let Some(place) = kind.groups.iter().position(|group| group.name == name) else {
        return Some(Err(Refusal::not_found(format!("Property group {name} does not exist"))));
    };
    Some(match call.method.as_str() {
        "GET" => Ok(Answer::ok(shown_group(&kind.groups[place]))),
        "PATCH" => call.json::<GroupBody>().map(|body| {
            let group = &mut kind.groups[place];
            group.label = body.label.unwrap_or_else(|| group.label.clone());
            group.display_order = body.display_order.unwrap_or(group.display_order);
            Answer::ok(shown_group(group))
        }),
        "DELETE" => {
            let is_used = |property: &Property| property.spec.group_name == name && property.archived_at.is_none();
            if kind.properties.values().any(is_used) {
                Err(Refusal::invalid(format!("Property group {name} still has properties")))
            } else {
                kind.groups.remove(place);
                Ok(Answer::nothing())
            }
        }
        _ => return None,
    })
}
