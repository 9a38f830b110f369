//! Describes, with every key that real ones have.

use serde_json::{Map, Value as Json, json};

use super::{Catalog, Child, Field, FieldSpec, FieldType, Object, Role};

/// The record type that records have where there is no other.
const MASTER: &str = "012000000000000AAA";

/// Describes all objects in short.
pub(in super::super) fn global(catalog: &Catalog, base: &str) -> Json {
    let objects: Vec<Json> = catalog.objects.iter().map(|object| Json::Object(basic(object, base))).collect();
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
}

/// Describes one object in short. `base` is the path of the API version.
pub(in super::super) fn basic(object: &Object, base: &str) -> Map<String, Json> {
    let spec = &object.spec;
    let name = &spec.name;
    let path = format!("{base}/sobjects/{name}");
    let can = |ability: &str| Json::from(spec.can(ability));
    let no = || Json::from(false);
    Map::from_iter(
        [
            ("activateable", no()),
            ("associateEntityType", Json::Null),
            ("associateParentEntity", Json::Null),
            ("createable", can("createable")),
            ("custom", Json::from(spec.is_custom())),
            ("customSetting", no()),
            ("deepCloneable", no()),
            ("deletable", can("deletable")),
            ("deprecatedAndHidden", no()),
            ("feedEnabled", can("feedEnabled")),
            ("hasSubtypes", no()),
            ("isInterface", no()),
            ("isSubtype", no()),
            ("keyPrefix", Json::from(spec.key_prefix.clone())),
            ("label", Json::from(spec.label.as_str())),
            ("labelPlural", Json::from(spec.label_plural.as_str())),
            ("layoutable", can("createable")),
            ("mergeable", Json::from(spec.can("mergeable") && !spec.is_custom())),
            ("mruEnabled", can("mruEnabled")),
            ("name", Json::from(name.as_str())),
            ("queryable", can("queryable")),
            ("replicateable", can("replicateable")),
            ("retrieveable", can("retrieveable")),
            ("searchable", can("searchable")),
            ("triggerable", can("triggerable")),
            ("undeletable", can("undeletable")),
            ("updateable", can("updateable")),
            (
                "urls",
                json!({
                    "compactLayouts": format!("{path}/describe/compactLayouts"),
                    "rowTemplate": format!("{path}/{{ID}}"),
                    "approvalLayouts": format!("{path}/describe/approvalLayouts"),
                    "describe": format!("{path}/describe"),
                    "quickActions": format!("{path}/quickActions"),
                    "layouts": format!("{path}/describe/layouts"),
                    "sobject": path,
                }),
            ),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    )
}

/// Describes one object with its fields and relations.
pub(in super::super) fn full(catalog: &Catalog, place: usize, base: &str) -> Json {
    let object = &catalog.objects[place];
    let mut shown = basic(object, base);
    let fields: Vec<Json> = object.fields.iter().map(|field| shown_field(object, field)).collect();
    let children: Vec<Json> = object.children.iter().map(|child| shown_child(catalog, child)).collect();
    let more = [
        ("actionOverrides", json!([])),
        ("childRelationships", Json::from(children)),
        ("compactLayoutable", Json::from(true)),
        ("defaultImplementation", Json::Null),
        ("extendedBy", Json::Null),
        ("extendsInterfaces", Json::Null),
        ("fields", Json::from(fields)),
        ("implementedBy", Json::Null),
        ("implementsInterfaces", Json::Null),
        ("listviewable", Json::Null),
        ("lookupLayoutable", Json::Null),
        ("namedLayoutInfos", json!([])),
        ("networkScopeFieldName", Json::Null),
        ("recordTypeInfos", Json::from(record_types(object, base))),
        ("searchLayoutable", Json::from(object.spec.can("searchable"))),
        ("sobjectDescribeOption", Json::from("FULL")),
        (
            "supportedScopes",
            json!([{"label": format!("All {}", object.spec.label_plural.to_lowercase()), "name": "everything"}]),
        ),
    ];
    shown.extend(more.map(|(key, value)| (key.to_owned(), value)));
    Json::Object(shown)
}

fn record_types(object: &Object, base: &str) -> Vec<Json> {
    let has_default = object.spec.record_types.iter().any(|it| it.default_record_type_mapping);
    let shown = |id: &str, name: &str, developer_name: &str, is_default: bool, is_master: bool| {
        json!({
            "active": true, "available": true, "defaultRecordTypeMapping": is_default, "developerName": developer_name,
            "master": is_master, "name": name, "recordTypeId": id,
            "urls": {"layout": format!("{base}/sobjects/{}/describe/layouts/{id}", object.spec.name)},
        })
    };
    let own = object.spec.record_types.iter().map(|it| {
        let id = it.record_type_id.as_deref().unwrap_or_default();
        shown(id, &it.name, &it.developer_name, it.default_record_type_mapping, false)
    });
    own.chain([shown(MASTER, "Master", "Master", !has_default, true)]).collect()
}

fn shown_child(catalog: &Catalog, child: &Child) -> Json {
    let object = &catalog.objects[child.object];
    json!({
        "cascadeDelete": child.is_cascading, "childSObject": object.spec.name, "deprecatedAndHidden": false,
        "field": object.field(child.field).spec.name, "junctionIdListNames": [], "junctionReferenceTo": [],
        "relationshipName": child.name, "restrictedDelete": false,
    })
}

fn shown_field(object: &Object, field: &Field) -> Json {
    let spec = &field.spec;
    let is_text = matches!(spec.kind.soap_name(), "xsd:string");
    let length = if spec.kind.is_number() || !has_length(spec) { 0 } else { spec.length };
    let is_name = spec.name == "Name" || (spec.name == "CaseNumber" && object.spec.name == "Case");
    let is_measured = matches!(spec.kind, FieldType::Double | FieldType::Currency | FieldType::Percent);
    let shown_default = match spec.kind {
        FieldType::Boolean => Json::from(spec.default_value.as_deref() == Some("true")),
        _ => Json::Null,
    };
    let no = || Json::from(false);
    let pairs = [
        ("aggregatable", json!(spec.filterable() && !spec.kind.is_compound())),
        ("aiPredictionField", no()),
        ("autoNumber", json!(spec.auto_number)),
        ("byteLength", Json::from(if is_text { length * 3 } else { length })),
        ("calculated", json!(spec.calculated)),
        ("calculatedFormula", Json::Null),
        ("cascadeDelete", json!(spec.cascade_delete && spec.is_custom())),
        ("caseSensitive", json!(spec.case_sensitive)),
        ("compoundFieldName", json!(spec.compound_field_name)),
        ("controllerName", Json::Null),
        ("createable", json!(spec.createable)),
        ("custom", json!(spec.is_custom())),
        ("defaultValue", json!(shown_default)),
        ("defaultValueFormula", Json::Null),
        ("defaultedOnCreate", json!(spec.defaulted_on_create)),
        ("dependentPicklist", no()),
        ("deprecatedAndHidden", no()),
        ("digits", Json::from(if spec.kind == FieldType::Int { 8 } else { 0 })),
        ("displayLocationInDecimal", no()),
        ("encrypted", json!(spec.kind == FieldType::Encryptedstring)),
        ("externalId", json!(spec.external_id)),
        ("extraTypeInfo", json!(extra_type(spec))),
        ("filterable", json!(spec.filterable())),
        ("filteredLookupInfo", Json::Null),
        ("formulaTreatNullNumberAsZero", no()),
        ("groupable", json!(spec.groupable())),
        ("highScaleNumber", no()),
        ("htmlFormatted", no()),
        ("idLookup", json!(spec.id_lookup)),
        ("inlineHelpText", json!(spec.inline_help_text)),
        ("label", json!(spec.label)),
        ("length", json!(length)),
        ("mask", Json::Null),
        ("maskType", Json::Null),
        ("name", json!(spec.name)),
        ("nameField", json!(is_name)),
        ("namePointing", json!(spec.reference_to.len() > 1)),
        ("nillable", json!(spec.nillable)),
        ("permissionable", json!(spec.nillable && field.role == Role::Value)),
        ("picklistValues", Json::from(picklist(spec))),
        ("polymorphicForeignKey", json!(spec.reference_to.len() > 1)),
        ("precision", Json::from(if is_measured { spec.precision } else { 0 })),
        ("queryByDistance", json!(spec.kind.is_compound())),
        ("referenceTargetField", Json::Null),
        ("referenceTo", json!(spec.reference_to)),
        ("relationshipName", json!(spec.relationship_name)),
        ("relationshipOrder", if spec.is_master() { Json::from(0) } else { Json::Null }),
        ("restrictedDelete", no()),
        ("restrictedPicklist", json!(spec.restricted_picklist)),
        ("scale", Json::from(if is_measured { spec.scale } else { 0 })),
        ("searchPrefilterable", json!(spec.kind == FieldType::Reference)),
        ("soapType", json!(spec.kind.soap_name())),
        ("sortable", json!(spec.sortable())),
        ("type", json!(spec.kind.name())),
        ("unique", json!(spec.unique)),
        ("updateable", json!(spec.updateable())),
        ("writeRequiresMasterRead", no()),
    ];
    Json::Object(pairs.map(|(key, value)| (key.to_owned(), value)).into_iter().collect())
}

fn has_length(spec: &FieldSpec) -> bool {
    let is_timed = matches!(spec.kind, FieldType::Date | FieldType::Datetime | FieldType::Time);
    !is_timed && !spec.kind.is_compound() && spec.kind != FieldType::Boolean
}

fn extra_type(spec: &FieldSpec) -> Option<&'static str> {
    match spec.kind {
        FieldType::Textarea => Some("plaintextarea"),
        _ if spec.compound_field_name.as_deref() == Some("Name") => Some("personname"),
        _ => None,
    }
}

fn picklist(spec: &FieldSpec) -> Vec<Json> {
    let shown = |picked: &super::Picked| {
        let is_default = spec.default_value.as_deref() == Some(picked.value.as_str());
        json!({
            "active": picked.is_active, "defaultValue": is_default, "label": picked.label, "validFor": null,
            "value": picked.value,
        })
    };
    spec.picklist_values.iter().map(shown).collect()
}
