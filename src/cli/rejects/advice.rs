//! What a person can do about a record that was not written, by the word for the reason.

use crate::state::{DeadLetter, DeadLetterKind};

/// What is done about a reason of Ferry's own: its codes, and what to do. `{}` is the field.
const ADVICE: [(&[&str], &str); 13] = [
    (&["required", "no_values", "missing_key", "empty_key"], "fill in {}, here or at the source"),
    (&["missing_id", "no_id"], "give the record an id at the source, then run the pipeline again"),
    (
        &["invalid_email", "invalid_phone", "invalid_url", "unknown_country", "unknown_currency"],
        "correct {}: it is written in no form that is known",
    ),
    (
        &["not_a_number", "not_a_whole_number", "not_an_integer", "not_exact", "wrong_type", "does_not_fit"],
        "correct {}, or map it to a text",
    ),
    (&["not_a_date", "not_a_datetime"], "write {} as 2024-01-31, or name its form in the mapping (`format`)"),
    (&["not_a_boolean"], "write true or false into {}"),
    (&["unknown_option", "separator_in_option"], "write an option that the field has into {}, or add it to `values`"),
    (&["unknown_owner", "ambiguous_owner"], "write the address of one user of the destination into {}"),
    (&["too_long", "not_encodable"], "shorten {}, or leave out what the destination cannot hold"),
    (&["ambiguous_key", "duplicate_id"], "merge the records that share {}, or give this one a key of its own"),
    (&["parent_not_found", "target_not_there"], "load the record that it leads to first; a later run sets the link"),
    (&["cell_error", "formula_error", "open_formula"], "correct the cell in the workbook, or write its value here"),
    (
        &[
            "invalid_encoding",
            "too_few_cells",
            "too_many_cells",
            "unclosed_quote",
            "text_behind_quote",
            "behind_open_quote",
            "stray_return",
            "not_an_object",
        ],
        "correct the line in the file, then run the pipeline again",
    ),
];

/// Returns what to do about a letter, and whether its reason is one in Ferry's own words.
pub(super) fn advice(letter: &DeadLetter) -> (String, bool) {
    let field = letter.field.as_ref().map_or_else(|| "the value".to_owned(), |field| format!("`{field}`"));
    let known = ADVICE.iter().find(|(codes, _)| codes.contains(&letter.code.as_str()));
    if let Some((_, text)) = known {
        return (text.replace("{}", &field), true);
    }
    match letter.kind {
        DeadLetterKind::Held => {
            let text = format!(
                "look at `{}` whether the record is there already, then load it again or leave it",
                letter.target.connection
            );
            (text, true)
        }
        DeadLetterKind::Link => ("load the record that it leads to first; a later run sets the link".to_owned(), false),
        // What was not mapped was refused by Ferry.
        DeadLetterKind::Rejected if letter.body.mapped.is_null() => {
            (format!("correct {field}, here or at the source"), true)
        }
        DeadLetterKind::Rejected => (format!("correct {field} as the vendor says, here or at the source"), false),
    }
}

/// What to do about a link that waits for a record.
pub(super) const WAITING_ADVICE: &str = "load the record that it waits for; the next run sets the link";
