//! Remembers which parts of a file do not fit its schema, so that the rest can still be read and checked.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Bound,
};

use serde_json::Value as Json;

use super::span::{At, Segment};

/// The places that do not fit.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// In order, so that what stands below a place follows it.
    places: BTreeSet<Vec<Segment>>,
    unknown: Vec<UnknownKey>,
}

/// A key that is not known.
#[derive(Debug)]
pub(super) struct UnknownKey {
    /// Its place.
    pub(super) place: Vec<Segment>,
    /// The key that it is most likely a misspelling of.
    pub(super) meant: Option<String>,
}

impl Broken {
    /// Notes that the value at a place does not fit.
    pub(super) fn add(&mut self, place: &At<'_>) {
        self.places.insert(place.path().to_vec());
    }

    /// Notes that a key is not known, and what it may have been meant to be; its value may be the secret of a misspelt option.
    pub(super) fn add_unknown(&mut self, place: &At<'_>, meant: Option<&str>) {
        self.unknown.push(UnknownKey { place: place.path().to_vec(), meant: meant.map(str::to_owned) });
    }

    /// Returns the keys that are not known.
    pub(super) fn unknown(&self) -> &[UnknownKey] {
        &self.unknown
    }

    /// Tells whether a key of a block stands there misspelt: it is not missing.
    pub(super) fn is_misspelt(&self, block: &At<'_>, key: &str) -> bool {
        self.unknown.iter().any(|unknown| {
            unknown.meant.as_deref() == Some(key)
                && unknown.place.split_last().is_some_and(|(_, holder)| holder == block.path())
        })
    }

    /// Tells whether a place, what it stands in, or anything below it does not fit.
    pub(super) fn touches(&self, place: &At<'_>) -> bool {
        let path = place.path();
        let is_outside = (0..=path.len()).any(|depth| self.places.contains(&path[..depth]));
        is_outside || self.below(path).next().is_some()
    }

    /// Tells whether anything of a stream but its destinations does not fit.
    pub(super) fn touches_stream(&self, stream: &At<'_>) -> bool {
        let depth = stream.path().len();
        let is_destination = |broken: &[Segment]| broken.get(depth) == Some(&Segment::Key("destinations".to_owned()));
        self.below(stream.path()).any(|broken| !is_destination(broken))
    }

    /// Tells whether a block of the file is not known.
    pub(super) fn touches_top(&self) -> bool {
        self.places.iter().any(|broken| broken.len() == 1)
    }

    /// Removes from a file's content the smallest parts that hold what does not fit and that can be missing.
    pub(super) fn cut_out(&self, content: &mut Json) {
        let mut by_holder: BTreeMap<&[Segment], HashSet<&Segment>> = BTreeMap::new();
        for place in &self.places {
            match place[..removable(place)].split_last() {
                Some((last, holder)) => {
                    by_holder.entry(holder).or_default().insert(last);
                }
                None => *content = Json::Object(serde_json::Map::new()),
            }
        }
        // What stands deeper comes first: an item that is cut from a list leaves nothing below it.
        for (holder, cut) in by_holder.into_iter().rev() {
            cut_from(content, holder, &cut);
        }
    }

    fn below<'s>(&'s self, path: &'s [Segment]) -> impl Iterator<Item = &'s Vec<Segment>> {
        self.places
            .range::<[Segment], _>((Bound::Included(path), Bound::Unbounded))
            .take_while(move |broken| is_below(broken, path))
    }
}

fn is_below(path: &[Segment], outer: &[Segment]) -> bool {
    path.starts_with(outer)
}

/// Returns how far down the part reaches that is removed for a place, in steps.
fn removable(place: &[Segment]) -> usize {
    let keys: Vec<&str> = place
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => key.as_str(),
            Segment::Index(_) => "#",
        })
        .collect();
    let depth = match keys.as_slice() {
        ["streams", "#", "destinations", "#", "mappings", _, ..] => 6,
        ["streams", "#", "destinations", "#", _, ..] => 5,
        ["streams", "#", "destinations", "#"] | ["streams", "#", "mappings" | "source", _, ..] => 4,
        ["streams", "#", _, ..] | ["connections", _, _, ..] => 3,
        ["streams", "#"] | ["connections" | "limits", _, ..] => 2,
        [] => 0,
        [_, ..] => 1,
    };
    depth.min(place.len())
}

/// Cuts keys out of a mapping, or empties items of a list, at once: there may be very many.
fn cut_from(content: &mut Json, holder: &[Segment], cut: &HashSet<&Segment>) {
    let held = holder.iter().try_fold(content, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    });
    match held {
        Some(Json::Object(entries)) => entries.retain(|key, _| !cut.contains(&Segment::Key(key.clone()))),
        // An item leaves an empty one behind, so that those after it keep their places.
        Some(Json::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                if cut.contains(&Segment::Index(index)) {
                    *item = Json::Object(serde_json::Map::new());
                }
            }
        }
        _ => {}
    }
}
