//! A client as people have them: it writes, sends again, goes away, comes back where it was, and keeps all that it
//! saw. It never judges: the checker does that.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chat_wire::{ErrorCode, ErrorPayload, ResumePoint, ServerFrame, WelcomePayload};
use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, rngs::StdRng};
use serde_json::json;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use uuid::Uuid;

use crate::{
    board::Board,
    checker::{Command, Event, History, is_final},
    orders::{Orders, Phase},
    subjects::{Subjects, frame_of},
    support::{Who, in_path},
};

/// How clients behave.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Between two things that a client does, in milliseconds.
    pub pause_ms: (u64, u64),
    /// Code points of a message, at most.
    pub length_max: usize,
    /// Of a hundred things that a client does, how many are to hang up or to leave.
    pub leaves_percent: u32,
    /// How long one that stops reading does so, in milliseconds.
    pub stops_ms: (u64, u64),
}

impl Habits {
    pub const USUAL: Self = Self { pause_ms: (20, 160), length_max: 60, leaves_percent: 3, stops_ms: (0, 1) };
}

/// Every message gets an answer, ACK or a code, within this; the contract says 5 s for a database that is away.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How often a message is sent again in the end.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A command that is not answered for good.
struct Pending {
    command: Command,
    /// How often it was sent, over all connections.
    n_sent: usize,
    /// It was refused for the time until then.
    not_before: Option<Instant>,
    /// When it was first sent on this connection; `None` where it was not, or was refused since.
    waits_since: Option<Instant>,
    /// When it was last sent on this connection.
    sent: Option<Instant>,
}

/// Of all clients of a world.
#[derive(Debug, Default)]
pub struct Counts {
    /// Commands that are not answered for good.
    pub n_unanswered: AtomicUsize,
    /// Messages that were acknowledged.
    pub n_acked: AtomicUsize,
    /// Edits, deletions and reactions that were acknowledged.
    pub n_changed: AtomicUsize,
    /// Messages that were answered with a code.
    pub n_refused: AtomicUsize,
    /// Connections that went on where the one before had ended.
    pub n_resumed: AtomicUsize,
}

/// What a world gives to each of its clients.
#[derive(Clone)]
pub struct Ties {
    pub orders: watch::Receiver<Orders>,
    pub counts: Arc<Counts>,
    pub board: Arc<Board>,
    /// When the world began.
    pub began: Instant,
}

pub struct Client {
    n: usize,
    room: String,
    who: Who,
    habits: Habits,
    rng: StdRng,
    orders: watch::Receiver<Orders>,
    began: Instant,
    counts: Arc<Counts>,
    board: Arc<Board>,
    life: Life,
    cursor: Option<(String, i64)>,
    pending: BTreeMap<Uuid, Pending>,
    acked: Vec<(Uuid, Command)>,
    /// What it can edit, delete and react to.
    subjects: Subjects,
}

/// What is left of a client.
#[derive(Debug, Default)]
pub struct Life {
    pub history: History,
    pub n_resumed: usize,
    pub n_refused: usize,
    /// What the contract promises at once and the checker cannot see.
    pub complaints: Vec<String>,
}

type Socket = WebSocketStream<TcpStream>;

/// Why a connection ended.
enum End {
    Left,
    Broken(u16),
    /// All that was asked is done.
    Done,
}

impl Client {
    pub fn new(n: usize, room: &str, is_author: bool, habits: Habits, rng: StdRng, ties: Ties) -> Self {
        let Ties { orders, counts, board, began } = ties;
        let who = if is_author { Who::named(&format!("사람 {n}")) } else { Who::reader() };
        let history = History { room: room.to_owned(), ..History::default() };
        let life = Life { history, ..Life::default() };
        let (cursor, pending, acked) = (None, BTreeMap::new(), Vec::new());
        let (room, subjects) = (room.to_owned(), Subjects::default());
        Self { n, room, who, habits, rng, orders, began, counts, board, life, cursor, pending, acked, subjects }
    }

    /// Lives until all is done or it is told to stop.
    pub async fn live(mut self) -> Life {
        loop {
            let phase = self.orders.borrow().phase.clone();
            if phase == Phase::Stop || self.is_done(&phase) {
                return self.life;
            }
            if let Some(mut socket) = self.connect().await {
                let (Ok(end) | Err(end)) = self.talk(&mut socket).await;
                self.board.went(self.n);
                if matches!(end, End::Left) {
                    // A polite end: what was on its way may still come, and nobody reads it.
                    let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
                }
                self.note(Event::Closed(if let End::Broken(code) = end { code } else { 1000 }));
                for pending in self.pending.values_mut() {
                    (pending.waits_since, pending.sent) = (None, None);
                }
            }
            let pause = self.rng.random_range(10..150);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn note(&mut self, event: Event) {
        let at = u64::try_from(self.began.elapsed().as_millis()).expect("a short run");
        self.life.history.events.push((at, event));
    }

    fn is_done(&self, phase: &Phase) -> bool {
        let Phase::Finish(last_revs) = phase else { return false };
        let reached = self.cursor.as_ref().map_or(-1, |(_, rev)| *rev);
        reached >= last_revs.get(&self.room).copied().unwrap_or_default()
    }

    async fn connect(&mut self) -> Option<Socket> {
        let doors = self.orders.borrow().doors.clone();
        if doors.is_empty() {
            return None;
        }
        let door = doors[self.rng.random_range(0..doors.len())];
        let stream = timeout(Duration::from_secs(3), TcpStream::connect(door)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        if self.habits.stops_ms.1 > 1 {
            // Else the kernel takes in megabytes for one that does not read. Below the loopback's segment of 64 KiB
            // the window is smaller than a segment, and the kernel stops sending for good.
            SockRef::from(&stream).set_recv_buffer_size(96 * 1_024).ok()?;
        }
        let url = format!("ws://{door}/ws/room/{}", in_path(&self.room));
        let (socket, _) = timeout(Duration::from_secs(5), client_async(url, stream)).await.ok()?.ok()?;
        self.note(Event::Connected);
        Some(socket)
    }

    async fn ask_to_join(&mut self, socket: &mut Socket) -> Result<(), End> {
        let resume = self.cursor.clone().map(|(epoch, rev)| ResumePoint { epoch, rev: rev.unsigned_abs() });
        let join = self.who.join(resume.as_ref());
        self.note(Event::Asked(resume));
        send(socket, join.to_string()).await
    }

    async fn talk(&mut self, socket: &mut Socket) -> Result<End, End> {
        self.ask_to_join(socket).await?;
        // Until WELCOME tells; JOIN is answered within seconds.
        let mut heartbeat = Duration::from_secs(4);
        let mut joined = false;
        let mut heard = Instant::now();
        let mut next = self.next_act();
        let mut n_stops = self.orders.borrow().n_stops;
        loop {
            let silence = heard + heartbeat * 5 / 2;
            let mut orders = self.orders.clone();
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => {
                            let frame = match serde_json::from_str::<ServerFrame<'static>>(&text) {
                                Ok(ServerFrame::Batch { frames }) => frames,
                                Ok(frame) => vec![frame],
                                Err(error) => {
                                    self.life.complaints.push(format!("{error}: {text}"));
                                    Vec::new()
                                }
                            };
                            for frame in frame {
                                match &frame {
                                    ServerFrame::Welcome(welcome) => {
                                        joined = true;
                                        heartbeat = Duration::from_secs(welcome.head.heartbeat_seconds);
                                    }
                                    // The JOIN was refused: the same socket may try again.
                                    ServerFrame::Error(error) if error.client_id.is_none() && !joined => {
                                        let ms = error.retry_after_ms.unwrap_or(100).min(500);
                                        self.take(frame);
                                        sleep(Duration::from_millis(ms)).await;
                                        self.ask_to_join(socket).await?;
                                        continue;
                                    }
                                    _ => {}
                                }
                                self.take(frame);
                            }
                        }
                        Some(Ok(Message::Close(close))) => {
                            return Ok(End::Broken(close.map_or(1005, |c| c.code.into())));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return Ok(End::Broken(1006)),
                    }
                }
                () = sleep_until(next) => {
                    next = self.next_act();
                    if joined {
                        self.act(socket).await?;
                    }
                }
                () = sleep_until(silence) => return Ok(End::Broken(0)),
                _ = orders.changed() => {
                    let now = self.orders.borrow_and_update().clone();
                    if now.n_stops > n_stops {
                        n_stops = now.n_stops;
                        if self.rng.random_ratio(1, 3) {
                            let (from, to) = self.habits.stops_ms;
                            let pause = Duration::from_millis(self.rng.random_range(from..to));
                            sleep(pause).await;
                            // An answer that is not read yet is not late.
                            let waiting = self.pending.values_mut().filter_map(|p| p.waits_since.as_mut());
                            waiting.for_each(|since| *since += pause);
                        }
                    }
                }
            }
            let phase = self.orders.borrow().phase.clone();
            if phase == Phase::Stop || self.is_done(&phase) {
                return Ok(End::Done);
            }
        }
    }

    fn next_act(&mut self) -> Instant {
        let (from, to) = self.habits.pause_ms;
        Instant::now() + Duration::from_millis(self.rng.random_range(from..to))
    }

    /// One of the things that people do.
    async fn act(&mut self, socket: &mut Socket) -> Result<(), End> {
        self.check_answers();
        if self.orders.borrow().phase != Phase::Traffic {
            let now = Instant::now();
            let may = |p: &Pending| p.not_before.is_none_or(|at| at <= now);
            let late = |p: &Pending| may(p) && p.sent.is_none_or(|at| at.elapsed() > AGAIN_AFTER);
            let again: Vec<_> = self.pending.iter().filter(|(_, p)| late(p)).map(|(id, _)| *id).take(20).collect();
            for client_id in again {
                self.publish(socket, client_id).await?;
            }
            return Ok(());
        }
        let choice = self.rng.random_range(0..100);
        if choice < self.habits.leaves_percent && !self.orders.borrow().stay {
            return Err(if self.rng.random() { End::Left } else { End::Broken(1006) });
        }
        if self.who.nickname.is_none() {
            return Ok(());
        }
        match choice {
            80..94 if !self.pending.is_empty() => {
                let at = self.rng.random_range(0..self.pending.len());
                let client_id = *self.pending.keys().nth(at).expect("one of them");
                self.publish(socket, client_id).await
            }
            // An answer that was lost on the way looks like this to the server.
            94.. if !self.acked.is_empty() => {
                let at = self.rng.random_range(0..self.acked.len());
                let (client_id, command) = self.acked[at].clone();
                if !self.subjects.may_repeat(&command) {
                    return Ok(());
                }
                self.note(Event::Sent { client_id, command: command.clone() });
                send(socket, frame_of(client_id, &command).to_string()).await
            }
            10..80 if self.pending.len() < 50 => {
                let content = self.words();
                let command = match choice {
                    10..15 => self.subjects.edit(&mut self.rng, content),
                    15..17 => self.subjects.delete(&mut self.rng),
                    17..27 => self.subjects.react(&mut self.rng),
                    _ => Some(Command::Message { content }),
                };
                let Some(command) = command else { return Ok(()) };
                let client_id = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
                let pending = Pending { command, n_sent: 0, not_before: None, waits_since: None, sent: None };
                self.pending.insert(client_id, pending);
                self.counts.n_unanswered.fetch_add(1, Ordering::SeqCst);
                self.publish(socket, client_id).await
            }
            _ => send(socket, json!({"type": "PING", "payload": {}}).to_string()).await,
        }
    }

    fn words(&mut self) -> String {
        let n = self.rng.random_range(1..=self.habits.length_max);
        let letters = ['가', '나', '다', 'z', '\'', '"', '\\', '😀', '<', '\n', 'ß', '0'];
        let text: String = (0..n).map(|_| letters[self.rng.random_range(0..letters.len())]).collect();
        // No two are the same: the checker tells versions of a message by their texts.
        format!("[{text}]{:x}", self.rng.random::<u32>())
    }

    async fn publish(&mut self, socket: &mut Socket, client_id: Uuid) -> Result<(), End> {
        let Some(pending) = self.pending.get_mut(&client_id) else { return Ok(()) };
        let now = Some(Instant::now());
        (pending.waits_since, pending.sent) = (pending.waits_since.or(now), now);
        pending.n_sent += 1;
        let command = pending.command.clone();
        let frame = frame_of(client_id, &command).to_string();
        self.note(Event::Sent { client_id, command });
        send(socket, frame).await
    }

    fn check_answers(&mut self) {
        for (client_id, pending) in &mut self.pending {
            if pending.waits_since.is_some_and(|at| at.elapsed() > ANSWER_MAX) {
                pending.waits_since = None;
                let about = format!("no answer to {client_id} within {ANSWER_MAX:?}: {:?}", pending.command);
                self.life.complaints.push(about);
            }
        }
    }

    fn take(&mut self, frame: ServerFrame<'static>) {
        let event = match frame {
            ServerFrame::Welcome(welcome) => {
                let WelcomePayload { head, messages } = *welcome;
                let (epoch, rev) = (head.room.epoch.into_owned(), head.room.rev);
                self.cursor = Some((epoch.clone(), rev));
                self.life.n_resumed += usize::from(head.resumed);
                self.counts.n_resumed.fetch_add(usize::from(head.resumed), Ordering::SeqCst);
                self.board.came(self.n, &self.room, rev, head.presence.count);
                if let Some(own) = head.own {
                    self.life.history.author = Some(own.author.id.into_owned());
                }
                messages.iter().for_each(|message| self.subjects.saw(message));
                let (resumed, has_more, head) = (head.resumed, head.has_more, head.head);
                Event::Welcome { epoch, rev, head, resumed, has_more, messages }
            }
            ServerFrame::Message(message) => {
                self.moves_to(message.rev);
                self.subjects.saw(&message);
                Event::Message(message)
            }
            ServerFrame::Reaction(reaction) => {
                self.moves_to(reaction.rev);
                Event::Reaction(reaction)
            }
            ServerFrame::Ack(ack) => {
                if let Some(pending) = self.pending.remove(&ack.client_id) {
                    let is_new = matches!(pending.command, Command::Message { .. });
                    let n = if is_new { &self.counts.n_acked } else { &self.counts.n_changed };
                    n.fetch_add(1, Ordering::SeqCst);
                    self.counts.n_unanswered.fetch_sub(1, Ordering::SeqCst);
                    self.subjects.done(&pending.command, &ack.id, pending.n_sent == 1);
                    self.acked.push((ack.client_id, pending.command));
                }
                Event::Ack(ack)
            }
            ServerFrame::Error(ErrorPayload { code, client_id, retry_after_ms, .. }) => {
                self.life.n_refused += 1;
                self.refused(client_id, code, retry_after_ms);
                Event::Refused { client_id, code }
            }
            ServerFrame::Presence(presence) => return self.board.told(self.n, presence.count),
            _ => return,
        };
        self.note(event);
    }

    fn moves_to(&mut self, to: i64) {
        if let Some((_, rev)) = &mut self.cursor {
            *rev = (*rev).max(to);
        }
        self.board.moved(self.n, to);
    }

    /// A message is sent again whatever the code; of the others, those whose code passes with time.
    fn refused(&mut self, client_id: Option<Uuid>, code: ErrorCode, retry_after_ms: Option<u64>) {
        let Some(client_id) = client_id else { return };
        let Some(pending) = self.pending.get_mut(&client_id) else { return };
        if matches!(pending.command, Command::Message { .. }) {
            self.counts.n_refused.fetch_add(1, Ordering::SeqCst);
        } else if is_final(code) {
            self.subjects.refused(&pending.command);
            self.pending.remove(&client_id);
            self.counts.n_unanswered.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        (pending.waits_since, pending.sent) = (None, None);
        pending.not_before = retry_after_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    }
}

async fn send(socket: &mut Socket, text: String) -> Result<(), End> {
    match timeout(Duration::from_secs(5), socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::Broken(1006)),
    }
}
