//! What became of each record of a batch, by the vendor's answer.
//!
//! The vendor answers in any order, lowercases e-mails, and may leave out a record that was merged away. Answers are matched by
//! trace id, then by id, then by key or values, never by position; what is left over is not decided here.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::model::{Operation, Outcome};

use super::{
    super::{
        client::{BatchAnswer, WireRecord},
        errors::ApiError,
    },
    encode::Input,
};

/// The outcomes of a batch as far as the answer tells them.
#[derive(Debug)]
pub(super) struct Sheet<'batch> {
    inputs: &'batch [Input],
    /// The inputs' places by their trace ids.
    traces: HashMap<&'batch str, usize>,
    operation: &'batch Operation,
    outcomes: Vec<Option<Outcome>>,
    /// Errors that name no record.
    errors: Vec<ApiError>,
    /// Whether a record was put off rather than refused.
    has_passing_errors: bool,
    /// When the batch was begun. A batch whose answer was lost is sent again by the stack: what it created the first time is
    /// no longer new, but was created since.
    begun: Option<DateTime<Utc>>,
}

impl<'batch> Sheet<'batch> {
    /// Reads an answer.
    pub(super) fn of(
        inputs: &'batch [Input],
        operation: &'batch Operation,
        answer: BatchAnswer<WireRecord>,
        begun: Option<DateTime<Utc>>,
    ) -> Self {
        let outcomes = vec![None; inputs.len()];
        let traces = inputs.iter().enumerate().map(|(place, input)| (input.trace_id.as_str(), place)).collect();
        let mut sheet =
            Self { inputs, traces, operation, outcomes, errors: Vec::new(), has_passing_errors: false, begun };
        let mut leftover = Vec::new();
        for record in answer.results {
            match sheet.place_of(&record) {
                Some(place) => sheet.succeed(place, record),
                None => leftover.push(record),
            }
        }
        for json in &answer.errors {
            sheet.fail(ApiError::of_json(json));
        }
        // Only what no error speaks of can be what a nameless result is about.
        for record in leftover {
            if let Some(place) = sheet.place_by_values(&record) {
                sheet.succeed(place, record);
            }
        }
        sheet.attribute_nameless_errors();
        sheet
    }

    /// Returns the inputs without an outcome, each with its place.
    pub(super) fn open(&self) -> Vec<(usize, &'batch Input)> {
        let places = self.inputs.iter().enumerate();
        places.filter(|(place, _)| self.outcomes[*place].is_none()).collect()
    }

    /// Decides one.
    pub(super) fn decide(&mut self, place: usize, outcome: Outcome) {
        self.outcomes[place] = Some(outcome);
    }

    /// Tells whether HubSpot put a record off, so that the batch has to be sent again.
    pub(super) fn has_passing_errors(&self) -> bool {
        self.has_passing_errors
    }

    /// Returns one outcome per input; none while any is open.
    pub(super) fn complete(self) -> Option<Vec<Outcome>> {
        self.outcomes.into_iter().collect()
    }

    fn succeed(&mut self, place: usize, record: WireRecord) {
        let is_new = match self.operation {
            Operation::Insert => true,
            Operation::Upsert { .. } => {
                record.new.as_deref() == Some("true")
                    || self.begun.is_some_and(|begun| was_created_since(&record, begun))
            }
            Operation::Update | Operation::Delete | Operation::Link => false,
        };
        let Some(id) = record.id.0 else { return };
        self.outcomes[place] = Some(if is_new { Outcome::Created { id } } else { Outcome::Updated { id } });
    }

    fn place_of(&self, record: &WireRecord) -> Option<usize> {
        if let Some(trace_id) = record.object_write_trace_id.as_deref()
            && let Some(place) = self.traces.get(trace_id)
        {
            return Some(*place);
        }
        if let Some(id) = record.id.as_deref()
            && let Some(place) = self.find(|input| input.id.as_deref() == Some(id))
        {
            return Some(place);
        }
        let Operation::Upsert { key } = self.operation else { return None };
        let value = record.property(key.first()?.as_str())?.to_lowercase();
        self.find(|input| input.key.as_deref().is_some_and(|key| key.to_lowercase() == value))
    }

    /// Finds the one open input whose values agree with the part of them that the answer repeats.
    fn place_by_values(&self, record: &WireRecord) -> Option<usize> {
        let agrees = |input: &Input| {
            let mut common = 0;
            for (name, sent) in &input.properties {
                let Some(echoed) = record.properties.get(name) else { continue };
                let sent = sent.as_str().unwrap_or_default();
                if !is_same(sent, echoed.as_deref().unwrap_or_default()) {
                    return false;
                }
                common += usize::from(!sent.is_empty());
            }
            common > 0
        };
        let mut candidates = self.open().into_iter().filter(|(_, input)| agrees(input));
        match (candidates.next(), candidates.next()) {
            (Some((place, _)), None) => Some(place),
            _ => None,
        }
    }

    fn find(&self, is_it: impl Fn(&Input) -> bool) -> Option<usize> {
        self.inputs.iter().position(is_it)
    }

    fn fail(&mut self, error: ApiError) {
        if error.is_passing() {
            self.has_passing_errors = true;
            return;
        }
        let places = self.places_of(&error);
        for place in &places {
            if self.outcomes[*place].is_none() {
                self.outcomes[*place] = Some(failure(&error, &self.inputs[*place], self.operation));
            }
        }
        if places.is_empty() {
            self.errors.push(error);
        }
    }

    fn places_of(&self, error: &ApiError) -> Vec<usize> {
        let traces = error.facts(&["objectWriteTraceId", "objectWriteTraceIds"]);
        let named = |is_it: &dyn Fn(&Input) -> bool| -> Vec<usize> {
            let places = self.inputs.iter().enumerate();
            places.filter(|(_, input)| is_it(input)).map(|(place, _)| place).collect()
        };
        let by_trace = named(&|input| traces.contains(&input.trace_id.as_str()));
        if !by_trace.is_empty() {
            return by_trace;
        }
        let ids: Vec<String> =
            error.facts(&["ids", "id", "objectId", "objectIds"]).into_iter().map(str::to_lowercase).collect();
        named(&|input| {
            let own = [&input.id, &input.key];
            own.into_iter().flatten().any(|own| ids.contains(&own.to_lowercase()))
        })
    }

    /// Gives errors that name no record to the records without an answer, where there are as many of both: then each of those
    /// records was refused, if not known for which of the reasons.
    fn attribute_nameless_errors(&mut self) {
        let open: Vec<usize> = self.open().into_iter().map(|(place, _)| place).collect();
        if open.is_empty() || open.len() != self.errors.len() || self.has_passing_errors {
            return;
        }
        if let [error] = self.errors.as_slice() {
            self.outcomes[open[0]] = Some(failure(error, &self.inputs[open[0]], self.operation));
            return;
        }
        let is_one_reason = self.errors.iter().all(|error| *error == self.errors[0]);
        let mut rejection = self.errors[0].rejection(|_| None);
        if !is_one_reason {
            let reasons: Vec<String> = self.errors.iter().map(ApiError::reason).collect();
            "refused".clone_into(&mut rejection.code);
            rejection.field = None;
            rejection.reason = format!("one of: {}", reasons.join(" | "));
        }
        for place in open {
            self.outcomes[place] = Some(Outcome::Rejected(rejection.clone()));
        }
    }
}

/// Returns the outcome of a record that an error speaks of.
pub(super) fn failure(error: &ApiError, input: &Input, operation: &Operation) -> Outcome {
    if error.is_not_found() {
        match operation {
            Operation::Update => return Outcome::Missing,
            Operation::Delete => return Outcome::Deleted,
            Operation::Insert | Operation::Upsert { .. } | Operation::Link => {}
        }
    }
    Outcome::Rejected(error.rejection(|name| input.property(name)))
}

/// Tells whether a record was created since a moment. HubSpot tells moments in milliseconds.
pub(super) fn was_created_since(record: &WireRecord, moment: DateTime<Utc>) -> bool {
    let created = record.created_at.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    created.is_some_and(|created| created.timestamp_millis() >= moment.timestamp_millis())
}

/// Tells whether a record holds what was sent, beside the key that it was found by: that may be a second address of a contact.
pub(super) fn holds(record: &WireRecord, input: &Input, key: Option<&str>) -> bool {
    let sent = input.properties.iter().filter(|(name, _)| key.is_none_or(|key| key != name.as_str()));
    sent.into_iter()
        .all(|(name, sent)| is_same(sent.as_str().unwrap_or_default(), record.property(name).unwrap_or_default()))
}

/// Compares a text that was sent with the one that came back: e-mails come back in lower case, numbers and moments
/// in the vendor's own form.
fn is_same(sent: &str, found: &str) -> bool {
    if sent == found || sent.to_lowercase() == found.to_lowercase() {
        return true;
    }
    if let (Ok(sent), Ok(found)) = (sent.parse::<f64>(), found.parse::<f64>()) {
        return (sent - found).abs() <= f64::EPSILON * sent.abs();
    }
    let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
    matches!((moment(sent), moment(found)), (Some(sent), Some(found)) if sent == found)
}
