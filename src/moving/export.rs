//! All rooms, or some, as lines.

use std::path::Path;

use chrono::{SecondsFormat, Utc};
use tokio::sync::mpsc;

use super::{
    MovingError,
    files::{Output, create},
    progress::Progress,
};
use chat_domain::RoomId;
use chat_moving::{BanLine, Defaults, EXPORT_VERSION, End, Header, HeldLine, Line, MessageLine, RoomLine, encode};
use chat_store::{MovedPart, Store};

/// So many parts of a room wait to be written.
const PARTS_MAX: usize = 2;
/// So many rooms' ids are read at once.
const ROOMS_AT_ONCE: usize = 1_000;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rooms.
    pub n_rooms: u64,
    /// Messages in them.
    pub n_messages: u64,
}

/// Writes these rooms, or all with what holds for all of them, into a new file, or to the standard output.
///
/// # Errors
/// [`MovingError`]; then there is no new file.
pub async fn export(store: &Store, rooms: &[RoomId], into: Option<&Path>) -> Result<Exported, MovingError> {
    if !store.schema_current().await? {
        return Err(MovingError::Schema);
    }
    let mut output = create(into)?;
    let mut progress = Progress::new("messages");
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let header = Header { version: EXPORT_VERSION, release: env!("CARGO_PKG_VERSION").to_owned(), at };
    output.write(&encode(&Line::Export(header)))?;
    let mut exported = Exported::default();
    if rooms.is_empty() {
        let control = store.control(0).await?;
        if !control.defaults.settings.is_empty() {
            output.write(&encode(&Line::Defaults(Defaults { settings: control.defaults.settings })))?;
        }
        for ban in store.moved_bans().await? {
            output.write(&encode(&Line::Ban(Box::new(BanLine::from(&ban)))))?;
        }
        let mut last = None;
        loop {
            let some = store.rooms_behind(last, ROOMS_AT_ONCE).await?;
            let Some(end) = some.last().cloned() else { break };
            for room in &some {
                // One that is gone by now is none.
                write_room(store, room, &mut output, &mut exported, &mut progress).await?;
            }
            last = Some(end);
        }
    }
    for room in rooms {
        if !write_room(store, room, &mut output, &mut exported, &mut progress).await? {
            return Err(MovingError::NoSuchRoom(room.as_str().to_owned()));
        }
    }
    let end = End { rooms: exported.n_rooms, messages: exported.n_messages };
    output.write(&encode(&Line::End(end)))?;
    progress.end();
    output.finish()?;
    Ok(exported)
}

/// Writes a room as its parts come; whether there is one.
async fn write_room(
    store: &Store,
    room: &RoomId,
    output: &mut Output,
    exported: &mut Exported,
    progress: &mut Progress,
) -> Result<bool, MovingError> {
    let (sender, mut parts) = mpsc::channel(PARTS_MAX);
    let writing = async {
        let mut is_whole = false;
        while let Some(part) = parts.recv().await {
            match part {
                MovedPart::Room(room) => output.write(&encode(&Line::Room(Box::new(RoomLine::from(&room)))))?,
                MovedPart::Bans(bans) => {
                    for ban in &bans {
                        output.write(&encode(&Line::Ban(Box::new(ban.into()))))?;
                    }
                }
                MovedPart::Messages(messages) => {
                    for message in &messages {
                        output.write(&encode(&Line::Message(Box::new(MessageLine::of(room, message)))))?;
                        exported.n_messages = exported.n_messages.saturating_add(1);
                    }
                    progress.show(exported.n_messages, None);
                }
                MovedPart::Held(all) => {
                    for held in &all {
                        output.write(&encode(&Line::Held(Box::new(HeldLine::of(room, held)))))?;
                    }
                }
                MovedPart::End => is_whole = true,
            }
        }
        Ok::<_, MovingError>(is_whole)
    };
    // Where writing fails the queue is gone, and with it the reading ends.
    let (read, written) = tokio::join!(store.move_out(room, sender), writing);
    let (is_whole, is_there) = (written?, read?);
    if is_whole {
        exported.n_rooms = exported.n_rooms.saturating_add(1);
    }
    Ok(is_there)
}
