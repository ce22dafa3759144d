//! What a file holds, stored room by room.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use super::{
    MovingError,
    index::Room,
    progress::Progress,
    reading::{Holding, read, settled},
    report::{Report, Summary},
};
use chat_domain::{AuthorId, Epoch, MessageRef, MovedHeld, MovedRoom, PageCursor, RoomId};
use chat_moving::Converter;
use chat_store::{MOVED_AT_ONCE, MoveInto, Moved, MovedPart, SettingsChange, Store};

/// So many parts of a room wait to be stored.
const PARTS_MAX: usize = 2;
/// So many rooms are named where some have messages of their own.
const NAMED_MAX: usize = 5;

/// What is to be done with a file.
#[derive(Debug)]
pub struct ImportOptions {
    /// The file; `-` is the standard input.
    pub file: PathBuf,
    /// Its format, how its people are known, and how its rooms are named.
    pub converter: Converter,
    /// Between what is there.
    pub merge: bool,
    /// Only look.
    pub dry_run: bool,
    /// Where texts wait until they are stored.
    pub folder: PathBuf,
    /// Where to write what was left out.
    pub report: Option<PathBuf>,
}

/// Stores what a file holds. `store` is none where there is no database yet and it is only looked.
///
/// # Errors
/// [`MovingError`]; with `InUse` all that could be stored is, with `Read` nothing.
pub async fn import(
    store: Option<&Store>,
    options: &ImportOptions,
) -> Result<(Summary, Option<MovingError>), MovingError> {
    let mut report = Report::new(options.report.as_deref().map(Path::new))?;
    report.summary.is_dry = options.dry_run;
    let mut holding = read(&options.file, &options.folder, &options.converter, &mut report)?;
    let (parents, order) = settled(&holding.index, &mut report)?;
    let into = if options.merge { MoveInto::Merged } else { MoveInto::Empty };
    let mut progress = Progress::new("messages stored");
    let all = order.iter().fold(0_usize, |n, room| n.saturating_add(room.len()));
    let mut n_done = 0_usize;
    let mut places = Places { parents, given: vec![0; holding.index.entries.len()] };
    for (nth, entries) in order.into_iter().enumerate() {
        let Some((id, room)) = holding.index.rooms.get_mut(nth) else { continue };
        let (id, room) = (id.clone(), std::mem::take(room));
        // A room in which nothing is left is no room; an own one may have settings.
        if entries.is_empty() && room.own.is_none() {
            continue;
        }
        let n = entries.len();
        let moved = match (options.dry_run, store) {
            (true, store) => looked(store, &id, &entries, &holding, into).await?,
            (false, Some(store)) => move_in(store, &id, room, &entries, &holding, &mut places, into).await?,
            // Without a database it is only looked.
            (false, None) => continue,
        };
        note(&mut report, &id, moved)?;
        n_done = n_done.saturating_add(n);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        progress.show(count(n_done), Some((count(n_done), count(all))));
    }
    progress.end();
    if let (false, Some(store)) = (options.dry_run, store) {
        report.summary.n_bans = store.move_bans_in(std::mem::take(&mut holding.bans)).await?;
        set_defaults(store, &holding).await?;
    }
    let summary = report.finish()?;
    let named = summary.in_use.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = if summary.in_use.len() > NAMED_MAX { ", …" } else { "" };
    let in_use = MovingError::InUse { n: summary.in_use.len(), which: format!("{named}{more}") };
    let refused = (!summary.in_use.is_empty() && !options.merge).then_some(in_use);
    Ok((summary, refused))
}

/// What messages answer, and which places those got that are stored.
struct Places {
    parents: Vec<Option<u32>>,
    given: Vec<i64>,
}

/// What would become of a room.
async fn looked(
    store: Option<&Store>,
    room: &RoomId,
    entries: &[u32],
    holding: &Holding,
    into: MoveInto,
) -> Result<Moved, MovingError> {
    let mut known = HashSet::new();
    if let Some(store) = store {
        let mut last = 0;
        loop {
            let page = store.page(room, PageCursor::After(last), MOVED_AT_ONCE).await?;
            let Some(end) = page.messages.last().map(|message| message.seq) else { break };
            known.extend(page.messages.into_iter().map(|message| (message.author.id, message.client_id)));
            last = end;
        }
    }
    let mut n_new = 0_usize;
    for n in entries {
        let Some(entry) = usize::try_from(*n).ok().and_then(|n| holding.index.entries.get(n)) else { continue };
        let is_new = known.is_empty() || {
            let message = holding.spool.get(entry.spot)?.message;
            !known.contains(&(message.author.id, message.client_id))
        };
        n_new = n_new.saturating_add(usize::from(is_new));
    }
    Ok(match (known.len(), n_new, into) {
        (1.., 0, _) => Moved::Known(entries.len()),
        (1.., _, MoveInto::Empty) => Moved::InUse(n_new),
        (n_known, _, _) => Moved::Written { n_new, n_known },
    })
}

fn note(report: &mut Report, room: &RoomId, moved: Moved) -> Result<(), MovingError> {
    let add = |to: &mut usize, n: usize| *to = to.saturating_add(n);
    match moved {
        Moved::Written { n_new, n_known } => {
            add(&mut report.summary.n_rooms, 1);
            add(&mut report.summary.n_messages, n_new);
            report.room(room.as_str(), "written", n_new, n_known)
        }
        Moved::Known(n) => {
            add(&mut report.summary.n_rooms_known, 1);
            add(&mut report.summary.n_messages_known, n);
            report.room(room.as_str(), "known", 0, n)
        }
        Moved::InUse(n) => {
            report.summary.in_use.push(room.as_str().to_owned());
            report.room(room.as_str(), "in-use", n, 0)
        }
    }
}

/// Sends a room's parts while they are stored.
async fn move_in(
    store: &Store,
    id: &RoomId,
    room: Room,
    entries: &[u32],
    holding: &Holding,
    places: &mut Places,
    into: MoveInto,
) -> Result<Moved, MovingError> {
    let (sender, parts) = mpsc::channel(PARTS_MAX);
    let sending = async move {
        // Where it is not stored the queue is gone, and why is told there.
        let gone = |_| ();
        let first = entries.first().and_then(|n| holding.index.entries.get(usize::try_from(*n).ok()?));
        let made = MovedRoom {
            id: id.clone(),
            created_at: chrono::DateTime::from_timestamp_millis(first.map_or(0, |entry| entry.at)).unwrap_or_default(),
            epoch: Epoch::random(),
            rev: 0,
            title: room.title,
            settings: serde_json::Map::new(),
        };
        if sender.send(MovedPart::Room(room.own.unwrap_or(made))).await.map_err(gone).is_err() {
            return Ok(());
        }
        if !room.bans.is_empty() && sender.send(MovedPart::Bans(room.bans)).await.map_err(gone).is_err() {
            return Ok(());
        }
        let mut last = 0_i64;
        for some in entries.chunks(MOVED_AT_ONCE) {
            let mut part = Vec::with_capacity(some.len());
            for n in some {
                let at = usize::try_from(*n).unwrap_or(usize::MAX);
                let Some(entry) = holding.index.entries.get(at) else { continue };
                let mut moved = holding.spool.get(entry.spot)?;
                let place = entry.place.unwrap_or_else(|| last.saturating_add(1));
                last = place;
                if entry.place.is_none() {
                    moved.message.seq = place;
                    moved.message.rev = place;
                    let parent = places.parents.get(at).copied().flatten().and_then(|p| usize::try_from(p).ok());
                    let to = parent.and_then(|p| places.given.get(p).copied()).filter(|place| *place > 0);
                    if let Some(seq) = to {
                        let annotations = moved.message.annotations.get_or_insert_with(Box::default);
                        annotations.reply_to = Some(MessageRef { id: 0, seq });
                    }
                }
                if let Some(given) = places.given.get_mut(at) {
                    *given = place;
                }
                part.push(moved);
            }
            if sender.send(MovedPart::Messages(part)).await.is_err() {
                return Ok(());
            }
        }
        let mut held = room.held.into_iter();
        loop {
            let some: Vec<MovedHeld> = held.by_ref().take(MOVED_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            if sender.send(MovedPart::Held(some)).await.is_err() {
                return Ok(());
            }
        }
        let _ = sender.send(MovedPart::End).await;
        Ok::<(), MovingError>(())
    };
    let (stored, sent) = tokio::join!(store.move_in(id, into, parts), sending);
    sent?;
    Ok(stored?)
}

/// What holds for all rooms, where nobody has said anything of that yet.
async fn set_defaults(store: &Store, holding: &Holding) -> Result<(), MovingError> {
    let Some(settings) = holding.defaults.clone() else { return Ok(()) };
    let by = AuthorId::from_stored("import");
    // Where somebody has, that stays: it is of another `settings_rev`.
    store.change_settings(SettingsChange { room: None, settings, known_rev: 0, by, undoes: None }).await?;
    Ok(())
}
