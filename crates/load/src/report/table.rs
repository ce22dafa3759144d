use super::{
    format::{bytes, count, latency, or_dash, rate},
    result::{MixResult, Report},
};
use crate::{latencies::Summary, numbers::whole};

/// What deliveries are called whose writer is on another server than their reader.
pub const OTHER_SERVER: &str = "other server";

/// The run in a line.
pub fn headline(report: &Report) -> String {
    let s = &report.settings;
    let n = |n: usize| count(crate::numbers::count(n));
    let mix = s.mix.map_or_else(String::new, |mix| format!(" ({mix})"));
    let rooms = if s.rooms == 1 { "1 room".to_owned() } else { format!("{} rooms", n(s.rooms)) };
    format!(
        "{} · {} · {} sessions in {rooms}, {} of them write{mix}, {} bytes a message, seed {}",
        s.scenario,
        s.url,
        n(s.sessions),
        n(s.writers),
        s.payload,
        s.seed,
    )
}

/// The latencies that there are, by name.
pub fn latencies(report: &Report) -> Vec<(&'static str, Summary)> {
    let mut all = vec![("delivery", report.delivery)];
    if let Some(between) = &report.between_servers {
        all.extend([("own server", between.own), (OTHER_SERVER, between.other)]);
    }
    all.push(("ack", report.ack));
    for (name, acks, result) in mixed(report) {
        all.extend([(name, result.delivery), (acks, result.ack)]);
    }
    all.extend([("join", report.join), ("own delay", report.generator_lateness)]);
    all.into_iter().filter_map(|(name, summary)| Some((name, summary?))).collect()
}

/// What was sent besides messages: the names of its rows of deliveries and of ACKs, and what was found.
fn mixed(report: &Report) -> impl Iterator<Item = (&'static str, &'static str, &MixResult)> {
    let names = [("edits", "edit ack"), ("deletions", "deletion ack"), ("reactions", "reaction ack")];
    names.into_iter().filter_map(|(name, ack)| Some((name, ack, report.mix.as_ref()?.get(name)?)))
}

/// Everything else, name by name; a row without a name belongs to the one above.
pub fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (c, t) = (&report.counts, &report.tally);
    let n = c.deliveries + c.resumed_deliveries;
    let answers = [c.acknowledged, c.refused, report.unacknowledged];
    let [acknowledged, refused, missing] = answers.map(count);
    let (per_second, resumed) = (rate(report.deliveries_per_second), count(c.resumed_deliveries));
    let mut rows = vec![
        ("messages sent", format!("{} ({}/s)", count(c.sent), rate(report.sent_per_second))),
        ("answers", format!("{acknowledged} acknowledged, {refused} refused, {missing} missing")),
        ("deliveries", format!("{} ({per_second}/s), {resumed} of them by resume", count(n))),
    ];
    for (name, _, MixResult { counts: m, .. }) in mixed(report) {
        let [sent, acknowledged, unchanged] = [m.sent, m.acknowledged, m.unchanged].map(count);
        let [refused, overtaken, deliveries] = [m.refused, m.overtaken, m.deliveries].map(count);
        rows.push((
            name,
            format!(
                "{sent} sent, {acknowledged} acknowledged ({unchanged} changed nothing), {refused} refused \
                 ({overtaken} of a message deleted before), {deliveries} deliveries"
            ),
        ));
    }
    rows.extend(between_servers(report));
    rows.extend([
        ("lost", count(t.lost)),
        ("duplicated", count(t.duplicated)),
        ("reordered", count(t.reordered)),
        ("joins", format!("{}, {} resumed, {} started over", count(c.joins), count(c.resumes), count(c.start_overs))),
    ]);
    if c.moved > 0 {
        rows.push(("moved by the server", count(c.moved)));
    }
    rows.push(("errors", count(report.errors.values().sum())));
    rows.extend(report.errors.iter().map(|(name, n)| ("", format!("{} × {name}", count(*n)))));
    if let Some(storm) = &report.storm {
        let seconds = storm.seconds.map_or_else(|| "never".to_owned(), |s| format!("within {s:.2} s"));
        let [back, sessions, resumed] = [storm.back, storm.sessions, storm.resumed].map(count);
        let joins = or_dash(storm.joins_per_second, rate);
        rows.push(("storm", format!("{back} of {sessions} back {seconds}, {joins} joins/s, {resumed} resumed")));
    }
    rows.extend(usage(report));
    if let Some(search) = &report.search {
        let held = search.rate.zip(search.deliveries_per_second);
        let found = |(held, deliveries)| format!("{} messages/s, {} deliveries/s", rate(held), rate(deliveries));
        rows.push(("highest rate that held", held.map_or_else(|| "none".to_owned(), found)));
        rows.extend(search.steps.iter().map(|step| ("", step.line())));
    }
    rows
}

/// How long messages take within servers and between them.
fn between_servers(report: &Report) -> Vec<(&'static str, String)> {
    let Some(between) = &report.between_servers else { return Vec::new() };
    let difference = or_dash(between.p99_difference, |us| {
        format!("{}{}", if us < 0.0 { "-" } else { "" }, latency(whole(us.abs())))
    });
    let mut rows = vec![("other minus own p99", difference)];
    rows.extend(between.pairs.iter().map(|way| {
        let times = or_dash(way.delivery, |Summary { n, p50, p99, max, .. }| {
            let [p50, p99, max] = [p50, p99, max].map(latency);
            format!("{}, p50 {p50}, p99 {p99}, max {max}", count(n))
        });
        ("", format!("{} to {}: {times}", way.from, way.to))
    }));
    rows
}

/// What server and generator used.
fn usage(report: &Report) -> Vec<(&'static str, String)> {
    let each = |us: Option<f64>| or_dash(us, |us| format!("{us:.2} µs"));
    let mut rows = Vec::new();
    if let Some(server) = &report.server {
        let seconds = or_dash(server.cpu_seconds, |s| format!("{s:.2} s"));
        rows.push(("server processor", format!("{seconds}, {} a delivery", each(server.cpu_us_per_delivery))));
        let sizes = [server.memory_before, server.memory_joined, server.memory_per_session, server.memory_after];
        let [before, joined, each, after] = sizes.map(|n| or_dash(n, bytes));
        rows.push((
            "server memory",
            format!("{before} before, {joined} joined ({each} a session), {after} at the end"),
        ));
    }
    let g = &report.generator;
    let threads = if g.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", g.threads) };
    let own = format!("{:.2} s, {} a delivery", g.cpu_seconds, each(g.cpu_us_per_delivery));
    rows.push(("generator", format!("{threads}, {own}, {}", bytes(g.memory))));
    rows
}

/// The table that a terminal gets.
pub fn of(report: &Report) -> String {
    let mut lines = vec![String::new(), headline(report), String::new()];
    let columns = ["count", "mean", "p50", "p90", "p99", "p99.9", "max"];
    lines.push(format!("{:<12}{}", "", columns.map(|name| format!("{name:>12}")).concat()));
    for (name, Summary { n, mean, p50, p90, p99, p999, max }) in latencies(report) {
        let times = [whole(mean), p50, p90, p99, p999, max].map(|us| format!("{:>12}", latency(us)));
        lines.push(format!("{name:<12}{:>12}{}", count(n), times.concat()));
    }
    lines.push(String::new());
    lines.extend(facts(report).into_iter().map(|(name, value)| format!("{name:<24}{value}")));
    for verdict in &report.thresholds {
        let word = if verdict.failed { "FAILED" } else { "passed" };
        lines.push(format!("{word:<24}{}", verdict.condition));
    }
    lines.extend(report.notes.iter().map(|note| format!("\nNote: {note}")));
    lines.join("\n")
}
