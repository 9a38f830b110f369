//! Reads Rust sources as far as a test has to: their texts in quotes, and the brackets around them.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// A source file without its tests.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The code; comments and what stands in quotes are blanked, so that every bracket is one. As long as the file.
    pub(crate) code: String,
    pub(crate) literals: Vec<Literal>,
}

/// A text in quotes.
pub(crate) struct Literal {
    /// Where it stands, quotes included.
    pub(crate) place: Range<usize>,
    pub(crate) line: usize,
    /// What it says, with escapes resolved.
    pub(crate) text: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        // Tests stand at a file's end.
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let (code, literals) = blank(&text[..end]);
        Self { path: path.to_owned(), code, literals }
    }

    /// Returns the texts that stand in a part of the code.
    pub(crate) fn literals_in(&self, part: &Range<usize>) -> impl Iterator<Item = &Literal> {
        self.literals.iter().filter(move |found| part.contains(&found.place.start))
    }

    /// Returns what stands from here to the end of the bracket that is open here.
    pub(crate) fn to_closing(&self, start: usize) -> Range<usize> {
        start..self.end_of(start, |_| false)
    }

    /// Returns what stands from here to a mark outside of further brackets, or to the end of the bracket that is open here.
    pub(crate) fn to_mark(&self, start: usize, marks: &[u8]) -> Range<usize> {
        start..self.end_of(start, |byte| marks.contains(&byte))
    }

    fn end_of(&self, start: usize, is_end: impl Fn(u8) -> bool) -> usize {
        let mut depth = 0_usize;
        for (index, byte) in self.code.bytes().enumerate().skip(start) {
            match byte {
                _ if depth == 0 && is_end(byte) => return index,
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 0 => return index,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        self.code.len()
    }
}

/// Returns the sources of the binary, without tests. The emulators, which say nothing to a user, are a crate apart.
pub(crate) fn sources() -> Vec<Source> {
    let is_tests = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files_below(&root, "rs").iter().filter(|path| !is_tests(path)).map(|path| Source::read(path)).collect()
}

/// Returns the files below a folder whose names end so, in order.
pub(crate) fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Parts code from what stands in quotes.
fn blank(text: &str) -> (String, Vec<Literal>) {
    let (mut code, mut literals) = (text.to_owned().into_bytes(), Vec::new());
    let (mut start, mut line) = (0, 1);
    while start < text.len() {
        let rest = &text[start..];
        let length = token_length(rest);
        let said = match &rest[..length] {
            token if token.starts_with('"') => Some(unescaped(&token[1..length - 1])),
            token if token.starts_with("r\"") => Some(token[2..length - 1].to_owned()),
            token if token.starts_with("r#\"") => Some(token[3..length - 2].to_owned()),
            _ => None,
        };
        let place = start..start + length;
        literals.extend(said.map(|text| Literal { place: place.clone(), line, text }));
        if length > 1 {
            code[place.clone()].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        line += text[place.clone()].matches('\n').count();
        start = place.end;
    }
    (String::from_utf8(code).unwrap(), literals)
}

/// Returns the length of the comment, text or letter that begins here, in bytes; of one character of anything else.
fn token_length(rest: &str) -> usize {
    let to = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |index| from + index + end.len());
    let one = rest.chars().next().map_or(1, char::len_utf8);
    match rest.as_bytes() {
        [b'/', b'/', ..] => to("\n", 2) - 1,
        [b'r', b'#', b'"', ..] => to("\"#", 3),
        [b'r', b'"', ..] => to("\"", 2),
        [b'"', ..] => {
            let mut letters = rest.char_indices().skip(1);
            while let Some((index, letter)) = letters.next() {
                match letter {
                    '\\' => drop(letters.next()),
                    '"' => return index + 1,
                    _ => {}
                }
            }
            rest.len()
        }
        // A letter in quotes, and no lifetime.
        [b'\'', b'\\', ..] => to("'", 3),
        [b'\'', ..] => {
            let letter = rest[1..].chars().next().map_or(0, char::len_utf8);
            if rest[1 + letter..].starts_with('\'') { letter + 2 } else { one }
        }
        _ => one,
    }
}

/// Resolves the escapes of a text, and joins the lines that end with a backslash.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('\n')) => while letters.next_if(|next| next.is_whitespace()).is_some() {},
            ('\\', Some('n')) => {
                letters.next();
                plain.push('\n');
            }
            ('\\', Some(_)) => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}
