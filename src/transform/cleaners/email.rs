//! `email`: checks an e-mail address and writes it in one form.

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// Longest address, in bytes. Source: RFC 5321, section 4.5.3.1.3 (a path of 256 with its angle brackets).
const LONGEST: usize = 254;
/// Longest part before the `@`, in bytes. Source: RFC 5321, section 4.5.3.1.1.
const LONGEST_LOCAL: usize = 64;
/// Longest part of a domain between dots, in bytes. Source: RFC 1035, section 2.3.4.
const LONGEST_LABEL: usize = 63;

/// `"Ada <Ada@Example.COM>"` → `"Ada@example.com"`: the domain in small letters, the rest as it was, without a name or
/// `mailto:` around it. What is no address is refused with `invalid_email`.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(email).or("invalid_email", "is no e-mail address"))
}

fn email(text: &str) -> Option<String> {
    let address = bare(text);
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain.to_lowercase();
    let is_address = address.len() <= LONGEST && is_local(local) && is_domain(&domain);
    is_address.then(|| format!("{local}@{domain}"))
}

/// Returns the address without a name and `mailto:` around it.
fn bare(text: &str) -> &str {
    let trimmed = text.trim();
    let inner = match (trimmed.find('<'), trimmed.strip_suffix('>')) {
        (Some(start), Some(head)) => head.get(start + 1..).unwrap_or(trimmed),
        _ => trimmed,
    };
    let is_link = inner.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    if is_link { inner[7..].trim() } else { inner.trim() }
}

fn is_local(local: &str) -> bool {
    let is_allowed = |letter: char| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter);
    !local.is_empty()
        && local.len() <= LONGEST_LOCAL
        && local.chars().all(is_allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

/// Tells whether a name in small letters can be a domain on the internet.
pub(super) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, last)) = domain.rsplit_once('.') else { return false };
    let is_top = last.chars().count() >= 2 && !last.chars().all(|letter| letter.is_ascii_digit());
    is_top && domain.split('.').all(is_label)
}
