//! Files: a version is one of a document, which is made with the first of them and linked to where it is published.
//!
//! Source: object reference, `ContentVersion`, `ContentDocument` and `ContentDocumentLink`.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::super::{
    ids::Id,
    org::{Org, USER},
    store::{Change, Record, Values},
};

/// What the vendor calls the kinds of files whose ending is not their kind's name.
const KINDS: [(&str, &str); 8] = [
    ("txt", "TEXT"),
    ("doc", "WORD"),
    ("docx", "WORD_X"),
    ("xls", "EXCEL"),
    ("xlsx", "EXCEL_X"),
    ("ppt", "POWER_POINT"),
    ("pptx", "POWER_POINT_X"),
    ("jpeg", "JPG"),
];

fn get(org: &Org, object: usize, id: Id, name: &str) -> String {
    let kind = org.object(object);
    let value = kind.place(name).and_then(|place| kind.records.get(id)?.values.get(place));
    value.unwrap_or_default().to_owned()
}

fn set(org: &mut Org, object: usize, id: Id, values: &[(&str, String)]) {
    let kind = org.object(object);
    let changes: Vec<Change> =
        values.iter().filter_map(|(name, value)| Some((kind.place(name)?, value.clone()))).collect();
    org.complete(object, id, &changes);
}

fn make(org: &mut Org, object: usize, id: Id, values: &[(&str, String)]) {
    let now = org.now();
    let kind = org.object(object);
    let changes: Vec<Change> =
        values.iter().filter_map(|(name, value)| Some((kind.place(name)?, value.clone()))).collect();
    let values = Values::default().with(&changes);
    let batch = org.batch;
    org.insert(object, id, Record { created: now, modified: now, stamp: now, is_deleted: false, batch, values });
}

/// Does what follows from a new version, or from a new note, which is a document too.
pub(super) fn after_insert(org: &mut Org, object: usize, id: Id) {
    let Some(document) = org.catalog.find("ContentDocument") else { return };
    match org.object(object).spec.name.as_str() {
        "ContentVersion" => version(org, object, id, document),
        "ContentNote" => {
            let (title, owner) = (get(org, object, id, "Title"), get(org, object, id, "OwnerId"));
            let kind = "SNOTE".to_owned();
            make(org, document, id, &[("Title", title), ("OwnerId", owner), ("FileType", kind)]);
        }
        _ => {}
    }
}

fn version(org: &mut Org, object: usize, id: Id, document: usize) {
    let path = get(org, object, id, "PathOnClient");
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let body = get(org, object, id, "VersionData").replace(['\r', '\n'], "");
    let size = STANDARD.decode(body).map_or(0, |bytes| bytes.len());
    let known = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)).map(|(_, kind)| (*kind).to_owned());
    let kind = known.unwrap_or_else(|| if ending.is_empty() { "UNKNOWN".to_owned() } else { ending.to_uppercase() });
    let title = Some(get(org, object, id, "Title")).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| stem.to_owned());
    let owner = Some(get(org, object, id, "OwnerId")).filter(|owner| !owner.is_empty());
    let owner = owner.unwrap_or_else(|| USER.to_owned());
    let of_file = [
        ("Title", title),
        ("FileExtension", ending.to_owned()),
        ("FileType", kind),
        ("ContentSize", size.to_string()),
        ("OwnerId", owner.clone()),
    ];
    set(org, object, id, &of_file);
    let of_document = Id::parse(&get(org, object, id, "ContentDocumentId"));
    let number = if let Some(of_document) = of_document {
        let latest = Id::parse(&get(org, document, of_document, "LatestPublishedVersionId"));
        let last = latest.map(|latest| get(org, object, latest, "VersionNumber")).unwrap_or_default();
        if let Some(latest) = latest {
            set(org, object, latest, &[("IsLatest", "false".to_owned())]);
        }
        set(org, document, of_document, &of_file[..4]);
        last.parse::<u32>().unwrap_or(0) + 1
    } else {
        let made = org.next_id(document);
        make(org, document, made, &of_file);
        set(org, document, made, &[("PublishStatus", "P".to_owned()), ("SharingOption", "A".to_owned())]);
        set(org, object, id, &[("ContentDocumentId", made.to_string())]);
        link(org, made, &owner, "I");
        let location = get(org, object, id, "FirstPublishLocationId");
        if !location.is_empty() {
            link(org, made, &location, "V");
        }
        1
    };
    let of_document = Id::parse(&get(org, object, id, "ContentDocumentId"));
    set(org, object, id, &[("IsLatest", "true".to_owned()), ("VersionNumber", number.to_string())]);
    if let Some(of_document) = of_document {
        set(org, document, of_document, &[("LatestPublishedVersionId", id.to_string())]);
    }
}

fn link(org: &mut Org, document: Id, entity: &str, share: &str) {
    let Some(links) = org.catalog.find("ContentDocumentLink") else { return };
    let id = org.next_id(links);
    let values = [
        ("ContentDocumentId", document.to_string()),
        ("LinkedEntityId", entity.to_owned()),
        ("ShareType", share.to_owned()),
        ("Visibility", "AllUsers".to_owned()),
    ];
    make(org, links, id, &values);
}
