//! What a run comes to: figures, a verdict, a table, JSON, a page.

mod html;
mod plot;
mod table;

use std::collections::BTreeMap;

use chrono::Utc;
use serde::Serialize;

pub use table::{count, latency};

use super::{
    LoadOptions, Threshold,
    cursor::Tally,
    numbers::{float, per},
    options::{Choice, Scenario},
    plan::Plan,
    probe::{Sample, Samples},
    stats::{Collector, Counts, Point, Summary, Window},
};

/// Everything that a run found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The program's version.
    pub version: &'static str,
    /// When it ended, RFC 3339.
    pub ended_at: String,
    /// The run's own number: its messages and, where they were not named, its rooms have it.
    pub run: String,
    /// What was asked for.
    pub settings: Settings,
    /// Seconds from the first message due to the last one that came or was given up.
    pub message_seconds: f64,
    /// What was counted.
    pub counts: Counts,
    /// Sessions that had joined when the messages began.
    pub joined: u64,
    /// Sessions that were gone at the end and had not come back.
    pub absent: u64,
    /// Messages that were neither acknowledged nor refused at the end.
    pub unacknowledged: u64,
    /// Lost, duplicated and reordered, in all rooms.
    pub tally: Tally,
    /// The same for each room where something was wrong.
    pub rooms: BTreeMap<String, Tally>,
    /// What went wrong, by name.
    pub errors: BTreeMap<String, u64>,
    /// Messages sent a second.
    pub sent_per_second: f64,
    /// Deliveries a second.
    pub deliveries_per_second: f64,
    /// Latencies in microseconds: from the intended time of each message to each recipient.
    pub delivery: Option<Summary>,
    /// From the intended time of each message to its ACK.
    pub ack: Option<Summary>,
    /// From the intended time of each connect to WELCOME.
    pub join: Option<Summary>,
    /// How late the generator itself sent: part of all the above.
    pub generator_lateness: Option<Summary>,
    /// Points of the distributions: part of all, microseconds.
    pub distributions: BTreeMap<&'static str, Vec<(f64, u64)>>,
    /// Second by second.
    pub points: Vec<Point>,
    /// The storm of the scenario of that name.
    pub storm: Option<Storm>,
    /// The search of the scenario max.
    pub search: Option<SearchResult>,
    /// The server's processor and memory, where they were told.
    pub server: Option<ServerUsage>,
    /// The generator's own.
    pub generator: GeneratorUsage,
    /// The conditions, and whether they failed the run.
    pub thresholds: Vec<Verdict>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The server.
    pub url: String,
    /// What the sessions did.
    pub scenario: String,
    /// Sessions.
    pub sessions: usize,
    /// Rooms.
    pub rooms: usize,
    /// Sessions that wrote.
    pub writers: usize,
    /// Messages a second.
    pub rate: f64,
    /// Bytes of text in each.
    pub payload: usize,
    /// Seconds over which the sessions came.
    pub ramp_seconds: f64,
    /// Seconds of messages.
    pub duration_seconds: f64,
    /// Whether who came back resumed.
    pub resume: bool,
    /// Of all that is random.
    pub seed: u64,
    /// The bound of the scenario max, in microseconds.
    pub max_p99: Option<u128>,
}

/// All sessions at once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storm {
    /// Sessions whose connection broke.
    pub sessions: u64,
    /// Joins that followed.
    pub back: u64,
    /// Of these, those that got exactly what they had missed.
    pub resumed: u64,
    /// Whether everybody came back in time.
    pub is_back: bool,
    /// Seconds until the last was back.
    pub seconds: Option<f64>,
    /// Joins a second until then.
    pub joins_per_second: Option<f64>,
    /// How long each took.
    pub join: Option<Summary>,
}

/// One rate of the scenario max.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Messages a second.
    pub rate: f64,
    /// Whether the server held it.
    pub held: bool,
    /// Why not.
    pub why: Option<String>,
    /// Messages sent a second.
    pub sent_per_second: f64,
    /// Deliveries a second.
    pub deliveries_per_second: f64,
    /// Median of deliveries.
    pub p50_us: Option<u64>,
    /// 99 % of deliveries.
    pub p99_us: Option<u64>,
    /// 99 % of ACKs.
    pub ack_p99_us: Option<u64>,
    /// 99 % of the generator's own lateness.
    pub lateness_p99_us: Option<u64>,
    /// Where the server tells.
    pub server_cpu_us_per_delivery: Option<f64>,
}

/// What the scenario max found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    /// The highest rate that held, in messages a second.
    pub rate: Option<f64>,
    /// Deliveries a second at that rate.
    pub deliveries_per_second: Option<f64>,
    /// Every rate that was tried, in order.
    pub steps: Vec<Step>,
}

/// The server's processor and memory.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerUsage {
    /// Processor seconds while messages were sent and delivered.
    pub cpu_seconds: Option<f64>,
    /// The same for each delivery, in microseconds.
    pub cpu_us_per_delivery: Option<f64>,
    /// Bytes before the first session.
    pub memory_before: Option<f64>,
    /// Bytes when all had joined.
    pub memory_joined: Option<f64>,
    /// Bytes at the end.
    pub memory_after: Option<f64>,
    /// The difference of the first two for each session.
    pub memory_per_session: Option<f64>,
    /// Second by second.
    pub samples: Vec<Sample>,
}

/// The generator's processor and memory.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorUsage {
    /// Its threads.
    pub threads: usize,
    /// Processor seconds while messages were sent and delivered.
    pub cpu_seconds: f64,
    /// The same for each delivery, in microseconds.
    pub cpu_us_per_delivery: Option<f64>,
    /// Bytes at the end.
    pub memory: f64,
}

/// A condition at the end.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// As it was written.
    pub condition: String,
    /// Whether it was true, which fails the run.
    pub failed: bool,
}

/// What the conductor knows at the end of a run.
#[derive(Debug, Default)]
pub struct Finished {
    /// Sessions that had joined when the messages began.
    pub n_joined: u64,
    /// Sessions that were gone at the end.
    pub absent: u64,
    /// Messages without an answer.
    pub unacknowledged: u64,
    /// Whether everything had come before the end.
    pub is_settled: bool,
    /// How long messages were sent, in seconds.
    pub message_seconds: f64,
    /// The storm.
    pub storm: Option<Storm>,
    /// The rates that were tried.
    pub steps: Vec<Step>,
    /// What was seen at the best of them.
    pub best: Option<Window>,
    /// Processor seconds of the server.
    pub server_cpu_seconds: Option<f64>,
    /// Its memory before, with all sessions, and at the end.
    pub server_memory: [Option<f64>; 3],
    /// Second by second.
    pub samples: Samples,
    /// Processor seconds of the generator.
    pub own_cpu_seconds: f64,
    /// Its memory.
    pub own_memory: f64,
    /// Its threads.
    pub n_threads: usize,
}

impl Report {
    /// Puts together what was found.
    pub fn new(
        options: &LoadOptions,
        plan: &Plan,
        finished: Finished,
        rooms: Vec<Tally>,
        collector: &mut Collector,
    ) -> Self {
        let total = collector.total();
        let is_max = options.scenario == Scenario::Max;
        let best = finished.steps.iter().filter(|s| s.held).max_by(|a, b| a.rate.total_cmp(&b.rate)).cloned();
        // In a search the latencies are those of the best rate: those that did not hold say nothing.
        let told = finished.best.clone().filter(|_| is_max).unwrap_or_else(|| total.clone());
        let n_deliveries = float(total.counts.deliveries + total.counts.resumed_deliveries);
        let seconds = if is_max { finished.message_seconds } else { options.duration.as_secs_f64() };
        let mut tally = Tally::default();
        rooms.iter().for_each(|room| tally += *room);
        let each = |cpu: f64| (n_deliveries > 0.0).then(|| cpu * 1e6 / n_deliveries);
        let [before, joined, after] = finished.server_memory;
        let mut report = Self {
            version: env!("CARGO_PKG_VERSION"),
            ended_at: chat_wire::timestamp(Utc::now()),
            run: plan.run.to_string(),
            settings: Settings::new(options, plan.seed),
            message_seconds: seconds,
            counts: total.counts,
            joined: finished.n_joined,
            absent: finished.absent,
            unacknowledged: finished.unacknowledged,
            tally,
            rooms: (0..).zip(&rooms).filter(|(_, t)| !t.is_clean()).map(|(n, t)| (plan.room(n), *t)).collect(),
            errors: total.errors.clone(),
            sent_per_second: per(float(total.counts.sent), seconds),
            deliveries_per_second: per(n_deliveries, seconds),
            delivery: told.delivery.summary(),
            ack: told.ack.summary(),
            join: total.join.summary(),
            generator_lateness: told.lateness.summary(),
            distributions: [
                ("delivery", told.delivery.distribution()),
                ("ack", told.ack.distribution()),
                ("join", total.join.distribution()),
            ]
            .into(),
            points: collector.finish(),
            storm: finished.storm,
            search: is_max.then(|| SearchResult {
                rate: best.as_ref().map(|step| step.rate),
                deliveries_per_second: best.as_ref().map(|step| step.deliveries_per_second),
                steps: finished.steps,
            }),
            server: before.or(joined).or(after).map(|_| ServerUsage {
                cpu_seconds: finished.server_cpu_seconds,
                cpu_us_per_delivery: finished.server_cpu_seconds.and_then(each),
                memory_before: before,
                memory_joined: joined,
                memory_after: after,
                memory_per_session: joined
                    .zip(before)
                    .map(|(joined, before)| per(joined - before, float(finished.n_joined))),
                samples: finished.samples.all,
            }),
            generator: GeneratorUsage {
                threads: finished.n_threads,
                cpu_seconds: finished.own_cpu_seconds,
                cpu_us_per_delivery: each(finished.own_cpu_seconds),
                memory: finished.own_memory,
            },
            thresholds: Vec::new(),
            notes: Vec::new(),
        };
        report.judge(&options.fail_if);
        report.note(options, finished.is_settled);
        report
    }

    fn judge(&mut self, conditions: &[Threshold]) {
        let figures = self.figures();
        let verdict = |t: &Threshold| Verdict { condition: t.to_string(), failed: t.fails(&figures) };
        self.thresholds = conditions.iter().map(verdict).collect();
    }

    /// The figures that conditions are about; times in microseconds.
    fn figures(&self) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::new();
        for (prefix, summary) in [("", &self.delivery), ("ack-", &self.ack), ("join-", &self.join)] {
            let Some(Summary { mean, p50, p90, p99, p999, max, .. }) = *summary else { continue };
            for (name, us) in [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)] {
                figures.insert(format!("{prefix}{name}"), float(us));
            }
            figures.insert(format!("{prefix}mean"), mean);
        }
        let rate = match &self.search {
            Some(search) => search.rate.unwrap_or_default(),
            None => self.sent_per_second,
        };
        for (name, figure) in [
            ("lost", float(self.tally.lost)),
            ("duplicated", float(self.tally.duplicated)),
            ("reordered", float(self.tally.reordered)),
            ("unacknowledged", float(self.unacknowledged)),
            ("errors", float(self.errors.values().sum::<u64>() + self.absent)),
            ("rate", rate),
            ("deliveries", float(self.counts.deliveries + self.counts.resumed_deliveries)),
        ] {
            figures.insert(name.to_owned(), figure);
        }
        figures
    }

    fn note(&mut self, options: &LoadOptions, is_settled: bool) {
        let is_limited = |name: &String| {
            name.ends_with("RATE_LIMITED") || ["closed 4006", "closed 4102", "closed 4103"].contains(&name.as_str())
        };
        if self.errors.keys().any(is_limited) {
            self.notes.push(
                "The server limits what one address or identity may do: start it with CHAT_RATE_LIMITS=off, or the \
                 figures are of those limits."
                    .into(),
            );
        }
        let n = super::numbers::count(options.sessions);
        if self.joined < n {
            self.notes.push(format!(
                "Only {} of {} sessions had joined when the messages began.",
                count(self.joined),
                count(n)
            ));
        }
        if self.absent > 0 {
            self.notes.push(format!("{} sessions were gone at the end and had not come back.", count(self.absent)));
        }
        if !is_settled {
            self.notes.push("Something was still missing when the time to wait (--drain) was over.".into());
        }
        let late = self.generator_lateness.map_or(0, |late| late.p99);
        if self.delivery.is_some_and(|delivery| late * 4 > delivery.p99 && late > 2_000) {
            self.notes.push(format!(
                "The generator itself was late ({} at p99), which is part of every latency here: it needs more processor \
                 time, or a machine of its own.",
                latency(late)
            ));
        }
    }

    /// Whether no condition failed the run.
    pub fn has_passed(&self) -> bool {
        self.thresholds.iter().all(|verdict| !verdict.failed)
    }

    /// Everything as JSON.
    pub fn json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        table::of(self)
    }

    /// A page that needs nothing else.
    pub fn html(&self) -> String {
        html::of(self)
    }
}

impl Settings {
    fn new(options: &LoadOptions, seed: u64) -> Self {
        Self {
            url: options.url.clone(),
            scenario: format!("{:?}", options.scenario).to_lowercase(),
            sessions: options.sessions,
            rooms: options.rooms,
            writers: options.n_writers(),
            rate: options.messages_per_second(),
            payload: options.payload_or_default(),
            ramp_seconds: options.ramp_or_default().as_secs_f64(),
            duration_seconds: options.duration.as_secs_f64(),
            resume: options.resume == Choice::On,
            seed,
            max_p99: (options.scenario == Scenario::Max).then_some(options.max_p99.as_micros()),
        }
    }
}

impl Step {
    /// The step in a line.
    pub fn line(&self) -> String {
        let verdict = self.why.as_ref().map_or_else(|| "held".to_owned(), |why| format!("did not hold: {why}"));
        format!(
            "{} messages/s · {} deliveries/s · p99 {} · {verdict}",
            count(super::numbers::whole(self.rate)),
            count(super::numbers::whole(self.deliveries_per_second)),
            self.p99_us.map_or_else(|| "-".to_owned(), latency),
        )
    }
}

#[cfg(test)]
pub mod tests;
