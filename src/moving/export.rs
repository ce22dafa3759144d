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

/// Where the lines of an export go.
pub(super) trait Sink {
    /// Takes one, whole.
    async fn line(&mut self, text: &str) -> Result<(), MovingError>;

    /// So many messages were written by now.
    fn so_far(&mut self, _n_messages: u64) {}
}

/// A file, beside which somebody may look on.
struct Watched {
    output: Output,
    progress: Progress,
}

impl Sink for Watched {
    async fn line(&mut self, text: &str) -> Result<(), MovingError> {
        self.output.write(text)
    }

    fn so_far(&mut self, n_messages: u64) {
        self.progress.show(n_messages, None);
    }
}

/// Writes these rooms, or all with what holds for all of them, into a new file, or to the standard output.
///
/// # Errors
/// [`MovingError`]; then there is no new file.
pub async fn export(store: &Store, rooms: &[RoomId], into: Option<&Path>) -> Result<Exported, MovingError> {
    // Before there is a file.
    if !store.schema_current().await? {
        return Err(MovingError::Schema);
    }
    let mut watched = Watched { output: create(into)?, progress: Progress::new("messages") };
    let exported = export_into(store, rooms, &mut watched).await?;
    watched.progress.end();
    watched.output.finish()?;
    Ok(exported)
}

/// Writes these rooms, or all with what holds for all of them.
pub(super) async fn export_into(
    store: &Store,
    rooms: &[RoomId],
    output: &mut impl Sink,
) -> Result<Exported, MovingError> {
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let header = Header { version: EXPORT_VERSION, release: env!("CARGO_PKG_VERSION").to_owned(), at };
    output.line(&encode(&Line::Export(header))).await?;
    let mut exported = Exported::default();
    if rooms.is_empty() {
        let control = store.control(0).await?;
        if !control.defaults.settings.is_empty() {
            output.line(&encode(&Line::Defaults(Defaults { settings: control.defaults.settings }))).await?;
        }
        for ban in store.moved_bans().await? {
            output.line(&encode(&Line::Ban(Box::new(BanLine::from(&ban))))).await?;
        }
        let mut last = None;
        loop {
            let some = store.rooms_behind(last, ROOMS_AT_ONCE).await?;
            let Some(end) = some.last().cloned() else { break };
            for room in &some {
                // One that is gone by now is none.
                write_room(store, room, output, &mut exported).await?;
            }
            last = Some(end);
        }
    }
    for room in rooms {
        if !write_room(store, room, output, &mut exported).await? {
            return Err(MovingError::NoSuchRoom(room.as_str().to_owned()));
        }
    }
    let end = End { rooms: exported.n_rooms, messages: exported.n_messages };
    output.line(&encode(&Line::End(end))).await?;
    Ok(exported)
}

/// Writes a room as its parts come; whether there is one.
async fn write_room(
    store: &Store,
    room: &RoomId,
    output: &mut impl Sink,
    exported: &mut Exported,
) -> Result<bool, MovingError> {
    let (sender, parts) = mpsc::channel(PARTS_MAX);
    let writing = async {
        // Its own, so that it is gone with this.
        let mut parts = parts;
        let mut is_whole = false;
        while let Some(part) = parts.recv().await {
            match part {
                MovedPart::Room(room) => output.line(&encode(&Line::Room(Box::new(RoomLine::from(&room))))).await?,
                MovedPart::Bans(bans) => {
                    for ban in &bans {
                        output.line(&encode(&Line::Ban(Box::new(ban.into())))).await?;
                    }
                }
                MovedPart::Messages(messages) => {
                    for message in &messages {
                        output.line(&encode(&Line::Message(Box::new(MessageLine::of(room, message))))).await?;
                        exported.n_messages = exported.n_messages.saturating_add(1);
                    }
                    output.so_far(exported.n_messages);
                }
                MovedPart::Held(all) => {
                    for held in &all {
                        output.line(&encode(&Line::Held(Box::new(HeldLine::of(room, held))))).await?;
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
