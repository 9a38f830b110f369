//! Splits a condition: what the source's filter language can say is sent to it.

use crate::model::{FilterSupport, Predicate};

/// Returns the part of a condition that the source can apply itself. What is left out only makes the source send more: the
/// engine applies the whole condition again.
pub(in crate::engine) fn pushed_down(predicate: Predicate, support: FilterSupport) -> Option<Predicate> {
    match predicate {
        Predicate::All(parts) => {
            let mut kept: Vec<Predicate> = parts.into_iter().filter_map(|part| pushed_down(part, support)).collect();
            if kept.len() <= 1 { kept.pop() } else { Some(Predicate::All(kept)) }
        }
        other => is_supported(&other, support).then_some(other),
    }
}

fn is_supported(predicate: &Predicate, support: FilterSupport) -> bool {
    let FilterSupport::Some { comparisons, has_in, has_null_tests, has_or } = support else { return false };
    match predicate {
        Predicate::All(parts) => parts.iter().all(|part| is_supported(part, support)),
        Predicate::Any(parts) => has_or && parts.iter().all(|part| is_supported(part, support)),
        Predicate::Compare { comparison, .. } => comparisons.contains(comparison),
        Predicate::In { .. } => has_in,
        Predicate::IsNull(_) | Predicate::IsNotNull(_) => has_null_tests,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Comparison, FieldName, Value};

    use super::*;

    #[test]
    fn only_the_conjuncts_that_the_source_understands_are_sent() {
        let support = FilterSupport::Some {
            comparisons: &[Comparison::Equal],
            has_in: false,
            has_null_tests: true,
            has_or: false,
        };
        let compare =
            |comparison| Predicate::Compare { field: FieldName::new("age"), comparison, value: Value::Integer(3) };
        let not_null = Predicate::IsNotNull(FieldName::new("email"));
        let either = Predicate::Any(vec![not_null.clone(), compare(Comparison::Equal)]);
        let all = Predicate::All(vec![compare(Comparison::Equal), compare(Comparison::Less), either, not_null.clone()]);
        let expected = Predicate::All(vec![compare(Comparison::Equal), not_null]);
        assert_eq!(pushed_down(all.clone(), support), Some(expected));
        assert_eq!(pushed_down(all, FilterSupport::None), None);
    }
}
