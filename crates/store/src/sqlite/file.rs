//! The SQLite file itself: whose it is, whether it still stands under its name, and how far it once was.
//!
//! The file is known by its inode, not by its name: by a symbolic link, a hard link, or past a lock file that somebody
//! deleted, two servers would meet on one file; and one that is deleted or replaced under a server takes writes that
//! nobody will ever read.
//!
//! SQLite locks with `fcntl`, which on a local disk knows nothing of the `flock` that is used here. But closing any
//! descriptor of the file gives up all of a process's `fcntl` locks on it: so the descriptor here is opened before
//! SQLite opens its own, and closed behind them.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::error::StoreError;

/// Only the owner reads and writes: the file holds the key that public ids are derived with. SQLite gives its `-wal`
/// and `-shm` the mode of the file.
const OWNER_ONLY: u32 = 0o600;

/// A file that is this process's alone, among those that ask. Both locks are the operating system's, and go with the
/// process.
#[derive(Debug)]
pub(crate) struct OwnFile {
    path: PathBuf,
    /// The database. Held for its lock and so that its inode is not used again.
    _database: File,
    /// Device and inode of the database.
    inode: (u64, u64),
    /// Next to it in the folder. Servers before 0.2 know this lock only; it also has the highest id of a message that was stored.
    lock: File,
}

impl OwnFile {
    /// Makes the file where there is none, and locks it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // First the lock by name: where it is taken the database is not opened, and nothing is given up by closing it.
        let lock = lock(path)?;
        let database = create_locked(path, path)?;
        let metadata = database.metadata().map_err(|e| unusable(path, &e))?;
        if metadata.mode() & 0o004 != 0 {
            log::warn!(
                "{} can be read by every user of this machine, and holds the key that public ids are derived with: \
                 chmod 600 it",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), _database: database, inode: inode(&metadata), lock })
    }

    /// Whether the file that is open still stands under its name.
    pub fn check(&self) -> Result<(), StoreError> {
        if fs::metadata(&self.path).is_ok_and(|metadata| inode(&metadata) == self.inode) {
            return Ok(());
        }
        let text = format!(
            "{} is not the file that this server has open: it was moved, deleted or replaced. Nothing is stored until \
             it is back in its place, or the server is restarted on what is there now",
            self.path.display()
        );
        Err(StoreError::Unavailable(text.into()))
    }

    /// Notes the id of a message that was stored. Not brought to the disk: after a power failure the note may be
    /// behind the database, never ahead of it.
    pub fn note(&self, id: i64) {
        // A note that cannot be written is missed only where an older copy is put back.
        let _ = self.lock.write_all_at(format!("{id:020}\n").as_bytes(), 0);
    }

    /// The id that was noted last; 0 where there is none.
    pub fn noted(&self) -> i64 {
        noted(&self.lock)
    }
}

fn noted(lock: &File) -> i64 {
    let mut text = [0; 20];
    let read = lock.read_exact_at(&mut text, 0).ok();
    read.and_then(|()| std::str::from_utf8(&text).ok()?.parse().ok()).unwrap_or(0)
}

/// Makes an empty file for SQLite where there is none, for its owner only whatever the umask is.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).read(true).write(true).mode(OWNER_ONLY).open(path)
}

/// The lock by name: a file next to the database.
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    create_locked(Path::new(&name), path)
}

/// Makes the file where there is none, and locks it: on behalf of the database `of`, which another server may have.
fn create_locked(path: &Path, of: &Path) -> Result<File, StoreError> {
    let file = create(path).map_err(|e| unusable(path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(of.to_owned())),
        Err(TryLockError::Error(e)) => Err(unusable(path, &e)),
    }
}

/// Forgets the id that was noted: a file that replaces it may be older.
pub(crate) fn forget(lock: &File) -> io::Result<()> {
    lock.set_len(0)
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Why a file or its folder cannot be used: for good, where somebody has to change something first.
pub(crate) fn unusable(path: &Path, error: &io::Error) -> StoreError {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let path = path.display();
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem | NotADirectory => StoreError::Refused(
            format!("{path}: {error}; this user must be able to write the file and to make others in its folder")
                .into(),
        ),
        _ => StoreError::Unavailable(format!("{path}: {error}").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use uuid::Uuid;

    use super::*;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = env::temp_dir().join(format!("rtc_file_{}", Uuid::new_v4().simple()));
            fs::create_dir(&path).expect("a folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_second_one_is_refused_by_whatever_name() {
        let folder = Folder::new();
        let path = folder.0.join("chat.db");
        let (soft, hard) = (folder.0.join("soft.db"), folder.0.join("hard.db"));
        let own = OwnFile::open(&path).expect("the first");
        symlink(&path, &soft).expect("a link");
        fs::hard_link(&path, &hard).expect("a link");
        for other in [&path, &soft, &hard] {
            assert!(matches!(OwnFile::open(other), Err(StoreError::Locked(_))), "{}", other.display());
        }
        fs::remove_file(folder.0.join("chat.db.lock")).expect("removed");
        assert!(matches!(OwnFile::open(&path), Err(StoreError::Locked(_))), "without the lock file");
        drop(own);
        OwnFile::open(&soft).expect("it is free");
    }

    #[test]
    fn a_file_that_is_moved_deleted_or_replaced_is_noticed_and_one_that_is_back_as_well() {
        let folder = Folder::new();
        let (path, aside, copy) = (folder.0.join("chat.db"), folder.0.join("aside"), folder.0.join("copy"));
        let own = OwnFile::open(&path).expect("a file");
        assert_eq!(own.check(), Ok(()));
        fs::rename(&path, &aside).expect("moved");
        assert!(matches!(own.check(), Err(StoreError::Unavailable(text)) if text.contains("chat.db is not the file")));
        fs::write(&copy, "another").expect("a file");
        fs::rename(&copy, &path).expect("replaced");
        assert!(own.check().is_err());
        fs::rename(&aside, &path).expect("back");
        assert_eq!(own.check(), Ok(()));
        fs::remove_file(&path).expect("deleted");
        assert!(own.check().is_err());
    }

    #[test]
    fn what_is_made_is_for_its_owner_only_and_what_is_there_keeps_its_mode() {
        let folder = Folder::new();
        let path = folder.0.join("chat.db");
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        drop(OwnFile::open(&path).expect("a file"));
        assert_eq!((mode(&path), mode(&folder.0.join("chat.db.lock"))), (0o600, 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        drop(OwnFile::open(&path).expect("a file"));
        assert_eq!(mode(&path), 0o644);
    }

    #[test]
    fn what_was_noted_outlives_the_process() {
        let folder = Folder::new();
        let path = folder.0.join("chat.db");
        let own = OwnFile::open(&path).expect("a file");
        assert_eq!(own.noted(), 0);
        own.note(1_234);
        own.note(1_235);
        drop(own);
        let own = OwnFile::open(&path).expect("a file");
        assert_eq!(own.noted(), 1_235);
        forget(&own.lock).expect("forgotten");
        assert_eq!(own.noted(), 0);
    }
}
