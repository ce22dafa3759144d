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
    error::LoadError,
    numbers::{count, float, micros, per},
    options::{LoadOptions, Scenario},
    plan::{Board, Plan},
    probe::{self, Probe, Samples, Usage},
    progress::Progress,
    report::{Finished, Report, Step, Storm},
    schedule::segments,
    search::Search,
    stats::{Collector, Window},
    target::Target,
    text::RunId,
    worker::{self, Order, Worker},
};

/// Open files beside the sessions'.
const OTHER_FILES: u64 = 64;
/// How long sessions that were expected are waited for.
const ARRIVAL_US: u64 = 35_000_000;
/// Between an order and the first message that it brings.
const LEAD_US: u64 = 50_000;
/// How long goodbyes are waited for.
const GOODBYE_US: u64 = 3_000_000;
/// How long the server may take to recover from a step of max that was too much.
const RECOVERY_US: u64 = 60_000_000;
/// How often the conductor looks.
const PACE: Duration = Duration::from_millis(10);

/// The parts of a run behind the ramp, which is 0; the steps of max are numbered from [`STEPS`] on.
const MESSAGES: u32 = 1;
const STORM: u32 = 2;
const STEPS: u32 = 10;

/// Runs the load that `options` ask for.
///
/// # Errors
/// Where it could not begin, or no session could join.
pub fn run(options: &LoadOptions) -> Result<Report, LoadError> {
    let probe = match (&options.metrics, options.server_pid) {
        (_, Some(pid)) => Some(Probe::Process(pid)),
        (Some(url), None) => Some(Probe::Metrics(Target::resolve(url)?)),
        (None, None) => None,
    };
    if let Some(Probe::Process(pid)) = &probe
        && probe.as_ref().and_then(Probe::read).is_none()
    {
        return Err(LoadError::Options(format!("--server-pid: there is no process {pid} here")));
    }
    let (target, run) = prepare(options)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => random_number().map_err(LoadError::Start)?,
    };
    let mut crew = Crew::start(options, target, (seed, run), probe).map_err(LoadError::Start)?;
    let finished = crew.play(options);
    let rooms = crew.stop();
    Ok(Report::new(options, &crew.plan, finished?, rooms, &mut crew.collector))
}

/// What every scenario needs before it begins: a server that answers and may be loaded, enough files, and a number
/// that tells this run from all others.
///
/// # Errors
/// Where one of these is not so.
pub fn prepare(options: &LoadOptions) -> Result<(Target, RunId), LoadError> {
    let target = Target::resolve(&options.url)?;
    if !target.address.ip().is_loopback() && !options.i_own_this_server {
        return Err(LoadError::NotOurs(options.url.clone()));
    }
    if options.rooms > options.sessions {
        return Err(LoadError::Options("--rooms: there are more rooms than sessions".into()));
    }
    raise_descriptors(options.sessions)?;
    target.knock(&options.url)?;
    let run = random_number().map_err(LoadError::Start)?;
    Ok((target, RunId::new(u32::try_from(run & u64::from(u32::MAX)).unwrap_or_default())))
}

fn random_number() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Every session is an open file.
fn raise_descriptors(wanted: usize) -> Result<(), LoadError> {
    let needed = count(wanted) + OTHER_FILES;
    let limit = rlimit::increase_nofile_limit(needed).map_err(LoadError::Start)?;
    if limit < needed { Err(LoadError::Descriptors { wanted, needed, limit }) } else { Ok(()) }
}

/// The threads of a run, and what they have told.
struct Crew {
    plan: Arc<Plan>,
    board: Arc<Board>,
    threads: Vec<(Sender<Order>, Waker, JoinHandle<()>)>,
    reports: Receiver<worker::Report>,
    collector: Collector,
    rooms: Vec<Tally>,
    progress: Progress,
    probe: Option<Probe>,
    samples: Samples,
    /// What is going on, for the progress line.
    what: String,
    second: u64,
}

impl Crew {
    fn start(
        options: &LoadOptions,
        target: Target,
        (seed, run): (u64, RunId),
        probe: Option<Probe>,
    ) -> std::io::Result<Self> {
        let n_cores = thread::available_parallelism().map_or(1, usize::from);
        let n_threads = options.threads.unwrap_or((n_cores / 2).max(1)).min(options.sessions);
        let plan = Arc::new(Plan::new(options, target, n_threads, seed, run));
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
            probe,
            samples: Samples::default(),
            what: "ramp".into(),
            second: 0,
        })
    }

    fn order(&self, order: &Order) {
        for (orders, waker, _) in &self.threads {
            // A thread that ended has said so.
            let _ = orders.send(order.clone());
            let _ = waker.wake();
        }
    }

    /// Takes in what comes until then, or until `is_over`. Gives whether it was.
    fn wait(&mut self, until_us: u64, mut is_over: impl FnMut(&Self) -> bool) -> bool {
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
        // A moment later than the full second, so that all threads have told theirs.
        let second = now_us.saturating_sub(200_000) / 1_000_000;
        if second == self.second {
            return;
        }
        let ended = std::mem::replace(&mut self.second, second);
        if let Some(usage) = self.probe.as_ref().and_then(Probe::read) {
            self.samples.take(float(now_us) / 1e6, usage);
        }
        if let Some(point) = self.collector.second(ended) {
            self.progress.show(&self.what, self.plan.n_sessions, &point);
        }
    }

    fn n_live(&self) -> u64 {
        self.board.sum(|g| &g.live)
    }

    /// Whether everybody is here who will be.
    fn is_full(&self) -> bool {
        self.n_live() + self.board.sum(|g| &g.out) >= count(self.plan.n_sessions)
    }

    /// Waits until every message is sent, answered and delivered, and everybody is back.
    fn settle(&mut self, limit_us: u64) -> bool {
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

    fn phase(&mut self, phase: u32) {
        self.order(&Order::Phase(phase));
    }

    fn usage(&self) -> Option<Usage> {
        self.probe.as_ref().and_then(Probe::read)
    }

    /// The run itself.
    fn play(&mut self, options: &LoadOptions) -> Result<Finished, LoadError> {
        let empty = self.usage();
        let began_us = self.plan.now_us() + LEAD_US;
        let ramp_us = micros(options.ramp_or_default());
        self.order(&Order::Ramp(began_us, ramp_us));
        self.wait(began_us + ramp_us + ARRIVAL_US, Self::is_full);
        if self.n_live() == 0 {
            return Err(LoadError::NoneJoined(self.why_none()));
        }
        let full = self.usage();
        let (own, messages_us) = (probe::own(), self.plan.now_us());
        let mut finished = Finished { n_joined: self.n_live(), ..Finished::default() };
        self.what = format!("{:?}", options.scenario).to_lowercase();
        self.phase(MESSAGES);
        match options.scenario {
            Scenario::Max => self.search(options, &mut finished),
            _ => self.send(options, &mut finished),
        }
        finished.message_seconds = float(self.plan.now_us() - messages_us) / 1e6;
        self.what = "drain".into();
        finished.is_settled = self.settle(micros(options.drain));
        finished.unacknowledged = self.board.sum(|g| &g.pending);
        finished.absent = count(self.plan.n_sessions).saturating_sub(self.n_live() + self.board.sum(|g| &g.out));
        let cpu = |before: Option<Usage>, after: Option<Usage>| Some(after?.cpu_seconds - before?.cpu_seconds);
        let now = self.usage();
        finished.server_cpu_seconds = cpu(full, now);
        finished.server_memory = [empty, full, now].map(|usage| usage.map(|u| u.memory_bytes));
        finished.own_cpu_seconds = cpu(own, probe::own()).unwrap_or_default();
        finished.own_memory = probe::own().map(|usage| usage.memory_bytes).unwrap_or_default();
        finished.n_threads = self.threads.len();
        finished.samples = std::mem::take(&mut self.samples);
        Ok(finished)
    }

    /// What went wrong most often.
    fn why_none(&mut self) -> String {
        self.phase(MESSAGES);
        let until_us = self.plan.now_us() + 1_000_000;
        self.wait(until_us, |crew| !crew.collector.total().errors.is_empty());
        let errors = self.collector.total().errors;
        let most = errors.into_iter().max_by_key(|(_, n)| *n);
        most.map_or_else(|| "none came as far as WELCOME in time".into(), |(name, n)| format!("{name} ({n} times)"))
    }

    /// All scenarios but max.
    fn send(&mut self, options: &LoadOptions, finished: &mut Finished) {
        let rate = options.messages_per_second();
        let rates = match options.scenario {
            Scenario::Spike => {
                let spike = options.spike.unwrap_or(options.duration / 4).min(options.duration);
                let calm = options.duration.saturating_sub(spike) / 2;
                vec![(rate, calm), (rate * options.spike_factor, spike), (rate, calm)]
            }
            _ => vec![(rate, options.duration)],
        };
        let began_us = self.plan.now_us() + LEAD_US;
        let end_us = began_us + micros(options.duration);
        self.order(&Order::Send(segments(0, began_us, &rates)));
        match options.scenario {
            Scenario::Churn => {
                self.order(&Order::Churn(true));
                self.wait(end_us, |_| false);
                self.order(&Order::Churn(false));
            }
            Scenario::Storm => {
                self.wait(began_us.midpoint(end_us), |_| false);
                finished.storm = Some(self.storm());
                self.wait(end_us, |_| false);
            }
            _ => {
                self.wait(end_us, |_| false);
            }
        }
    }

    /// All connections break at once, and come back.
    fn storm(&mut self) -> Storm {
        self.what = "storm".into();
        let n = self.n_live();
        self.phase(STORM);
        self.order(&Order::Watch(true));
        self.order(&Order::Storm);
        let until_us = self.plan.now_us() + ARRIVAL_US;
        let looks = self.board.sum(|g| &g.looks);
        let n_threads = count(self.threads.len());
        // First the gauges must have seen the storm.
        let is_back = self.wait(until_us, |crew| crew.board.sum(|g| &g.looks) > looks + n_threads && crew.is_full());
        self.phase(MESSAGES);
        self.order(&Order::Watch(false));
        let until_us = self.plan.now_us() + 500_000;
        let joins = |crew: &Self| crew.collector.phase(STORM);
        self.wait(until_us, |crew| joins(crew).counts.joins >= n);
        let window = joins(self);
        let last = window.join.summary().map(|join| join.max);
        Storm {
            sessions: n,
            back: window.counts.joins,
            resumed: window.counts.resumes,
            is_back,
            seconds: last.map(|us| float(us) / 1e6),
            joins_per_second: last.map(|us| per(float(window.counts.joins), float(us) / 1e6)),
            join: window.join.summary(),
        }
    }

    /// Looks for the highest rate that holds.
    fn search(&mut self, options: &LoadOptions, finished: &mut Finished) {
        let mut search = Search::from(options.rate.unwrap_or(100.0));
        let mut n_first = 0;
        let mut phase = STEPS;
        while let Some(rate) = search.next() {
            self.what = format!("max {rate:.0}/s");
            let before = (self.collector.total().n_errors(), self.collector.tally().lost, self.usage());
            self.phase(phase);
            let began_us = self.plan.now_us() + LEAD_US;
            let steps = segments(n_first, began_us, &[(rate, options.duration)]);
            n_first += super::schedule::n_messages(&steps);
            self.order(&Order::Send(steps));
            self.wait(began_us + micros(options.duration), |_| false);
            // What is not there within twice the bound has not held, but it must be out of the way.
            let limit_us = 2 * micros(options.max_p99) + 1_000_000;
            let is_in_time = self.settle(limit_us);
            // What came later than the schedule took longer: so did its rate.
            let seconds =
                (float(self.plan.now_us().saturating_sub(began_us)) / 1e6).max(options.duration.as_secs_f64());
            let is_recovered = is_in_time || self.settle(RECOVERY_US);
            let cpu = self.usage().zip(before.2).map(|(now, before)| now.cpu_seconds - before.cpu_seconds);
            self.phase(phase + 1);
            let window = self.told(phase);
            let n_errors = self.collector.total().n_errors() - before.0;
            let lost = self.collector.tally().lost.saturating_sub(before.1);
            let step = step(options, rate, &window, (n_errors, lost, is_in_time), (cpu, seconds));
            self.progress.say(&step.line());
            search.tried(rate, step.held);
            if step.held && search.held() == Some(rate) {
                finished.best = Some(window);
            }
            finished.steps.push(step);
            phase += 2;
            if !is_recovered {
                self.progress.say("the server does not recover: the search ends here");
                break;
            }
        }
    }

    /// The window of a phase, once all threads have told theirs.
    fn told(&mut self, phase: u32) -> Window {
        let until_us = self.plan.now_us() + 500_000;
        let looks = self.board.sum(|g| &g.looks);
        let n_threads = count(self.threads.len());
        self.wait(until_us, |crew| crew.board.sum(|g| &g.looks) > looks + 2 * n_threads);
        self.collector.phase(phase)
    }

    /// Says goodbye to the server, ends the threads, and gives what went wrong in each room.
    fn stop(&mut self) -> Vec<Tally> {
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

/// The verdict on one rate: errors, lost, and whether all came in time.
fn step(
    options: &LoadOptions,
    rate: f64,
    window: &Window,
    (n_errors, lost, is_in_time): (u64, u64, bool),
    (cpu, seconds): (Option<f64>, f64),
) -> Step {
    let bound_us = micros(options.max_p99);
    let p99 = window.delivery.quantile(0.99);
    let why = match p99 {
        None => Some("nothing was delivered".to_owned()),
        _ if n_errors > 0 => Some(format!("{n_errors} errors")),
        _ if lost > 0 => Some(format!("{lost} lost")),
        _ if !is_in_time => Some("not all was delivered in time".to_owned()),
        Some(p99) if p99 > bound_us => Some("p99 is above the bound".to_owned()),
        Some(_) => None,
    };
    Step {
        rate,
        held: why.is_none(),
        why,
        sent_per_second: per(float(window.counts.sent), options.duration.as_secs_f64()),
        deliveries_per_second: per(float(window.counts.deliveries), seconds),
        p50_us: window.delivery.quantile(0.5),
        p99_us: p99,
        ack_p99_us: window.ack.quantile(0.99),
        lateness_p99_us: window.lateness.quantile(0.99),
        server_cpu_us_per_delivery: cpu
            .filter(|_| window.counts.deliveries > 0)
            .map(|cpu| cpu * 1e6 / float(window.counts.deliveries)),
    }
}
