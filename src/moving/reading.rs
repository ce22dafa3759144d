//! A file read to its end: texts go to the disk, what is needed to find them stays.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    MovingError,
    files::{Input, open},
    index::{Entry, Index},
    progress::Progress,
    report::Report,
    spool::Spool,
};
use chat_domain::{MovedBan, MovedMessage, RoomId};
use chat_moderation::RoomRules;
use chat_moving::{Comment, Converter, Found, LeftOut, Note, ReadError};

/// What a file holds.
pub(super) struct Holding {
    pub index: Index,
    pub spool: Spool,
    pub bans: Vec<MovedBan>,
    pub defaults: Option<Map<String, Value>>,
}

/// Whatever else than the file ends reading it goes by way of this.
struct Reader<'a> {
    converter: &'a Converter,
    report: &'a mut Report,
    holding: Holding,
    failed: Option<MovingError>,
}

/// Reads a file; nothing of it where it is not whole. Its texts wait in this folder.
pub(super) fn read(
    path: &Path,
    folder: &Path,
    converter: &Converter,
    report: &mut Report,
) -> Result<Holding, MovingError> {
    let Input { reader: file, read, n_bytes } = open(path)?;
    let mut progress = Progress::new("comments read");
    let holding = Holding { index: Index::default(), spool: Spool::new(folder)?, bans: Vec::new(), defaults: None };
    let mut reader = Reader { converter, report, holding, failed: None };
    let mut n = 0_u64;
    let mut take = |found: Found| {
        n = n.saturating_add(1);
        progress.show(n, n_bytes.map(|all| (read.get(), all)));
        reader.take(found).map_err(|error| {
            reader.failed = Some(error);
            ReadError { line: 0, what: String::new() }
        })
    };
    let done = converter.format.read(file, &mut take);
    progress.end();
    match (done, reader.failed) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(MovingError::Read { file: path.display().to_string(), error }),
        (Ok(()), None) => {
            let mut holding = reader.holding;
            holding.spool.close()?;
            Ok(holding)
        }
    }
}

impl Reader<'_> {
    fn take(&mut self, found: Found) -> Result<(), MovingError> {
        match found {
            Found::Comment(comment) => return self.comment(*comment),
            Found::Room(mut room) => {
                if !room.settings.is_empty() && RoomRules::default().changed_by(&room.settings).is_err() {
                    room.settings = Map::new();
                    self.report.noted(Note::SettingsDropped, room.id.as_str())?;
                }
                let n = self.holding.index.room(&room.id);
                if let Some(known) = self.holding.index.room_mut(n) {
                    known.own = Some(*room);
                }
            }
            Found::Message(room, message) => {
                let place = Some(message.message.seq);
                self.put(&room, &message, place, None, None)?;
            }
            Found::Held(room, held) => {
                let n = self.holding.index.room(&room);
                if let Some(room) = self.holding.index.room_mut(n) {
                    room.held.push(*held);
                }
            }
            Found::Ban(ban) => match ban.room.clone() {
                None => self.holding.bans.push(*ban),
                Some(room) => {
                    let n = self.holding.index.room(&room);
                    if let Some(room) = self.holding.index.room_mut(n) {
                        room.bans.push(*ban);
                    }
                }
            },
            Found::Defaults(settings) => match RoomRules::default().changed_by(&settings) {
                Ok(_) => self.holding.defaults = Some(settings),
                Err(_) => self.report.noted(Note::SettingsDropped, "defaults")?,
            },
            Found::LeftOut(why, id) => self.report.left_out(why, &id, None)?,
            Found::Noted(note, id) => self.report.noted(note, &id)?,
        }
        Ok(())
    }

    fn comment(&mut self, comment: Comment) -> Result<(), MovingError> {
        let (id, is_deleted) = (comment.id.clone(), comment.is_deleted);
        let converted = match self.converter.convert(comment) {
            Ok(converted) => converted,
            Err((why, more)) => return self.report.left_out(why, &id, more.map(|more| more.to_string())),
        };
        // The same one twice in a file is one.
        if self.holding.index.has(converted.key) {
            return Ok(());
        }
        for note in converted.notes {
            self.report.noted(note, &id)?;
        }
        let n = self.holding.index.room(&converted.room);
        if let (Some(room), Some(title)) = (self.holding.index.room_mut(n), converted.title) {
            room.title.get_or_insert(title);
        }
        let mut key = Some((converted.key, is_deleted));
        let mut parent = converted.parent;
        for message in &converted.messages {
            self.put(&converted.room, message, None, key.take(), parent.take())?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        room: &RoomId,
        message: &MovedMessage,
        place: Option<i64>,
        key: Option<(uuid::Uuid, bool)>,
        parent: Option<uuid::Uuid>,
    ) -> Result<(), MovingError> {
        let spot = self.holding.spool.put(room, message)?;
        let room = self.holding.index.room(room);
        let at = message.message.created_at.timestamp_millis();
        let is_deleted = key.is_some_and(|(_, is_deleted)| is_deleted);
        self.holding.index.add(Entry { spot, room, at, place, parent, is_deleted }, key.map(|(key, _)| key));
        Ok(())
    }
}

/// What each entry answers, and of each room its entries in order.
pub(super) type Settled = (Vec<Option<u32>>, Vec<Vec<u32>>);

/// Leaves out what was deleted and has no answer, and says so; tells what is left, in its order.
pub(super) fn settled(index: &Index, report: &mut Report) -> Result<Settled, MovingError> {
    let parents = index.parents();
    let forsaken = index.forsaken(&parents);
    for _ in forsaken.iter().filter(|is| **is) {
        report.left_out(LeftOut::Deleted, "", None)?;
    }
    let lost = index.entries.iter().zip(&parents).filter(|(entry, parent)| entry.parent.is_some() && parent.is_none());
    for (_, _) in lost {
        report.noted(Note::ParentMissing, "")?;
    }
    let order = index.order(&parents, &forsaken);
    Ok((parents, order))
}
