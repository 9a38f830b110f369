//! A request or an answer, read byte by byte: nothing of an HTTP library, so that no error is shared with one.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

/// A request or an answer: its first line, its headers, its body without transfer encoding.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) first_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads one message; none where the other side has closed the connection.
    pub(super) async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Self>> {
        let Some(first_line) = line(reader).await? else { return Ok(None) };
        let mut headers = Vec::new();
        while let Some(text) = line(reader).await?.filter(|text| !text.is_empty()) {
            let (name, value) = text.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { first_line, headers, body: Vec::new() };
        if message.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            message.body = chunks(reader).await?;
        } else if let Some(length) = message.header("content-length") {
            message.body = vec![0; length.parse().map_err(|_| io::ErrorKind::InvalidData)?];
            reader.read_exact(&mut message.body).await?;
        }
        // What is passed on has a length, and is not packed.
        let dropped = ["transfer-encoding", "content-length", "accept-encoding"];
        message.headers.retain(|(name, _)| !dropped.contains(&name.as_str()));
        Ok(Some(message))
    }

    pub(super) async fn write(&self, writer: &mut OwnedWriteHalf) -> io::Result<()> {
        writer.write_all(&self.bytes()).await
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first_line);
        for (name, value) in &self.headers {
            text += &[name, ": ", value, "\r\n"].concat();
        }
        if !self.first_line.contains(" 204 ") {
            text += &["content-length: ", &self.body.len().to_string(), "\r\n"].concat();
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        let target = self.first_line.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    /// Names what is asked: requests of one endpoint have answers of one form.
    pub(super) fn endpoint(&self) -> String {
        format!("{} {}", self.method(), self.path())
    }

    fn is_query(&self) -> bool {
        ["/search", "/batch/read", "/listRecords", "/query"].iter().any(|end| self.path().ends_with(end))
    }

    pub(super) fn is_look_up(&self) -> bool {
        self.is_query() || (self.method() == "GET" && self.first_line.contains("filterByFormula"))
    }

    /// Tells whether the request changes records: logins and jobs' own requests do not.
    pub(super) fn is_write(&self) -> bool {
        let is_own = ["/token", "/jobs/query"].iter().any(|end| self.path().ends_with(end));
        self.method() != "GET" && !self.is_query() && !is_own
    }
}

async fn line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut text = String::new();
    let count = reader.read_line(&mut text).await?;
    Ok((count > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn chunks(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let head = line(reader).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..]).await?;
        line(reader).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}
