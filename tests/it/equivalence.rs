//! OWN-2: whichever way a client came to a room's state, it is the same state; the page's own store among the clients.
//! tests/js/equivalence.test.mjs does the same to the store with many more mixes, against a server that is a model.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    changes::server_with,
    support::{
        Client, Database, LIMITS_OFF, Server, Who,
        command::{delete, edit, react, reply},
        within,
    },
};

on_both!(every_way_to_a_room_ends_in_the_same_state);

const EMOJIS: [&str; 3] = ["👍", "🎉", "👀"];
const STEPS: usize = 90;

/// The numbers that a seed gives, one after the other (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A message as its author knows it.
struct Own {
    id: String,
    version: i32,
    is_deleted: bool,
}

/// A person who writes, on one of the servers.
struct Writer {
    client: Client,
    own: Vec<Own>,
}

impl Writer {
    async fn new(server: &Server, room: &str, name: &str) -> Self {
        let mut client = Client::author(server, room, name).await;
        client.history.may_jump = true;
        Self { client, own: Vec::new() }
    }

    /// Does one thing, and gives the counter behind it.
    async fn act(&mut self, dice: &mut Dice, others: &[String]) -> i64 {
        let n = dice.below(10);
        let mine = dice.below(self.own.len().max(1));
        let own = self.own.get_mut(mine).filter(|own| !own.is_deleted);
        let command = match (n, own) {
            (0 | 1, Some(own)) => {
                own.version += 1;
                edit(&own.id, own.version - 1, &format!("text {}", dice.below(1_000)))
            }
            (2, Some(own)) => {
                own.is_deleted = true;
                delete(&own.id)
            }
            (3..=6, _) if !others.is_empty() => {
                let on = dice.below(3) > 0;
                react(&others[dice.below(others.len())], EMOJIS[dice.below(3)], on)
            }
            (7, _) if !others.is_empty() => reply("an answer", &others[dice.below(others.len())]),
            _ => {
                let ack = self.client.say(&format!("message {}", dice.below(1_000))).await;
                self.own.push(Own { id: ack.id, version: 1, is_deleted: false });
                return ack.rev;
            }
        };
        // What somebody else has deleted meanwhile is answered by an ERROR, which is an answer as well.
        self.client.until_answered(&command).await.map_or(0, |ack| ack.rev)
    }
}

/// The state that the page's own store is in after these steps.
async fn page_after(steps: &[String]) -> Value {
    let text = steps.join("\n") + "\n{\"dump\": true}\n";
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js/replay.mjs");
    let run = move || {
        let mut node = Command::new("node");
        let mut node = node.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        node.stdin.take().expect("a pipe").write_all(text.as_bytes())?;
        node.wait_with_output()
    };
    let ended = within("the page's store", tokio::task::spawn_blocking(run)).await.expect("a thread").expect("node");
    assert!(ended.status.success(), "the page's store ends well");
    serde_json::from_slice(&ended.stdout).expect("a state")
}

async fn every_way_to_a_room_ends_in_the_same_state(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    // A SQLite file has one.
    let second = if database.is_sqlite() { None } else { Some(server_with(database, &LIMITS_OFF).await) };
    for seed in 1..=3 {
        run(&server, second.as_ref().unwrap_or(&server), seed).await;
    }
}

async fn run(server: &Server, other: &Server, seed: u64) {
    let (mut dice, room) = (Dice(seed), &*format!("post {seed}"));
    let mut writers = [Writer::new(server, room, "one").await, Writer::new(other, room, "other").await];
    let mut traveller = Client::reader(other, room).await;
    traveller.history.may_jump = true;
    traveller.history.frames = Some(Vec::new());
    let (mut steps, mut messages, mut last) = (Vec::new(), Vec::new(), 0);
    for step in 0..STEPS {
        if step % 7 == 3 {
            // Away for a while, and back: on what came meanwhile, whole or in pieces.
            let who = traveller.who.clone();
            let history = traveller.drop_connection();
            for _ in 0..dice.below(6) {
                last = last.max(writers[dice.below(2)].act(&mut dice, &messages).await);
            }
            traveller = Client::connect(other, room).await;
            traveller.come_back(who, history).await;
        }
        let writer = &mut writers[dice.below(2)];
        last = last.max(writer.act(&mut dice, &messages).await);
        messages = writers.iter().flat_map(|w| w.own.iter().map(|own| own.id.clone())).collect();
        if step % 11 == 5 {
            traveller.reach(last).await;
            // A page of history that is asked for now and arrives behind what comes next.
            steps.append(traveller.history.frames.as_mut().expect("a record"));
            let oldest = traveller.history.list.keys().next().copied().unwrap_or(1);
            let page = server.json(&format!("/api/v1/rooms/post%20{seed}/messages?before={oldest}&limit=10")).await;
            last = last.max(writers[dice.below(2)].act(&mut dice, &messages).await);
            traveller.reach(last).await;
            steps.append(traveller.history.frames.as_mut().expect("a record"));
            steps.push(json!({"page": page, "before": oldest}).to_string());
        }
    }
    traveller.reach(last).await;
    for writer in &mut writers {
        writer.client.reach(last).await;
    }
    steps.append(traveller.history.frames.as_mut().expect("a record"));
    let frame =
        |step: &String| if step.starts_with("{\"page\"") { step.clone() } else { format!("{{\"frame\":{step}}}") };
    let page = page_after(&steps.iter().map(frame).collect::<Vec<_>>()).await;

    let (_, fresh) = Client::join(server, room, Who::reader()).await;
    let stored = server.json(&format!("/api/v1/rooms/post%20{seed}/messages?limit=100")).await;
    let stored = stored["messages"].as_array().expect("messages");
    let of_place = |seq: &Value| stored.iter().find(|m| m["seq"] == *seq);
    let shown = page["messages"].as_array().expect("messages");
    assert!(shown.len() >= 10 && stored.len() >= 10, "{} and {}", shown.len(), stored.len());
    for message in shown {
        assert_eq!(
            Some(message),
            of_place(&message["seq"]),
            "seed {seed}: what the page shows, {} messages beside {}",
            shown.len(),
            stored.len()
        );
    }
    assert!(stored.ends_with(&shown[shown.len().saturating_sub(stored.len())..]), "seed {seed}: and all of it");
    assert_eq!(page["rev"], fresh.head.room.rev, "seed {seed}");
    for message in &fresh.messages {
        let message = serde_json::to_value(message).expect("JSON");
        assert_eq!(Some(&message), of_place(&message["seq"]), "seed {seed}: a fresh WELCOME");
    }
    for client in [&traveller, &writers[0].client, &writers[1].client] {
        for message in client.history.list.values() {
            let message = serde_json::to_value(message).expect("JSON");
            assert_eq!(Some(&message), of_place(&message["seq"]), "seed {seed}: live, and by resumes");
        }
    }
    // In steps of any length, all that has changed comes once, as it is now.
    let epoch = fresh.head.room.epoch.as_ref();
    let mut by_changes: std::collections::BTreeMap<i64, Value> = std::collections::BTreeMap::new();
    let mut after = 0;
    while after < fresh.head.room.rev {
        let limit = 1 + dice.below(9);
        let path = format!("/api/v1/rooms/post%20{seed}/changes?epoch={epoch}&after={after}&limit={limit}");
        let changes = server.json(&path).await;
        for message in changes["messages"].as_array().expect("messages") {
            by_changes.insert(message["seq"].as_i64().expect("a place"), message.clone());
        }
        after = changes["rev"].as_i64().expect("a value");
    }
    assert!(by_changes.values().rev().take(stored.len()).eq(stored.iter().rev()), "seed {seed}: changes in steps");
}
