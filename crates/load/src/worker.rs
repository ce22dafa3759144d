use std::{
    cmp::Reverse,
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, Sender},
    },
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::{
    connection::BUFFER_BYTES,
    cursor::Tally,
    numbers::{count, micros},
    plan::{Board, Plan},
    schedule::{Due, Segment, Sendings},
    session::Session,
    state::{Task, WorkerState},
    stats::Slice,
};

const TIMER: Token = Token(usize::MAX - 1);
const ORDERS: Token = Token(usize::MAX - 2);
/// Readiness of so many sockets is taken at once, so that a message that is due is not kept waiting for thousands.
const EVENTS_MAX: usize = 256;
/// So many tasks are done before sockets are looked at again.
const TASKS_MAX: usize = 128;
/// Gauges are kept up this often where nothing else happens.
const LOOK_US: u64 = 100_000;
/// The same while somebody waits for them.
const LOOK_CLOSELY_US: u64 = 20_000;

/// What the conductor tells a thread.
#[derive(Debug, Clone)]
pub enum Order {
    /// Sessions come, evenly from the first time on, over the second; both in microseconds.
    Ramp(u64, u64),
    Send(Vec<Segment>),
    /// What is counted from here on belongs to this part of the run.
    Phase(u32),
    /// All connections break, and come back at once.
    Storm,
    /// Sessions come and go from now on, or no more.
    Churn(bool),
    /// Keep up how many sessions are behind, or no more.
    Watch(bool),
    /// All say goodbye; what is missing now is lost.
    Leave,
    Stop,
}

/// What a thread tells the conductor.
#[derive(Debug)]
pub enum Report {
    /// What was seen in a second.
    Slice(Box<Slice>),
    /// What went wrong with changes, for each room. The last one.
    Rooms(Vec<Tally>),
}

/// A thread with its part of the sessions.
pub struct Worker {
    thread: usize,
    poll: Poll,
    timer: Timer,
    orders: Receiver<Order>,
    reports: Sender<Report>,
    sessions: Vec<Session>,
    /// Where `sessions` has each session of the run that writes.
    indexes: Vec<usize>,
    sendings: Sendings,
    state: WorkerState,
    phase: u32,
    /// The second that is being counted.
    second: u64,
    watches: bool,
    looked_us: u64,
    stops: bool,
}

impl Worker {
    /// A thread's part of the run, and what wakes it for orders.
    /// Fails where the system has no poll or timer for it.
    pub fn new(
        thread: usize,
        plan: Arc<Plan>,
        board: Arc<Board>,
        orders: Receiver<Order>,
        reports: Sender<Report>,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), ORDERS)?;
        let timer = Timer::new(&poll)?;
        let mine = plan.sessions_of(thread);
        let sessions = (0..).zip(&mine).map(|(index, n)| Session::new(*n, plan.spread, index)).collect();
        let mut indexes = vec![usize::MAX; plan.n_writers];
        for (index, n) in mine.iter().enumerate() {
            if let Some(slot) = usize::try_from(*n).ok().and_then(|n| indexes.get_mut(n)) {
                *slot = index;
            }
        }
        let writers = mine.into_iter().filter(|n| *n < count(plan.n_writers)).collect();
        let worker = Self {
            thread,
            poll,
            timer,
            orders,
            reports,
            sessions,
            indexes,
            sendings: Sendings::new(plan.n_writers, writers),
            state: WorkerState::new(plan, board, count(thread)),
            phase: 0,
            second: 0,
            watches: false,
            looked_us: 0,
            stops: false,
        };
        Ok((worker, waker))
    }

    /// Runs until it is told to stop.
    /// Fails where the system refuses to poll.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; BUFFER_BYTES];
        while !self.stops {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order);
            }
            self.learn();
            self.send_due();
            let busy = self.do_tasks();
            let now_us = self.state.plan.now_us();
            self.look(now_us);
            let next_us = self.next_us(now_us);
            let wait = if busy { Some(Duration::ZERO) } else { self.timer.arm(now_us, next_us) };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if let Some(session) = self.sessions.get_mut(event.token().0) {
                    let is_closed = event.is_read_closed() || event.is_error();
                    session.ready(&mut self.state, &mut buffer, event.is_writable(), is_closed);
                } else if event.token() == TIMER {
                    self.timer.rang();
                }
            }
        }
        self.flush();
        // Nobody may be listening any more.
        let _ = self.reports.send(Report::Rooms(self.state.rooms.iter().map(|room| room.tally).collect()));
        Ok(())
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Ramp(from_us, over_us) => {
                let n_sessions = count(self.state.plan.n_sessions).max(1);
                for (index, session) in self.sessions.iter().enumerate() {
                    let part = u128::from(over_us) * u128::from(session.number) / u128::from(n_sessions);
                    self.state.at(from_us + u64::try_from(part).unwrap_or_default(), index, Task::Connect);
                }
            }
            Order::Send(segments) => self.sendings.extend(&segments),
            Order::Phase(phase) => {
                self.flush();
                self.phase = phase;
            }
            Order::Storm => {
                let now_us = self.state.plan.now_us();
                for session in &mut self.sessions {
                    session.break_off(&mut self.state, now_us);
                }
            }
            Order::Churn(churns) => {
                self.state.churns = churns;
                for session in self.sessions.iter_mut().filter(|s| churns && s.is_live()) {
                    session.plan_leave(&mut self.state);
                }
            }
            Order::Watch(watches) => self.watches = watches,
            Order::Leave => {
                self.state.churns = false;
                for session in &mut self.sessions {
                    session.settle(&mut self.state);
                    session.leave(&mut self.state);
                }
            }
            Order::Stop => self.stops = true,
        }
        // The gauges say at once what the order changed.
        self.looked_us = 0;
    }

    /// Takes in what other threads learned, where there can be something.
    fn learn(&mut self) {
        if self.state.plan.mix.is_some() {
            let acks = self.state.board.take_acknowledged(self.thread);
            self.state.take_acknowledged(&acks, self.state.plan.now_us());
        }
    }

    fn send_due(&mut self) {
        while let Some(due) = self.sendings.peek() {
            let now_us = self.state.plan.now_us();
            if due.at_us > now_us {
                break;
            }
            self.sendings.advance(due);
            self.state.window.lateness.record(now_us - due.at_us);
            let index = self.writer_of(due);
            if let Some(session) = self.sessions.get_mut(index) {
                session.publish(&mut self.state, due);
            }
        }
    }

    /// Which session writes a message: its writer; or where that one is away because it wants to be, the next one on its
    /// server who is not.
    fn writer_of(&self, due: Due) -> usize {
        let index = usize::try_from(due.writer).ok().and_then(|n| self.indexes.get(n)).copied().unwrap_or(usize::MAX);
        let Some(writer) = self.sessions.get(index).filter(|s| s.is_away_by_choice()) else { return index };
        let n_writers = count(self.state.plan.n_writers);
        let is_there =
            |s: &Session| s.server == writer.server && s.number < n_writers && !s.is_away_by_choice() && !s.is_out();
        let behind = self.sessions.iter().enumerate().skip(index);
        let mut candidates = behind.chain(self.sessions.iter().enumerate());
        candidates.find(|(_, s)| is_there(s)).map_or(index, |(other, _)| other)
    }

    /// Does what the agenda has for now. Gives whether there is more.
    fn do_tasks(&mut self) -> bool {
        for _ in 0..TASKS_MAX {
            let now_us = self.state.plan.now_us();
            let Some(&Reverse((due_us, index, task))) = self.state.agenda.peek() else { return false };
            if due_us > now_us {
                return false;
            }
            self.state.agenda.pop();
            let Some(session) = self.sessions.get_mut(index) else { continue };
            match task {
                Task::Connect => session.connect(&mut self.state, self.poll.registry(), due_us),
                Task::Leave if self.state.churns => session.leave(&mut self.state),
                Task::Leave => {}
                Task::GiveUp(generation) => session.give_up(&mut self.state, generation),
            }
        }
        true
    }

    /// Keeps the gauges up, and reports each second.
    fn look(&mut self, now_us: u64) {
        if now_us / 1_000_000 != self.second {
            self.flush();
            self.second = now_us / 1_000_000;
        }
        let every = if self.watches { LOOK_CLOSELY_US } else { LOOK_US };
        if self.looked_us != 0 && now_us < self.looked_us + every {
            return;
        }
        self.looked_us = now_us;
        let is_unsent = self.sendings.peek().is_some();
        let WorkerState { board, n_pending, .. } = &self.state;
        let Some(gauges) = board.threads.get(self.thread) else { return };
        let n = |is: &dyn Fn(&Session) -> bool| count(self.sessions.iter().filter(|s| is(s)).count());
        gauges.unsent.store(u64::from(is_unsent), Relaxed);
        gauges.pending.store(*n_pending, Relaxed);
        gauges.live.store(n(&Session::is_live), Relaxed);
        gauges.out.store(n(&Session::is_out), Relaxed);
        if self.watches {
            gauges.behind.store(n(&|s| s.is_behind(board.head(s.room))), Relaxed);
        }
        gauges.looks.fetch_add(1, Relaxed);
    }

    /// When there is something to do next.
    fn next_us(&mut self, now_us: u64) -> u64 {
        let every = if self.watches { LOOK_CLOSELY_US } else { LOOK_US };
        let look = (now_us + every).min((self.second + 1) * 1_000_000);
        let task = self.state.agenda.peek().map_or(look, |Reverse((us, ..))| *us);
        let send = self.sendings.peek().map_or(look, |due| due.at_us);
        look.min(task).min(send)
    }

    /// Reports what was seen since the last time.
    fn flush(&mut self) {
        let slice = Slice {
            thread: self.thread,
            second: self.second,
            phase: self.phase,
            window: std::mem::take(&mut self.state.window),
            n_live: count(self.sessions.iter().filter(|s| s.is_live()).count()),
            tally: self.state.tally(),
        };
        // Nobody may be listening any more.
        let _ = self.reports.send(Report::Slice(Box::new(slice)));
    }
}

/// A timer among the sockets. The time limit of `epoll` is in whole milliseconds, which is as long as a message into an
/// idle server takes in all.
struct Timer {
    fd: OwnedFd,
    /// When it rings, in microseconds since the run began.
    armed_us: Option<u64>,
}

impl Timer {
    fn new(poll: &Poll) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self { fd, armed_us: None })
    }

    /// It rings at that time. Gives the time limit for the poll: none, or nothing at all where it is that time now.
    fn arm(&mut self, now_us: u64, at_us: u64) -> Option<Duration> {
        if at_us <= now_us {
            return Some(Duration::ZERO);
        }
        if self.armed_us.is_none_or(|armed| armed > at_us || armed <= now_us) {
            let left = Duration::from_micros(at_us - now_us);
            let it_value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
            if timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once).is_err() {
                return Some(Duration::from_millis(micros(left).div_ceil(1_000)));
            }
            self.armed_us = Some(at_us);
        }
        None
    }

    /// It has rung. Setting it anew makes it ring anew, so what it says is never read.
    fn rang(&mut self) {
        self.armed_us = None;
    }
}
