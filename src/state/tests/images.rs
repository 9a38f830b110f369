//! What is kept of writes, and how the id map goes back with it.

use std::collections::HashMap;

use crate::model::{FieldName, Fields, Value};

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (FieldName::new(name), Value::Text((*value).to_owned()))).collect()
}

fn image(source_id: &str, id: &str, kind: ImageKind, before: &[(&str, &str)], wrote: &[(&str, &str)]) -> NewImage {
    NewImage {
        source: RecordKey::Id(source_id.to_owned()),
        destination_id: id.to_owned(),
        kind,
        before: Some(fields(before)),
        wrote: fields(wrote),
    }
}

/// Stores that a run wrote a record, as what is written is stored.
async fn write(state: &State, target: TargetId, run_id: &str, image: NewImage, hash: u128) {
    let RecordKey::Id(source_id) = image.source.clone() else { panic!("an id") };
    let one = WrittenRecord {
        content_hash: hash,
        ..written(&source_id, &image.destination_id, u128::from(source_id.as_bytes()[0]))
    };
    let changes = Changes { written: vec![one], images: vec![image], ..Changes::default() };
    state.commit(place(target, run_id), changes).await.unwrap();
}

async fn images(state: &State, target: TargetId, run_id: &str) -> Vec<Image> {
    let mut all = Vec::new();
    for kind in [ImageKind::Created, ImageKind::Updated, ImageKind::Deleted] {
        all.extend(state.images(run_id, target, "undo", kind, (0, 99)).await.unwrap());
    }
    all
}

async fn two_runs(state: &State) -> TargetId {
    for run_id in ["run_1", "run_2"] {
        state.start_attempt(run(run_id), at(0)).await.unwrap();
    }
    opened(state, "contacts").await
}

async fn take_back(state: &State, target: TargetId, image: &Image, fate: ImageFate, new_id: Option<&str>) {
    let taken = TakenBack { image_id: image.image_id, fate, new_id: new_id.map(str::to_owned) };
    let changes = Changes { taken_back: vec![taken], ..Changes::default() };
    state.commit(place(target, "undo"), changes).await.unwrap();
}

#[tokio::test]
async fn a_record_that_a_run_writes_twice_keeps_what_it_held_first() {
    let state = in_memory();
    let target = two_runs(&state).await;
    let first = image("a", "1", ImageKind::Updated, &[("name", "old"), ("city", "Ulm")], &[("name", "new")]);
    write(&state, target, "run_1", first, 1).await;
    let second =
        image("a", "1", ImageKind::Updated, &[("name", "new"), ("age", "7")], &[("name", "newer"), ("age", "8")]);
    write(&state, target, "run_1", second, 2).await;
    let kept = images(&state, target, "run_1").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].before, Some(fields(&[("age", "7"), ("city", "Ulm"), ("name", "old")])));
    assert_eq!(kept[0].wrote, fields(&[("age", "8"), ("name", "newer")]));
    // Of another run it is another image.
    write(&state, target, "run_2", image("a", "1", ImageKind::Updated, &[("name", "newer")], &[("name", "last")]), 3)
        .await;
    assert_eq!(images(&state, target, "run_2").await[0].before, Some(fields(&[("name", "newer")])));
    assert_eq!(state.later_writers("run_1").await.unwrap(), [("run_2".to_owned(), 1)]);
}

#[tokio::test]
async fn the_id_map_is_as_it_was_when_a_write_is_taken_back() {
    let state = in_memory();
    let target = two_runs(&state).await;
    write(&state, target, "run_1", image("a", "1", ImageKind::Created, &[], &[("name", "one")]), 11).await;
    write(&state, target, "run_2", image("a", "1", ImageKind::Updated, &[("name", "one")], &[("name", "two")]), 22)
        .await;
    write(&state, target, "run_2", image("b", "2", ImageKind::Created, &[], &[("name", "b")]), 33).await;
    for kept in images(&state, target, "run_2").await {
        let fate = if kept.kind == ImageKind::Created { ImageFate::Deleted } else { ImageFate::Restored };
        take_back(&state, target, &kept, fate, None).await;
    }
    let known = known(&state, target, &["a", "b"]).await.by_source;
    assert_eq!((known["a"].content_hash, known["a"].written_run.as_str()), (11, "run_1"));
    assert!(!known.contains_key("b"));
    assert!(images(&state, target, "run_2").await.is_empty(), "they are taken back");
    let counts = state.count_taken_back("undo").await.unwrap();
    assert_eq!(counts[&target], HashMap::from([(ImageFate::Restored, 1), (ImageFate::Deleted, 1)]));
    assert!(state.later_writers("run_1").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_created_again_is_known_under_its_new_id_with_its_links() {
    let state = in_memory();
    let target = two_runs(&state).await;
    let wrote = WrittenRecord { links: Some(vec![link("a", &["b"], 1)]), ..written("a", "1", 1) };
    let changes = Changes { written: vec![wrote], ..Changes::default() };
    state.commit(place(target, "run_1"), changes).await.unwrap();
    let source_key = known(&state, target, &["a"]).await.by_source["a"].source_key;
    let deleted =
        NewImage { source: RecordKey::Key(source_key), ..image("a", "1", ImageKind::Deleted, &[("name", "x")], &[]) };
    let changes = Changes { images: vec![deleted], forgotten: vec![source_key], ..Changes::default() };
    state.commit(place(target, "run_2"), changes).await.unwrap();
    assert_eq!(known(&state, target, &["a"]).await.by_source.len(), 0);
    let kept = images(&state, target, "run_2").await.remove(0);
    let name = Some("a".to_owned());
    assert_eq!((kept.source_id.clone(), kept.before.clone()), (name, Some(fields(&[("name", "x")]))));
    take_back(&state, target, &kept, ImageFate::Recreated, Some("9")).await;
    let entry = &known(&state, target, &["a"]).await.by_source["a"];
    assert_eq!((entry.destination_id.as_str(), entry.content_hash), ("9", 77));
    assert_eq!(state.pending_links(target, 0, 9).await.unwrap()[0].link, link("a", &["b"], 0));
    assert_eq!(state.renamed_images("run_2", target).await.unwrap(), [("1".to_owned(), "9".to_owned())]);
}

#[tokio::test]
async fn what_is_left_stays_and_is_looked_at_again_by_another_undo() {
    let state = in_memory();
    let target = two_runs(&state).await;
    write(&state, target, "run_1", image("a", "1", ImageKind::Created, &[], &[("name", "one")]), 11).await;
    let kept = images(&state, target, "run_1").await.remove(0);
    take_back(&state, target, &kept, ImageFate::Changed, None).await;
    assert_eq!(known(&state, target, &["a"]).await.by_source["a"].destination_id, "1");
    assert!(images(&state, target, "run_1").await.is_empty(), "this undo has looked at it");
    assert_eq!(state.images("run_1", target, "undo_2", ImageKind::Created, (0, 9)).await.unwrap(), [kept]);
}

#[tokio::test]
async fn images_go_when_they_are_too_old() {
    let state = in_memory();
    let target = two_runs(&state).await;
    write(&state, target, "run_1", image("a", "1", ImageKind::Created, &[], &[("name", "one")]), 11).await;
    assert_eq!(state.prune_images("other", at(9)).await.unwrap(), 0);
    assert_eq!(state.prune_images("p", at(0)).await.unwrap(), 0);
    assert_eq!(state.prune_images("p", at(9)).await.unwrap(), 1);
    assert!(state.count_images("run_1").await.unwrap().is_empty());
}
