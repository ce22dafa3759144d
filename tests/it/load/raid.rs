//! A raid among ordinary talk: each message ends in one way, and what the server does about the raid is seen.

use futures_util::future::join_all;
use serde_json::Value;

use super::{good, report};
use crate::support::{Database, LIMITS_OFF, Server};

on_both!(every_message_of_a_raid_ends_in_one_way, limits_meet_a_raid_from_one_address, the_guard_meets_a_raid);

const KINDS: [&str; 5] = ["identity", "identities", "pasted", "links", "slow-drip"];

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name}: {of}"))
}

/// How many messages of a side were refused, by whatever code.
fn refused(of: &Value) -> u64 {
    of["refused"].as_object().expect("codes").values().filter_map(Value::as_u64).sum()
}

/// Each message is shown, held or refused, and none in two ways. Gives how many were shown.
fn adds_up(report: &Value) -> u64 {
    let sides = [&report["raiders"], &report["talkers"]];
    for side in sides {
        let n_ended = number(side, "shown") + number(side, "held") + refused(side);
        assert_eq!(n_ended, number(side, "sent"), "{report}");
        assert_eq!((number(side, "unseen"), number(side, "unanswered")), (0, 0), "{report}");
    }
    sides.map(|side| number(side, "shown")).iter().sum()
}

async fn every_message_of_a_raid_ends_in_one_way(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    join_all(KINDS.map(async |kind| {
        let arguments = format!(
            "--scenario raid --raid {kind} --room {kind} --sessions 12 --rate 8 --duration 6s --fail-if errors>0"
        );
        let (said, report) = good(server.address, &arguments).await;
        let n_shown = adds_up(&report);
        // Two thirds of the time, eight a second.
        let n_sent = number(&report["raiders"], "sent");
        let n_identities = match kind {
            "identity" => 1,
            "identities" | "pasted" => 11,
            _ => n_sent,
        };
        assert_eq!((n_sent, number(&report, "identities")), (32, n_identities), "{kind}: {report}");
        assert!(number(&report["talkers"], "sent") > 0, "{kind}: {report}");
        // The server agrees.
        let room = server.json(&format!("/api/v1/rooms/{kind}-0")).await;
        assert_eq!(room["messageCount"], n_shown, "{kind}: {report}");
        for words in ["shown to others", "the preset against raids"] {
            assert!(said.contains(words), "{said}");
        }
    }))
    .await;
}

/// All come from one address, so that its limits speak before anything else does; those who talked before are heard.
async fn limits_meet_a_raid_from_one_address(database: &Database) {
    let server = Server::with(database, &[]).await;
    let arguments = "--scenario raid --sessions 20 --rate 150 --duration 6s --fail-if raid-shown>1000000";
    let (_, limited) = good(server.address, arguments).await;
    adds_up(&limited);
    assert!(number(&limited["raiders"]["refused"], "RATE_LIMITED") > 0, "{limited}");
    // A condition on a preset that never came is true, and the others say what is so.
    for (condition, code) in [("raid-preset>1h", 1), ("raid-shown>=0", 1), ("raid-talkers-refused<0", 0)] {
        let arguments = format!("--scenario raid --raid slow-drip --sessions 2 --duration 1s --fail-if {condition}");
        let (ended, report) = report(server.address, &arguments).await;
        assert_eq!(ended.status.code(), Some(code), "{condition}: {report}");
    }
}

/// The unattended guard sees the raid, switches the preset on, and lets next to nothing through after that.
async fn the_guard_meets_a_raid(database: &Database) {
    let server = Server::with(database, &[LIMITS_OFF[0], ("CHAT_GUARD", "on")]).await;
    for (kind, rate) in [("identities", 60), ("pasted", 10)] {
        let arguments = format!("--scenario raid --raid {kind} --sessions 30 --rate {rate} --duration 15s --drain 1s");
        let (said, report) = good(server.address, &arguments).await;
        adds_up(&report);
        let (preset, raiders) = (&report["preset"], &report["raiders"]);
        assert!(preset["onMs"].as_i64().is_some_and(|ms| ms > 0), "{kind}: {report}");
        assert!(said.contains("ms after the raid began"), "{said}");
        let n_late = number(raiders, "shown") - number(preset, "letThrough");
        // What was on its way when it came may still be shown.
        assert!(n_late <= number(raiders, "sent") / 10, "{kind}: {report}");
        assert!(number(raiders, "held") + refused(raiders) > 0, "{kind}: {report}");
    }
}
