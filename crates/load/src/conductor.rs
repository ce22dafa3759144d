use super::{
    crew::Crew,
    error::LoadError,
    numbers::{count, float, micros, per},
    options::{LoadOptions, Scenario},
    prepare::{prepare, random_number},
    probe::{self, Probe, Usage},
    report::{Finished, Report, Step, Storm},
    schedule::{n_messages, segments},
    search::Search,
    stats::Window,
    target::Target,
    worker::Order,
};

/// How long sessions that were expected are waited for.
const ARRIVAL_US: u64 = 35_000_000;
/// Between an order and the first message that it brings.
const LEAD_US: u64 = 50_000;
/// How long the server may take to recover from a step of max that was too much.
const RECOVERY_US: u64 = 60_000_000;

/// The parts of a run behind the ramp, which is 0; the steps of max are numbered from [`STEPS`] on.
const MESSAGES: u32 = 1;
const STORM: u32 = 2;
const STEPS: u32 = 10;

/// Runs the load that `options` ask for.
/// Fails where it could not begin, or no session could join.
pub fn run(options: &LoadOptions) -> Result<Report, LoadError> {
    let probes = probes(options)?;
    let (targets, run) = prepare(options)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => random_number().map_err(LoadError::Start)?,
    };
    let mut crew = Crew::start(options, targets, (seed, run), probes).map_err(LoadError::Start)?;
    let finished = crew.play(options);
    let rooms = crew.stop();
    Ok(Report::new(options, &crew.plan, finished?, rooms, &mut crew.collector))
}

/// Where the figures of the servers come from.
/// Fails where that is not so, or of fewer servers than are loaded: their sum would be taken for that of all. It may be
/// of more, behind a balancer.
fn probes(options: &LoadOptions) -> Result<Vec<Probe>, LoadError> {
    let probes: Vec<Probe> = match options.server_pids.as_slice() {
        [] => {
            let targets = options.metrics.iter().map(|url| Ok(Probe::Metrics(Target::resolve(url)?)));
            targets.collect::<Result<_, LoadError>>()?
        }
        pids => pids.iter().map(|pid| Probe::Process(*pid)).collect(),
    };
    for probe in &probes {
        if let Probe::Process(pid) = probe
            && probe.read().is_none()
        {
            return Err(LoadError::Options(format!("--server-pid: there is no process {pid} here")));
        }
    }
    if !probes.is_empty() && probes.len() < options.urls.len() {
        let name = if options.server_pids.is_empty() { "--metrics" } else { "--server-pid" };
        return Err(LoadError::Options(format!("{name}: give it for each server, as often as --url")));
    }
    Ok(probes)
}

impl Crew {
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
            n_first += n_messages(&steps);
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
            let window = self.window_of(phase);
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
