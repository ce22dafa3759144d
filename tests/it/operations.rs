//! docs/OPERATIONS.md says what the files for operators say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::support::Server;

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const CONFIGURATION: &str = include_str!("../../docs/CONFIGURATION.md");
const DOCKERFILE: &str = include_str!("../../docker/Dockerfile");
const COMPOSE: &str = include_str!("../../docker/compose.yaml");
const CLUSTER: &str = include_str!("../../docs/CLUSTER.md");
const COMPOSE_CLUSTER: &str = include_str!("../../docker/compose.cluster.yaml");
const POSTGRESQL: &str = include_str!("../../docker/postgresql.conf");
const UNIT: &str = include_str!("../../deploy/systemd/realtime-chat.service");

/// All words of a text that begin so.
fn words<'a>(text: &'a str, beginning: &str) -> BTreeSet<&'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with(beginning)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_settings_that_exist_are_named() {
    let help = Server::run(&["--help"], &[]).await.stdout;
    // Of Compose, of the scripts and of the build.
    let others = ["CHAT_PORT", "CHAT_BIN", "CHAT_BUILD_COMMIT", "CHAT_BIND", "CHAT_ONE", "CHAT_TWO"];
    let files = [
        ("OPERATIONS.md", OPERATIONS),
        ("CLUSTER.md", CLUSTER),
        ("Dockerfile", DOCKERFILE),
        ("compose.yaml", COMPOSE),
        ("compose.cluster.yaml", COMPOSE_CLUSTER),
        ("unit", UNIT),
    ];
    for (file, text) in files {
        let named = words(text, "CHAT_");
        assert!(!named.is_empty(), "{file}");
        for name in named.iter().filter(|name| !others.contains(name)) {
            assert!(help.contains(&format!("[env: {name}")), "{file} names {name}");
        }
    }
}

#[test]
fn the_image_is_as_documented() {
    let instruction = |name: &str| {
        let text = DOCKERFILE.replace("\\\n", " ");
        let line = text.lines().rfind(|line| line.starts_with(&format!("{name} "))).expect(name).to_owned();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let user = instruction("USER").concat();
    let (user, group) = user.split_once(':').expect("user and group");
    assert_eq!(user, group);
    let volume = instruction("VOLUME").concat();
    for text in [OPERATIONS, CONFIGURATION] {
        assert!(text.contains(&format!("user and group {user}")), "{user}");
        assert!(text.contains(&format!("writes to `{volume}` only")), "{volume}");
        for setting in instruction("ENV") {
            let (name, value) = setting.split_once('=').expect("a value");
            assert!(text.contains(&format!("`{name}` is `{value}`")), "{setting}");
        }
    }
}

#[test]
fn postgresqls_settings_are_explained() {
    let set: BTreeMap<&str, String> = POSTGRESQL
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        // The address is that of a container's network.
        .filter(|(name, _)| *name != "listen_addresses")
        .map(|(name, value)| (name, value.replace("MB", " MB")))
        .collect();
    assert!(set.len() > 5, "{set:?}");
    let (_, section) = OPERATIONS.split_once("### What PostgreSQL is set to").expect("the section");
    let (section, _) = section.split_once("\n### ").expect("its end");
    let mut explained = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 3 && cells[2].len() > 3, "{line}");
        for name in cells[0].split(", ") {
            explained.insert(name.trim_matches('`'), cells[1].to_owned());
        }
    }
    assert_eq!(explained, set);
}

/// A stop takes at most what CONFIGURATION.md says, and nobody is killed before.
#[test]
fn a_stop_has_the_time_it_needs() {
    assert!(CONFIGURATION.contains("give the process at least 40 s"));
    assert!(UNIT.contains("\nTimeoutStopSec=40\n"));
    let (_, server) = COMPOSE.split_once("\n  server:\n").expect("the server");
    let (server, _) = server.split_once("\n  postgres:\n").expect("the next service");
    assert!(server.contains("\n    stop_grace_period: 40s\n"));
    assert!(COMPOSE_CLUSTER.contains("\n  stop_grace_period: 40s\n"));
}

#[test]
fn what_it_links_to_is_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let anchors = |text: &str| -> BTreeSet<String> {
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
            kept.collect::<String>().replace(' ', "-")
        };
        headings.map(anchor).collect()
    };
    let mut n_links = 0;
    for (own, rest) in [("OPERATIONS.md", OPERATIONS), ("CLUSTER.md", CLUSTER)]
        .into_iter()
        .flat_map(|(own, text)| text.split("](").skip(1).map(move |rest| (own, rest)))
    {
        let target = rest.split(')').next().expect("its end");
        if target.starts_with("http") {
            continue;
        }
        n_links += 1;
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { docs.join(own) } else { docs.join(file) };
        assert!(path.exists(), "{target}");
        if !anchor.is_empty() {
            let text = fs::read_to_string(path).expect("a text");
            assert!(anchors(&text).contains(anchor), "{target}");
        }
    }
    assert!(n_links > 10, "{n_links}");
}
