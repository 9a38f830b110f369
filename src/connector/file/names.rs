//! Names of a file's columns: those that Ferry has for itself, and those with blanks that nobody sees.

use crate::model::{FILE_PREFIX, is_reserved, one_form};

/// Returns the name that a column has as a field. A column with one of Ferry's own names, such as `_id`, gets `file.` before it;
/// one that is the record's id already is no field of its own.
pub fn field_name(column: &str, id_columns: &[String]) -> Option<String> {
    if !is_reserved(column) {
        return Some(column.to_owned());
    }
    let is_id = matches!(id_columns, [id] if id == column);
    (!is_id).then(|| format!("{FILE_PREFIX}{column}"))
}

/// Returns the name that a field has in the file.
pub fn own_name(field: &str) -> &str {
    field.strip_prefix(FILE_PREFIX).filter(|name| is_reserved(name)).unwrap_or(field)
}

/// Returns the name without needless blanks and invisible characters, where it differs and belongs to no other column.
pub fn plain_label(column: &str, columns: &[String]) -> Option<String> {
    let plain = one_form(column);
    let is_other = |other: &&String| *other == &plain || one_form(other) == plain;
    let is_clear = !plain.is_empty() && plain != column && columns.iter().filter(is_other).count() == 1;
    is_clear.then_some(plain)
}

/// Returns the place of the column that a name means: its own name, the name it has as a field, or the one without blanks.
pub fn column_of(name: &str, columns: &[String]) -> Option<usize> {
    let exact = |wanted: &str| columns.iter().position(|column| column == wanted);
    exact(name)
        .or_else(|| exact(own_name(name)))
        .or_else(|| columns.iter().position(|column| plain_label(column, columns).as_deref() == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_of_ferrys_own_is_a_field_under_another_name() {
        assert_eq!(field_name("_id", &[]).as_deref(), Some("file._id"));
        assert_eq!(field_name("_links.companies", &[]).as_deref(), Some("file._links.companies"));
        assert_eq!(field_name("_id", &columns(&["_id"])), None);
        assert_eq!(field_name("_id", &columns(&["_id", "part"])).as_deref(), Some("file._id"));
        assert_eq!(field_name("_rev", &[]).as_deref(), Some("_rev"));
        assert_eq!(column_of("file._id", &columns(&["name", "_id"])), Some(1));
    }

    #[test]
    fn blanks_in_a_name_do_not_matter_where_no_other_column_is_meant() {
        let header = columns(&["id", " Name ", "E-Mail\u{a0}", "First\nName", "Email", " Email ", "x ", " x"]);
        for (name, place) in [
            ("Name", Some(1)),
            (" Name ", Some(1)),
            ("E-Mail", Some(2)),
            ("First Name", Some(3)),
            ("Email", Some(4)),
            (" Email ", Some(5)),
            ("x", None),
            ("name", None),
        ] {
            assert_eq!(column_of(name, &header), place, "{name}");
        }
    }
}
