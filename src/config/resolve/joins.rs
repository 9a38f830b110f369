//! Joins of streams with each other: what each looks like to the others, and that none leads back to itself.

use crate::connector::Entry;
use crate::model::{ConnectionName, ObjectName, Schema, StreamName};
use crate::transform::{
    JoinInput, JoinInputs, check_steps,
    spec::{JoinSpec, StepSpec},
};

use super::{
    super::{diagnostic::Diagnostic, raw::RawStream, span::At},
    Resolver,
};

impl Resolver<'_> {
    /// Says which joins lead back to their own stream.
    pub(super) fn check_join_circles(&mut self, raw: &[RawStream], at: &At<'_>) {
        for (index, stream) in raw.iter().enumerate() {
            let Some(name) = stream.name.as_deref() else { continue };
            for (step, joined) in joins(stream) {
                if !leads_to(raw, joined, name) {
                    continue;
                }
                let message = if joined == name {
                    format!("the stream `{name}` is joined with itself")
                } else {
                    format!("joins lead from the stream `{name}` over `{joined}` back to `{name}`")
                };
                let place = at.index(index).key("transforms").index(step).key("join").key("stream");
                let hint = "describe the joined records as a stream of their own, without the join";
                let finding = Diagnostic::error("config.join_circle", place.value_spot(), message).with_hint(hint);
                self.findings.push(finding);
            }
        }
    }

    /// Returns what each stream looks like to the joins of the others, where that is known offline.
    pub(super) fn inputs(&self, raw: &[RawStream], at: &At<'_>) -> JoinInputs {
        let mut inputs = JoinInputs::of_folder(self.scene.base_dir);
        for stream in raw {
            if let Some(name) = &stream.name {
                inputs.streams.insert(StreamName::from(name.as_str()), JoinInput::default());
            }
        }
        // A stream is known once those that it joins are.
        let mut waiting: Vec<usize> = (0..raw.len()).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|index| !self.add_join_input(&raw[*index], &at.index(*index), &mut inputs));
            if waiting.len() == before {
                return inputs;
            }
        }
    }

    /// Adds what a stream looks like; tells whether it is known.
    fn add_join_input(&self, stream: &RawStream, at: &At<'_>, inputs: &mut JoinInputs) -> bool {
        let Some(name) = stream.name.as_deref().map(StreamName::from) else { return false };
        let Some(input) = self.offline_schema(stream).filter(|_| !self.broken.touches_stream(at)) else { return false };
        let (schema, _) = check_steps(&stream.transforms, Some(&input), inputs);
        let is_known = schema.is_some();
        inputs.streams.insert(name, JoinInput { schema, pages: None });
        is_known
    }

    fn offline_schema(&self, stream: &RawStream) -> Option<Schema> {
        let source = stream.source.as_ref()?;
        let connection = ConnectionName::from(source.connection.as_deref()?);
        let entry: Entry = self.connections.get(&connection)?.entry?;
        let object = ObjectName::from(source.object.as_deref()?);
        match self.open_file(entry, &connection, &object) {
            Some(opened) => opened.ok(),
            None => self.scene.offline.schema(entry.name, &connection, &object),
        }
    }
}

/// Returns the streams that a stream joins, each with the place of its step.
fn joins(stream: &RawStream) -> impl Iterator<Item = (usize, &str)> {
    stream.transforms.iter().enumerate().filter_map(|(index, step)| match step {
        StepSpec::Join(JoinSpec { stream: Some(name), .. }) => Some((index, name.as_str())),
        _ => None,
    })
}

/// Tells whether joins lead from one stream to the other.
fn leads_to<'a>(raw: &'a [RawStream], from: &'a str, to: &str) -> bool {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(name) = reached.get(next).copied() {
        if name == to {
            return true;
        }
        let found = raw.iter().find(|stream| stream.name.as_deref() == Some(name));
        for (_, joined) in found.into_iter().flat_map(joins) {
            if !reached.contains(&joined) {
                reached.push(joined);
            }
        }
        next += 1;
    }
    false
}
