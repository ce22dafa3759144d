//! The load tester's `--mix`: edits, deletions and reactions are measured and checked as messages are.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;
use tokio::sync::watch;

use super::{CLEAN, Unkind, good, proxy, report};
use crate::support::{Folder, LIMITS_OFF, Server};

/// What was seen of a kind of commands.
fn mixed<'a>(report: &'a Value, kind: &str) -> (&'a Value, impl Fn(&str) -> u64) {
    let of = &report["mix"][kind];
    (of, move |name: &str| of[name].as_u64().unwrap_or_else(|| panic!("{name}: {of}")))
}

const MIX: &str = "--mix edits=15,deletions=6,reactions=30";

#[tokio::test]
async fn a_mix_is_sent_acknowledged_and_delivered() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let folder = Folder::new("rtc_load");
    let html = folder.path("run.html");
    let arguments = format!(
        "--seed 7 --room mixed --sessions 12 --rooms 2 --writers 6 --rate 60 --duration 4s --threads 2 {MIX} \
         --html {html} {CLEAN} --fail-if unacknowledged>0"
    );
    let (said, report) = good(server.address, &arguments).await;
    let counts = &report["counts"];
    let n_messages = counts["sent"].as_u64().expect("a count");
    let mut n_sent = n_messages;
    for kind in ["edits", "deletions", "reactions"] {
        let (of, n) = mixed(&report, kind);
        n_sent += n("sent");
        assert!(n("sent") > 3 && n("acknowledged") + n("refused") == n("sent"), "{kind}: {of}");
        // Nothing is refused, but for reactions to what was deleted meanwhile.
        assert_eq!(n("refused"), n("overtaken"), "{kind}: {of}");
        // Each that changed something reaches the 6 sessions of its room, its writer among them.
        assert_eq!(n("deliveries"), (n("acknowledged") - n("unchanged")) * 6, "{kind}: {of}");
        assert_eq!((&of["delivery"]["n"], &of["ack"]["n"]), (&of["deliveries"], &of["acknowledged"]), "{kind}: {of}");
        assert!(said.contains(&format!("\n{kind} ")), "{said}");
    }
    assert_eq!((n_sent, &counts["deliveries"]), (240, &(n_messages * 6).into()), "{report}");
    assert_eq!((&counts["otherChanges"], &report["settings"]["mix"]["edits"]), (&0.into(), &15.into()));
    // The server agrees: deleted messages do not count.
    let mut n_stored = 0;
    for room in 0..2 {
        let info = server.json(&format!("/api/v1/rooms/mixed-{room}")).await;
        n_stored += info["messageCount"].as_u64().expect("a count");
    }
    assert_eq!(n_stored, n_messages - mixed(&report, "deletions").1("acknowledged"));
    let page = std::fs::read_to_string(&html).expect("a page");
    for figure in ["<th>edits</th>", "<th>deletion ack</th>", "<th>reactions</th>", "15 % edits"] {
        assert!(page.contains(figure), "{figure}");
    }
}

/// Who comes back gets the last states, and values that are part of them are not lost.
#[tokio::test]
async fn a_mix_survives_a_storm_and_a_churn() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    for scenario in ["storm", "churn --stay 300ms --away 200ms"] {
        let arguments = format!(
            "--scenario {scenario} --sessions 12 --rooms 2 --rate 80 --duration 3s {MIX} {CLEAN} \
             --fail-if unacknowledged>0"
        );
        let (_, report) = good(server.address, &arguments).await;
        assert!(report["counts"]["resumes"].as_u64() >= Some(12), "{report}");
        for kind in ["edits", "deletions", "reactions"] {
            let (of, n) = mixed(&report, kind);
            assert!(n("deliveries") > n("acknowledged"), "{scenario}: {kind}: {of}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_missing_or_swapped_is_reported() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    for (unkind, name, others) in [
        (Unkind::Drops, "lost", ["duplicated", "reordered"]),
        (Unkind::Repeats, "duplicated", ["lost", "reordered"]),
        (Unkind::Swaps, "reordered", ["lost", "duplicated"]),
    ] {
        let (address, n_times) = proxy(watch::channel(server.address).1, unkind, "REACTION").await;
        let arguments = format!("--sessions 6 --rooms 2 --rate 40 --duration 2s --mix reactions=50 --fail-if {name}>0");
        let (ended, report) = report(address, &arguments).await;
        assert_eq!(n_times.load(Relaxed), 6, "once on each connection");
        assert_eq!(report["tally"][name], 6, "{unkind:?}: {}", report["tally"]);
        for other in others {
            assert_eq!(report["tally"][other], 0, "{unkind:?}: {}", report["tally"]);
        }
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_text_after_its_deletion_is_reported() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let (address, n_times) = proxy(watch::channel(server.address).1, Unkind::Revives, "MESSAGE").await;
    let arguments = "--sessions 6 --rooms 2 --rate 40 --duration 2s --mix deletions=20 --fail-if errors>0";
    let (ended, report) = report(address, arguments).await;
    let n = n_times.load(Relaxed);
    assert!(n >= 6 && report["errors"]["a text after its deletion"] == n, "{n}: {}", report["errors"]);
    assert_eq!((ended.status.code(), report["errors"].as_object().map(serde_json::Map::len)), (Some(1), Some(1)));
}
