//! Remembers which parts of a file do not fit its schema, so that the rest can still be read and checked.

use serde_json::Value as Json;

use super::span::{At, Segment};

/// The places that do not fit.
#[derive(Debug, Default)]
pub(super) struct Broken {
    places: Vec<Vec<Segment>>,
}

impl Broken {
    /// Notes that the value at a place does not fit.
    pub(super) fn add(&mut self, place: &At<'_>) {
        self.places.push(place.path().to_vec());
    }

    /// Tells whether a place, what it stands in, or anything below it does not fit.
    pub(super) fn touches(&self, place: &At<'_>) -> bool {
        self.places.iter().any(|broken| is_below(broken, place.path()) || is_below(place.path(), broken))
    }

    /// Tells whether anything of a stream but its destinations does not fit.
    pub(super) fn touches_stream(&self, stream: &At<'_>) -> bool {
        let depth = stream.path().len();
        let is_destination = |broken: &[Segment]| broken.get(depth) == Some(&Segment::Key("destinations".to_owned()));
        self.places.iter().any(|broken| is_below(broken, stream.path()) && !is_destination(broken))
    }

    /// Tells whether a block of the file is not known.
    pub(super) fn touches_top(&self) -> bool {
        self.places.iter().any(|broken| broken.len() == 1)
    }

    /// Removes from a file's content the smallest parts that hold what does not fit and that can be missing.
    pub(super) fn cut_out(&self, content: &mut Json) {
        for place in &self.places {
            cut(content, &place[..removable(place)]);
        }
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

fn cut(content: &mut Json, place: &[Segment]) {
    let Some((last, above)) = place.split_last() else {
        *content = Json::Object(serde_json::Map::new());
        return;
    };
    let holder = above.iter().try_fold(content, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    });
    match (holder, last) {
        (Some(Json::Object(entries)), Segment::Key(key)) => {
            entries.shift_remove(key);
        }
        // An item leaves an empty one behind, so that those after it keep their places.
        (Some(Json::Array(items)), Segment::Index(index)) => {
            if let Some(item) = items.get_mut(*index) {
                *item = Json::Object(serde_json::Map::new());
            }
        }
        _ => {}
    }
}
