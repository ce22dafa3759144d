//! Whether what somebody who keeps order did was so (P10, P11), by the database and by what clients were told. Pure but
//! for the log that is read.
//!
//! Two rules. By the counter, which is exact: between the value that a room had when a ban in it or its lock was known to
//! be acknowledged, and the one right before it was lifted, nothing is stored that it forbids. A ban in all rooms is given
//! a second, and more while something is broken, and what was on its way by then may still be stored. By the database's
//! clock, for what nobody was told of as well: what a ban in a room or a lock forbids is not stored later than a second
//! after its entry.

use std::{collections::BTreeMap, fmt};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    checker::{Command, Event, Message, Run},
    stored::read,
    support::Database,
};

/// What one who keeps order did, and was told.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Acts that were acknowledged.
    pub n_acts: usize,
    /// Entries that were told, and what of.
    pub entries: Vec<(i64, &'static str)>,
    /// Messages whose deletion was acknowledged, by room and id.
    pub deletions: Vec<(String, String)>,
    /// Where nothing may have been stored.
    pub quiet: Vec<Quiet>,
    /// How often a server was asked for what was deleted.
    pub n_reads: usize,
    pub complaints: Vec<String>,
}

/// Behind a value of a room's counter and up to another one somebody was banned there; or everybody, by a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    pub room: String,
    pub author: Option<String>,
    pub after: i64,
    pub until: i64,
    /// Only what was sent later than this, in milliseconds since the world began; none: whatever was stored.
    pub sent_after: Option<u64>,
    /// The entry that began it.
    pub of: Option<i64>,
}

/// An entry of the log.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    id: i64,
    room: Option<String>,
    action: String,
    target: String,
    after: String,
    at: String,
}

/// Later than this after the entry a ban of a room or its lock is in force for certain, whatever its transaction waited
/// for.
const COMMITTED_MS: i64 = 1_000;

/// A time of the database, in milliseconds.
fn millis(at: &str) -> i64 {
    DateTime::parse_from_rfc3339(at).expect("a time").timestamp_millis()
}

/// The log, the oldest first.
pub async fn log(database: &Database) -> Vec<Entry> {
    let (object, time) = match database.is_sqlite() {
        true => ("json_object", "strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch')"),
        false => ("json_build_object", r#"to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#),
    };
    let query = format!(
        "SELECT CAST({object}('id', id, 'room', room_id, 'action', action, 'target', target, 'after', after,
            'at', {time}) AS TEXT) AS text FROM audit_log ORDER BY id"
    );
    read(database, &query).await
}

/// All that is not as it should be.
pub fn check(deeds: &Deeds, log: &[Entry], run: &Run) -> Vec<String> {
    let mut found = deeds.complaints.clone();
    found.extend(missing(deeds, log, run));
    found.extend(deeds.quiet.iter().flat_map(|quiet| loud(quiet, log, run)));
    found.extend(late(log, run));
    found
}

/// What was acknowledged and is not in the log.
fn missing(deeds: &Deeds, log: &[Entry], run: &Run) -> Vec<String> {
    let by_id: BTreeMap<i64, &Entry> = log.iter().map(|entry| (entry.id, entry)).collect();
    let entries = deeds.entries.iter().filter(|(id, action)| by_id.get(id).is_none_or(|e| e.action != *action));
    let mut found: Vec<_> =
        entries.map(|(id, what)| format!("P10: acknowledged as entry {id}, and gone: {what}")).collect();
    for (room, id) in &deeds.deletions {
        let is_there = log.iter().any(|entry| entry.action == "delete" && message_of(entry).as_ref() == Some(id));
        // Its author was faster: that is no entry.
        let rows = run.rooms.get(room).map(|room| &room.rows[..]).unwrap_or_default();
        let by_author = |row: &&Message| *row.id == **id && row.annotations.deleted_by.as_deref() == Some("author");
        if !is_there && !rows.iter().any(|row| by_author(&row)) {
            found.push(format!("P10: acknowledged, and without an entry: the deletion of {id} in {room:?}"));
        }
    }
    found
}

/// The message that an entry is about.
pub fn message_of(entry: &Entry) -> Option<String> {
    let target: Value = serde_json::from_str(&entry.target).ok()?;
    target["id"].as_str().map(str::to_owned)
}

/// The messages of a room that somebody else than their authors deleted or brought back.
pub fn touched<'a>(log: &'a [Entry], room: &'a str) -> impl Iterator<Item = String> + 'a {
    let of_room = log.iter().filter(move |entry| entry.room.as_deref() == Some(room));
    of_room.filter(|entry| ["delete", "restore"].contains(&&*entry.action)).filter_map(message_of)
}

/// What was stored where nothing may have been.
fn loud(quiet: &Quiet, log: &[Entry], run: &Run) -> Vec<String> {
    let Quiet { room, author, after, until, sent_after, of } = quiet;
    let is_within = |rev: i64| *after < rev && rev <= *until;
    let is_of = |who: Option<&str>| author.as_deref().is_none_or(|author| who == Some(author));
    // When each command was sent for the first time.
    let mut asked: BTreeMap<Uuid, (u64, &Command)> = BTreeMap::new();
    let clients = || run.clients.iter().filter(|client| client.room == *room && is_of(client.author.as_deref()));
    for (at, event) in clients().flat_map(|client| &client.events) {
        if let Event::Sent { client_id, command } = event {
            asked.entry(*client_id).or_insert((*at, command));
        }
    }
    let is_later = |id: &Uuid| sent_after.is_none_or(|since| asked.get(id).is_some_and(|(at, _)| *at > since));
    let mut found = Vec::new();
    // Whoever reads it wants to know what else was done to the same.
    let begun = log.iter().find(|entry| Some(entry.id) == *of);
    let same = |e: &&Entry| begun.is_some_and(|b| e.id >= b.id && (&e.room, &e.target) == (&b.room, &b.target));
    let entries = log.iter().filter(same).take(4).map(|e| format!("{} {} at {}", e.id, e.action, e.at));
    let entries: Vec<_> = entries.collect();
    let mut tell = |what: &dyn fmt::Display| {
        let whom = author.as_deref().unwrap_or("anybody");
        let from = sent_after.map(|ms| format!(", if sent after {ms} ms")).unwrap_or_default();
        found.push(format!("P10: {what} within {after}..={until} of {room:?}, forbidden to {whom}{from}: {entries:?}"));
    };
    let rows = run.rooms.get(room).map(|room| &room.rows[..]).unwrap_or_default();
    let is_forbidden = |row: &&Message| is_within(row.seq) && is_of(Some(&row.author.id)) && is_later(&row.client_id);
    for row in rows.iter().filter(is_forbidden) {
        let sent = asked.get(&row.client_id).map(|(at, _)| at);
        tell(&format!("message {} of {} is stored at {}, sent at {sent:?} ms", row.seq, row.author.id, row.created_at));
    }
    for (at, event) in clients().flat_map(|client| &client.events) {
        // One that changed nothing is told the value of the message.
        if let Event::Ack(ack) = event
            && is_within(ack.rev)
            && ack.rev > ack.seq
            && is_later(&ack.client_id)
            && let Some((sent, command @ (Command::Edit { .. } | Command::React { .. }))) = asked.get(&ack.client_id)
        {
            tell(&format!("{command:?}, sent at {sent} ms and acknowledged at {at} ms, took {}", ack.rev));
        }
    }
    found
}

/// What was stored long after its author was banned in the room, or the room was locked, by the database's clock.
fn late(log: &[Entry], run: &Run) -> Vec<String> {
    // By room and author, where nobody in particular is meant by a lock: the entry that began it.
    let mut begun: BTreeMap<(&str, Option<String>), &Entry> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in log {
        let Some(room) = entry.room.as_deref() else { continue };
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let author = || json(&entry.target)["authorId"].as_str().map(str::to_owned);
        let (who, begins) = match &*entry.action {
            "ban" => (author(), true),
            "unban" => (author(), false),
            "room_set" => (None, json(&entry.after)["settings"]["locked"] == true),
            _ => continue,
        };
        match (begun.remove(&(room, who.clone())), begins) {
            (None, false) => {}
            (None, true) => drop(begun.insert((room, who), entry)),
            (Some(since), true) => drop(begun.insert((room, who), since)),
            (Some(since), false) => found.extend(between(since, Some(entry), (room, who.as_deref()), run)),
        }
    }
    found.extend(begun.iter().flat_map(|((room, who), since)| between(since, None, (room, who.as_deref()), run)));
    found
}

fn between(since: &Entry, until: Option<&Entry>, (room, author): (&str, Option<&str>), run: &Run) -> Vec<String> {
    let (from, to) = (millis(&since.at) + COMMITTED_MS, until.map_or(i64::MAX, |entry| millis(&entry.at)));
    let rows = run.rooms.get(room).map(|room| &room.rows[..]).unwrap_or_default();
    let is_late = |row: &&Message| {
        let at = millis(&row.created_at);
        from < at && at < to && author.is_none_or(|author| *row.author.id == *author)
    };
    let tell = |row: &Message| {
        format!("P10: message {} of {} is stored at {}, forbidden by {since:?}", row.seq, row.author.id, row.created_at)
    };
    rows.iter().filter(is_late).map(tell).collect()
}
