use std::{
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use mio::Waker;

use super::{
    cursor::Tally,
    numbers::{count, float},
    options::LoadOptions,
    plan::{Board, Plan},
    probe::{self, Probe, Samples, Usage},
    progress::Progress,
    stats::{Collector, Window},
    target::Target,
    text::RunId,
    worker::{self, Order, Worker},
};

/// How long goodbyes are waited for.
const GOODBYE_US: u64 = 3_000_000;
/// How often the conductor looks.
const PACE: Duration = Duration::from_millis(10);

/// The threads of a run, and what they have reported.
pub struct Crew {
    /// Known before it begins.
    pub plan: Arc<Plan>,
    /// What the threads let each other know.
    pub board: Arc<Board>,
    /// How to give each orders, wake it and wait for its end.
    pub threads: Vec<(Sender<Order>, Waker, JoinHandle<()>)>,
    reports: Receiver<worker::Report>,
    pub collector: Collector,
    rooms: Vec<Tally>,
    /// The line on the terminal.
    pub progress: Progress,
    probes: Vec<Probe>,
    /// The server's processor and memory, second by second.
    pub samples: Samples,
    /// What is going on, for the progress line.
    pub what: String,
    second: u64,
}

impl Crew {
    /// Starts the threads; nothing is sent yet.
    /// Fails where the system refuses what they need.
    pub fn start(
        options: &LoadOptions,
        targets: Vec<Target>,
        (seed, run): (u64, RunId),
        probes: Vec<Probe>,
    ) -> std::io::Result<Self> {
        let n_cores = thread::available_parallelism().map_or(1, usize::from);
        let n_threads = options.threads.unwrap_or((n_cores / 2).max(1)).min(options.sessions);
        let plan = Arc::new(Plan::new(options, targets, n_threads, seed, run));
        let board = Arc::new(Board::new(options.rooms, n_threads));
        let (tell, reports) = channel();
        let mut threads = Vec::new();
        for n in 0..n_threads {
            let (order, orders) = channel();
            let (worker, waker) = Worker::new(n, plan.clone(), board.clone(), orders, tell.clone())?;
            let run = move || {
                if let Err(error) = worker.run() {
                    eprintln!("error: a generator thread ended: {error}");
                }
            };
            threads.push((order, waker, thread::Builder::new().name(format!("load-{n}")).spawn(run)?));
        }
        Ok(Self {
            plan,
            board,
            threads,
            reports,
            collector: Collector::default(),
            rooms: vec![Tally::default(); options.rooms],
            progress: Progress::new(),
            probes,
            samples: Samples::default(),
            what: "ramp".into(),
            second: 0,
        })
    }

    pub fn order(&self, order: &Order) {
        for (orders, waker, _) in &self.threads {
            // A thread that ended has said so.
            let _ = orders.send(order.clone());
            let _ = waker.wake();
        }
    }

    /// Takes in what comes until then, or until `is_over`. Gives whether it was.
    pub fn wait(&mut self, until_us: u64, mut is_over: impl FnMut(&Self) -> bool) -> bool {
        loop {
            match self.reports.recv_timeout(PACE) {
                Ok(report) => self.take(report),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return is_over(self),
            }
            while let Ok(report) = self.reports.try_recv() {
                self.take(report);
            }
            self.tick();
            if is_over(self) {
                return true;
            }
            if self.plan.now_us() >= until_us {
                return false;
            }
        }
    }

    fn take(&mut self, report: worker::Report) {
        match report {
            worker::Report::Slice(slice) => self.collector.take(&slice),
            worker::Report::Rooms(rooms) => {
                for (sum, tally) in self.rooms.iter_mut().zip(rooms) {
                    *sum += tally;
                }
            }
        }
    }

    /// Once a second: the server's figures, and the line on the terminal.
    fn tick(&mut self) {
        let now_us = self.plan.now_us();
        // A moment later than the full second, so that all threads have reported theirs.
        let second = now_us.saturating_sub(200_000) / 1_000_000;
        if second == self.second {
            return;
        }
        let ended = std::mem::replace(&mut self.second, second);
        if let Some(usage) = self.usage() {
            self.samples.take(float(now_us) / 1e6, usage);
        }
        if let Some(point) = self.collector.second(ended) {
            self.progress.show(&self.what, self.plan.n_sessions, &point);
        }
    }

    /// Sessions that have joined.
    pub fn n_live(&self) -> u64 {
        self.board.sum(|g| &g.live)
    }

    /// Whether everybody is here who will be.
    pub fn is_full(&self) -> bool {
        self.n_live() + self.board.sum(|g| &g.out) >= count(self.plan.n_sessions)
    }

    /// Waits until every message is sent, answered and delivered, and everybody is back.
    pub fn settle(&mut self, limit_us: u64) -> bool {
        self.order(&Order::Watch(true));
        let mut looked: Option<Vec<u64>> = None;
        let until_us = self.plan.now_us() + limit_us;
        let is_settled = self.wait(until_us, |crew| {
            let is_answered = crew.board.sum(|g| &g.unsent) == 0 && crew.board.sum(|g| &g.pending) == 0;
            if !is_answered || !crew.is_full() {
                looked = None;
                return false;
            }
            let looks: Vec<u64> = crew.board.threads.iter().map(|g| g.looks.load(Relaxed)).collect();
            match &looked {
                None => looked = Some(looks),
                // The look after the next one surely began after all answers were in.
                Some(before) if before.iter().zip(&looks).all(|(before, now)| *now >= before + 2) => {
                    return crew.board.sum(|g| &g.behind) == 0;
                }
                Some(_) => {}
            }
            false
        });
        self.order(&Order::Watch(false));
        is_settled
    }

    /// What is counted from here on belongs to this part of the run.
    pub fn phase(&mut self, phase: u32) {
        self.order(&Order::Phase(phase));
    }

    /// What the servers have used in all, where that is known.
    pub fn usage(&self) -> Option<Usage> {
        probe::sum(&self.probes)
    }

    /// The window of a phase, once all threads have reported theirs.
    pub fn window_of(&mut self, phase: u32) -> Window {
        let until_us = self.plan.now_us() + 500_000;
        let looks = self.board.sum(|g| &g.looks);
        let n_threads = count(self.threads.len());
        self.wait(until_us, |crew| crew.board.sum(|g| &g.looks) > looks + 2 * n_threads);
        self.collector.phase(phase)
    }

    /// Says goodbye to the server, ends the threads, and gives what went wrong in each room.
    pub fn stop(&mut self) -> Vec<Tally> {
        self.order(&Order::Watch(true));
        self.order(&Order::Leave);
        let until_us = self.plan.now_us() + GOODBYE_US;
        let n_sessions = count(self.plan.n_sessions);
        self.wait(until_us, |crew| crew.board.sum(|g| &g.out) >= n_sessions);
        self.order(&Order::Stop);
        for (_, _, thread) in std::mem::take(&mut self.threads) {
            // It has said why.
            let _ = thread.join();
        }
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
        self.progress.end();
        std::mem::take(&mut self.rooms)
    }
}
