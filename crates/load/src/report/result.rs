//! What a run found, as programs read it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    cursor::Tally,
    latencies::Summary,
    mix::{Kind, Mix},
    numbers::whole,
    options::{Choice, LoadOptions, Scenario},
    pairs::BetweenServers,
    probe::{Sample, Samples},
    stats::{Counts, MixCounts, MixWindow, Point, Window},
    threshold::Verdict,
};

use super::format::{count, latency, or_dash};

/// Everything that a run found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub version: &'static str,
    /// When it ended, RFC 3339.
    pub ended_at: String,
    /// The run's own number: its messages and, where they were not named, its rooms have it.
    pub run: String,
    /// What was asked for.
    pub settings: Settings,
    /// Seconds from the first message due to the last one that came or was given up.
    pub message_seconds: f64,
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
    pub sent_per_second: f64,
    pub deliveries_per_second: f64,
    /// Latencies in microseconds: from the intended time of each message to each recipient.
    pub delivery: Option<Summary>,
    /// The same within servers and between them; none of one server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_servers: Option<BetweenServers>,
    /// From the intended time of each message to its ACK.
    pub ack: Option<Summary>,
    /// What was sent besides messages; none without `--mix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<BTreeMap<&'static str, MixResult>>,
    /// From the intended time of each connect to WELCOME.
    pub join: Option<Summary>,
    /// How late the generator itself sent: part of all the above.
    pub generator_lateness: Option<Summary>,
    /// Points of the distributions: part of all, microseconds.
    pub distributions: BTreeMap<&'static str, Vec<(f64, u64)>>,
    pub points: Vec<Point>,
    pub storm: Option<Storm>,
    pub search: Option<SearchResult>,
    /// The server's processor and memory, where they were told.
    pub server: Option<ServerUsage>,
    pub generator: GeneratorUsage,
    /// The conditions, and whether they failed the run.
    pub thresholds: Vec<Verdict>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What became of one kind of commands of `--mix`; latencies as in [`Report`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MixResult {
    #[serde(flatten)]
    pub counts: MixCounts,
    /// From the intended time of each command to each recipient of its change.
    pub delivery: Option<Summary>,
    /// From the intended time of each command to its ACK.
    pub ack: Option<Summary>,
    /// Points of the distribution of deliveries.
    pub distribution: Vec<(f64, u64)>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The server; several with commas.
    pub url: String,
    pub scenario: String,
    pub sessions: usize,
    pub rooms: usize,
    pub writers: usize,
    /// Messages a second.
    pub rate: f64,
    /// Percent of what is sent that are no messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// Bytes of text in each.
    pub payload: usize,
    /// Seconds over which the sessions came.
    pub ramp_seconds: f64,
    /// Seconds of messages.
    pub duration_seconds: f64,
    /// Whether who came back resumed.
    pub resume: bool,
    /// Whether sessions offered compression.
    pub compression: bool,
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
    pub held: bool,
    pub why: Option<String>,
    pub sent_per_second: f64,
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

/// The server's processor and memory; of several servers, their sum.
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
    pub samples: Vec<Sample>,
}

/// The generator's processor and memory.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorUsage {
    pub threads: usize,
    /// Processor seconds while messages were sent and delivered.
    pub cpu_seconds: f64,
    /// The same for each delivery, in microseconds.
    pub cpu_us_per_delivery: Option<f64>,
    /// Bytes at the end.
    pub memory: f64,
}

/// What the conductor knows at the end of a run; figures are as in [`Report`].
#[derive(Debug, Default)]
pub struct Finished {
    /// Sessions that had joined when the messages began.
    pub n_joined: u64,
    pub absent: u64,
    pub unacknowledged: u64,
    /// Whether everything had come before the end.
    pub is_settled: bool,
    pub message_seconds: f64,
    pub storm: Option<Storm>,
    pub steps: Vec<Step>,
    /// What was seen at the best of the steps.
    pub best: Option<Window>,
    pub server_cpu_seconds: Option<f64>,
    /// The server's memory before, with all sessions, and at the end, in bytes.
    pub server_memory: [Option<f64>; 3],
    pub samples: Samples,
    pub own_cpu_seconds: f64,
    /// The generator's, in bytes.
    pub own_memory: f64,
    pub n_threads: usize,
}

impl MixResult {
    /// All that were asked for, by name.
    pub fn all(mix: Mix, total: &Window, measured: &Window) -> BTreeMap<&'static str, Self> {
        let none = MixWindow::default();
        let of = |window: &Window, kind| window.mix.get(&kind).unwrap_or(&none).clone();
        let result = |kind: Kind| {
            let MixWindow { delivery, ack, .. } = of(measured, kind);
            let (distribution, counts) = (delivery.distribution(), of(total, kind).counts);
            Self { counts, delivery: delivery.summary(), ack: ack.summary(), distribution }
        };
        let asked_for = Kind::ALL.into_iter().filter(|kind| mix.percent(*kind) > 0);
        asked_for.map(|kind| (kind.plural(), result(kind))).collect()
    }
}

impl Settings {
    pub fn new(options: &LoadOptions, seed: u64) -> Self {
        Self {
            url: options.urls.join(", "),
            scenario: format!("{:?}", options.scenario).to_lowercase(),
            sessions: options.sessions,
            rooms: options.rooms,
            writers: options.n_writers(),
            rate: options.messages_per_second(),
            mix: options.mix,
            payload: options.payload_or_default(),
            ramp_seconds: options.ramp_or_default().as_secs_f64(),
            duration_seconds: options.duration.as_secs_f64(),
            resume: options.resume == Choice::On,
            compression: options.compression == Choice::On,
            seed,
            max_p99: (options.scenario == Scenario::Max).then_some(options.max_p99.as_micros()),
        }
    }
}

impl Step {
    pub fn line(&self) -> String {
        let verdict = self.why.as_ref().map_or_else(|| "held".to_owned(), |why| format!("did not hold: {why}"));
        format!(
            "{} messages/s · {} deliveries/s · p99 {} · {verdict}",
            count(whole(self.rate)),
            count(whole(self.deliveries_per_second)),
            or_dash(self.p99_us, latency),
        )
    }
}
