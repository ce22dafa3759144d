use std::fmt::Write as _;

use super::{
    format::{bytes, count, latency, or_dash, rate},
    plot::{Plot, Scale, Series, short, time},
    result::Report,
    table::{OTHER_SERVER, facts, headline, latencies},
};
use crate::{
    latencies::Summary,
    numbers::{float, whole},
    probe::Sample,
    stats::Point,
};

/// What memory is drawn in.
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The look of the page. It has its own copy, so that a report can be sent around.
const STYLE: &str = include_str!("report.css");

pub fn of(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(out: &mut String, report: &Report) -> std::fmt::Result {
    let title = format!("Load test: {}", report.settings.scenario);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">realtime-chat load</p>\n<h1>{}</h1>\n<p class=\"run\">{}</p>\n<p class=\"run\">{} · version {}</p>\n</header>\n<main>\n",
        escape(&title),
        escape(&name_of(report)),
        escape(&headline(report)),
        escape(&report.ended_at),
        report.version,
    )?;
    if !report.thresholds.is_empty() {
        out.push_str("<ul class=\"verdicts\">\n");
        for verdict in &report.thresholds {
            let (class, word) = if verdict.failed { ("bad", "failed") } else { ("good", "passed") };
            writeln!(out, "<li class=\"{class}\"><b>{word}</b> <code>{}</code></li>", escape(&verdict.condition))?;
        }
        out.push_str("</ul>\n");
    }
    for note in &report.notes {
        writeln!(out, "<p class=\"note\">{}</p>", escape(note))?;
    }
    let tiles = tiles(report);
    // Rows as even as can be.
    let n_columns = [4, 3, 5].into_iter().find(|n| tiles.len().is_multiple_of(*n)).unwrap_or(4);
    writeln!(out, "<dl class=\"tiles\" style=\"--n: {n_columns}\">")?;
    for (name, value, detail, class) in tiles {
        let (value, detail) = (escape(&value), escape(&detail));
        writeln!(
            out,
            "<div class=\"{class}\"><dt>{name}</dt><dd>{value}</dd><dd class=\"detail\">{detail}</dd></div>"
        )?;
    }
    out.push_str("</dl>\n<div class=\"plots\">\n");
    for plot in plots(report) {
        write!(out, "<figure>\n<figcaption><h2>{}</h2><p>{}</p>", plot.title, plot.hint)?;
        if plot.drawn().count() > 1 {
            out.push_str("<ul class=\"legend\">");
            for series in plot.drawn() {
                write!(out, "<li class=\"c{}\">{}</li>", series.colour, series.name)?;
            }
            out.push_str("</ul>");
        }
        write!(out, "</figcaption>\n{}\n</figure>\n", plot.svg())?;
    }
    out.push_str("</div>\n");
    write_tables(out, report)?;
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn write_tables(out: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(search) = &report.search {
        out.push_str(
            "<section>\n<h2>Rates that were tried</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>messages/s</th>\
             <th>deliveries/s</th><th>p50</th><th>p99</th><th>ack p99</th><th>verdict</th></tr></thead>\n<tbody>\n",
        );
        for step in &search.steps {
            let (class, word) = match &step.why {
                None => ("good", "held"),
                Some(why) => ("bad", why.as_str()),
            };
            let rates = [step.rate, step.deliveries_per_second].map(|rate_of| format!("<td>{}</td>", rate(rate_of)));
            let times = [step.p50_us, step.p99_us, step.ack_p99_us];
            let times = times.map(|us| format!("<td>{}</td>", or_dash(us, latency)));
            let (rates, times, word) = (rates.concat(), times.concat(), escape(word));
            writeln!(out, "<tr>{rates}{times}<td class=\"{class}\">{word}</td></tr>")?;
        }
        out.push_str("</tbody>\n</table></div>\n</section>\n");
    }
    out.push_str(
        "<section>\n<h2>Latencies</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th><th>count</th><th>mean</th><th>p50</th>\
         <th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead>\n<tbody>\n",
    );
    for (name, Summary { n, mean, p50, p90, p99, p999, max }) in latencies(report) {
        let times = [whole(mean), p50, p90, p99, p999, max].map(|us| format!("<td>{}</td>", latency(us)));
        writeln!(out, "<tr><th>{name}</th><td>{}</td>{}</tr>", count(n), times.concat())?;
    }
    out.push_str(
        "</tbody>\n</table></div>\n<p class=\"hint\">Every time counts from when a message, or a connect, was due by the schedule, \
         whether or not it could be sent then. \u{201c}Own delay\u{201d} is how late the generator itself was; it is \
         part of the others.</p>\n</section>\n<section>\n<h2>Everything else</h2>\n<div class=\"wide\"><table class=\"facts\">\n<tbody>\n",
    );
    for (name, value) in facts(report) {
        writeln!(out, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value))?;
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

/// The run's name: what it asked for, in words.
fn name_of(report: &Report) -> String {
    let s = &report.settings;
    let sessions = count(crate::numbers::count(s.sessions));
    match s.scenario.as_str() {
        "max" => format!("The highest rate for {sessions} sessions"),
        "idle" => format!("{sessions} idle sessions"),
        "storm" => format!("A storm of {sessions} sessions"),
        other => format!("{sessions} sessions, {} messages/s, {other}", rate(s.rate)),
    }
}

/// The figures that count most: name, value, detail, class.
fn tiles(report: &Report) -> Vec<(&'static str, String, String, &'static str)> {
    let mut tiles = Vec::new();
    if let Some(search) = &report.search {
        let held = search.rate.map_or_else(|| "none".to_owned(), rate);
        tiles.push(("highest rate that held", held, "messages/s".into(), ""));
        let deliveries = or_dash(search.deliveries_per_second, rate);
        tiles.push(("deliveries at that rate", deliveries, "a second".into(), ""));
    } else if report.counts.sent > 0 {
        let deliveries = rate(report.deliveries_per_second);
        tiles.push(("deliveries", deliveries, format!("a second, {}/s sent", rate(report.sent_per_second)), ""));
    }
    if let Some(Summary { p50, p99, max, .. }) = report.delivery {
        tiles.push(("latency p99", latency(p99), format!("p50 {}, max {}", latency(p50), latency(max)), ""));
    }
    if let Some((Summary { p99, .. }, difference)) =
        report.between_servers.as_ref().and_then(|b| b.other.zip(b.p99_difference))
    {
        let more = if difference < 0.0 { "less" } else { "more" };
        let detail = format!("{} {more} than within one", latency(whole(difference.abs())));
        tiles.push(("p99 between servers", latency(p99), detail, ""));
    }
    if let Some(Summary { p50, p99, .. }) = report.ack {
        tiles.push(("acknowledged p99", latency(p99), format!("p50 {}", latency(p50)), ""));
    }
    if let Some(storm) = &report.storm {
        let seconds = storm.seconds.map_or_else(|| "never".to_owned(), |s| format!("{s:.2} s"));
        let joins = or_dash(storm.joins_per_second, rate);
        tiles.push(("all back within", seconds, format!("{joins} joins/s"), ""));
    } else if let Some(Summary { p50, p99, .. }) = report.join {
        tiles.push(("join p99", latency(p99), format!("p50 {}", latency(p50)), ""));
    }
    let t = &report.tally;
    let wrong = t.lost + t.duplicated + t.reordered;
    let others = format!("{} duplicated, {} reordered", count(t.duplicated), count(t.reordered));
    tiles.push(("lost", count(t.lost), others, if wrong > 0 { "bad" } else { "good" }));
    let errors = report.errors.values().sum();
    let most =
        report.errors.iter().max_by_key(|(_, n)| **n).map_or_else(|| "none".to_owned(), |(name, _)| name.clone());
    tiles.push(("errors", count(errors), most, if errors > 0 { "bad" } else { "good" }));
    if let Some(server) = &report.server {
        if let Some(us) = server.cpu_us_per_delivery {
            let own = report.generator.cpu_us_per_delivery.unwrap_or_default();
            tiles.push(("server a delivery", format!("{us:.2} µs"), format!("generator {own:.2} µs"), ""));
        }
        if let Some(memory) = server.memory_joined {
            let each = or_dash(server.memory_per_session, bytes);
            tiles.push(("server memory", bytes(memory), format!("{each} a session"), ""));
        }
    }
    tiles
}

/// The plots that have something to show; an even number, so that the page has no hole.
fn plots(report: &Report) -> Vec<Plot> {
    let mut plots = all_plots(report);
    plots.retain(|plot| !plot.is_empty());
    // Where the deliveries are drawn, this one says least.
    if plots.len() % 2 == 1 {
        plots.retain(|plot| plot.title != SENT);
    }
    plots
}

/// The title of the plot that may be left out.
const SENT: &str = "Messages sent";

fn all_plots(report: &Report) -> Vec<Plot> {
    // The last second was not a whole one.
    let points = report.points.split_last().map(|(_, whole)| whole).unwrap_or_default();
    let over_time = |name, colour, value: fn(&Point) -> Option<u64>| {
        let points = points.iter().map(|p| (float(p.second), value(p).map(float))).collect();
        Series { name, colour, is_filled: false, points }
    };
    let filled = |series: Series| Series { is_filled: true, ..series };
    let some = |name, colour, value: fn(&Point) -> Option<u64>| {
        let mut series = over_time(name, colour, value);
        // A line that never leaves the floor says nothing.
        if series.points.iter().all(|(_, y)| y.is_none_or(|y| y == 0.0)) {
            series.points.clear();
        }
        series
    };
    let distribution = |name, colour| {
        let points = report.distributions.get(name).into_iter().flatten();
        let points = points.map(|(part, us)| (*part, Some(float(*us)))).collect();
        Series { name, colour, is_filled: false, points }
    };
    let server = |name, value: fn(&Sample) -> f64| {
        let samples = report.server.iter().flat_map(|s| &s.samples);
        Series { name, colour: 3, is_filled: true, points: samples.map(|s| (s.at, Some(value(s)))).collect() }
    };
    use Scale::{Linear, Logarithmic, Percentile};
    let plot = |title, hint, x, y, write_y, series| Plot { title, hint, series, x, y, write_y };
    let counts = |title, hint, series| plot(title, hint, Linear, Linear, short, series);
    let hint = "From when a message was due to when a recipient had it, each second.";
    let latencies =
        vec![over_time("p50", 0, |p| p.p50), over_time("p99", 1, |p| p.p99), over_time("max", 2, |p| p.max)];
    let latencies = plot("Latency over time", hint, Linear, Logarithmic, time, latencies);
    let hint = "How long the fastest part of them took at most; each nine has the same width.";
    let parts = vec![
        distribution("delivery", 0),
        distribution(OTHER_SERVER, 4),
        distribution("ack", 1),
        distribution("join", 3),
    ];
    let parts = plot("Distribution", hint, Percentile, Logarithmic, time, parts);
    let sessions = vec![filled(some("sessions", 0, |p| Some(p.sessions))), over_time("joins", 1, |p| Some(p.joins))];
    let errors = vec![
        filled(some("errors", 4, |p| Some(p.errors))),
        some("lost", 1, |p| Some(p.tally.lost)),
        some("duplicated", 0, |p| Some(p.tally.duplicated)),
        some("reordered", 2, |p| Some(p.tally.reordered)),
    ];
    let wrong = "What went wrong, each second; and what was lost, duplicated or reordered up to then.";
    let deliveries = vec![filled(some("deliveries", 0, |p| Some(p.deliveries)))];
    let memory = vec![server("memory", |s| s.memory_bytes / MEBIBYTE)];
    vec![
        latencies,
        parts,
        counts("Deliveries", "Messages that reached a session, each second.", deliveries),
        counts(SENT, "Each second, by the schedule.", vec![filled(some("sent", 0, |p| Some(p.sent)))]),
        counts("Sessions", "Joined, at the end of each second; and joins within it.", sessions),
        counts("Errors", wrong, errors),
        counts("Server processor", "Cores in use.", vec![server("cores", |s| s.cores)]),
        plot("Server memory", "Resident.", Linear, Linear, |n| format!("{} MiB", short(n)), memory),
    ]
}

/// Text as it stands in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cursor::Tally, report::tests::report};

    #[test]
    fn the_page_has_the_figures_and_needs_nothing_else() {
        let tally = Tally { lost: 1_234, duplicated: 5, reordered: 6 };
        let report = report(&["--fail-if", "lost>0"], tally, &["closed 4001 <b>"]);
        let page = report.html();
        let p99 = latency(report.delivery.expect("deliveries").p99);
        for figure in
            ["1,234", "5 duplicated, 6 reordered", p99.as_str(), "closed 4001 &lt;b&gt;", "lost&gt;0", "failed"]
        {
            assert!(page.contains(figure), "{figure}");
        }
        assert_eq!(page.matches("<svg").count(), 8, "every plot");
        for reference in ["<script", "<link", "src=", "href=", "@import", "url(", "<b>closed"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert_eq!(page.matches("<figure>").count(), page.matches("</figure>").count());
    }

    #[test]
    fn a_run_without_errors_draws_none() {
        let page = report(&[], Tally::default(), &[]).html();
        assert!(!page.contains("<h2>Errors</h2>"));
        assert_eq!(page.matches("<svg").count(), 6, "an even number");
    }
}
