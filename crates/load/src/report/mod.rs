//! What a run comes to: figures, a verdict, a table, JSON, a page.

mod format;
mod html;
mod plot;
mod result;
mod table;

use std::collections::BTreeMap;

use chrono::Utc;

pub use format::{count, latency};
pub use result::{Finished, Report, Step, Storm};
use result::{GeneratorUsage, MixResult, SearchResult, ServerUsage, Settings};

use super::{
    cursor::Tally,
    latencies::Summary,
    numbers::{float, per},
    options::{LoadOptions, Scenario},
    pairs::BetweenServers,
    plan::Plan,
    stats::Collector,
    threshold,
};

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
        let measured = finished.best.clone().filter(|_| is_max).unwrap_or_else(|| total.clone());
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
            delivery: measured.delivery.summary(),
            between_servers: BetweenServers::of(&measured.pairs, &options.urls),
            ack: measured.ack.summary(),
            mix: options.mix.map(|mix| MixResult::all(mix, &total, &measured)),
            join: total.join.summary(),
            generator_lateness: measured.lateness.summary(),
            distributions: [
                ("delivery", measured.delivery.distribution()),
                ("ack", measured.ack.distribution()),
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
        if let Some(between) = &report.between_servers {
            report.distributions.insert(table::OTHER_SERVER, between.distribution.clone());
        }
        report.thresholds = threshold::judge(&options.fail_if, &report.figures());
        report.note(options, finished.is_settled);
        report
    }

    /// The figures that conditions are about; times in microseconds.
    fn figures(&self) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::new();
        let between = self.between_servers.as_ref();
        let (own, other) = (between.and_then(|b| b.own), between.and_then(|b| b.other));
        let latencies =
            [("", self.delivery), ("ack-", self.ack), ("join-", self.join), ("own-", own), ("other-", other)];
        for (prefix, summary) in latencies {
            let Some(Summary { mean, p50, p90, p99, p999, max, .. }) = summary else { continue };
            for (name, us) in [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)] {
                figures.insert(format!("{prefix}{name}"), float(us));
            }
            figures.insert(format!("{prefix}mean"), mean);
        }
        if let Some(difference) = between.and_then(|b| b.p99_difference) {
            figures.insert("p99-difference".into(), difference);
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
        let n = crate::numbers::count(options.sessions);
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

#[cfg(test)]
pub mod tests;
