//! Formulas of a pipeline: `{Column}` stands for that column's cell in the row that the formula is in. Pure.

use super::a1;

/// A formula, cut at its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// What stands in the formula as it is.
    Text(String),
    /// A column by its heading.
    Column(String),
    /// A column by its heading if there is one, else a text: `{2024}` may be a heading or an array.
    Either { text: String, name: String },
}

impl Template {
    /// Reads a formula. Within a text of the formula (`"{x}"`) and in braces that hold values (an array such as `{1,2}`), braces
    /// are braces, unless a column has that heading. A `}` of a heading is written twice.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(formula: &str) -> Result<Self, String> {
        if !formula.starts_with('=') {
            return Err("a formula begins with `=`".to_owned());
        }
        let mut parts = Vec::new();
        let (mut text, mut rest, mut is_quoted) = (String::new(), formula, false);
        while let Some(letter) = rest.chars().next() {
            if letter == '"' {
                is_quoted = !is_quoted;
            }
            if letter == '{' && !is_quoted {
                let (part, length) = braced(rest).ok_or("a `{` is not closed")?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(part);
                rest = &rest[length..];
                continue;
            }
            text.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
        if is_quoted {
            return Err("a `\"` is not closed".to_owned());
        }
        parts.push(Part::Text(text));
        Ok(Self { parts })
    }

    /// Returns the columns that the formula speaks of.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) | Part::Either { .. } => None,
        })
    }

    /// Writes the formula for a row; none where a column has no place.
    pub(super) fn at(&self, row: usize, place: impl Fn(&str) -> Option<usize>) -> Option<String> {
        let mut formula = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => formula.push_str(text),
                Part::Column(name) => formula.push_str(&a1::cell(row, place(name)?)),
                Part::Either { text, name } => match place(name) {
                    Some(column) => formula.push_str(&a1::cell(row, column)),
                    None => formula.push_str(text),
                },
            }
        }
        Some(formula)
    }
}

/// Reads what begins with a brace, and tells how long it is.
fn braced(text: &str) -> Option<(Part, usize)> {
    let end = text.find('}')?;
    let is_array = is_array(&text[1..end]);
    let (name, length) = match heading(&text[1..]) {
        Some((name, length)) => (name, length + 1),
        // The last of several arrays within one: its brace is followed by theirs.
        None if is_array => (text[1..end].to_owned(), end + 1),
        None => return None,
    };
    let name = name.trim().to_owned();
    let part = if is_array { Part::Either { text: text[..length].to_owned(), name } } else { Part::Column(name) };
    Some((part, length))
}

/// Reads a heading up to the brace that closes it, and tells how long both are. A brace that is written twice is part of it.
fn heading(text: &str) -> Option<(String, usize)> {
    let (mut name, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('}')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('}') {
            Some(after) => {
                name.push('}');
                rest = after;
            }
            None => return Some((name, text.len() - rest.len())),
        }
    }
}

/// Tells whether what is in braces is an array of the formula language, not the name of a column.
fn is_array(inside: &str) -> bool {
    let is_value = |item: &str| {
        let item = item.trim();
        item.starts_with('"') || item.parse::<f64>().is_ok() || item.contains('!') || item.contains(':')
    };
    inside.trim().is_empty() || inside.split([',', ';']).any(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(formula: &str) -> Result<String, String> {
        let known = ["Name", "Last contact", "Amount, net", "2024", "a}b{c", "5\" pipe", "Ratio 1:2, x", ":7}"];
        let place = |name: &str| known.iter().position(|known| *known == name);
        Template::parse(formula)?.at(6, place).ok_or_else(|| "no such column".to_owned())
    }

    #[test]
    fn columns_become_the_cells_of_the_row() {
        for (formula, expected) in [
            ("=IF({Last contact}=\"\",\"\",TODAY()-INT({Last contact}))", "=IF(B7=\"\",\"\",TODAY()-INT(B7))"),
            ("={Amount, net}*2", "=C7*2"),
            ("=\"{Name}\"&{Name}", "=\"{Name}\"&A7"),
            ("=SUM({1,2;3,4})", "=SUM({1,2;3,4})"),
            ("=VLOOKUP({ Name },Owners!A:B,2,FALSE)", "=VLOOKUP(A7,Owners!A:B,2,FALSE)"),
            ("={\"a\";\"b\"}", "={\"a\";\"b\"}"),
            ("={{1,2};{3,4}}", "={{1,2};{3,4}}"),
            ("={2024}-{2023}", "=D7-{2023}"),
            ("={a}}b{c}&{5\" pipe}&\"x\"", "=E7&F7&\"x\""),
            ("={Ratio 1:2, x}", "=G7"),
            ("={:7}}}&{1,2}", "=H7&{1,2}"),
        ] {
            assert_eq!(filled(formula).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_formula_is_told() {
        for (formula, reason) in [
            ("Name", "a formula begins with `=`"),
            ("={Name", "a `{` is not closed"),
            ("=\"a", "a `\"` is not closed"),
            ("={Other}", "no such column"),
        ] {
            assert_eq!(filled(formula), Err(reason.to_owned()));
        }
        let columns = Template::parse("={a}+{b}").unwrap();
        assert_eq!(columns.columns().collect::<Vec<_>>(), ["a", "b"]);
    }
}
