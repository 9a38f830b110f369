//! A proxy between Ferry and an emulator. It answers as gateways, caches and connections that are out of step do. It shares
//! no code with the emulators: HTTP/1.1 is read byte by byte (`message`). What it answers instead is in `answers`.

mod answers;
mod message;

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use self::message::Message;
use crate::testbed::variable;

/// What the proxy does to the answer of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trick {
    /// A page of a gateway takes the place of the answer, with any status and in any form but the vendor's. A write was
    /// carried out, or never arrived.
    GatewayPage,
    /// The answer to a write is that of an earlier write of the same path.
    LateAnswer,
    /// The answer to a look-up is that of an earlier look-up of the same path.
    OldLookUp,
    /// The answer to a write is sent twice: its bytes alone, or so that every later answer on the connection belongs to the
    /// request before.
    DoubledAnswer,
    /// The same on the proxy's own connection to the vendor, which all connections of Ferry share.
    OutOfStep,
    /// Two requests of one path that are under way together get each other's answers.
    SwappedAnswers,
    /// A look-up's answer is cut in half, or one of its records has no id.
    PartialLookUp,
    /// A write's answer is cut, empty, or has a result too many, twice, or without its id.
    MangledWrite,
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
    /// The last answer of each method and path.
    earlier: Mutex<HashMap<String, Message>>,
    /// The answer that the next request gets, and how many requests later the connection is closed.
    behind: Mutex<Option<(Message, usize)>>,
    /// Answers that wait for another one of their method and path.
    waiting: Mutex<HashMap<String, (Message, oneshot::Sender<Message>)>>,
}

/// Most answers in a row that belong to the request before.
const MOST_OUT_OF_STEP: usize = 8;
/// How long an answer waits for another one to change places with, in real time.
const SWAP_WAIT: Duration = Duration::from_millis(40);

impl Proxy {
    /// Starts a proxy in front of an emulator.
    pub(crate) async fn start(upstream: &str, plan: Plan) -> Self {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let random = Mutex::new(SmallRng::seed_from_u64(plan.seed));
        let (earlier, behind, waiting) = (Mutex::default(), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { plan, random, earlier, behind, waiting });
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
        let strikes = shared.strikes(&request);
        trace("asked", &request);
        if strikes && shared.plan.trick == Trick::GatewayPage && shared.draw(0.5) {
            // The gateway answers by itself; the vendor never sees the request.
            shared.gateway_page().write(&mut client_write).await?;
            continue;
        }
        request.write(&mut system_write).await?;
        let Some(answer) = Message::read(&mut system_read).await? else { return Ok(()) };
        if let Some(behind) = &mut out_of_step {
            behind.push_back(answer);
            let answer = behind.pop_front().unwrap_or_else(|| unreachable!("one was just put in"));
            answer.write(&mut client_write).await?;
            continue;
        }
        if strikes && shared.plan.trick == Trick::DoubledAnswer {
            answer.write(&mut client_write).await?;
            if shared.draw(0.5) {
                client_write.write_all(&answer.bytes()).await?;
            } else {
                out_of_step = Some(VecDeque::from([answer]));
            }
            continue;
        }
        let given = shared.disguise(&request, answer.clone(), strikes).await;
        trace("answered", &answer);
        if given.body != answer.body {
            trace("but given", &given);
        }
        given.write(&mut client_write).await?;
    }
    Ok(())
}

/// Prints what passes the proxy, where `FERRY_FAULT_TRACE` is set.
fn trace(mark: &str, message: &Message) {
    if variable("FERRY_FAULT_TRACE").is_some() {
        let body: String = String::from_utf8_lossy(&message.body).chars().take(700).collect();
        println!("{mark}: {} {body}", message.first_line);
    }
}

impl Shared {
    fn draw(&self, share: f64) -> bool {
        self.random.lock().unwrap().random_bool(share)
    }

    fn below(&self, bound: usize) -> usize {
        self.random.lock().unwrap().random_range(0..bound.max(1))
    }

    fn strikes(&self, request: &Message) -> bool {
        let (write, look_up) = (request.is_write(), request.is_look_up());
        let share = match self.plan.trick {
            // A read that meets a gateway's page is repeated twice, not until it works.
            Trick::GatewayPage if !write => self.plan.share / 4.0,
            Trick::GatewayPage => self.plan.share,
            Trick::LateAnswer | Trick::DoubledAnswer | Trick::OutOfStep | Trick::MangledWrite if write => {
                self.plan.share
            }
            Trick::OldLookUp | Trick::PartialLookUp if look_up => self.plan.share,
            Trick::SwappedAnswers if write || look_up => self.plan.share * 2.0,
            _ => 0.0,
        };
        self.draw(share)
    }

    async fn disguise(&self, request: &Message, answer: Message, strikes: bool) -> Message {
        match self.plan.trick {
            Trick::GatewayPage if strikes => self.gateway_page(),
            Trick::PartialLookUp if strikes => self.partial(answer),
            Trick::MangledWrite if strikes => self.mangled(answer),
            Trick::LateAnswer if request.is_write() => self.late(request, answer, strikes),
            Trick::OldLookUp if request.is_look_up() => self.late(request, answer, strikes),
            Trick::SwappedAnswers if strikes => self.swapped(request, answer).await,
            Trick::OutOfStep => self.in_order(answer, strikes),
            _ => answer,
        }
    }

    fn late(&self, request: &Message, answer: Message, strikes: bool) -> Message {
        let earlier = self.earlier.lock().unwrap().insert(request.endpoint(), answer.clone());
        earlier.filter(|_| strikes).unwrap_or(answer)
    }

    /// Lets answers change places that are there within a short time.
    async fn swapped(&self, request: &Message, answer: Message) -> Message {
        let endpoint = request.endpoint();
        let (sender, receiver) = oneshot::channel();
        let other = {
            let mut waiting = self.waiting.lock().unwrap();
            let other = waiting.remove(&endpoint);
            if other.is_none() {
                waiting.insert(endpoint.clone(), (answer.clone(), sender));
            }
            other
        };
        if let Some((theirs, sender)) = other {
            return match sender.send(answer) {
                Ok(()) => theirs,
                Err(answer) => answer,
            };
        }
        let swapped = tokio::time::timeout(SWAP_WAIT, receiver).await;
        self.waiting.lock().unwrap().remove(&endpoint);
        swapped.ok().and_then(Result::ok).unwrap_or(answer)
    }

    /// Gives every answer to the request after its own, for a while.
    fn in_order(&self, answer: Message, strikes: bool) -> Message {
        let mut behind = self.behind.lock().unwrap();
        match behind.take() {
            Some((_, 0)) => answer,
            Some((earlier, left)) => {
                *behind = Some((answer, left - 1));
                earlier
            }
            None => {
                if strikes {
                    *behind = Some((answer.clone(), 1 + self.below(MOST_OUT_OF_STEP)));
                }
                answer
            }
        }
    }
}
