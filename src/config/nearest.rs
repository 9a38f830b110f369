//! Finds the known name that a person most likely meant.

/// The least Jaro-Winkler similarity at which a name is offered instead of another; lower ones surprise more than they help.
const LEAST_SIMILARITY: f64 = 0.82;
/// Most names that a hint lists; more are hard to take in.
const MAX_LISTED: usize = 12;

/// Returns the known name that is nearest to the word, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let other = name.to_lowercase();
        let is_reordered = strsim::osa_distance(&lower, &other) <= 1;
        let similarity = if is_reordered { 1.0 } else { strsim::jaro_winkler(&lower, &other) };
        if best.is_none_or(|(highest, _)| similarity > highest) {
            best = Some((similarity, name));
        }
    }
    best.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).map(|(_, name)| name)
}

/// Returns the hint about an unknown name: the nearest known one, or what there is to choose from.
pub fn hint_for(word: &str, known: &[&str], what: &str) -> Option<String> {
    if let Some(name) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    list(known).map(|names| format!("{what}: {names}"))
}

/// Returns the names in backticks, the first dozen of them; none where there are none.
pub(super) fn list(names: &[&str]) -> Option<String> {
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(MAX_LISTED);
    match (shown.is_empty(), rest) {
        (true, _) => None,
        (false, 0) => Some(shown.join(", ")),
        (false, rest) => Some(format!("{} and {rest} more", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_a_near_name_and_else_the_choice() {
        assert_eq!(hint_for("emial", &["email", "phone"], "fields"), Some("did you mean `email`?".to_owned()));
        assert_eq!(hint_for("crn", &["crm", "base"], "connections"), Some("did you mean `crm`?".to_owned()));
        assert_eq!(hint_for("colour", &["email", "phone"], "fields"), Some("fields: `email`, `phone`".to_owned()));
        assert_eq!(hint_for("colour", &[], "fields"), None);
    }
}
