//! `export` and `import`.

use std::path::Path;

use super::{
    AppError,
    commands::{block_on, open_store},
};
use crate::{
    config::{ImportFlags, ServeConfig, temporary_files},
    moving::{self, ImportOptions},
};
use chat_domain::{IdentityKey, RoomId};
use chat_moving::{Converter, RoomRule};

/// Writes these rooms, or all, into a file.
pub fn export(config: &ServeConfig, rooms: &[String], into: Option<&Path>) -> Result<(), AppError> {
    let parse = |room: &String| RoomId::parse(room).map_err(|_| AppError::NoSuchRoom(room.clone()));
    let rooms: Vec<RoomId> = rooms.iter().map(parse).collect::<Result<_, _>>()?;
    let store = open_store(config, false)?;
    let exported = block_on(moving::export(&store, &rooms, into))?;
    // The standard output may be the export.
    eprintln!("{} messages of {} rooms", exported.n_messages, exported.n_rooms);
    Ok(())
}

/// Stores what a file holds.
pub fn import(config: &ServeConfig, flags: ImportFlags) -> Result<(), AppError> {
    // A look leaves no trace: neither a database nor its tables are made for it.
    let is_there = config.site.database_url.sqlite_path().is_none_or(Path::exists);
    let store = if flags.dry_run && !is_there { None } else { Some(open_store(config, false)?) };
    let store = match store {
        Some(store) if flags.dry_run => block_on(store.schema_current())?.then_some(store),
        Some(store) => {
            block_on(store.migrate())?;
            Some(store)
        }
        None => None,
    };
    let secret = match (&config.site.secret, &store) {
        (Some(secret), _) => secret.expose().as_bytes().to_vec(),
        (None, Some(store)) => block_on(store.meta())?.secret,
        (None, None) => Vec::new(),
    };
    let rule = RoomRule { from: flags.room_from, site: flags.site };
    let options = ImportOptions {
        file: flags.file,
        converter: Converter { format: flags.format, key: IdentityKey::new(&secret), rule },
        merge: flags.merge,
        dry_run: flags.dry_run,
        folder: temporary_files(),
        report: flags.report,
    };
    let (summary, refused) = block_on(moving::import(store.as_ref(), &options))?;
    println!("{summary}");
    refused.map_or(Ok(()), |refused| Err(refused.into()))
}
