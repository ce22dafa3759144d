//! Alerts, their runbook and the dashboards agree with each other and with docs/METRICS.md. That rules and queries
//! work is for `promtool` and `scripts/check-dashboard`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

const ALERTS: &str = include_str!("../../monitoring/prometheus/alerts.yaml");
const RECORDING: &str = include_str!("../../monitoring/prometheus/recording.yaml");
const RUNBOOK: &str = include_str!("../../docs/RUNBOOK.md");
const METRICS: &str = include_str!("../../docs/METRICS.md");

fn folder(path: &str, extension: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|file| file.extension().is_some_and(|e| e == extension));
    files.map(|file| fs::read_to_string(file).expect("text")).collect()
}

/// Each alert's name and the lines below it.
fn alerts() -> Vec<(&'static str, &'static str)> {
    let alerts = ALERTS.split("- alert: ").skip(1).map(|rest| rest.split_once('\n').expect("a line"));
    let alerts: Vec<_> = alerts.collect();
    assert!(alerts.len() >= 15, "{}", alerts.len());
    alerts
}

#[test]
fn each_alert_says_how_bad_it_is_and_where_to_read_on() {
    for (name, rest) in alerts() {
        let severities =
            ["critical", "warning"].iter().filter(|s| rest.contains(&format!("labels: {{severity: {s}}}")));
        assert_eq!(severities.count(), 1, "{name}");
        assert!(rest.contains("          summary: "), "{name}");
        let link = format!("          runbook_url: docs/RUNBOOK.md#{}\n", name.to_lowercase());
        assert!(rest.contains(&link), "{name}: {link}");
    }
}

#[test]
fn the_runbook_has_an_entry_for_each_alert_and_no_other() {
    let entries: Vec<_> = RUNBOOK.split("\n## ").skip(1).map(|e| e.split_once('\n').expect("a heading")).collect();
    let names: Vec<_> = entries.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, alerts().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, entry) in entries {
        let mut rest = entry;
        for part in ["\n**Means:**", "\n**Visitors see:**", "\n**Check:**", "\n**Do:**"] {
            let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{name}: {part}, in its place"));
            let said = after.split("\n**").next().expect("text");
            assert!(said.trim().len() > 5, "{name}: {part}");
            rest = after;
        }
        for link in entry.split("](#").skip(1).filter_map(|l| l.split(')').next()) {
            assert!(names.iter().any(|n| n.to_lowercase() == link), "{name} links to {link}");
        }
    }
}

#[test]
fn each_alert_is_seen_to_fire_by_a_unit_test() {
    let tests = folder("monitoring/prometheus/tests", "yaml").concat();
    for (name, _) in alerts() {
        let fires = tests.split(&format!("- alertname: {name}\n")).skip(1).any(|test| {
            let expected = test.split_once("exp_alerts:\n").map_or("", |(_, expected)| expected);
            expected.trim_start().starts_with("- exp_labels:")
        });
        assert!(fires, "no test in monitoring/prometheus/tests sees {name} fire");
    }
}

/// Words that are names of metrics: what recording rules make and what programs print.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let is_metric = |w: &&str| ["chat_", "chat:", "process_"].iter().any(|start| w.starts_with(start));
    // A colon at the end is the sentence's.
    words.map(|w| w.trim_end_matches(':')).filter(is_metric).map(str::to_owned).collect()
}

#[test]
fn rules_dashboards_and_runbook_name_only_metrics_that_are_documented() {
    let documented: BTreeSet<&str> = METRICS.split('`').skip(1).step_by(2).collect();
    let made: BTreeSet<&str> = RECORDING.split("- record: ").skip(1).filter_map(|r| r.split('\n').next()).collect();
    let mut n_named = 0;
    let mut texts = vec![ALERTS.to_owned(), RECORDING.to_owned(), RUNBOOK.to_owned()];
    for dashboard in folder("monitoring/grafana/dashboards", "json") {
        let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                texts.push(target["expr"].as_str().expect("a query").to_owned());
            }
        }
    }
    for text in &texts {
        for name in metrics_in(text) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            let is_known = [base, &name].iter().any(|n| documented.contains(n) || made.contains(n));
            assert!(is_known, "{name} is not in docs/METRICS.md, nor made by a recording rule: {text}");
            n_named += 1;
        }
    }
    assert!(n_named > 60, "{n_named}");
    // A recording rule that nobody looks at costs and says nothing.
    for name in made {
        let n_uses = texts.iter().map(|text| text.matches(name).count()).sum::<usize>();
        assert!(n_uses > 1, "{name} is used by nothing");
    }
}
