use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{self, ErrorKind, Read, Write as _},
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::{
    book::Shared,
    cursor::Cursor,
    desk::{Desk, Task, deliver},
    numbers::{count, whole},
    parse::{Event, Welcome, parse},
    schedule::Due,
    text::Mark,
    wire,
};

/// Most bytes that are read at once.
const READ_BYTES_MAX: usize = 256 * 1024;
/// What a thread reads into: the longest frame that a session can get, and one read.
pub const BUFFER_BYTES: usize = 1024 * 1024 + READ_BYTES_MAX;
/// How long a connection may take from its connect to its WELCOME, or from its goodbye to its end.
const GIVE_UP_US: u64 = 30_000_000;
/// Longest wait before a connect is tried again.
const RETRY_US_MAX: f64 = 20e6;
/// A goodbye (RFC 6455, section 7.4.1).
const CLOSE_DONE: u16 = 1000;
/// The address has all the sessions it may have.
const CLOSE_ADDRESS_FULL: u16 = 4006;
/// The server restarts.
const CLOSE_RESTART: u16 = 1012;

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not here; comes when the agenda says so. `true`: as planned, not since something went wrong.
    Away(bool),
    /// Not here, and will not try again.
    Out,
    /// Waits for TCP.
    Connecting,
    /// Waits for the answer to the upgrade.
    Upgrading,
    /// Waits for WELCOME.
    Joining,
    /// Has joined.
    Live,
    /// Has said goodbye.
    Leaving,
}

/// Why a connection ended.
#[derive(Debug)]
enum Ended {
    /// The server closed it, with this code.
    Closed(u16),
    /// It ended, or broke, without a word.
    Broken(&'static str),
    /// The upgrade was refused.
    Refused(u16),
    /// JOIN was refused, with this code, for so long.
    NotJoined(String, u64),
    /// What came was not understood.
    Protocol(&'static str),
}

/// One visitor.
#[derive(Debug)]
pub struct Session {
    /// Its number in the run.
    pub number: u64,
    /// Its room.
    pub room: usize,
    place: usize,
    state: State,
    stream: Option<TcpStream>,
    /// Which connection this is.
    generation: u32,
    /// Connects that failed in a row.
    n_failed: u16,
    /// When its connect was due.
    connect_us: u64,
    /// When the server wants it back.
    back_us: Option<u64>,
    cursor: Cursor,
    /// The epoch that the cursor is of.
    epoch: Option<usize>,
    /// Where in the room's book its next frame should be.
    expected: u64,
    /// The beginning of a frame whose end has not come yet.
    tail: Vec<u8>,
    /// What the socket did not take.
    out: Vec<u8>,
    /// Messages that are neither acknowledged nor refused, oldest first.
    pending: VecDeque<Mark>,
}

impl Session {
    /// A visitor who has not come yet. `place` is its place on its thread.
    pub fn new(number: u64, room: usize, place: usize) -> Self {
        Self {
            number,
            room,
            place,
            state: State::Away(true),
            stream: None,
            generation: 0,
            n_failed: 0,
            connect_us: 0,
            back_us: None,
            cursor: Cursor::default(),
            epoch: None,
            expected: 0,
            tail: Vec::new(),
            out: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    /// Whether it has joined.
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }

    /// Whether it will not come any more.
    pub fn is_out(&self) -> bool {
        self.state == State::Out
    }

    /// Whether it is away, or going, because it wants to.
    pub fn is_away_by_choice(&self) -> bool {
        matches!(self.state, State::Away(true) | State::Leaving)
    }

    /// Whether the room has more than it got.
    pub fn is_behind(&self, head: i64) -> bool {
        self.epoch.is_some() && self.is_live() && self.cursor.at() < head
    }

    /// The run ends: what it did not get by now is lost.
    pub fn settle(&mut self, desk: &mut Desk) {
        let head = desk.board.head(self.room);
        if let Some(room) = desk.rooms.get_mut(self.room)
            && self.epoch.is_some()
            && self.is_live()
        {
            self.cursor.must_be_at(head, &mut room.tally);
        }
    }

    /// Comes, as planned for `due_us`.
    pub fn connect(&mut self, desk: &mut Desk, registry: &Registry, due_us: u64) {
        if !matches!(self.state, State::Away(_)) {
            return;
        }
        self.connect_us = due_us;
        self.generation += 1;
        match open(desk.plan.target.address, desk.plan.source(self.number)) {
            Ok(mut stream) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                if registry.register(&mut stream, Token(self.place), interest).is_err() {
                    return self.end(desk, Ended::Broken("cannot watch a socket"));
                }
                self.stream = Some(stream);
                self.state = State::Connecting;
                let give_up = desk.plan.now_us() + GIVE_UP_US;
                desk.at(give_up, self.place, Task::GiveUp(self.generation));
            }
            Err(error) => self.end(desk, Ended::Broken(why(&error))),
        }
    }

    /// The connection breaks, and the visitor comes back at once.
    pub fn break_off(&mut self, desk: &mut Desk, now_us: u64) {
        if !self.is_live() {
            return;
        }
        if let Some(stream) = &self.stream {
            // A reset, as where a network goes away; and the port is free at once.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.drop_stream();
        self.state = State::Away(false);
        desk.at(now_us, self.place, Task::Connect);
    }

    /// Says goodbye: for a while where sessions churn, else for good. Who waits for an ACK stays for it.
    pub fn leave(&mut self, desk: &mut Desk) {
        if !self.is_live() {
            if !desk.churns && !matches!(self.state, State::Leaving) {
                self.drop_stream();
                self.state = State::Out;
            }
            return;
        }
        if desk.churns && !self.pending.is_empty() {
            let later = desk.plan.now_us() + 20_000;
            return desk.at(later, self.place, Task::Leave);
        }
        self.state = State::Leaving;
        // The time of the connect no longer counts.
        self.generation += 1;
        let give_up = desk.plan.now_us() + GIVE_UP_US;
        desk.at(give_up, self.place, Task::GiveUp(self.generation));
        if let Err(ended) = self.put(desk, wire::CLOSE, &CLOSE_DONE.to_be_bytes()) {
            self.end(desk, ended);
        }
    }

    /// Time is up for a connection.
    pub fn give_up(&mut self, desk: &mut Desk, generation: u32) {
        if self.generation == generation && !matches!(self.state, State::Live | State::Out | State::Away(_)) {
            let what = if self.state == State::Leaving { "no answer to close" } else { "no WELCOME in 30 s" };
            self.end(desk, Ended::Broken(what));
        }
    }

    /// Writes a message that is due. While the session is not there it waits.
    pub fn publish(&mut self, desk: &mut Desk, due: Due) {
        let mark = Mark { n: due.n, due_us: due.at_us };
        self.pending.push_back(mark);
        desk.n_pending += 1;
        desk.window.counts.sent += 1;
        if self.is_live()
            && let Err(ended) = self.put_message(desk, mark)
        {
            self.end(desk, ended);
        }
    }

    fn put_message(&mut self, desk: &mut Desk, mark: Mark) -> Result<(), Ended> {
        let mut text = std::mem::take(&mut desk.text);
        text.clear();
        let run = desk.plan.run;
        // Writing to a String cannot fail; the text has nothing that JSON escapes.
        let _ = write!(text, r#"{{"type":"MESSAGE","payload":{{"clientId":"{}","content":""#, run.client_id(mark.n));
        run.put_text(&mut text, mark, desk.plan.payload);
        text.push_str(r#""}}"#);
        let done = self.put(desk, wire::TEXT, text.as_bytes());
        desk.text = text;
        done
    }

    /// The socket can be read, or written, or both.
    pub fn ready(&mut self, desk: &mut Desk, buffer: &mut [u8], is_writable: bool, is_closed: bool) {
        if let Err(ended) = self.go_on(desk, buffer, is_writable, is_closed) {
            self.end(desk, ended);
        }
    }

    fn go_on(&mut self, desk: &mut Desk, buffer: &mut [u8], is_writable: bool, is_closed: bool) -> Result<(), Ended> {
        let Some(stream) = &self.stream else { return Ok(()) };
        if self.state == State::Connecting {
            if let Ok(Some(error)) | Err(error) = stream.take_error() {
                return Err(Ended::Broken(why(&error)));
            }
            if !is_writable || stream.peer_addr().is_err() {
                return Ok(());
            }
            self.state = State::Upgrading;
            let name = desk.plan.room(self.room);
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let path = format!("{}/ws/room/{name}", desk.plan.target.path);
            let request = wire::upgrade_request(&desk.plan.target.host, &path);
            self.write(request.as_bytes())?;
        } else if is_writable && !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            self.write(&out)?;
        }
        self.read(desk, buffer, is_closed)
    }

    /// Reads until the socket has no more. A read that was not full has emptied it (epoll(7), question 9), unless
    /// its end is there as well.
    fn read(&mut self, desk: &mut Desk, buffer: &mut [u8], is_closed: bool) -> Result<(), Ended> {
        loop {
            let Some(stream) = &mut self.stream else { return Ok(()) };
            let n_tail = self.tail.len();
            let whole = buffer.get_mut(..n_tail + READ_BYTES_MAX).ok_or(Ended::Protocol("a frame longer than any"))?;
            let Some((head, space)) = whole.split_at_mut_checked(n_tail) else { return Ok(()) };
            head.iter_mut().zip(&self.tail).for_each(|(to, from)| *to = *from);
            let n = match stream.read(space) {
                Ok(0) => return Err(Ended::Broken("ended without close")),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Ended::Broken(why(&error))),
            };
            desk.window.counts.bytes_read += count(n);
            let now_us = desk.plan.now_us();
            let bytes = buffer.get(..n_tail + n).unwrap_or_default();
            let n_used = self.take(desk, bytes, now_us)?;
            let rest = bytes.get(n_used..).unwrap_or_default();
            self.tail.clear();
            self.tail.extend_from_slice(rest);
            if rest.is_empty() && self.tail.capacity() > 0 {
                self.tail = Vec::new();
            }
            if n < READ_BYTES_MAX && !is_closed {
                return Ok(());
            }
        }
    }

    /// Takes in what is whole. Gives how many bytes that were.
    fn take(&mut self, desk: &mut Desk, bytes: &[u8], now_us: u64) -> Result<usize, Ended> {
        let mut n_used = 0;
        loop {
            let rest = bytes.get(n_used..).unwrap_or_default();
            if self.state == State::Upgrading {
                let head = wire::read_head(rest).map_err(|_| Ended::Protocol("no answer to an upgrade"))?;
                let Some((status, n_head)) = head else { return Ok(n_used) };
                if status != 101 {
                    return Err(Ended::Refused(status));
                }
                n_used += n_head;
                self.state = State::Joining;
                self.join(desk)?;
                continue;
            }
            let frame = wire::read_frame(rest).map_err(|_| Ended::Protocol("no frame of a server"))?;
            let Some(wire::FrameHead { opcode, n_head, n_payload }) = frame else { return Ok(n_used) };
            let Some(payload) = rest.get(n_head..n_head + n_payload) else { return Ok(n_used) };
            n_used += n_head + n_payload;
            desk.window.counts.frames_read += 1;
            match opcode {
                wire::TEXT => self.take_text(desk, payload, now_us)?,
                wire::PING => self.put(desk, wire::PONG, payload)?,
                wire::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    if self.state != State::Leaving {
                        // It is ours to answer; whether it arrives is not.
                        let _ = self.put(desk, wire::CLOSE, payload.get(..2).unwrap_or_default());
                    }
                    return Err(Ended::Closed(code));
                }
                wire::PONG => {}
                _ => return Err(Ended::Protocol("an opcode that is none")),
            }
        }
    }

    fn join(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        let id = desk.plan.run.anonymous_id(self.number);
        let mut join = format!(r#"{{"type":"JOIN","payload":{{"anonymousId":"{id}""#);
        if self.number < count(desk.plan.n_writers) {
            let _ = write!(join, r#","nickname":"load {}""#, self.number);
        }
        let epoch = self.epoch.filter(|_| desk.plan.resume);
        if let Some(epoch) = epoch.and_then(|epoch| desk.rooms.get(self.room)?.epochs.get(epoch)) {
            let _ = write!(join, r#","resume":{{"epoch":"{epoch}","rev":{}}}"#, self.cursor.at());
        }
        join.push_str("}}");
        self.put(desk, wire::TEXT, join.as_bytes())
    }

    fn take_text(&mut self, desk: &mut Desk, payload: &[u8], now_us: u64) -> Result<(), Ended> {
        let Some(room) = desk.rooms.get_mut(self.room) else { return Ok(()) };
        if let Some((at, shared)) = room.book.find(self.expected, payload) {
            self.expected = at + 1;
            if matches!(self.state, State::Live | State::Leaving) {
                deliver(shared, &mut self.cursor, &mut room.tally, &mut desk.window, now_us);
                return Ok(());
            }
        }
        let events = parse(payload, desk.plan.run).map_err(|_| Ended::Protocol("no frame of the protocol"))?;
        if let Some(shared) = Shared::of(&events) {
            if let Some(last) = shared.changes.iter().map(|c| c.rev).max() {
                desk.board.heard(self.room, last);
                if !matches!(self.state, State::Live | State::Leaving) {
                    return Err(Ended::Protocol("a change before WELCOME"));
                }
            }
            deliver(&shared, &mut self.cursor, &mut room.tally, &mut desk.window, now_us);
            self.expected = room.book.add(payload, shared) + 1;
            return Ok(());
        }
        for event in events {
            self.take_event(desk, event, now_us)?;
        }
        Ok(())
    }

    fn take_event(&mut self, desk: &mut Desk, event: Event, now_us: u64) -> Result<(), Ended> {
        match event {
            Event::Change(change) => {
                let shared = Shared::of(&[Event::Change(change)]).unwrap_or_default();
                desk.board.heard(self.room, change.rev);
                if let Some(room) = desk.rooms.get_mut(self.room) {
                    deliver(&shared, &mut self.cursor, &mut room.tally, &mut desk.window, now_us);
                }
            }
            Event::Ack { client_id, rev } => {
                desk.board.heard(self.room, rev);
                if let Some(mark) = desk.plan.run.number(client_id).and_then(|n| self.done(desk, n)) {
                    desk.window.counts.acknowledged += 1;
                    desk.window.ack.record(now_us.saturating_sub(mark.due_us));
                }
            }
            Event::Welcome(welcome) => self.welcome(desk, &welcome, now_us)?,
            Event::Error { code, client_id, after_ms } => {
                if self.state == State::Joining {
                    return Err(Ended::NotJoined(code, after_ms.unwrap_or(1_000)));
                }
                if client_id.and_then(|id| desk.plan.run.number(id)).and_then(|n| self.done(desk, n)).is_some() {
                    desk.window.counts.refused += 1;
                }
                desk.window.error(code);
            }
            Event::Heartbeat(rev) => desk.board.heard(self.room, rev),
            Event::Reconnect(after_ms) => self.back_us = Some(now_us + after_ms * 1_000),
            Event::Other => {}
        }
        Ok(())
    }

    /// A message needs no further thought.
    fn done(&mut self, desk: &mut Desk, n: u64) -> Option<Mark> {
        let at = self.pending.iter().position(|mark| mark.n == n)?;
        let mark = self.pending.remove(at)?;
        desk.n_pending -= 1;
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        Some(mark)
    }

    fn welcome(&mut self, desk: &mut Desk, welcome: &Welcome, now_us: u64) -> Result<(), Ended> {
        if self.state != State::Joining {
            return Err(Ended::Protocol("a WELCOME that nobody asked for"));
        }
        self.state = State::Live;
        self.n_failed = 0;
        desk.board.heard(self.room, welcome.rev);
        let Desk { rooms, window, .. } = desk;
        let Some(room) = rooms.get_mut(self.room) else { return Ok(()) };
        window.counts.joins += 1;
        window.join.record(now_us.saturating_sub(self.connect_us));
        if welcome.resumed {
            window.counts.resumes += 1;
            for change in &welcome.changes {
                let is_new = self.cursor.take(change.rev, &mut room.tally);
                window.counts.resumed_deliveries += u64::from(is_new && change.mark.is_some());
                window.counts.other_changes += u64::from(is_new && change.mark.is_none());
            }
            self.cursor.must_be_at(welcome.rev, &mut room.tally);
        } else {
            window.counts.start_overs += u64::from(desk.plan.resume && self.epoch.is_some());
            self.cursor.start(welcome.rev);
        }
        self.epoch = Some(room.epoch(&welcome.epoch));
        if desk.churns {
            self.plan_leave(desk);
        }
        // What is not known to be stored is sent again, under its old name.
        for mark in self.pending.clone() {
            self.put_message(desk, mark)?;
        }
        Ok(())
    }

    /// Decides when to leave.
    pub fn plan_leave(&mut self, desk: &mut Desk) {
        let stay = desk.random.exponential_us(desk.plan.churn_us.0);
        desk.at(desk.plan.now_us() + stay, self.place, Task::Leave);
    }

    /// Sends a frame.
    fn put(&mut self, desk: &mut Desk, opcode: u8, payload: &[u8]) -> Result<(), Ended> {
        let mut frame = std::mem::take(&mut desk.scratch);
        frame.clear();
        wire::put_frame(&mut frame, opcode, desk.random.mask(), payload);
        let written = self.write(&frame);
        desk.scratch = frame;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if !self.out.is_empty() {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut rest = bytes;
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Ended::Broken(why(&error))),
            }
        }
        self.out.extend_from_slice(rest);
        Ok(())
    }

    fn drop_stream(&mut self) {
        // Dropping it takes it out of the poll as well.
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.tail = Vec::new();
        self.out = Vec::new();
    }

    /// A connection ended: counts why, and decides whether and when to come back, as the protocol says.
    fn end(&mut self, desk: &mut Desk, ended: Ended) {
        let was = self.state;
        self.drop_stream();
        let now_us = desk.plan.now_us();
        if was == State::Leaving && matches!(ended, Ended::Closed(_) | Ended::Broken("ended without close")) {
            self.state = if desk.churns { State::Away(true) } else { State::Out };
            if desk.churns {
                let away = desk.random.exponential_us(desk.plan.churn_us.1);
                desk.at(now_us + away, self.place, Task::Connect);
            }
            return;
        }
        self.n_failed = self.n_failed.saturating_add(1);
        let spread = (f64::from(self.n_failed.min(8)).exp2() * 250e3).min(RETRY_US_MAX);
        let soon = now_us + whole(desk.random.unit() * spread);
        let back = match ended {
            Ended::Closed(CLOSE_RESTART) => {
                desk.window.counts.moved += 1;
                Some(self.back_us.take().unwrap_or(soon))
            }
            Ended::Closed(code) => {
                desk.window.error(format!("closed {code}"));
                // No place becomes free: those who have one are this run's own and stay.
                ((4000..4100).contains(&code) && code != CLOSE_ADDRESS_FULL).then_some(soon)
            }
            Ended::Broken(what) => {
                desk.window.error(what);
                Some(soon)
            }
            Ended::Refused(status) => {
                desk.window.error(format!("HTTP {status}"));
                (status >= 500 || matches!(status, 408 | 429)).then_some(soon)
            }
            Ended::NotJoined(code, after_ms) => {
                desk.window.error(format!("JOIN refused: {code}"));
                Some(now_us + after_ms * 1_000)
            }
            Ended::Protocol(what) => {
                desk.window.error(what);
                None
            }
        };
        self.state = if back.is_some() { State::Away(false) } else { State::Out };
        if let Some(back_us) = back {
            desk.at(back_us, self.place, Task::Connect);
        }
    }
}

/// A socket on its way to the server.
fn open(target: SocketAddr, source: Option<std::net::IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        #[cfg(target_os = "linux")]
        choose_port_late(&socket)?;
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    }
    match socket.connect(&target.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// The port is chosen when it connects (`IP_BIND_ADDRESS_NO_PORT`, ip(7)): then ports are shared between source
/// addresses, and the kernel need not look through all that ended connections still hold. That took 1 ms a socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "see the comment inside")]
fn choose_port_late(socket: &Socket) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the value lives as long as the call.
    let result = unsafe {
        let option = libc::IP_BIND_ADDRESS_NO_PORT;
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, option, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A short name for what the system says.
fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset",
        ErrorKind::TimedOut => "connection timed out",
        ErrorKind::AddrNotAvailable => "no free port at this source address",
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => "unreachable",
        _ => match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::MFILE.raw_os_error() => "too many open files",
            _ => "socket error",
        },
    }
}
