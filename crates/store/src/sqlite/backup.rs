//! A SQLite file copied while a server uses it, and put back.
//!
//! Invariant: what stands under the target's name is whole: it is written under another name, checked, brought to the
//! disk and only then renamed.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use diesel::{
    Connection, QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    result::Error as QueryError,
    sql_query,
    sql_types::{BigInt, Text},
    sqlite::SqliteConnection,
};
use uuid::Uuid;

use super::{
    begin_epoch,
    file::{forget, lock},
};
use crate::{error::StoreError, settings::DatabaseUrl, tables::sql_types::Key};
use chat_domain::Epoch;

/// Why a backup was not made, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Only SQLite files are copied here.
    #[error("DATABASE_URL is not that of a SQLite file; for PostgreSQL there is pg_dump (scripts/backup calls it)")]
    NotSqlite,
    /// There is nothing to copy.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// Something is in the way. It is never overwritten.
    #[error("{} is there already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// This file cannot be read or written; what the system says.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// This file cannot be read as a database of a chat; what SQLite says.
    #[error("{} is not a whole database of a chat: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// A server has the file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Rooms with a message at least.
    pub n_rooms: i64,
    /// Messages in all rooms.
    pub n_messages: i64,
}

/// How long to wait for a server that holds the file, in milliseconds. Readers only wait where it is recovered.
const BUSY: &str = "PRAGMA busy_timeout = 30000";

/// Copies the database as it is at one moment into a new file, which only its owner may read: it holds the key that
/// public ids are derived with. Blocks. A server may use the database meanwhile. Where it fails there is no new file.
pub fn back_up(url: &DatabaseUrl, into: &Path) -> Result<Contents, BackupError> {
    make(url.sqlite_path().ok_or(BackupError::NotSqlite)?, into, |_| Ok(()))
}

/// Puts a backup where there is no database yet, and begins a new epoch: clients may have seen what came after the
/// backup. Blocks. No server may use that path. Where it fails there is no database.
pub fn restore(url: &DatabaseUrl, from: &Path) -> Result<(Contents, Epoch), BackupError> {
    let database = url.sqlite_path().ok_or(BackupError::NotSqlite)?;
    if let Some(folder) = folder_of(database) {
        fs::create_dir_all(folder).map_err(|e| BackupError::File(folder.to_owned(), e))?;
    }
    let lock = lock(database)?;
    // SQLite would play the log of another file into this one.
    for log in ["-wal", "-journal"].map(|end| with_end(database, end)) {
        if log.exists() {
            return Err(BackupError::Exists(log));
        }
    }
    whole_pages(from)?;
    let epoch = Key(Uuid::new_v4());
    let contents = make(from, database, |c| begin_epoch(c, epoch))?;
    // It may be older than what stood here; that is meant, and it has its epoch.
    forget(&lock).map_err(|e| BackupError::File(database.to_owned(), e))?;
    Ok((contents, epoch.into()))
}

/// Copies `from`, changes the copy, and gives it its name.
fn make(
    from: &Path,
    into: &Path,
    change: impl FnOnce(&mut SqliteConnection) -> QueryResult<()>,
) -> Result<Contents, BackupError> {
    if !from.is_file() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    if into.exists() {
        return Err(BackupError::Exists(into.to_owned()));
    }
    let part = with_end(into, ".part");
    // SQLite writes into an empty file that is there.
    match File::options().write(true).create_new(true).mode(0o600).open(&part) {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(BackupError::Exists(part)),
        Err(e) => return Err(BackupError::File(part, e)),
    }
    let made = fill(from, &part, change).and_then(|contents| {
        let file = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        file(&part)
            .and_then(|()| fs::rename(&part, into))
            .and_then(|()| folder_of(into).map_or(Ok(()), file))
            .map_err(|e| BackupError::File(into.to_owned(), e))?;
        Ok(contents)
    });
    if made.is_err() {
        // Already an error, which says more than this one would.
        let _ = fs::remove_file(&part);
    }
    made
}

fn fill(
    from: &Path,
    part: &Path,
    change: impl FnOnce(&mut SqliteConnection) -> QueryResult<()>,
) -> Result<Contents, BackupError> {
    let mut source = open(from)?;
    // One read transaction: all of it is of one moment, and writers go on meanwhile.
    sql_query("VACUUM INTO ?").bind::<Text, _>(name(part)?).execute(&mut source).map_err(|e| damaged(from, &e))?;
    let mut copy = open(part)?;
    check(&mut copy, part)?;
    change(&mut copy).map_err(|e| damaged(part, &e))?;
    let mut count = |table: &str| {
        let query = sql::<BigInt>(&format!("SELECT count(*) FROM {table}"));
        query.get_result::<i64>(&mut copy).map_err(|e| damaged(from, &e))
    };
    if count("meta")? != 1 {
        return Err(BackupError::Damaged(from.to_owned(), "meta must have one row".into()));
    }
    // A copy of an earlier release has no archive.
    let has_archive = count("sqlite_master WHERE name = 'messages_archive'")? > 0;
    let n_archived = if has_archive { count("messages_archive")? } else { 0 };
    Ok(Contents { n_rooms: count("rooms")?, n_messages: count("messages")?.saturating_add(n_archived) })
}

/// SQLite takes the missing bytes of a last page for zeros, which they may have been.
fn whole_pages(from: &Path) -> Result<(), BackupError> {
    let Ok(length) = fs::metadata(from).map(|file| file.len()) else { return Ok(()) };
    let size = sql::<BigInt>("SELECT page_size FROM pragma_page_size").get_result::<i64>(&mut open(from)?);
    let size = size.map_err(|e| damaged(from, &e))?;
    let is_whole = u64::try_from(size).is_ok_and(|size| length.checked_rem(size) == Some(0));
    let cut_short = || BackupError::Damaged(from.to_owned(), "it was cut short within a page".into());
    if is_whole { Ok(()) } else { Err(cut_short()) }
}

/// All pages, and that each index has what its table has.
fn check(copy: &mut SqliteConnection, path: &Path) -> Result<(), BackupError> {
    let findings = sql::<Text>("PRAGMA integrity_check(1)").load::<String>(copy).map_err(|e| damaged(path, &e))?;
    match findings.into_iter().next().unwrap_or_else(|| "it could not be checked".into()) {
        finding if finding == "ok" => Ok(()),
        why => Err(BackupError::Damaged(path.to_owned(), why)),
    }
}

fn open(path: &Path) -> Result<SqliteConnection, BackupError> {
    let opened = SqliteConnection::establish(name(path)?);
    let mut c = opened.map_err(|e| BackupError::Damaged(path.to_owned(), e.to_string()))?;
    c.batch_execute(BUSY).map_err(|e| damaged(path, &e))?;
    Ok(c)
}

fn name(path: &Path) -> Result<&str, BackupError> {
    path.to_str()
        .ok_or_else(|| BackupError::Store(StoreError::Broken("the path of the SQLite file is not UTF-8".into())))
}

/// Only SQLite's own sentence: other errors may quote values.
fn damaged(path: &Path, error: &QueryError) -> BackupError {
    let why = match error {
        QueryError::DatabaseError(_, info) => info.message().to_owned(),
        _ => "a statement failed".to_owned(),
    };
    BackupError::Damaged(path.to_owned(), why)
}

/// The folder that a file stands in; none where that is the working folder.
fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
