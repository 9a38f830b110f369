//! Finds the known name that a person most likely meant. The only place that compares names by likeness.

use super::look::visible;

/// The least Jaro-Winkler similarity at which a name is offered instead of another; lower ones surprise more than they help.
const LEAST_SIMILARITY: f64 = 0.82;
/// Most names that a hint lists; more are hard to take in.
const MAX_LISTED: usize = 12;

/// Returns the known name that is nearest to the word, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let other = name.to_lowercase();
        let similarity = match strsim::osa_distance(&lower, &other) {
            _ if name == word => return Some(name),
            0 => 3.0,
            1 => 2.0,
            _ => strsim::jaro_winkler(&lower, &other),
        };
        if best.is_none_or(|(highest, _)| similarity > highest) {
            best = Some((similarity, name));
        }
    }
    best.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).map(|(_, name)| name)
}

/// Returns the hint about an unknown name: the nearest known one, or what there is to choose from.
pub fn name_hint(word: &str, known: &[&str], what: &str) -> Option<String> {
    if let Some(name) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean `{}`?", visible(name)));
    }
    name_list(known).map(|names| format!("{what}: {names}"))
}

/// Returns the names in backticks, the first dozen of them; none where there are none.
pub fn name_list(names: &[&str]) -> Option<String> {
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{}`", visible(name))).collect();
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
        assert_eq!(name_hint("emial", &["email", "phone"], "fields"), Some("did you mean `email`?".to_owned()));
        assert_eq!(name_hint("crn", &["crm", "base"], "connections"), Some("did you mean `crm`?".to_owned()));
        assert_eq!(name_hint("colour", &["email", "phone"], "fields"), Some("fields: `email`, `phone`".to_owned()));
        assert_eq!(name_hint("colour", &[], "fields"), None);
    }

    #[test]
    fn a_name_that_differs_in_case_alone_is_nearer_than_one_letter_more() {
        for (word, known, name) in [
            ("Email", &["email2", "EMAIL"][..], Some("EMAIL")),
            ("FirstName", &["lastname", "firstname"], Some("firstname")),
            ("emial", &["email", "phone"], Some("email")),
            ("name", &["Name ", "game"], Some("Name ")),
            ("colour", &["email", "phone"], None),
        ] {
            assert_eq!(nearest(word, known.iter().copied()), name, "{word}");
        }
    }
}
