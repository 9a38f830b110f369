//! A proxy between Ferry and a local system. It carries every request out, then answers as gateways, caches and connections
//! that are out of step do. It shares no code with the emulators: HTTP/1.1 is read here byte by byte.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// What the proxy does to the answer of a request that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trick {
    /// A page of a gateway takes the place of the answer to a write, with any status and in any form but the vendor's.
    GatewayPage,
    /// The answer to a write is that of an earlier write of the same path.
    LateAnswer,
    /// The answer to a write is sent twice, so that every later answer on the connection belongs to the request before.
    DoubledAnswer,
    /// A look-up's answer is cut in half, or one of its records has no id.
    PartialLookUp,
}

/// How often the proxy tricks, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    pub(crate) trick: Trick,
    pub(crate) share: f64,
    pub(crate) seed: u64,
}

/// A running proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    url: String,
    task: JoinHandle<()>,
}

struct Shared {
    plan: Plan,
    random: Mutex<SmallRng>,
    /// The last answer to a write of each path.
    earlier: Mutex<HashMap<String, Message>>,
}

/// A request or an answer: its first line, its headers, its body without transfer encoding.
#[derive(Debug, Clone)]
struct Message {
    first_line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Statuses that gateways, load balancers and content delivery networks answer with, whatever became of the request.
const GATEWAY_STATUSES: &[u16] = &[
    301, 302, 307, 308, 400, 401, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 418, 421, 422, 423,
    425, 426, 428, 429, 431, 451, 460, 477, 494, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523,
    524, 525, 526, 530, 561, 598, 599,
];

impl Proxy {
    /// Starts a proxy in front of a local system.
    pub(crate) async fn start(upstream: &str, plan: Plan) -> Self {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let random = Mutex::new(SmallRng::seed_from_u64(plan.seed));
        let shared = Arc::new(Shared { plan, random, earlier: Mutex::default() });
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // A connection that breaks is what it is: either side may leave.
                    let _ = relay(client, &upstream, &shared).await;
                });
            }
        });
        Self { url, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, upstream: &str, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let system = TcpStream::connect(upstream).await?;
    system.set_nodelay(true)?;
    let (client_read, mut client_write) = client.into_split();
    let (system_read, mut system_write) = system.into_split();
    let (mut client_read, mut system_read) = (BufReader::new(client_read), BufReader::new(system_read));
    let mut out_of_step: Option<VecDeque<Message>> = None;
    while let Some(request) = Message::read(&mut client_read).await? {
        request.write(&mut system_write).await?;
        let Some(answer) = Message::read(&mut system_read).await? else { return Ok(()) };
        let answer = match &mut out_of_step {
            Some(behind) => {
                behind.push_back(answer);
                behind.pop_front().unwrap_or_else(|| unreachable!("one was just put in"))
            }
            None => {
                if shared.strikes(&request) && shared.plan.trick == Trick::DoubledAnswer {
                    out_of_step = Some(VecDeque::from([answer.clone()]));
                    answer
                } else {
                    shared.disguise(&request, answer)
                }
            }
        };
        answer.write(&mut client_write).await?;
    }
    Ok(())
}

impl Shared {
    fn draw(&self, share: f64) -> bool {
        self.random.lock().unwrap().random_bool(share)
    }

    fn below(&self, bound: usize) -> usize {
        self.random.lock().unwrap().random_range(0..bound.max(1))
    }

    fn strikes(&self, request: &Message) -> bool {
        let is_wanted = match self.plan.trick {
            Trick::GatewayPage | Trick::LateAnswer | Trick::DoubledAnswer => request.is_write(),
            Trick::PartialLookUp => request.is_look_up(),
        };
        is_wanted && self.draw(self.plan.share)
    }

    fn disguise(&self, request: &Message, answer: Message) -> Message {
        let strikes = self.strikes(request);
        match self.plan.trick {
            Trick::GatewayPage if strikes => self.gateway_page(),
            Trick::PartialLookUp if strikes => self.partial(answer),
            Trick::LateAnswer if request.is_write() => {
                let earlier = self.earlier.lock().unwrap().insert(request.path().to_owned(), answer.clone());
                earlier.filter(|_| strikes).unwrap_or(answer)
            }
            Trick::GatewayPage | Trick::LateAnswer | Trick::DoubledAnswer | Trick::PartialLookUp => answer,
        }
    }

    fn gateway_page(&self) -> Message {
        let status = GATEWAY_STATUSES[self.below(GATEWAY_STATUSES.len())];
        let (kind, body) = match self.below(6) {
            0 => ("text/html", format!("<html><head><title>{status}</title></head><body>nginx</body></html>")),
            1 => ("application/json", r#"{"message":"Forbidden"}"#.to_owned()),
            2 => ("application/json", format!(r#"{{"code":{status},"error":"upstream","requestId":"gw-1"}}"#)),
            3 => ("text/plain", "error code: 1020".to_owned()),
            4 => ("application/json", String::new()),
            _ => ("application/xml", "<Error><Code>AccessDenied</Code></Error>".to_owned()),
        };
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        if (300..400).contains(&status) {
            headers.push(("location".to_owned(), "http://127.0.0.1:9/sign-in".to_owned()));
        }
        Message { first_line: format!("HTTP/1.1 {status} Gateway"), headers, body: body.into_bytes() }
    }

    fn partial(&self, mut answer: Message) -> Message {
        let Ok(mut json) = serde_json::from_slice::<Json>(&answer.body) else { return answer };
        let list = ["results", "records"].into_iter().find(|name| json[*name].is_array());
        let records = list.and_then(|name| json[name].as_array_mut()).filter(|records| !records.is_empty());
        let Some(records) = records else { return answer };
        let place = self.below(records.len());
        if self.draw(0.5)
            && let Some(record) = records[place].as_object_mut()
        {
            record.retain(|name, _| !name.eq_ignore_ascii_case("id"));
            answer.body = json.to_string().into_bytes();
        } else {
            answer.body.truncate(answer.body.len() / 2);
        }
        answer
    }
}

impl Message {
    /// Reads one message; none where the other side has closed the connection.
    async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Self>> {
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

    async fn write(&self, writer: &mut OwnedWriteHalf) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.first_line);
        for (name, value) in &self.headers {
            text += &[name, ": ", value, "\r\n"].concat();
        }
        if !self.first_line.contains(" 204 ") {
            text += &["content-length: ", &self.body.len().to_string(), "\r\n"].concat();
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend(&self.body);
        writer.write_all(&bytes).await
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    fn path(&self) -> &str {
        let target = self.first_line.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    fn is_query(&self) -> bool {
        ["/search", "/batch/read", "/listRecords", "/query"].iter().any(|end| self.path().ends_with(end))
    }

    fn is_look_up(&self) -> bool {
        self.is_query() || (self.method() == "GET" && self.first_line.contains("filterByFormula"))
    }

    /// Tells whether the request changes records: logins and jobs' own requests do not.
    fn is_write(&self) -> bool {
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
