mod writing;

use std::fmt::Write as _;

use chat_wire::CloseCode;
use mio::{Registry, Token};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    changes::report_after_deletion,
    connection::{Connection, FRAME_BYTES_MAX, Read},
    cursor::Cursor,
    desk::Desk,
    ended::Ended,
    frame_cache::Shared,
    numbers::{count, whole},
    parse::{Event, Welcome, parse},
    schedule::Spread,
    state::{RoomState, Task, WorkerState, deliver, deliver_missed},
    wire,
};

/// How long a connection may take from its connect to its WELCOME, or from its goodbye to its end.
const GIVE_UP_US: u64 = 30_000_000;
/// Longest wait before a connect is tried again.
const RETRY_US_MAX: f64 = 20e6;

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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

/// One visitor.
#[derive(Debug)]
pub struct Session {
    /// Its number in the run.
    pub number: u64,
    pub room: usize,
    /// Which of the servers it is on, for good.
    pub server: usize,
    /// Where its thread has it.
    index: usize,
    phase: Phase,
    connection: Connection,
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
    /// Which frame of the room's cache should be its next one.
    expected: u64,
    /// What it missed last: behind the first and up to the second, where it comes in pieces.
    missed: (i64, i64),
    desk: Desk,
}

impl Session {
    /// A visitor who has not come yet, in its thread's list at `index`.
    pub fn new(number: u64, spread: Spread, index: usize) -> Self {
        Self {
            number,
            room: spread.room(number),
            server: spread.server(number),
            index,
            phase: Phase::Away(true),
            connection: Connection::default(),
            generation: 0,
            n_failed: 0,
            connect_us: 0,
            back_us: None,
            cursor: Cursor::default(),
            epoch: None,
            expected: 0,
            missed: (0, 0),
            desk: Desk::default(),
        }
    }

    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether it will not come any more.
    pub fn is_out(&self) -> bool {
        self.phase == Phase::Out
    }

    /// Whether it is away, or going, because it wants to.
    pub fn is_away_by_choice(&self) -> bool {
        matches!(self.phase, Phase::Away(true) | Phase::Leaving)
    }

    /// Whether the room has more than it got.
    pub fn is_behind(&self, head: i64) -> bool {
        self.epoch.is_some() && self.is_live() && self.cursor.at() < head
    }

    /// The run ends: what it did not get by now is lost.
    pub fn settle(&mut self, state: &mut WorkerState) {
        let head = state.board.head(self.room);
        if let Some(room) = state.rooms.get_mut(self.room)
            && self.epoch.is_some()
            && self.is_live()
        {
            self.cursor.must_be_at(head, &mut room.tally);
        }
    }

    /// Comes, as planned for `due_us`.
    pub fn connect(&mut self, state: &mut WorkerState, registry: &Registry, due_us: u64) {
        if !matches!(self.phase, Phase::Away(_)) {
            return;
        }
        self.connect_us = due_us;
        self.generation += 1;
        let source = state.plan.source(self.number);
        let Some(target) = state.plan.targets.get(self.server) else { return };
        match self.connection.open(registry, Token(self.index), target.address, source) {
            Ok(()) => {
                self.phase = Phase::Connecting;
                let give_up = state.plan.now_us() + GIVE_UP_US;
                state.at(give_up, self.index, Task::GiveUp(self.generation));
            }
            Err(ended) => self.end(state, ended),
        }
    }

    /// The connection breaks, and the visitor comes back at once.
    pub fn break_off(&mut self, state: &mut WorkerState, now_us: u64) {
        if !self.is_live() {
            return;
        }
        self.connection.reset();
        self.phase = Phase::Away(false);
        state.at(now_us, self.index, Task::Connect);
    }

    /// Says goodbye: for a while where sessions churn, else for good. Who waits for an ACK stays for it.
    pub fn leave(&mut self, state: &mut WorkerState) {
        if !self.is_live() {
            if !state.churns && !matches!(self.phase, Phase::Leaving) {
                self.connection.close();
                self.phase = Phase::Out;
            }
            return;
        }
        if state.churns && !self.desk.is_empty() {
            let later = state.plan.now_us() + 20_000;
            return state.at(later, self.index, Task::Leave);
        }
        self.phase = Phase::Leaving;
        // The time of the connect no longer counts.
        self.generation += 1;
        let give_up = state.plan.now_us() + GIVE_UP_US;
        state.at(give_up, self.index, Task::GiveUp(self.generation));
        if let Err(ended) = self.put(state, wire::CLOSE, &CloseCode::Done.number().to_be_bytes()) {
            self.end(state, ended);
        }
    }

    /// Time is up for a connection.
    pub fn give_up(&mut self, state: &mut WorkerState, generation: u32) {
        if self.generation == generation && !matches!(self.phase, Phase::Live | Phase::Out | Phase::Away(_)) {
            let what = if self.phase == Phase::Leaving { "no answer to close" } else { "no WELCOME in 30 s" };
            self.end(state, Ended::Broken(what));
        }
    }

    /// The socket can be read, or written, or both.
    pub fn ready(&mut self, state: &mut WorkerState, buffer: &mut [u8], is_writable: bool, is_closed: bool) {
        if let Err(ended) = self.go_on(state, buffer, is_writable, is_closed) {
            self.end(state, ended);
        }
    }

    fn go_on(
        &mut self,
        state: &mut WorkerState,
        buffer: &mut [u8],
        is_writable: bool,
        is_closed: bool,
    ) -> Result<(), Ended> {
        if self.phase == Phase::Connecting {
            if !self.connection.has_connected()? || !is_writable {
                return Ok(());
            }
            self.phase = Phase::Upgrading;
            let name = state.plan.room(self.room);
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let Some(target) = state.plan.targets.get(self.server) else { return Ok(()) };
            let path = format!("{}/ws/room/{name}", target.path);
            self.connection.write(wire::upgrade_request(&target.host, &path, state.plan.compresses).as_bytes())?;
        } else if is_writable {
            self.connection.flush()?;
        }
        while let Some(Read { bytes, n_new, is_last }) = self.connection.read(buffer)? {
            state.window.counts.bytes_read += count(n_new);
            let n_used = self.take(state, bytes, state.plan.now_us())?;
            self.connection.keep(bytes.get(n_used..).unwrap_or_default());
            // The end of the stream is still to be read, even behind a read that was not full.
            if is_last && !is_closed {
                break;
            }
        }
        Ok(())
    }

    /// Takes in what is whole. Gives how many bytes that were.
    fn take(&mut self, state: &mut WorkerState, bytes: &[u8], now_us: u64) -> Result<usize, Ended> {
        let mut n_used = 0;
        loop {
            let rest = bytes.get(n_used..).unwrap_or_default();
            if self.phase == Phase::Upgrading {
                let head = wire::read_head(rest).map_err(|_| Ended::Protocol("no answer to an upgrade"))?;
                let Some((status, n_head)) = head else { return Ok(n_used) };
                if status != 101 {
                    return Err(Ended::Refused(status));
                }
                n_used += n_head;
                self.phase = Phase::Joining;
                self.join(state)?;
                continue;
            }
            let frame =
                wire::read_frame(rest, state.plan.compresses).map_err(|_| Ended::Protocol("no frame of a server"))?;
            let Some(wire::FrameHead { opcode, is_deflated, n_head, n_payload }) = frame else { return Ok(n_used) };
            let Some(payload) = rest.get(n_head..n_head + n_payload) else { return Ok(n_used) };
            n_used += n_head + n_payload;
            state.window.counts.frames_read += 1;
            match opcode {
                wire::TEXT => self.take_text(state, payload, is_deflated, now_us)?,
                wire::PING => self.put(state, wire::PONG, payload)?,
                wire::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    if self.phase != Phase::Leaving {
                        // It is ours to answer; whether it arrives is not.
                        let _ = self.put(state, wire::CLOSE, payload.get(..2).unwrap_or_default());
                    }
                    return Err(Ended::Closed(code));
                }
                wire::PONG => {}
                _ => return Err(Ended::Protocol("an opcode that is none")),
            }
        }
    }

    fn join(&mut self, state: &mut WorkerState) -> Result<(), Ended> {
        let id = state.plan.run.anonymous_id(self.number);
        let mut join = format!(r#"{{"type":"JOIN","payload":{{"anonymousId":"{id}""#);
        if self.number < count(state.plan.n_writers) {
            let _ = write!(join, r#","nickname":"load {}""#, self.number);
        }
        let epoch = self.epoch.filter(|_| state.plan.resume);
        if let Some(epoch) = epoch.and_then(|epoch| state.rooms.get(self.room)?.epochs.get(epoch)) {
            let _ = write!(join, r#","resume":{{"epoch":"{epoch}","rev":{}}}"#, self.cursor.at());
        }
        join.push_str("}}");
        self.put(state, wire::TEXT, join.as_bytes())
    }

    fn take_text(
        &mut self,
        state: &mut WorkerState,
        payload: &[u8],
        is_deflated: bool,
        now_us: u64,
    ) -> Result<(), Ended> {
        let Some(room) = state.rooms.get_mut(self.room) else { return Ok(()) };
        // What was missed is as of its end, not as of when it was live.
        let resumes = self.cursor.at() < self.missed.1;
        let (frames, changes, tally) = room.frames(self.server);
        if let Some((at, shared)) = frames.and_then(|f| f.find(self.expected, payload)).filter(|_| !resumes) {
            self.expected = at + 1;
            if matches!(self.phase, Phase::Live | Phase::Leaving) {
                let reader = state.plan.reader(self.server);
                deliver(shared, &mut self.cursor, changes, tally, &mut state.window, (now_us, reader));
                return Ok(());
            }
        }
        let inflated = is_deflated.then(|| chat_wire::inflate(payload, FRAME_BYTES_MAX)).transpose();
        let inflated = inflated.map_err(|_| Ended::Protocol("a compressed frame that cannot be read"))?;
        let events = parse(inflated.as_deref().unwrap_or(payload), state.plan.run)
            .map_err(|_| Ended::Protocol("no frame of the protocol"))?;
        if let Some(mut shared) = Shared::of(&events) {
            if let Some(last) = shared.changes.iter().map(|c| c.rev).max() {
                state.board.heard(self.room, last);
                if !matches!(self.phase, Phase::Live | Phase::Leaving) {
                    return Err(Ended::Protocol("a change before WELCOME"));
                }
            }
            self.take_changes(state, &mut shared, now_us);
            if let Some(room) = state.rooms.get_mut(self.room).filter(|_| !resumes)
                && let (Some(frames), ..) = room.frames(self.server)
            {
                self.expected = frames.add(payload, shared) + 1;
            }
            return Ok(());
        }
        for event in events {
            self.take_event(state, event, now_us)?;
        }
        Ok(())
    }

    /// Takes in changes that were not read before in this thread.
    fn take_changes(&mut self, state: &mut WorkerState, shared: &mut Shared, now_us: u64) {
        let WorkerState { rooms, window, plan, .. } = state;
        let Some(RoomState { changes, tally, .. }) = rooms.get_mut(self.room) else { return };
        let (since, head) = self.missed;
        changes.learn(&shared.changes);
        if self.cursor.at() < head {
            report_after_deletion(changes.n_after_deletion(&shared.changes, head), window);
            deliver_missed(&shared.changes, since, &mut self.cursor, changes, tally, &mut window.counts, now_us);
        } else {
            shared.n_after_deletion = changes.n_after_deletion(&shared.changes, 0);
            deliver(shared, &mut self.cursor, changes, tally, window, (now_us, plan.reader(self.server)));
        }
    }

    fn take_event(&mut self, state: &mut WorkerState, event: Event, now_us: u64) -> Result<(), Ended> {
        match event {
            Event::Change(change) => {
                state.board.heard(self.room, change.rev);
                let mut shared = Shared::of(&[Event::Change(change)]).unwrap_or_default();
                self.take_changes(state, &mut shared, now_us);
            }
            Event::Ack { client_id, id, seq, rev } => {
                state.board.heard(self.room, rev);
                if let Some(pending) = state.plan.run.number(client_id).and_then(|n| self.done(state, n)) {
                    self.acknowledged(state, &pending, (id, seq, rev), now_us);
                }
            }
            Event::Welcome(welcome) => self.welcome(state, &welcome, now_us)?,
            Event::Error { code, client_id, after_ms } => {
                if self.phase == Phase::Joining {
                    return Err(Ended::NotJoined { code, after_ms: after_ms.unwrap_or(1_000) });
                }
                let pending = client_id.and_then(|id| state.plan.run.number(id)).and_then(|n| self.done(state, n));
                self.refused(state, pending.as_ref(), code);
            }
            Event::Heartbeat(rev) => state.board.heard(self.room, rev),
            Event::Reconnect(after_ms) => self.back_us = Some(now_us + after_ms * 1_000),
            Event::Other => {}
        }
        Ok(())
    }

    fn welcome(&mut self, state: &mut WorkerState, welcome: &Welcome, now_us: u64) -> Result<(), Ended> {
        if self.phase != Phase::Joining {
            return Err(Ended::Protocol("a WELCOME that nobody asked for"));
        }
        self.phase = Phase::Live;
        self.n_failed = 0;
        self.missed = (self.cursor.at(), welcome.head.unwrap_or_default());
        state.board.heard(self.room, welcome.rev.max(self.missed.1));
        let WorkerState { rooms, window, .. } = state;
        let Some(room) = rooms.get_mut(self.room) else { return Ok(()) };
        window.counts.joins += 1;
        window.join.record(now_us.saturating_sub(self.connect_us));
        let epoch = Some(room.epoch(&welcome.epoch));
        room.changes.learn(&welcome.changes);
        report_after_deletion(room.changes.n_after_deletion(&welcome.changes, welcome.rev), window);
        if welcome.resumed {
            window.counts.resumes += 1;
            let (cursor, changes, tally) = (&mut self.cursor, &room.changes, &mut room.tally);
            deliver_missed(&welcome.changes, self.missed.0, cursor, changes, tally, &mut window.counts, now_us);
            self.cursor.must_be_at(welcome.rev, &mut room.tally);
        } else {
            window.counts.start_overs += u64::from(state.plan.resume && self.epoch.is_some());
            self.cursor.start(welcome.rev);
        }
        if self.epoch != epoch {
            self.desk.forget();
        }
        self.epoch = epoch;
        if state.churns {
            self.plan_leave(state);
        }
        // What is not known to be stored is sent again, under its old name.
        for pending in self.desk.pending().cloned().collect::<Vec<_>>() {
            self.put_command(state, &pending)?;
        }
        Ok(())
    }

    pub fn plan_leave(&mut self, state: &mut WorkerState) {
        let stay = state.random.exponential_us(state.plan.churn_us.0);
        state.at(state.plan.now_us() + stay, self.index, Task::Leave);
    }

    fn put(&mut self, state: &mut WorkerState, opcode: u8, payload: &[u8]) -> Result<(), Ended> {
        let mut frame = std::mem::take(&mut state.scratch);
        frame.clear();
        wire::put_frame(&mut frame, opcode, state.random.mask(), payload);
        let written = self.connection.write(&frame);
        state.scratch = frame;
        written
    }

    /// A connection ended: counts why, and decides whether and when to come back, as the protocol says.
    fn end(&mut self, state: &mut WorkerState, ended: Ended) {
        let was = self.phase;
        self.connection.close();
        let now_us = state.plan.now_us();
        if was == Phase::Leaving && matches!(ended, Ended::Closed(_) | Ended::Broken("ended without close")) {
            self.phase = if state.churns { Phase::Away(true) } else { Phase::Out };
            if state.churns {
                let away = state.random.exponential_us(state.plan.churn_us.1);
                state.at(now_us + away, self.index, Task::Connect);
            }
            return;
        }
        self.n_failed = self.n_failed.saturating_add(1);
        let spread = (f64::from(self.n_failed.min(8)).exp2() * 250e3).min(RETRY_US_MAX);
        let soon = now_us + whole(state.random.unit() * spread);
        let back = if ended == Ended::Closed(CloseCode::Restart.number()) {
            state.window.counts.moved += 1;
            Some(self.back_us.take().unwrap_or(soon))
        } else {
            state.window.error(ended.to_string());
            ended.back_us(now_us, soon)
        };
        self.phase = if back.is_some() { Phase::Away(false) } else { Phase::Out };
        if let Some(back_us) = back {
            state.at(back_us, self.index, Task::Connect);
        }
    }
}
