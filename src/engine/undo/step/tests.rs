//! What is done with a record, by what the run did and what the destination holds now.

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let value = |text: &str| if text.is_empty() { Value::Null } else { Value::Text(text.to_owned()) };
    pairs.iter().map(|(name, text)| (FieldName::new(name), value(text))).collect()
}

fn image(kind: ImageKind, before: Option<&[(&str, &str)]>, wrote: &[(&str, &str)]) -> Image {
    Image {
        image_id: 1,
        source_key: crate::state::SourceKey::default(),
        source_id: None,
        destination_id: "1".to_owned(),
        kind,
        before: before.map(fields),
        wrote: fields(wrote),
        links: Vec::new(),
    }
}

fn record(id: &str, pairs: &[(&str, &str)]) -> Record {
    Record { id: id.to_owned(), fields: fields(pairs), merged_into: None, place: None }
}

fn schema() -> Schema {
    let secret = Field { is_read_only: true, ..Field::new("computed", FieldType::Text) };
    let fields = vec![Field::new("name", FieldType::Text), Field::new("city", FieldType::Text), secret];
    Schema { object: "people".into(), fields, is_open: false }
}

fn decided(image: &Image, found: Option<&Record>, with_key: Option<&Record>, is_under_way: bool) -> Step {
    let schema = schema();
    let abilities =
        Abilities { schema: &schema, are_links_calls: false, can_delete: true, can_update: true, can_insert: true };
    step(&abilities, image, Now { found, with_key, is_under_way })
}

fn left(step: &Step) -> (ImageFate, Vec<&str>) {
    let Step::Leave(fate, differences) = step else { panic!("{step:?}") };
    (*fate, differences.iter().map(|difference| difference.field.as_str()).collect())
}

#[test]
fn what_was_created_is_deleted_while_it_holds_what_was_written() {
    let created = image(ImageKind::Created, Some(&[]), &[("name", "Ada"), ("city", "")]);
    let same = record("1", &[("name", "Ada ")]);
    assert_eq!(decided(&created, Some(&same), None, false), Step::Delete);
    let changed = record("1", &[("name", "Ada"), ("city", "Ulm")]);
    assert_eq!(left(&decided(&created, Some(&changed), None, false)), (ImageFate::Changed, vec!["city"]));
    assert_eq!(left(&decided(&created, None, None, false)), (ImageFate::Gone, vec![]));
    assert_eq!(decided(&created, None, None, true), Step::AsItWas(None), "an attempt without an answer deleted it");
    let merged = Record { merged_into: Some("2".to_owned()), ..same };
    assert_eq!(left(&decided(&created, Some(&merged), None, false)), (ImageFate::Changed, vec![]));
}

#[test]
fn what_was_changed_gets_back_what_it_held_and_nothing_else() {
    let updated = image(
        ImageKind::Updated,
        Some(&[("name", "Ada"), ("city", ""), ("computed", "x")]),
        &[("name", "Ada"), ("city", "Ulm")],
    );
    let same = record("1", &[("name", "Ada"), ("city", "Ulm"), ("computed", "x")]);
    assert_eq!(decided(&updated, Some(&same), None, false), Step::Restore(fields(&[("city", "")])));
    let changed = record("1", &[("name", "Eve"), ("city", "Ulm")]);
    assert_eq!(left(&decided(&updated, Some(&changed), None, false)), (ImageFate::Changed, vec!["name"]));
    let back = record("1", &[("name", "Ada"), ("computed", "x")]);
    assert_eq!(decided(&updated, Some(&back), None, false), Step::AsItWas(None));
    assert_eq!(left(&decided(&updated, None, None, false)), (ImageFate::Gone, vec![]));
    let unknown = image(ImageKind::Updated, None, &[("city", "Ulm")]);
    assert_eq!(left(&decided(&unknown, Some(&same), None, false)), (ImageFate::Impossible, vec![]));
}

#[test]
fn what_was_deleted_is_created_again_unless_somebody_did() {
    let deleted = image(ImageKind::Deleted, Some(&[("name", "Ada"), ("city", ""), ("computed", "x")]), &[]);
    assert_eq!(decided(&deleted, None, None, false), Step::Recreate(fields(&[("name", "Ada")])));
    let other = record("9", &[("name", "Ada"), ("computed", "x")]);
    assert_eq!(left(&decided(&deleted, None, Some(&other), false)), (ImageFate::Changed, vec![]));
    let own = decided(&deleted, None, Some(&other), true);
    assert_eq!(own, Step::AsItWas(Some("9".to_owned())), "an attempt without an answer created it");
    let again = record("1", &[("name", "Ada"), ("computed", "x")]);
    assert_eq!(decided(&deleted, Some(&again), None, false), Step::AsItWas(None));
}

#[test]
fn what_a_destination_cannot_do_is_left() {
    let schema = schema();
    let abilities =
        Abilities { schema: &schema, are_links_calls: false, can_delete: false, can_update: false, can_insert: false };
    let same = record("1", &[("name", "Ada")]);
    for (kind, before, found) in [
        (ImageKind::Created, &[][..], Some(&same)),
        (ImageKind::Updated, &[("name", "Eve")][..], Some(&same)),
        (ImageKind::Deleted, &[("name", "Ada")][..], None),
    ] {
        let done = step(&abilities, &image(kind, Some(before), &[("name", "Ada")]), Now { found, ..Now::default() });
        assert_eq!(left(&done), (ImageFate::Impossible, vec![]), "{kind:?}");
    }
}
