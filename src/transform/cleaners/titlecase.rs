//! `titlecase`: writes each word with a capital first letter.

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `"ANNA-maria o'neil"` → `"Anna-Maria O'Neil"`; the s of `"john's"` stays small.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(|text| Some(titlecase(text))))
}

fn titlecase(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut letters_before = 0_usize;
    for letter in text.chars() {
        if !letter.is_alphanumeric() {
            let is_apostrophe = matches!(letter, '\'' | '’');
            let keeps_small = is_apostrophe && letters_before > 1;
            letters_before = if keeps_small { letters_before } else { 0 };
            titled.push(letter);
        } else if letters_before == 0 {
            titled.extend(letter.to_uppercase());
            letters_before = 1;
        } else {
            titled.extend(letter.to_lowercase());
            letters_before += 1;
        }
    }
    titled
}
