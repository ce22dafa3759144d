use super::*;
use crate::{
    mix::Kind,
    options::tests::parse,
    probe::Samples,
    stats::{Counts, Slice, Window},
    target::Target,
    text::RunId,
    threshold,
};

/// A report of a run in which this went wrong.
pub fn report(flags: &[&str], tally: Tally, errors: &[&str]) -> Report {
    let options = parse(flags).expect("options");
    let mut collector = Collector::default();
    for second in 0..6 {
        let mut window = Window::default();
        for us in [1_000, 2_000, 30_000 * (second + 1)] {
            window.delivery.record(us);
            window.ack.record(us / 2);
            window.join.record(us);
            window.lateness.record(50);
            if options.urls.len() > 1 {
                window.pairs.record((0, 0), us);
                window.pairs.record((0, 1), us + 5_000);
            }
        }
        window.counts = Counts { sent: 3, acknowledged: 3, deliveries: 300, joins: 3, ..Counts::default() };
        if options.mix.is_some() {
            let edits = window.mix.entry(Kind::Edit).or_default();
            (edits.counts.sent, edits.counts.acknowledged) = (1, 1);
            edits.ack.record(500);
            [900, 1_000].into_iter().for_each(|us| edits.delivered(us));
        }
        errors.iter().for_each(|name| window.error(*name));
        collector.take(&Slice { thread: 0, second, phase: 1, window, n_live: 100, tally });
    }
    let mut samples = Samples::default();
    for (at, cpu_seconds) in [(0.0, 1.0), (1.0, 1.5), (2.0, 2.7), (3.0, 3.0)] {
        samples.take(at, crate::probe::Usage { cpu_seconds, memory_bytes: 3e7 + at * 1e6 });
    }
    let target = Target { host: "127.0.0.1".into(), address: ([127, 0, 0, 1], 80).into(), path: String::new() };
    let plan = Plan::new(&options, vec![target; options.urls.len()], 1, 7, RunId::new(7));
    let finished = Finished {
        n_joined: 100,
        is_settled: true,
        server_cpu_seconds: Some(1.8),
        server_memory: [Some(3e7), Some(3.1e7), Some(3.2e7)],
        samples,
        ..Finished::default()
    };
    Report::new(&options, &plan, finished, vec![Tally::default(), tally], &mut collector)
}

#[test]
fn every_condition_has_a_figure() {
    let of_several = |name: &str| ["own-", "other-", "p99-difference"].iter().any(|begin| name.starts_with(begin));
    for (urls, is_several) in [(&[][..], false), (&TWO, true)] {
        let figures = report(urls, Tally::default(), &[]).figures();
        // The flood and the raid have reports of their own.
        let is_here = |name: &String| !name.starts_with("flood-") && !name.starts_with("raid-");
        let names = threshold::names().map(|(n, _)| n).filter(is_here);
        let names: Vec<_> = names.filter(|name| is_several || !of_several(name)).collect();
        for name in &names {
            assert!(figures.contains_key(name), "{name}");
        }
        assert_eq!(figures.len(), names.len(), "{urls:?}");
    }
}

const TWO: [&str; 4] = ["--url", "http://127.0.0.1:81", "--url", "http://127.0.0.1:82"];

#[test]
fn several_servers_have_rows_of_their_own_and_nothing_is_said_of_one() {
    let (one, two) = (report(&TWO[..2], Tally::default(), &[]), report(&TWO, Tally::default(), &[]));
    for (report, is_several) in [(&one, false), (&two, true)] {
        let json = report.json();
        assert_eq!(json.contains("betweenServers"), is_several, "{json}");
        for text in [report.table(), report.html(), json] {
            assert_eq!(text.contains("http://127.0.0.1:82"), is_several, "{text}");
            assert!(
                is_several || !["other server", "own server", "other minus"].iter().any(|w| text.contains(w)),
                "{text}"
            );
        }
    }
    let (table, json) = (two.table(), serde_json::from_str::<serde_json::Value>(&two.json()).expect("JSON"));
    let between = &json["betweenServers"];
    assert_eq!((&between["own"]["n"], &between["other"]["n"]), (&18.into(), &18.into()), "{between}");
    assert!(between["p99Difference"].as_f64().is_some_and(|us| (4_900.0..5_100.0).contains(&us)), "{between}");
    let ways: Vec<_> = between["pairs"].as_array().expect("pairs").iter().map(|way| &way["delivery"]["n"]).collect();
    assert_eq!(ways, [&18.into(), &18.into(), &serde_json::Value::Null, &serde_json::Value::Null]);
    for line in ["own server            18", "other server          18", "other minus own p99     ", "82: -"] {
        assert!(table.contains(line), "{line} in {table}");
    }
    assert!(two.html().contains("p99 between servers"));
    for (condition, passes) in [("p99-difference>6ms", true), ("p99-difference>4ms", false), ("own-p99<1us", true)] {
        let flags: Vec<_> = TWO.into_iter().chain(["--fail-if", condition]).collect();
        assert_eq!(report(&flags, Tally::default(), &[]).has_passed(), passes, "{condition}");
    }
    assert!(!report(&["--fail-if", "other-p99>1h"], Tally::default(), &[]).has_passed(), "not measured");
}

#[test]
fn conditions_decide_whether_a_run_has_passed() {
    let lost = Tally { lost: 2, ..Tally::default() };
    for (condition, tally, passes) in [
        ("lost>0", Tally::default(), true),
        ("lost>0", lost, false),
        ("p99>1s", lost, true),
        ("p99>100ms", lost, false),
        ("errors>0", lost, true),
        ("deliveries<1800", lost, true),
        ("deliveries<1801", lost, false),
    ] {
        let report = report(&["--fail-if", condition, "--fail-if", "join-max>1h"], tally, &[]);
        assert_eq!(report.has_passed(), passes, "{condition}");
        assert!(report.table().contains(condition));
    }
}

#[test]
fn what_is_wrong_stands_in_the_table_and_in_the_json() {
    let tally = Tally { lost: 2, duplicated: 3, reordered: 5 };
    let report = report(&["--rooms", "2"], tally, &["closed 4103", "connection reset"]);
    let table = report.table();
    for line in
        ["lost                    2\n", "duplicated              3\n", "reordered               5\n", "6 × closed 4103"]
    {
        assert!(table.contains(line), "{line} in {table}");
    }
    assert!(table.contains("CHAT_RATE_LIMITS=off"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    let room = "load-00000007-1".to_owned();
    assert_eq!(json["rooms"], serde_json::json!({ room: {"lost": 2, "duplicated": 3, "reordered": 5} }));
    assert_eq!(json["errors"]["connection reset"], 6);
    assert_eq!(json["points"].as_array().map(Vec::len), Some(6));
    assert_eq!(json["delivery"]["n"], 18);
}

#[test]
fn a_mix_has_rows_of_its_own_and_nothing_is_said_of_none() {
    let plain = report(&[], Tally::default(), &[]);
    let mixed = report(&["--mix", "edits=5,reactions=10"], Tally::default(), &[]);
    for (report, is_mixed) in [(&plain, false), (&mixed, true)] {
        for text in [report.table(), report.html(), report.json()] {
            assert_eq!(text.contains("edits"), is_mixed, "{text}");
            assert!(is_mixed || !text.contains("mix"), "{text}");
        }
    }
    let json: serde_json::Value = serde_json::from_str(&mixed.json()).expect("JSON");
    assert_eq!(json["settings"]["mix"], serde_json::json!({"edits": 5, "deletions": 0, "reactions": 10}));
    let edits = &json["mix"]["edits"];
    assert_eq!((&edits["sent"], &edits["deliveries"], &edits["delivery"]["n"]), (&6.into(), &12.into(), &12.into()));
    assert!(json["mix"]["deletions"].is_null() && mixed.table().contains("edit ack"), "{}", mixed.table());
}
