//! Text encodings of files: decoding while reading, encoding while writing.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use encoding_rs::{Decoder, DecoderResult, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_874};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::connector::{ConnectorError, ErrorKind};

use super::folder::file_error;

/// The byte that stands for what could not be decoded: it occurs in no UTF-8 text, so the record with it is refused.
const UNDECODABLE_BYTE: &[u8] = &[0xFF];
/// The character that stands for what could not be decoded in a [`TextReader::sound`] text: it belongs to no text.
pub const UNDECODABLE: char = '\u{ffff}';
/// The same, in UTF-8.
const UNDECODABLE_CHAR: &[u8] = &[0xEF, 0xBF, 0xBF];
/// How much of a file is looked at to know the width of its characters, in bytes.
const HEAD_BYTES: u64 = 16;
/// How much is decoded at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The encoding of a text file: any that the WHATWG encoding standard names, with or without a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    text: &'static encoding_rs::Encoding,
    /// Whether a written file begins with a byte order mark.
    is_marked: bool,
}

/// Names that people use and the standard does not have.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("utf8", "utf-8"),
    ("macroman", "macintosh"),
    ("mac-roman", "macintosh"),
    ("mac_roman", "macintosh"),
    ("ansi", "windows-1252"),
];
/// UTF-8 with a byte order mark, as Excel wants it.
const MARKED_UTF_8: [&str; 2] = ["utf-8-bom", "utf-8-sig"];

impl Encoding {
    /// UTF-8, with or without a byte order mark when read, without one when written.
    pub const UTF_8: Self = Self { text: UTF_8, is_marked: false };

    /// Returns the encoding of that name, in upper or lower case; none where there is none.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        if MARKED_UTF_8.contains(&name.as_str()) {
            return Some(Self { text: UTF_8, is_marked: true });
        }
        let standard =
            OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, standard)| standard);
        let text = encoding_rs::Encoding::for_label(standard.as_bytes()).filter(|text| *text != REPLACEMENT)?;
        Some(Self { text, is_marked: text == UTF_16LE || text == UTF_16BE })
    }

    /// Returns the name that a pipeline uses.
    pub fn name(self) -> String {
        if self.is_marked && self.is_utf_8() { MARKED_UTF_8[0].to_owned() } else { self.text.name().to_lowercase() }
    }

    /// Tells whether it is UTF-8.
    pub fn is_utf_8(self) -> bool {
        self.text == UTF_8
    }

    /// Returns what a file of this encoding begins with.
    pub fn mark(self) -> &'static [u8] {
        match self.text {
            _ if !self.is_marked => &[],
            text if text == UTF_16LE => &[0xFF, 0xFE],
            text if text == UTF_16BE => &[0xFE, 0xFF],
            _ => &[0xEF, 0xBB, 0xBF],
        }
    }

    /// Tells whether the encoding has all characters of the text.
    pub fn can_hold(self, text: &str) -> bool {
        self.can_hold_all() || !self.text.encode(text).2
    }

    /// Tells whether the encoding has all characters.
    pub fn can_hold_all(self) -> bool {
        // UTF-16 is encoded here: the standard's encoders write UTF-8 for it, which has all characters too.
        self.text.output_encoding() == UTF_8
    }

    /// Returns the bytes of a text that the encoding can hold, without a mark.
    pub fn encode(self, text: String) -> Vec<u8> {
        match self.text {
            utf_8 if utf_8 == UTF_8 => text.into_bytes(),
            wide if wide == UTF_16LE => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            wide if wide == UTF_16BE => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            other => other.encode(&text).0.into_owned(),
        }
    }

    /// Returns how many characters of several bytes a file must hold before it is taken for UTF-8; none where the bytes of the
    /// encoding are never valid UTF-8.
    fn least_utf_8(self) -> Option<usize> {
        if self.is_utf_8() || self.text == UTF_16LE || self.text == UTF_16BE {
            return None;
        }
        // A few characters of East Asian encodings, and of Thai, are valid UTF-8 by chance.
        Some(if self.text.is_single_byte() && self.text != WINDOWS_874 { 1 } else { 12 })
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::UTF_8
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown =
            || D::Error::custom(format!("`{name}` is no name of an encoding, such as `utf-8` or `windows-1252`"));
        Self::named(&name).ok_or_else(unknown)
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The encoding of a text file, by a name of the WHATWG encoding standard.",
            "type": "string",
            "examples": ["utf-8", "utf-8-bom", "windows-1252", "windows-1250", "windows-1251", "macintosh", "shift_jis", "utf-16le"],
        })
    }
}

/// Refuses a file that is UTF-8 under the name of another encoding: read by that, its umlauts and accents would fall apart.
///
/// # Errors
/// Fails when all of the file is valid UTF-8 with characters of several bytes, or when it cannot be read.
pub fn refuse_other_encoding(path: &Path, encoding: Encoding) -> Result<(), ConnectorError> {
    let failed = |error: io::Error| file_error("read", path, &error);
    let mut head = Vec::new();
    File::open(path).map_err(failed)?.take(HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
    if let Some(other) = other_width(&head, encoding) {
        let message = format!("`{}` is {}, and its connection reads {}", path.display(), other, encoding.name());
        return Err(
            ConnectorError::new(ErrorKind::Io, "other_encoding", message).with_hint(format!("set `encoding: {other}`"))
        );
    }
    let Some(least) = encoding.least_utf_8() else { return Ok(()) };
    let found = count_wide(File::open(path).map_err(failed)?).map_err(failed)?;
    if found.is_none_or(|count| count < least) {
        return Ok(());
    }
    let message = format!("`{}` is UTF-8, and its connection says `encoding: {}`", path.display(), encoding.name());
    Err(ConnectorError::new(ErrorKind::Io, "other_encoding", message).with_hint("set `encoding: utf-8`, or remove it"))
}

/// Returns the encoding of a text whose characters are wider, or less wide, than the named encoding has them; none where a byte
/// order mark says what they are.
fn other_width(head: &[u8], encoding: Encoding) -> Option<&'static str> {
    if encoding_rs::Encoding::for_bom(head).is_some() {
        return None;
    }
    let is_wide = encoding.text == UTF_16LE || encoding.text == UTF_16BE;
    let ascii = |byte: &u8| byte.is_ascii_graphic();
    match head {
        [first, 0, second, 0, ..] if !is_wide && ascii(first) && ascii(second) => Some("utf-16le"),
        [0, first, 0, second, ..] if !is_wide && ascii(first) && ascii(second) => Some("utf-16be"),
        [first, second, ..] if is_wide && ascii(first) && ascii(second) => Some("utf-8"),
        _ => None,
    }
}

/// Counts the characters of several bytes in a file of valid UTF-8; none where it is not, or has a byte order mark, which says
/// more than the option.
fn count_wide(mut file: File) -> io::Result<Option<usize>> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut kept = 0;
    let mut count = 0;
    let mut is_first = true;
    loop {
        let read = file.read(&mut bytes[kept..])?;
        let known = &bytes[..kept + read];
        if is_first && encoding_rs::Encoding::for_bom(known).is_some() {
            return Ok(None);
        }
        is_first = false;
        let valid = match std::str::from_utf8(known) {
            Ok(text) => text,
            Err(error) if error.error_len().is_some() || read == 0 => return Ok(None),
            Err(error) => std::str::from_utf8(&known[..error.valid_up_to()]).unwrap_or_default(),
        };
        count += valid.chars().filter(|letter| !letter.is_ascii()).count();
        if read == 0 {
            return Ok(Some(count));
        }
        let (start, end) = (valid.len(), kept + read);
        bytes.copy_within(start..end, 0);
        kept = end - start;
    }
}

/// Reads a text file as UTF-8. What cannot be decoded comes as bytes that are no UTF-8.
#[derive(Debug)]
pub struct TextReader {
    file: File,
    /// Where the text begins in the file, behind a mark, in bytes.
    text_start: u64,
    transcoder: Option<Transcoder>,
}

struct Transcoder {
    decoder: Decoder,
    /// What is written for bytes that cannot be decoded.
    undecodable: &'static [u8],
    raw: Vec<u8>,
    raw_start: usize,
    is_file_read: bool,
    is_finished: bool,
    decoded: Vec<u8>,
    decoded_start: usize,
    decoded_end: usize,
}

impl std::fmt::Debug for Transcoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Transcoder").field("encoding", &self.decoder.encoding().name()).finish_non_exhaustive()
    }
}

impl TextReader {
    /// Starts to read. A byte order mark at the file's beginning says more than `encoding` does.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn new(file: File, encoding: Encoding) -> io::Result<Self> {
        let (file, decoder, text_start) = Self::begin(file, encoding)?;
        let transcoder = (decoder != UTF_8).then(|| Transcoder::new(decoder, UNDECODABLE_BYTE));
        Ok(Self { file, text_start, transcoder })
    }

    /// Starts to read a text that is UTF-8 whatever the file holds: [`UNDECODABLE`] stands for bytes that are not.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn sound(file: File, encoding: Encoding) -> io::Result<Self> {
        let (file, decoder, text_start) = Self::begin(file, encoding)?;
        Ok(Self { file, text_start, transcoder: Some(Transcoder::new(decoder, UNDECODABLE_CHAR)) })
    }

    /// Returns the file at the beginning of its text, with its encoding and the place of that beginning.
    fn begin(mut file: File, encoding: Encoding) -> io::Result<(File, &'static encoding_rs::Encoding, u64)> {
        let mut head = Vec::with_capacity(3);
        Read::by_ref(&mut file).take(3).read_to_end(&mut head)?;
        let (decoder, mark_length) = encoding_rs::Encoding::for_bom(&head).unwrap_or((encoding.text, 0));
        let mut text_start = u64::try_from(mark_length).unwrap_or_default();
        file.seek(SeekFrom::Start(text_start))?;
        // Some programs put a mark before the one that a file has already.
        while decoder == UTF_8 && mark_length > 0 && next_bytes(&mut file)? == MARK {
            text_start += 3;
            file.seek(SeekFrom::Start(text_start))?;
        }
        file.seek(SeekFrom::Start(text_start))?;
        Ok((file, decoder, text_start))
    }

    /// Tells whether the file is read as it is, so that any place of its text can be gone to at once.
    pub fn is_plain(&self) -> bool {
        self.transcoder.is_none()
    }

    /// Leaves out so many bytes of text, counted from its beginning, as UTF-8. For a reader that was not read from.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn skip(&mut self, byte_count: u64) -> io::Result<()> {
        if self.transcoder.is_none() {
            self.file.seek(SeekFrom::Start(self.text_start + byte_count))?;
            return Ok(());
        }
        io::copy(&mut Read::by_ref(self).take(byte_count), &mut io::sink())?;
        Ok(())
    }
}

/// The byte order mark of UTF-8.
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

fn next_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(MARK.len());
    file.take(3).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Read for TextReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.transcoder {
            None => self.file.read(out),
            Some(transcoder) => transcoder.read(&mut self.file, out),
        }
    }
}

impl Transcoder {
    fn new(encoding: &'static encoding_rs::Encoding, undecodable: &'static [u8]) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            undecodable,
            raw: Vec::with_capacity(CHUNK_BYTES),
            raw_start: 0,
            is_file_read: false,
            is_finished: false,
            decoded: vec![0; CHUNK_BYTES],
            decoded_start: 0,
            decoded_end: 0,
        }
    }

    fn read(&mut self, file: &mut File, out: &mut [u8]) -> io::Result<usize> {
        while self.decoded_start == self.decoded_end && !self.is_finished {
            self.decode_more(file)?;
        }
        let ready = self.decoded.get(self.decoded_start..self.decoded_end).unwrap_or_default();
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.decoded_start += count;
        Ok(count)
    }

    fn decode_more(&mut self, file: &mut File) -> io::Result<()> {
        if self.raw_start == self.raw.len() && !self.is_file_read {
            self.raw.clear();
            self.raw_start = 0;
            let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
            self.is_file_read = file.take(limit).read_to_end(&mut self.raw)? == 0;
        }
        // Room is kept free for the mark of what cannot be decoded.
        let room = self.decoded.len() - self.undecodable.len();
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.raw[self.raw_start..],
            &mut self.decoded[..room],
            self.is_file_read,
        );
        self.raw_start += read;
        self.decoded_start = 0;
        self.decoded_end = written;
        match result {
            DecoderResult::InputEmpty => self.is_finished = self.is_file_read,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.decoded_end += self.undecodable.len();
                self.decoded[written..self.decoded_end].copy_from_slice(self.undecodable);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8], encoding: Encoding, skipped: u64) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut reader = TextReader::new(file, encoding).unwrap();
        reader.skip(skipped).unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        text
    }

    fn named(name: &str) -> Encoding {
        Encoding::named(name).unwrap()
    }

    #[test]
    fn unicode_reads_what_it_wrote_with_or_without_a_mark() {
        let text = "Zoë;Łódź 😀\n".repeat(20_000);
        for encoding in ["utf-8", "utf-8-bom", "utf-16le", "utf-16be"].map(named) {
            let plain = encoding.encode(text.clone());
            assert_eq!(read(&plain, encoding, 0), text.as_bytes(), "{encoding:?}");
            let marked = [encoding.mark(), &plain].concat();
            assert_eq!(read(&marked, encoding, 0), text.as_bytes(), "{encoding:?}");
            assert_eq!(read(&marked, encoding, 70_000), text.as_bytes()[70_000..], "{encoding:?}");
        }
    }

    #[test]
    fn every_encoding_reads_what_it_wrote() {
        for (name, text) in [
            ("windows-1252", "Zoë €"),
            ("latin1", "Zoë"),
            ("windows-1250", "Żółć Łódź Plzeň"),
            ("iso-8859-2", "Żółć"),
            ("windows-1251", "Иван"),
            ("KOI8-R", "Иван"),
            ("windows-1253", "Αθήνα"),
            ("windows-1254", "İstanbul"),
            ("windows-1255", "שלום"),
            ("windows-1256", "سلام"),
            ("windows-874", "สวัสดี"),
            ("MacRoman", "Zoë Ωπ"),
            ("Shift_JIS", "株式会社"),
            ("euc-jp", "株式会社"),
            ("gb18030", "有限公司"),
            ("gbk", "有限公司"),
            ("Big5", "有限公司"),
            ("euc-kr", "주식회사"),
        ] {
            let encoding = named(name);
            assert!(encoding.can_hold(text), "{name}");
            let bytes = encoding.encode(text.to_owned());
            assert_ne!(bytes, text.as_bytes(), "{name}");
            assert_eq!(read(&bytes, encoding, 0), text.as_bytes(), "{name}");
            assert_eq!(named(&encoding.name()), encoding, "{name}");
        }
        for unknown in ["", "utf-7", "cp437", "iso-2022-kr", "windows-1259"] {
            assert_eq!(Encoding::named(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_mark_says_more_than_the_option() {
        let bytes = [&b"\xFF\xFE"[..], &named("utf-16le").encode("é".into())].concat();
        assert_eq!(read(&bytes, Encoding::UTF_8, 0), "é".as_bytes());
        assert_eq!(read(b"\xEF\xBB\xBF\xC3\xA9", named("windows-1252"), 0), "é".as_bytes());
        assert_eq!(read(b"\xEF\xBB\xBF\xEF\xBB\xBFid", Encoding::UTF_8, 1), b"d", "two marks are one");
        assert_eq!(read(b"caf\xE9 \x80", named("windows-1252"), 0), "café €".as_bytes());
        assert_eq!(read(b"", named("utf-16le"), 0), b"");
    }

    #[test]
    fn what_cannot_be_decoded_is_no_utf_8_and_the_rest_is() {
        let half_a_pair = [0x61, 0x00, 0x3D, 0xD8, 0x62, 0x00, 0x63];
        assert_eq!(read(&half_a_pair, named("utf-16le"), 0), b"a\xFFb\xFF");
    }

    #[test]
    fn a_sound_text_is_utf_8_whatever_the_file_holds() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"\xEF\xBB\xBFa\xFFb\xC3").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        TextReader::sound(file, Encoding::UTF_8).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "a\u{ffff}b\u{ffff}");
    }

    #[test]
    fn windows_1252_does_not_hold_everything() {
        assert!(named("windows-1252").can_hold("Zoë €"));
        assert!(!named("windows-1252").can_hold("Łódź"));
        assert!(named("utf-16be").can_hold("Łódź"));
    }

    #[test]
    fn utf_8_under_another_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let long = "a".repeat(CHUNK_BYTES - 1) + "ü";
        for (content, encoding, is_refused) in [
            (&b"id,name\n1,J\xC3\xBCrgen\n"[..], "windows-1252", true),
            (long.as_bytes(), "windows-1252", true),
            (b"id,name\n1,J\xFCrgen\n", "windows-1252", false),
            (b"id,name\n1,J\xC3\xBCrgen\n2,J\xFCrgen\n", "windows-1252", false),
            (b"id,name\n1,Jorge\n", "windows-1252", false),
            (b"\xEF\xBB\xBFid\nJ\xC3\xBCrgen\n", "windows-1252", false),
            ("Иван".as_bytes(), "windows-1251", true),
            ("株式会社サンプル山田太郎".as_bytes(), "shift_jis", true),
            (b"\xC4\xA3", "gbk", false),
            ("Jürgen".as_bytes(), "utf-8", false),
            (b"i\0d\0", "utf-8", true),
            (b"\0i\0d", "windows-1252", true),
            (b"i\0d\0", "utf-16le", false),
            (b"id,name", "utf-16le", true),
        ] {
            std::fs::write(&path, content).unwrap();
            let refused = refuse_other_encoding(&path, named(encoding)).err().map(|error| error.code);
            assert_eq!(refused.as_deref(), is_refused.then_some("other_encoding"), "{encoding}: {content:?}");
        }
    }
}
